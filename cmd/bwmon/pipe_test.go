package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tty is a program on a terminal of its own, and what it has written there.
type tty struct {
	t      *testing.T
	master *os.File
	done   chan error

	mu  sync.Mutex // protects out
	out bytes.Buffer
}

// onTerminal starts a command as the leader of a session on a new terminal.
func onTerminal(t *testing.T, cmd *exec.Cmd) *tty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	c := &tty{t: t, master: master, done: make(chan error, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			c.mu.Lock()
			c.out.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return // nobody has the terminal open any more
			}
		}
	})
	wg.Go(func() { c.done <- cmd.Wait() })
	t.Cleanup(func() {
		cmd.Process.Kill()
		master.Close()
		wg.Wait()
	})
	return c
}

// until waits for a text to appear.
func (c *tty) until(text string) {
	c.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(c.text(), text) {
			return
		}
	}
	c.t.Fatalf("no sign of %q in %q", text, c.text())
}

func (c *tty) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

func (c *tty) key(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.master, text); err != nil {
		c.t.Fatal(err)
	}
}

// TestPipeOnATerminal: a command reads what is typed, also by way of /dev/tty, is
// interrupted once by Ctrl-C, and stops and goes on by job control.
func TestPipeOnATerminal(t *testing.T) {
	t.Run("Ctrl-C", func(t *testing.T) {
		c := onTerminal(t, command(t, t.Context(), "pipe", "-q", "--", "sh", "-c",
			`trap 'echo interrupted; n=x$n; [ $n = xx ] && exit 9; sleep 0.3; exit 3' INT; echo ready; read a; echo read $a; while :; do sleep 0.05; done`))
		c.until("ready")
		c.key("typed\n")
		c.until("read typed")
		c.key("\x03")
		c.until("interrupted")
		var exit *exec.ExitError
		if err := <-c.done; !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%v, want exit status 3; output %q", err, c.text())
		}
	})
	t.Run("Ctrl-Z", func(t *testing.T) {
		bash, err := exec.LookPath("bash")
		if err != nil {
			t.Skip("a shell with job control is needed: no bash here")
		}
		self := command(t, t.Context())
		script := `set -m; "$0" pipe -q -- sh -c 'echo ready; read a </dev/tty; echo "read $a"; exit 5'; echo "stopped $?"; fg; echo "ended $?"`
		cmd := exec.CommandContext(t.Context(), bash, "-c", script, self.Path)
		c := onTerminal(t, cmd)
		c.until("ready")
		c.key("\x1a")
		c.until(fmt.Sprintf("stopped %d", 128+int(unix.SIGTSTP)))
		c.key("typed\n")
		c.until("read typed")
		c.until("ended 5")
	})
	t.Run("progress", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `{ printf 12345; sleep 0.8; printf 67890; } | "$0" pipe --size 10 --name a >/dev/null`, command(t, t.Context()).Path)
		c := onTerminal(t, cmd)
		c.until("a: 5 B  0:00:00")
		c.until("50 %")
		c.until("bwmon: a: 10 B in")
		if err := <-c.done; err != nil {
			t.Error(err)
		}
	})
}

// TestPipeEndsBySignals as cat does: who waits for it sees the signal.
func TestPipeEndsBySignals(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := command(t, ctx, "pipe", "--name", "x")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, "hello")
		io.ReadFull(out, make([]byte, 5))
		cmd.Process.Signal(sig)
		err = cmd.Wait()
		in.Close()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || status.Signal() != sig {
			t.Errorf("%v: ended with %v", sig, err)
		}
		if !strings.HasPrefix(stderr.String(), "bwmon: x: 5 B in ") {
			t.Errorf("%v: said %q", sig, stderr.String())
		}
	}
}

// TestPipePassesSignalsOn to a command that is not on a terminal.
func TestPipePassesSignalsOn(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGUSR1, unix.SIGHUP} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := command(t, ctx, "pipe", "-q", "--", "sh", "-c",
			`trap 'exit 15' TERM; trap 'exit 2' INT; trap 'exit 10' USR1; trap 'exit 1' HUP; echo ready; while :; do sleep 0.02; done`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(out, make([]byte, len("ready\n")))
		cmd.Process.Signal(sig)
		err = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != int(sig) {
			t.Errorf("%v: %v, want exit status %d", sig, err, sig)
		}
	}
}

// TestPipeUnderNohup: signals that are ignored on its behalf stay so.
func TestPipeUnderNohup(t *testing.T) {
	bwmon := command(t, t.Context(), "pipe", "-q")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" HUP INT; exec "$0" "$@"`, bwmon.Path, "pipe", "-q")
	cmd.Env = bwmon.Env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	poll(t, "it listens to signals", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		return err == nil && bytes.HasPrefix(status, []byte(bwmon.Path))
	})
	time.Sleep(100 * time.Millisecond)
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Fprint(in, "all of it")
	in.Close()
	if err := cmd.Wait(); err != nil || out.String() != "all of it" {
		t.Errorf("%v, %q", err, out.String())
	}
}
