package term

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminal is a real one: a tmux of our own with a shell in it. It ends with
// the test.
type terminal struct {
	t         *testing.T
	path, dir string
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	path, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("tmux is not installed: it stands in for a terminal")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bwmon") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, path: path, dir: dir}
	t.Cleanup(func() {
		x.tmux("kill-server")
		os.RemoveAll(dir)
	})
	script := fmt.Sprintf("#!/bin/sh\n%s=$1 exec '%s'\n", childEnv, self)
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := x.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "exec sh -i"); err != nil {
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

func (x *terminal) press(keys ...string) { x.must(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen, or what scrolled off it, has all the words.
func (x *terminal) shows(words ...string) {
	x.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		screen := x.must("capture-pane", "-p", "-J", "-S", "-200")
		missing := ""
		for _, w := range words {
			if !strings.Contains(screen, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q on the screen:\n%s", missing, screen)
		}
	}
}

// isClean fails the test where the terminal is not as a shell wants it: the
// alternate screen left, the cursor visible, no mouse, lines edited and echoed.
func (x *terminal) isClean() {
	x.t.Helper()
	if got := strings.TrimSpace(x.must("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		x.t.Errorf("alternate screen, cursor, mouse are %q, want %q", got, "0 1 0")
	}
	x.press("stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e icrnl -e opost -e isig | sed s/^/modes=/", "Enter")
	x.shows("modes=5")
}

// TestTerminalAfterPanic: a panic in the surface leaves a real terminal as it
// was, and is read on it afterwards.
func TestTerminalAfterPanic(t *testing.T) {
	x := newTerminal(t)
	x.press("./run panic; echo exit=$?", "Enter")
	x.shows("firefox", "q quit")
	x.press("Enter", "Enter")
	x.shows("exit=1", "panic: told about flows", "tellFlows")
	x.isClean()
}

// TestTerminalWhileSuspended: Ctrl-Z gives the shell a clean terminal, "fg"
// brings the table back, and it still listens to keys.
func TestTerminalWhileSuspended(t *testing.T) {
	x := newTerminal(t)
	x.press("./run steady; echo exit=$?", "Enter")
	x.shows("firefox", "q quit")
	for range 2 {
		x.press("C-z")
		x.shows("Stopped")
		x.isClean()
		x.press("clear; fg; echo again=$?", "Enter")
		x.shows("firefox", "q quit")
	}
	x.press("6")
	x.shows("BALANCED")
	x.press("q")
	x.shows("again=0")
	x.isClean()
}

// TestCtrlZWithoutAShell: where nobody could continue it, Ctrl-Z stops
// nothing, and the table comes back by itself.
func TestCtrlZWithoutAShell(t *testing.T) {
	x := newTerminal(t)
	x.press("exec ./run steady", "Enter")
	x.shows("firefox", "q quit")
	x.press("C-z", "6")
	x.shows("BALANCED")
}

// lacks waits until the screen has the word no longer.
func (x *terminal) lacks(word string) {
	x.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		screen := x.must("capture-pane", "-p")
		if !strings.Contains(screen, word) {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("%q is still on the screen:\n%s", word, screen)
		}
	}
}

// line is the line of the screen that a word stands in.
func (x *terminal) line(word string) string {
	for line := range strings.Lines(x.must("capture-pane", "-p")) {
		if strings.Contains(line, word) {
			return strings.TrimRight(line, "\n ")
		}
	}
	return ""
}

// TestKeysInATerminal: with real keys in a real terminal, while figures change.
func TestKeysInATerminal(t *testing.T) {
	x := newTerminal(t)
	x.press("./run ticking; echo exit=$?", "Enter")
	x.shows("firefox", "q quit", "2 alerts firing")

	x.press(">") // sort
	x.shows("▼TX/s")
	x.press("r")
	x.shows("▲TX/s")

	x.press("/") // filter
	x.press("-l", "user:root curl")
	x.shows("filter: user:root curl", "no row matches")
	x.press("C-u")
	x.press("-l", "app:c")
	x.press("Tab")
	x.shows("filter: app:curl", "1 of 9")
	x.press("Enter", "Enter") // keep it, then open
	x.shows("Apps › curl", "/disk-1.img")
	x.press("Enter")
	x.shows("198.19.7.1:80")
	x.press("BSpace")
	x.shows("/disk-1.img")
	x.press("Escape") // one after the other: tcell waits 60 ms to tell Esc from Alt
	x.shows("filter: app:curl")
	x.press("Escape")
	x.shows("firefox")
	x.lacks("filter:")

	x.press("p") // pause
	x.shows("PAUSED")
	before := x.line("counting for")
	time.Sleep(600 * time.Millisecond)
	if after := x.line("counting for"); after != before {
		t.Errorf("paused, and yet %q became %q", before, after)
	}
	x.press("p", "f")
	x.shows("FROZEN")
	x.press("f")
	x.lacks("FROZEN")

	x.press("d") // details
	x.shows("since start", "rx max")
	x.press("d")
	x.lacks("since start")

	x.press("g")
	x.shows("group by:", "u user")
	x.press("u")
	x.shows("Apps by user")

	x.press(":")
	x.press("-l", "view al")
	x.press("Tab", "Enter")
	x.shows("THRESHOLD", "monthly volume")
	x.press("Enter") // the row the first alert is about
	x.shows("›Backup")

	x.press(":")
	x.press("-l", "no such thing")
	x.press("Enter")
	x.shows("there is no command")
	x.press("Escape")
	x.lacks("there is no command")
	x.press("?")
	x.shows("This view: Apps", "Moving")
	x.press("Escape")
	x.shows("q quit")
	x.press(":")
	x.press("-l", "quit")
	x.press("Enter")
	x.shows("exit=0")
	x.isClean()
}

// TestMachineInATerminal: the rest of the machine, with real keys while figures
// change; what is off is started.
func TestMachineInATerminal(t *testing.T) {
	x := newTerminal(t)
	x.press("./run machine; echo exit=$?", "Enter")
	x.shows("firefox", "q quit", "probe api is down", "M Machine")
	x.lacks("postgres")
	x.press("m")
	x.shows("postgres", "READ/s", "CPU %")
	x.press("m")
	x.lacks("postgres")

	x.press("0") // disks
	x.shows("RAWAIT", "UTIL", "nvme0n1", "sdc (off)")
	x.press("End")
	x.shows("+ start")
	x.press("+")
	x.shows("disk:sdc is measured")
	x.lacks("(off)")
	x.press("Home", "Enter")
	x.shows("Disks › nvme0n1", "utilization_percent")
	x.press("BSpace")
	x.shows("RAWAIT")

	x.press("M")
	x.shows("SERIES", "probe:api", "down", "coretemp package")
	x.press("/")
	x.press("-l", "mount:/ value>70")
	x.press("Enter")
	x.shows("1 of ")
	x.press("Escape")
	x.lacks("filter:")
	x.press(":")
	x.press("-l", "start probe:")
	x.shows("probe:db")
	x.press("Tab", "Enter")
	x.shows("probe:db is measured")
	x.press("8", "Enter") // what the first alert is about
	x.shows("›dd", "CPU %")
	x.press("q")
	x.shows("exit=0")
	x.isClean()
}

// TestResizeInATerminal: every size is filled, and nothing of the one before is
// left.
func TestResizeInATerminal(t *testing.T) {
	x := newTerminal(t)
	x.press("./run ticking; echo exit=$?", "Enter")
	x.shows("firefox", "q quit")
	for _, size := range [][2]string{{"60", "15"}, {"200", "50"}, {"40", "10"}, {"120", "40"}, {"400", "120"}, {"80", "24"}} {
		x.must("resize-window", "-x", size[0], "-y", size[1])
		want := "q quit"
		if size[0] == "40" {
			want = "too small"
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			screen := x.must("capture-pane", "-p")
			lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
			if strings.Count(screen, "bwmon child") <= 1 && strings.Contains(screen, want) && (want == "too small" || strings.Contains(lines[len(lines)-1], want)) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("not drawn for %v:\n%s", size, screen)
			}
		}
	}
	x.press("q")
	x.shows("exit=0")
	x.isClean()
}

// TestTerminalAfterSIGTERM: the terminal is restored when the process is told to
// end, also while a line is typed or a question stands.
func TestTerminalAfterSIGTERM(t *testing.T) {
	for _, tt := range []struct{ key, shows string }{{"", "firefox"}, {"/", "filter:"}, {":", "columns"}, {"g", "group by:"}, {"?", "This view"}} {
		x := newTerminal(t)
		x.press("sh -c 'echo $$ >pid; exec ./run ticking'; echo exit=$?", "Enter")
		x.shows("firefox", "q quit")
		if tt.key != "" {
			x.press(tt.key)
		}
		x.shows(tt.shows) // a key still under way would be the shell's
		x.must("run-shell", "kill -TERM $(cat "+filepath.Join(x.dir, "pid")+")")
		x.shows("exit=0")
		x.isClean()
	}
}

// TestSignalInATerminal: nothing is sent without a yes.
func TestSignalInATerminal(t *testing.T) {
	x := newTerminal(t)
	x.press("./run killer; echo exit=$?", "Enter")
	x.shows("firefox", "q quit")
	x.press("2", "k")
	x.shows("send TERM to 4711")
	x.press("s", "5")
	x.shows("send KILL to 4711")
	x.press("n", "k", "y")
	x.shows("terminated for 4711 curl -s")
	x.press("C-c")
	x.shows("exit=0")
	x.isClean()
}
