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
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "PS1=$ ", "ENV=", "TMUX=", "XDG_STATE_HOME="+x.dir)
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
	x.shows("bwmon", "Apps", "5 monitors run", "quit")

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
	x.shows("conntrack failed", "3 of 4 monitors run")
	x.press("q")
	x.shows("exit=0")
	x.isClean()
}

// TestScreenKeys: real keys on real traffic: sort, filter, group, pause, the details of
// a row, the command line, an export, and a signal to a process.
func TestScreenKeys(t *testing.T) {
	here, there := pair(t)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	start := func(name string, send uint64) *lab.Child {
		return here.Start(lab.Client{
			Args: []string{"/usr/bin/" + name, "run"}, Proto: "tcp", Target: server.Addr,
			Send: send, Chunk: 4 << 10, Spread: true, Life: 2 * time.Minute, KeepOpen: true,
		})
	}
	start("fastest", 100<<20)
	slow := start("slowest", 10<<20)
	x := newTerminal(t, here)
	x.must("resize-window", "-x", "100", "-y", "30")
	x.start("--interval 200ms --cgroup " + group)
	above := func(a, b string) func(string) string {
		return func(screen string) string {
			i, j := strings.Index(screen, a), strings.Index(screen, b)
			if i < 0 || j < 0 || i > j {
				return fmt.Sprintf("%s is not above %s", a, b)
			}
			return ""
		}
	}
	x.await(above("fastest", "slowest"))
	x.press("-l", ":sort app desc")
	x.press("Enter")
	x.await(above("slowest", "fastest"))
	x.press("/")
	x.press("-l", "app:slow tx>1KiB/s")
	x.press("Enter")
	x.await(func(screen string) string {
		if strings.Contains(screen, "fastest") || !strings.Contains(screen, "1 of ") {
			return "the filter does not hold"
		}
		return ""
	})
	x.press("p")
	x.shows("PAUSED")
	x.press("p")
	x.press("BSpace") // the filter
	x.shows("fastest")
	x.press("g")
	x.press("u")
	x.shows("root")
	x.press("g", "a")
	x.shows("fastest")
	x.press("-l", ":export json "+x.dir)
	x.press("Enter")
	poll(t, "the export", func() bool {
		files, _ := filepath.Glob(filepath.Join(x.dir, "bwmon-*.json"))
		if len(files) != 1 {
			return false
		}
		text, err := os.ReadFile(files[0])
		return err == nil && strings.Contains(string(text), `"fastest"`)
	})
	x.press("-l", "/slowest")
	x.press("Enter")
	x.press("Enter") // its commands
	x.shows("/usr/bin/slowest run")
	x.press("k")
	x.shows("send TERM to")
	x.press("y")
	poll(t, "the process has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", slow.PID))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
	x.press("q")
	x.shows("exit=0")
	x.isClean()
}

// TestScreenOfAMonitorThatStops: it is named above the table, with the view that
// explains it; and no longer when it runs again.
func TestScreenOfAMonitorThatStops(t *testing.T) {
	here, _ := pair(t)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	x := newTerminal(t, here)
	x.press("-l", fmt.Sprintf("%s -c %s; echo exit=$?", d.bin, d.config))
	x.press("Enter")
	x.shows("attached to")
	d.run("monitors", "stop", "socket")
	x.shows("socket stopped")
	if out := d.run("monitors"); !strings.Contains(out, "stopped") {
		t.Errorf("listed: %s", out)
	}
	d.run("monitors", "start", "socket")
	x.await(func(screen string) string {
		if strings.Contains(screen, "socket stopped") {
			return "it is still shown as stopped"
		}
		return ""
	})
	x.press("q")
	x.shows("exit=0")
	d.stop()
}
