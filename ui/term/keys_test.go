package term

import (
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

func TestParseKey(t *testing.T) {
	const alt, ctrl, shift = tcell.ModAlt, tcell.ModCtrl, tcell.ModShift
	for _, tt := range []struct {
		text string
		want keyPress
		name string
	}{
		{"q", keyPress{tcell.KeyRune, 'q', 0}, "q"},
		{"G", keyPress{tcell.KeyRune, 'G', 0}, "G"},
		{"shift-g", keyPress{tcell.KeyRune, 'G', 0}, "G"},
		{"<", keyPress{tcell.KeyRune, '<', 0}, "<"},
		{"-", keyPress{tcell.KeyRune, '-', 0}, "-"},
		{"+", keyPress{tcell.KeyRune, '+', 0}, "+"},
		{"alt--", keyPress{tcell.KeyRune, '-', alt}, "Alt--"},
		{"alt-+", keyPress{tcell.KeyRune, '+', alt}, "Alt-+"},
		{"ß", keyPress{tcell.KeyRune, 'ß', 0}, "ß"},
		{"日", keyPress{tcell.KeyRune, '日', 0}, "日"},
		{"Space", keyPress{tcell.KeyRune, ' ', 0}, "Space"},
		{"ctrl-c", keyPress{tcell.KeyCtrlC, 0, 0}, "Ctrl-C"},
		{"CTRL+C", keyPress{tcell.KeyCtrlC, 0, 0}, "Ctrl-C"},
		{"Control-L", keyPress{tcell.KeyCtrlL, 0, 0}, "Ctrl-L"},
		{"ctrl-space", keyPress{tcell.KeyCtrlSpace, 0, 0}, "Ctrl-Space"},
		{"ctrl-_", keyPress{tcell.KeyCtrlUnderscore, 0, 0}, "Ctrl-_"},
		{`ctrl-\`, keyPress{tcell.KeyCtrlBackslash, 0, 0}, `Ctrl-\`},
		{"ctrl-alt-x", keyPress{tcell.KeyCtrlX, 0, alt}, "Ctrl-Alt-X"},
		{"alt-ctrl-x", keyPress{tcell.KeyCtrlX, 0, alt}, "Ctrl-Alt-X"},
		{"alt-x", keyPress{tcell.KeyRune, 'x', alt}, "Alt-x"},
		{"meta-X", keyPress{tcell.KeyRune, 'X', alt}, "Alt-X"},
		{"alt-shift-x", keyPress{tcell.KeyRune, 'X', alt}, "Alt-X"},
		{"F5", keyPress{tcell.KeyF5, 0, 0}, "F5"},
		{"f24", keyPress{tcell.KeyF24, 0, 0}, "F24"},
		{"shift-f5", keyPress{tcell.KeyF5, 0, shift}, "Shift-F5"},
		{"ctrl-Left", keyPress{tcell.KeyLeft, 0, ctrl}, "Ctrl-Left"},
		{"shift-alt-ctrl-Up", keyPress{tcell.KeyUp, 0, ctrl | alt | shift}, "Ctrl-Alt-Shift-Up"},
		{"enter", keyPress{tcell.KeyEnter, 0, 0}, "Enter"},
		{"Return", keyPress{tcell.KeyEnter, 0, 0}, "Enter"},
		{"escape", keyPress{tcell.KeyEscape, 0, 0}, "Esc"},
		{"tab", keyPress{tcell.KeyTab, 0, 0}, "Tab"},
		{"shift-tab", keyPress{tcell.KeyBacktab, 0, 0}, "Shift-Tab"},
		{"backtab", keyPress{tcell.KeyBacktab, 0, 0}, "Shift-Tab"},
		{"PgUp", keyPress{tcell.KeyPgUp, 0, 0}, "PgUp"},
		{"pagedown", keyPress{tcell.KeyPgDn, 0, 0}, "PgDn"},
		{"bs", keyPress{tcell.KeyBackspace, 0, 0}, "Backspace"},
		{"del", keyPress{tcell.KeyDelete, 0, 0}, "Delete"},
	} {
		got, err := parseKey(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("parseKey(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
			continue
		}
		if got.String() != tt.name {
			t.Errorf("%q is shown as %q, want %q", tt.text, got, tt.name)
		}
		if again, err := parseKey(got.String()); err != nil || again != got {
			t.Errorf("%q is read as %+v, %v", got, again, err)
		}
	}
}

func TestParseKeyErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `no key "": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"entr", `no key "entr" (did you mean "enter"?): write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"alt-PgUpp", `no key "alt-PgUpp" (did you mean "pgup"?): write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"f25", `no key "f25" (did you mean "f2"?): write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"gg", `no key "gg": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"ctrl-", `no key "ctrl-": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"super-x", `no key "super-x": only ctrl, alt and shift are held down with others`},
		{"ctrl-ctrl-x", `key "ctrl-ctrl-x": ctrl is there twice`},
		{"ctrl-i", "ctrl-i is Tab to a terminal: write that"},
		{"ctrl-M", "ctrl-m is Enter to a terminal: write that"},
		{"ctrl-[", "ctrl-[ is Esc to a terminal: write that"},
		{"ctrl-h", "ctrl-h is Backspace to a terminal: write that"},
		{"ctrl-1", "no key ctrl-1: terminals have ctrl with letters and names only"},
		{"ctrl-ä", "no key ctrl-ä: terminals have ctrl with letters and names only"},
		{"ctrl-shift-x", "no key ctrl-shift-x: terminals do not tell it from ctrl-x"},
		{"shift-1", "no key shift-1: write the character that comes of it"},
		{"shift-space", "no key shift-space: write the character that comes of it"},
		{" ", `no key " ": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"\x1b", `no key "\\x1b": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"\u0301", "no key \"\u0301\"" + `: write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"\u202e", `no key "\\u202e": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{"\xff", `no key "\\xff": write a character, or a name such as F5, ctrl-l, alt-x, PgUp`},
		{strings.Repeat("x", 100), "no key has so long a name"},
	} {
		if got, err := parseKey(tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("parseKey(%q) = %+v, %v\nwant %s", tt.text, got, err, tt.want)
		}
	}
}

// TestPressOf: what terminals send is what the names mean.
func TestPressOf(t *testing.T) {
	const alt, ctrl, shift = tcell.ModAlt, tcell.ModCtrl, tcell.ModShift
	for _, tt := range []struct {
		ev   *tcell.EventKey
		want string
	}{
		{tcell.NewEventKey(tcell.KeyRune, 'q', 0), "q"},
		{tcell.NewEventKey(tcell.KeyRune, 'Q', shift), "Q"},
		{tcell.NewEventKey(tcell.KeyRune, 'x', alt), "alt-x"},
		{tcell.NewEventKey(tcell.KeyRune, 'X', alt|shift), "alt-X"},
		{tcell.NewEventKey(tcell.KeyRune, ' ', 0), "space"},
		{tcell.NewEventKey(tcell.KeyRune, 'c', ctrl), "ctrl-c"},
		{tcell.NewEventKey(tcell.KeyCtrlC, 0, ctrl), "ctrl-c"},
		{tcell.NewEventKey(tcell.KeyCtrlSpace, 0, ctrl), "ctrl-space"},
		{tcell.NewEventKey(tcell.KeyRune, '\t', 0), "tab"},
		{tcell.NewEventKey(tcell.KeyTab, 0, shift), "shift-tab"},
		{tcell.NewEventKey(tcell.KeyBacktab, 0, 0), "shift-tab"},
		{tcell.NewEventKey(tcell.KeyBackspace2, 0, 0), "backspace"},
		{tcell.NewEventKey(tcell.KeyRune, '\r', 0), "enter"},
		{tcell.NewEventKey(tcell.KeyEnter, 0, 0), "enter"},
		{tcell.NewEventKey(tcell.KeyEscape, 0, 0), "esc"},
		{tcell.NewEventKey(tcell.KeyF5, 0, shift), "shift-f5"},
		{tcell.NewEventKey(tcell.KeyLeft, 0, ctrl|alt), "ctrl-alt-left"},
	} {
		want, err := parseKey(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := pressOf(tt.ev); got != want {
			t.Errorf("%s: pressed is %+v, parsed %+v", tt.want, got, want)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"q", "ctrl-c", "F5", "alt-x", "space", "shift-tab", "<", "PgUp", "ctrl-alt-_", "alt-shift-ä", "--", "ctrl--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKey(text)
		if err != nil {
			if msg := err.Error(); clean(msg) != msg {
				t.Fatalf("%q: the error is not clean: %q", text, err)
			}
			return
		}
		again, err := parseKey(k.String())
		if err != nil || again != k {
			t.Fatalf("%q is %+v, written %q, which is %+v, %v", text, k, k, again, err)
		}
	})
}
