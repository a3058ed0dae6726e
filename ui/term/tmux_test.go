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
