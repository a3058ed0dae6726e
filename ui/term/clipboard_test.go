package term

import (
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

func TestCopyText(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	for _, text := range []string{"", "curl\t1.2 MiB/s", "日本 \x1b]0;x\x07", strings.Repeat("x", maxClipboard)} {
		if err := copyText(screen, text, noEnv); err != nil {
			t.Errorf("copy %.20q: %v", text, err)
		}
		if got := string(screen.GetClipboardData()); got != text {
			t.Errorf("copied %.20q, want %.20q", got, text)
		}
	}
	copyText(screen, "before", noEnv)
	err := copyText(screen, strings.Repeat("x", maxClipboard+1), noEnv)
	if want := "74992 bytes are too much for the clipboard, which takes 74991: export them instead"; err == nil || err.Error() != want {
		t.Errorf("too much: %v", err)
	}
	if got := string(screen.GetClipboardData()); got != "before" {
		t.Errorf("what is too much was copied in part: %d bytes", len(got))
	}
}

// TestClipboardSequenceFits: the sequence with the most text is no longer than
// terminals take.
func TestClipboardSequenceFits(t *testing.T) {
	const most = 100_000
	if n := len(osc52(strings.Repeat("x", maxClipboard))); n > most {
		t.Errorf("the sequence has %d bytes, more than %d", n, most)
	}
	if got, want := string(osc52("hé\x07")), "\x1b]52;c;aMOpBw==\x1b\\"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCopyInOldTmux: tcell sends nothing to a terminal named screen.
func TestCopyInOldTmux(t *testing.T) {
	simulated := tcell.NewSimulationScreen("UTF-8")
	if err := simulated.Init(); err != nil {
		t.Fatal(err)
	}
	defer simulated.Fini()
	for _, tt := range []struct {
		tmux, term string
		direct     bool
	}{
		{"/tmp/tmux-0/default,1,0", "screen-256color", true},
		{"/tmp/tmux-0/default,1,0", "tmux-256color", false},
		{"", "screen", false},
	} {
		tty := &fakeTty{}
		env := map[string]string{"TMUX": tt.tmux, "TERM": tt.term}
		if err := copyText(ttyScreen{simulated, tty}, tt.term, func(k string) string { return env[k] }); err != nil {
			t.Fatal(err)
		}
		if got := string(tty.written) == string(osc52(tt.term)); got != tt.direct {
			t.Errorf("TMUX=%s TERM=%s: written to the terminal %q", tt.tmux, tt.term, tty.written)
		}
		if got := string(simulated.GetClipboardData()) == tt.term; got == tt.direct {
			t.Errorf("TMUX=%s TERM=%s: copied by the screen: %t", tt.tmux, tt.term, got)
		}
	}
}

// ttyScreen is a screen on a terminal.
type ttyScreen struct {
	tcell.Screen
	tty tcell.Tty
}

func (s ttyScreen) Tty() (tcell.Tty, bool) { return s.tty, true }

type fakeTty struct {
	tcell.Tty
	written []byte
}

func (f *fakeTty) Write(b []byte) (int, error) {
	f.written = append(f.written, b...)
	return len(b), nil
}

func TestClipboardNote(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"TMUX", "x", `tmux takes it after "tmux set -s set-clipboard on"`},
		{"STY", "x", "GNU screen does not pass it on"},
		{"TERM", "linux", "the Linux console has no clipboard"},
		{"TERM", "xterm", ""},
	} {
		got := clipboardNote(func(name string) string {
			if name == tt.name {
				return tt.value
			}
			return ""
		})
		if got != tt.want {
			t.Errorf("%s=%s: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}
