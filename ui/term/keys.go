package term

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

// keyPress is a key as it is pressed, with what is held down meanwhile: a
// rune, or a key without one.
type keyPress struct {
	key tcell.Key
	r   rune
	// mod is what the key does not say itself: Alt, and with keys that have
	// names Ctrl and Shift too. Ctrl with a letter is a key of its own, Shift
	// with a letter is the capital.
	mod tcell.ModMask
}

// namedKeys is the only list of keys with names: the name that is shown, the
// others that are understood, and the key. Function keys are beside it.
var namedKeys = [...]struct {
	name   string
	others string // between spaces
	key    tcell.Key
	r      rune
}{
	{"Space", "spacebar", tcell.KeyRune, ' '},
	{"Enter", "return cr", tcell.KeyEnter, 0},
	{"Esc", "escape", tcell.KeyEscape, 0},
	{"Tab", "", tcell.KeyTab, 0},
	{"Shift-Tab", "backtab", tcell.KeyBacktab, 0},
	{"Backspace", "bs", tcell.KeyBackspace, 0},
	{"Delete", "del", tcell.KeyDelete, 0},
	{"Insert", "ins", tcell.KeyInsert, 0},
	{"Up", "", tcell.KeyUp, 0},
	{"Down", "", tcell.KeyDown, 0},
	{"Left", "", tcell.KeyLeft, 0},
	{"Right", "", tcell.KeyRight, 0},
	{"Home", "", tcell.KeyHome, 0},
	{"End", "", tcell.KeyEnd, 0},
	{"PgUp", "pageup", tcell.KeyPgUp, 0},
	{"PgDn", "pagedown pgdown", tcell.KeyPgDn, 0},
}

const maxFunctionKey = 24

// sameKeys are keys that terminals send as others, with what to write.
var sameKeys = map[string]string{"i": "Tab", "m": "Enter", "h": "Backspace", "[": "Esc"}

// parseKey reads a key as a configuration has it: a character ("q", "<", "G"),
// a name ("F5", "enter", "PgUp"), either behind what is held down ("ctrl-l",
// "alt-x", "shift-tab", "alt-shift-f2"). Names are in any case; "+" may stand
// for "-".
func parseKey(text string) (keyPress, error) {
	if len(text) > 64 {
		return keyPress{}, errors.New("no key has so long a name")
	}
	mod, rest, err := splitMods(text)
	if err != nil {
		return keyPress{}, err
	}
	k, ok := namedKey(rest)
	if !ok {
		r, size := utf8.DecodeRuneInString(rest)
		if size != len(rest) || !typedRune(r) {
			return keyPress{}, unknownKey(text, rest)
		}
		k = keyPress{key: tcell.KeyRune, r: r}
	}
	k.mod = mod
	if k.key == tcell.KeyRune {
		return k.rune(rest)
	}
	if k.key == tcell.KeyTab && mod&tcell.ModShift != 0 {
		k.key = tcell.KeyBacktab
	}
	if k.key == tcell.KeyBacktab {
		k.mod &^= tcell.ModShift
	}
	return k, nil
}

// splitMods takes what is held down off a key's name.
func splitMods(text string) (mod tcell.ModMask, rest string, err error) {
	rest = text
	for {
		i := strings.IndexAny(rest, "-+")
		if i < 1 || i == len(rest)-1 {
			return mod, rest, nil
		}
		var m tcell.ModMask
		switch strings.ToLower(rest[:i]) {
		case "ctrl", "control":
			m = tcell.ModCtrl
		case "alt", "meta":
			m = tcell.ModAlt
		case "shift":
			m = tcell.ModShift
		default:
			return 0, "", fmt.Errorf("no key %q: only ctrl, alt and shift are held down with others", clean(text))
		}
		if mod&m != 0 {
			return 0, "", fmt.Errorf("key %q: %s is there twice", clean(text), strings.ToLower(rest[:i]))
		}
		mod |= m
		rest = rest[i+1:]
	}
}

// rune makes k, whose key is a character, as terminals send it.
func (k keyPress) rune(name string) (keyPress, error) {
	if k.mod&tcell.ModShift != 0 {
		if !unicode.IsLetter(k.r) {
			return k, fmt.Errorf("no key shift-%s: write the character that comes of it", name)
		}
		k.r = unicode.ToUpper(k.r)
		k.mod &^= tcell.ModShift
		if k.mod&tcell.ModCtrl != 0 {
			return k, fmt.Errorf("no key ctrl-shift-%s: terminals do not tell it from ctrl-%s", name, name)
		}
	}
	if k.mod&tcell.ModCtrl == 0 {
		return k, nil
	}
	lower := string(unicode.ToLower(k.r))
	if same, ok := sameKeys[lower]; ok {
		return k, fmt.Errorf("ctrl-%s is %s to a terminal: write that", lower, same)
	}
	// Those of ASCII's columns 4 and 5 (ECMA-48, control functions of C0).
	i := strings.Index(" abcdefghijklmnopqrstuvwxyz[\\]^_", lower)
	if i < 0 || len(lower) != 1 {
		return k, fmt.Errorf("no key ctrl-%s: terminals have ctrl with letters and names only", name)
	}
	k.key, k.r = tcell.KeyCtrlSpace+tcell.Key(i), 0
	k.mod &^= tcell.ModCtrl
	return k, nil
}

// namedKey is the key of a name.
func namedKey(name string) (keyPress, bool) {
	lower := strings.ToLower(name)
	for i := range namedKeys {
		n := &namedKeys[i]
		if lower == strings.ToLower(n.name) || lower != "" && slices.Contains(strings.Fields(n.others), lower) {
			return keyPress{key: n.key, r: n.r}, true
		}
	}
	for n := 1; n <= maxFunctionKey; n++ {
		if lower == fmt.Sprint("f", n) {
			return keyPress{key: tcell.KeyF1 + tcell.Key(n-1)}, true
		}
	}
	return keyPress{}, false
}

// typedRune reports whether a key can be typed as r, and be seen.
func typedRune(r rune) bool {
	return r != utf8.RuneError && r != ' ' && unicode.IsGraphic(r) && !unicode.Is(unicode.M, r) && !unicode.Is(unicode.Zs, r)
}

func unknownKey(text, name string) error {
	var names []string
	for _, n := range namedKeys {
		names = append(append(names, strings.ToLower(n.name)), strings.Fields(n.others)...)
	}
	for n := range maxFunctionKey {
		names = append(names, fmt.Sprint("f", n+1))
	}
	return fmt.Errorf("no key %q%s: write a character, or a name such as F5, ctrl-l, alt-x, PgUp", clean(text), didYouMean(strings.ToLower(name), names))
}

// pressOf is the key of an event, comparable with what parseKey returns.
func pressOf(ev *tcell.EventKey) keyPress {
	k := keyPress{key: ev.Key(), mod: ev.Modifiers() & (tcell.ModAlt | tcell.ModCtrl | tcell.ModShift)}
	switch {
	case k.key == tcell.KeyRune:
		k.r = ev.Rune()
		k.mod &^= tcell.ModShift // which is in the character
	case k.key == tcell.KeyBackspace2:
		k.key = tcell.KeyBackspace
	case k.key == tcell.KeyBacktab:
		k.mod &^= tcell.ModShift
	case k.key >= tcell.KeyCtrlSpace && k.key <= tcell.KeyCtrlUnderscore:
		k.mod &^= tcell.ModCtrl | tcell.ModShift
	}
	return k
}

// String is the key as it is shown, and as parseKey reads it.
func (k keyPress) String() string {
	mods := ""
	if k.mod&tcell.ModCtrl != 0 {
		mods += "Ctrl-"
	}
	if k.mod&tcell.ModAlt != 0 {
		mods += "Alt-"
	}
	if k.mod&tcell.ModShift != 0 {
		mods += "Shift-"
	}
	for i := range namedKeys {
		if n := &namedKeys[i]; k.key == n.key && k.r == n.r {
			return mods + n.name
		}
	}
	switch {
	case k.key == tcell.KeyRune:
		return mods + string(k.r)
	case k.key == tcell.KeyCtrlSpace:
		return "Ctrl-" + mods + "Space"
	case k.key > tcell.KeyCtrlSpace && k.key <= tcell.KeyCtrlUnderscore:
		return "Ctrl-" + mods + string(rune(k.key)) // the keys are numbered as the capitals are
	case k.key >= tcell.KeyF1 && k.key < tcell.KeyF1+maxFunctionKey:
		return mods + fmt.Sprint("F", k.key-tcell.KeyF1+1)
	}
	return mods + fmt.Sprint("key ", int(k.key))
}
