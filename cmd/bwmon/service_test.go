package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// served is a "bwmon run" that counts interfaces alone, as a service manager would
// start it. It needs no privileges.
type served struct {
	t      *testing.T
	dir    string
	config string
	socket string // of control
	cmd    *exec.Cmd
	errs   *lines
}

// newServed writes a configuration; more follows what is in it.
func newServed(t *testing.T, more string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{t: t, dir: dir, config: filepath.Join(dir, "bwmon.toml"), socket: filepath.Join(dir, "c.sock"), errs: &lines{}}
	src := fmt.Sprintf("interval = \"100ms\"\nstate_dir = %q\n[control]\nsocket = %q\n[history]\npath = \"\"\n%s",
		filepath.Join(dir, "state"), s.socket, more)
	if !strings.Contains(more, "[http]") {
		src += "[http]\nlisten = \"\"\n"
	}
	if !strings.Contains(more, "[log]") {
		src += fmt.Sprintf("[log]\nfile = %q\n", s.path("bwmon.log"))
	}
	if err := os.WriteFile(s.config, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *served) path(name string) string { return filepath.Join(s.dir, name) }

// command is the daemon, not started, with that much more environment.
func (s *served) command(env []string, args ...string) *exec.Cmd {
	cmd := command(s.t, s.t.Context(), append([]string{"run", "-c", s.config, "--monitor", "machine"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = s.errs
	return cmd
}

// start starts it; it is killed at the end of the test, if it is still there.
func (s *served) start(env []string, args ...string) {
	s.t.Helper()
	s.launch(s.command(env, args...))
}

func (s *served) launch(cmd *exec.Cmd) {
	s.t.Helper()
	s.cmd = cmd
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
}

// term ends it as a service manager would.
func (s *served) term() {
	s.t.Helper()
	s.cmd.Process.Signal(unix.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the daemon ended: %v; %s", err, s.errs)
	}
}

// get asks it over a connection that dial makes.
func get(dial func(ctx context.Context, network, address string) (net.Conn, error), path string, into any) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, Timeout: patience}
	answer, err := client.Get("http://localhost" + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

func dialer(network, address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// boss plays the service manager: it takes what a daemon notifies.
type boss struct {
	t    *testing.T
	conn *net.UnixConn
}

// newBoss listens at a path, or at the abstract address @….
func newBoss(t *testing.T, address string) *boss {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &boss{t, c}
}

// hears returns the next message within a time, "" if there is none.
func (b *boss) hears(within time.Duration) string {
	b.t.Helper()
	buffer := make([]byte, 4096)
	b.conn.SetReadDeadline(time.Now().Add(within))
	n, err := b.conn.Read(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.t.Fatal(err)
	}
	return string(buffer[:n])
}

// until returns the first message with a line that begins so.
func (b *boss) until(line string) string {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		text := b.hears(time.Until(deadline))
		if slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return strings.HasPrefix(l, line) }) {
			return text
		}
	}
	b.t.Fatalf("waited in vain for %s", line)
	return ""
}

// TestServiceIsReady: the manager is told that the daemon is ready when it is, that it
// is alive, and that it stops; the file with its number is there meanwhile.
func TestServiceIsReady(t *testing.T) {
	for _, kind := range []string{"path", "abstract"} {
		t.Run(kind, func(t *testing.T) {
			s := newServed(t, "")
			address := s.path("notify")
			if kind == "abstract" {
				address = fmt.Sprintf("@bwmon-test-%d", os.Getpid())
			}
			b := newBoss(t, address)
			began := time.Now()
			s.start([]string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=200000"}, "--pid-file", s.path("pid"))
			first := b.hears(patience)
			if head, status, _ := strings.Cut(first, "\n"); head != "READY=1" || !strings.HasPrefix(status, "STATUS=") || !strings.Contains(status, "monitor") {
				t.Errorf("first it says %q", first)
			}
			var shown traffic.Snapshot
			if err := get(dialer("unix", s.socket), "/api/v1/snapshot", &shown); err != nil {
				t.Errorf("ready, and there is no snapshot: %v", err)
			}
			if got := readLog(t, s.path("pid")); got != fmt.Sprintf("%d\n", s.cmd.Process.Pid) {
				t.Errorf("the file has %q", got)
			}
			for range 5 { // one every 100 ms
				b.until("WATCHDOG=1")
			}
			if took := time.Since(began); took < 400*time.Millisecond {
				t.Errorf("five beats in %v", took)
			}
			s.cmd.Process.Signal(syscall.SIGHUP)
			if text := b.until("RELOADING=1"); !strings.Contains(text, "MONOTONIC_USEC=") {
				t.Errorf("it says %q", text)
			}
			b.until("READY=1")
			s.term()
			b.until("STOPPING=1")
			if _, err := os.Stat(s.path("pid")); err == nil {
				t.Error("the file with its number is still there")
			}
		})
	}
}

// TestServiceHangs: a daemon that counts no more is not said to be alive, until it
// counts again. It hangs here because nobody takes what it has to say of an alert.
func TestServiceHangs(t *testing.T) {
	s := newServed(t, "[[rule]]\nname = \"quiet\"\ninterface = \"^lo$\"\ntotal_below = \"1 TiB/s\"\nwindow = \"1s\"\n")
	b := newBoss(t, s.path("notify"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := s.command([]string{"NOTIFY_SOCKET=" + s.path("notify"), "WATCHDOG_USEC=200000"})
	cmd.Stderr = w
	s.launch(cmd)
	b.until("READY=1")
	b.until("WATCHDOG=1")
	// From here on there is no room for a line.
	fd := int(w.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = unix.Write(fd, make([]byte, size))
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	silent := false
	for deadline := time.Now().Add(patience); !silent && time.Now().Before(deadline); {
		silent = b.hears(time.Second) == "" // ten beats of the heart
	}
	if !silent {
		t.Fatal("it hangs, and says that it is alive")
	}
	go io.Copy(io.Discard, r) // ends with r
	b.until("WATCHDOG=1")
	s.term()
}

// TestServiceAborted: whom the watchdog aborts has ended by a signal, not with the exit
// status after which the unit has systemd leave it alone.
func TestServiceAborted(t *testing.T) {
	s := newServed(t, "")
	b := newBoss(t, s.path("notify"))
	s.start([]string{"NOTIFY_SOCKET=" + s.path("notify"), "GOTRACEBACK="})
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		t.Fatal(err)
	}
	b.until("READY=1")
	if err := s.cmd.Process.Signal(unix.SIGABRT); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
	if st := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !st.Signaled() || st.Signal() != unix.SIGABRT {
		t.Errorf("it ended with %v", s.cmd.ProcessState)
	}
}

// TestServiceWithoutAManager: what cannot be told is told of once, and does no harm.
func TestServiceWithoutAManager(t *testing.T) {
	for _, tt := range []struct{ env, want string }{
		{"NOTIFY_SOCKET=relative", "NOTIFY_SOCKET: want a path that begins with /"},
		{"NOTIFY_SOCKET=/nonexistent/notify", "the service manager cannot be told how this daemon is"},
	} {
		s := newServed(t, "[log]\nto = \"stderr\"\n")
		s.start([]string{tt.env})
		var shown traffic.Snapshot
		poll(t, "it answers twice", func() bool {
			return get(dialer("unix", s.socket), "/api/v1/snapshot", &shown) == nil && shown.Elapsed > 0.5
		})
		s.term()
		if text := s.errs.String(); strings.Count(text, tt.want) != 1 {
			t.Errorf("%s: it says %s", tt.env, text)
		}
	}
}

// TestSecondService: the file with the number of a process keeps a second one away,
// and one that was left behind does not.
func TestSecondService(t *testing.T) {
	s := newServed(t, "")
	pid := s.path("run/pid")
	b := newBoss(t, s.path("notify"))
	s.start([]string{"NOTIFY_SOCKET=" + s.path("notify")}, "--pid-file", pid)
	b.until("READY=1")
	first := s.cmd
	second := newServed(t, "")
	if err := second.command(nil, "--pid-file", pid).Run(); err == nil || !strings.Contains(second.errs.String(), fmt.Sprintf("another bwmon runs, process %d, and holds %q", first.Process.Pid, pid)) {
		t.Errorf("the second one: %v, %s", err, second.errs)
	}
	first.Process.Kill()
	first.Wait()
	if got := readLog(t, pid); got != fmt.Sprintf("%d\n", first.Process.Pid) {
		t.Fatalf("nothing was left behind: %q", got)
	}
	s.start([]string{"NOTIFY_SOCKET=" + s.path("notify")}, "--pid-file", pid)
	b.until("READY=1")
	if got := readLog(t, pid); got != fmt.Sprintf("%d\n", s.cmd.Process.Pid) {
		t.Errorf("what was left behind was not replaced: %q", got)
	}
	// Not ours any more: it stays.
	if err := os.Remove(pid); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pid, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.term()
	if got := readLog(t, pid); got != "1\n" {
		t.Errorf("another's file has %q", got)
	}
}

// TestPIDFileOfSomethingElse: what is no such file is left alone.
func TestPIDFileOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	const text = "root:x:0:0:root:/root:/bin/bash\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openPIDFile(path, 1); err == nil || !strings.Contains(err.Error(), "holds no number of a process") {
		t.Errorf("%v", err)
	}
	link := path + ".link"
	if err := os.Symlink("elsewhere", link); err != nil {
		t.Fatal(err)
	}
	if _, err := openPIDFile(link, 1); err == nil {
		t.Error("a symbolic link was followed")
	}
	if got := readLog(t, path); got != text {
		t.Errorf("it has %q now", got)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("a second file was made beside it")
	}
}

// TestPIDFileIsAFIFO: nobody waits for who writes to it.
func TestPIDFileIsAFIFO(t *testing.T) {
	for _, name := range []string{"pid", "pid.lock"} {
		path := filepath.Join(t.TempDir(), "pid")
		fifo := filepath.Join(filepath.Dir(path), name)
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := openPIDFile(path, 1); done <- err }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), name+"\" is there and is no regular file") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: it waits", name)
		}
	}
}

// TestPIDFileLockedByAnother: who may read the file may lock it, and keeps nobody from
// starting by that.
func TestPIDFileLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(path, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	f, err := openPIDFile(path, 17)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path + ".lock"); err != nil || st.Mode() != 0o600 || readLog(t, path) != "17\n" {
		t.Errorf("%v, %v", st, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path+".lock", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openPIDFile(path, 17); err == nil || !strings.Contains(err.Error(), "locked, by other users") {
		t.Errorf("a lock that everybody may open: %v", err)
	}
}

// TestServiceLogsToAFile: and opens a new one when the old one would be too large; a
// daemon that fails says so in both.
func TestServiceLogsToAFile(t *testing.T) {
	s := newServed(t, "")
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	src := strings.Replace(string(text), "[log]\n", "[log]\nto = \"file\"\n", 1)
	if err := os.WriteFile(s.config, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.command(nil).Run(); err == nil || !strings.Contains(s.errs.String(), "is no socket") {
		t.Errorf("%v, %s", err, s.errs)
	}
	f, err := os.Open(s.path("bwmon.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	last := ""
	for scan := bufio.NewScanner(f); scan.Scan(); {
		last = scan.Text()
	}
	if !strings.Contains(last, "level=ERROR") || !strings.Contains(last, "is no socket") {
		t.Errorf("the log ends with %q", last)
	}
}
