package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/lab"
)

// terminal is a tmux of our own with bwmon in it.
type terminal struct {
	t    *testing.T
	dir  string
	path string
}

// newTerminal starts a shell in a terminal of 80×24 on a host. The terminal
// ends with the test.
func newTerminal(t *testing.T, host *lab.Host) *terminal {
	t.Helper()
	path, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("tmux is not installed: it stands in for a terminal")
	}
	dir, err := os.MkdirTemp("", "bwmon") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, dir: dir, path: path}
	t.Cleanup(func() {
		x.tmux("kill-server")
		os.RemoveAll(dir)
	})
	// The server, and what it starts, live where it was started.
	if err := host.Do(func() error {
		_, err := x.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "exec sh")
		return err
	}); err != nil {
		t.Skipf("tmux does not start here: %v", err)
	}
	return x
}

func (x *terminal) tmux(args ...string) (string, error) {
	cmd := exec.Command(x.path, append([]string{"-S", filepath.Join(x.dir, "s")}, args...)...)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "PS1=$ ", "ENV=", "TMUX=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("tmux %v: %w: %s", args, err, out)
	}
	return string(out), err
}

func (x *terminal) must(args ...string) string {
	x.t.Helper()
	out, err := x.tmux(args...)
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// shows waits until the screen shows all of the words, which a line break may
// stand in for the spaces of.
func (x *terminal) shows(words ...string) {
	x.t.Helper()
	x.await(func(screen string) string {
		flat := " " + strings.Join(strings.Fields(screen), " ") + " "
		for _, w := range words {
			if !strings.Contains(flat, w) {
				return fmt.Sprintf("no %q", w)
			}
		}
		return ""
	})
}

// await waits until nothing is missing from the screen.
func (x *terminal) await(missing func(screen string) string) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		screen := x.must("capture-pane", "-p")
		what := missing(screen)
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("%s on the screen:\n%s", what, screen)
		}
	}
}

// resize gives the terminal another size and waits until bwmon has drawn for
// it: the line of keys is the last one, and nothing is below or beside it.
func (x *terminal) resize(columns, rows int) {
	x.t.Helper()
	x.must("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
	x.await(func(screen string) string {
		size := strings.TrimSpace(x.must("display-message", "-p", "#{pane_width} #{pane_height}"))
		lines := strings.Split(strings.TrimSuffix(screen, "\n"), "\n")
		if size != fmt.Sprint(columns, rows) || len(lines) != rows ||
			!strings.Contains(lines[0], "bwmon") || !strings.Contains(lines[rows-1], "q quit") {
			return fmt.Sprintf("not drawn for %d×%d but for %s", columns, rows, size)
		}
		return ""
	})
}

func (x *terminal) press(keys ...string) { x.must(append([]string{"send-keys"}, keys...)...) }

// start types a command that leaves its process id and exit code behind.
func (x *terminal) start(args string) (pid int) {
	x.t.Helper()
	x.press("-l", "sh -c 'echo $$ >pid; exec bwmon "+args+"'; echo exit=$?")
	x.press("Enter")
	poll(x.t, "the command has a process id", func() bool {
		text, err := os.ReadFile(filepath.Join(x.dir, "pid"))
		n, _ := fmt.Sscan(string(text), &pid)
		return err == nil && n == 1 && strings.HasSuffix(string(text), "\n")
	})
	return pid
}

// isClean fails the test where something is not as it was: the alternate screen, the cursor, the
// mouse, and the line discipline.
func (x *terminal) isClean() {
	x.t.Helper()
	if got := strings.TrimSpace(x.must("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		x.t.Errorf("alternate screen, cursor, mouse are %q, want %q", got, "0 1 0")
	}
	x.press("clear; stty -a", "Enter")
	x.shows(" icanon ", " echo ", " icrnl ")
}

func TestScreen(t *testing.T) {
	here, there := pair(t)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	x := newTerminal(t, here)
	x.start("--interval 200ms --cgroup " + here.Cgroup())
	x.shows("bwmon", "Apps", "machine running", "quit")

	client := here.Start(lab.Client{
		Args: hostileArgs("/usr/bin/restic", "backup"), Proto: "tcp", Target: server.Addr,
		Send: 1 << 20, Life: time.Second, KeepOpen: true,
	})
	x.shows("restic")
	x.press("Enter") // its commands
	// Below the table, the selected row's is written out.
	x.shows(`backup [red] \x1b[2J\x1b]0;title\x07 a\nb\tc\x0d \xff\xfe \u202e \u009b31m xxx`)
	x.press("Enter") // their connections
	x.shows("198.18.1.2:7000")
	client.Stop()

	x.resize(60, 15)
	x.resize(200, 50)
	x.press("q")
	x.shows("exit=0")
	x.isClean()
	if got := accounting(here); got != "0" {
		t.Errorf("accounting is left at %s", got)
	}
}

// TestScreenEndsAtSignal: the terminal and the kernel are as before.
func TestScreenEndsAtSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			here, _ := pair(t)
			x := newTerminal(t, here)
			pid := x.start("--monitor conntrack --monitor machine")
			x.shows("bwmon", "quit")
			awaitSetup(t, here)
			syscall.Kill(pid, sig)
			x.shows("exit=0")
			x.isClean()
			if got := accounting(here); got != "0" {
				t.Errorf("accounting is left at %s", got)
			}
		})
	}
}

// TestScreenOfAFailedMonitor: a monitor that fails is shown with its
// reason, and the view goes on.
func TestScreenOfAFailedMonitor(t *testing.T) {
	here, _ := pair(t)
	x := newTerminal(t, here)
	x.start("--monitor conntrack --monitor machine --no-setup")
	x.shows("conntrack failed", "machine running")
	x.press("q")
	x.shows("exit=0")
	x.isClean()
}
