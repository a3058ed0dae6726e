package term

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// editor is a line of text with a cursor in it. The text is clean at all times:
// what would control the terminal cannot be typed and is made visible where it
// is pasted.
type editor struct {
	text   string
	at     int  // the cursor: a place in bytes, before a character
	paste  bool // between the start and the end of a paste
	pasted strings.Builder
	// pastedAt is when the last of it came.
	pastedAt time.Time
}

// set gives it another text, with the cursor at its end.
func (e *editor) set(text string) {
	e.text = tame(text)
	e.at = len(e.text)
}

// insert puts text in at the cursor, unless it is too much.
func (e *editor) insert(s string) {
	if s = tame(s); len(e.text)+len(s) > traffic.MaxWord*4 {
		return
	}
	whole := e.text[:e.at] + s + e.text[e.at:]
	e.at += len(s)
	e.text = whole
}

// replace puts text in the place of a part, with the cursor behind it.
func (e *editor) replace(from, to int, s string) {
	s = tame(s)
	e.text = e.text[:from] + s + e.text[to:]
	e.at = from + len(s)
}

// key does what an editing key asks for, and reports whether the key was one.
func (e *editor) key(ev *tcell.EventKey) bool {
	switch ev.Key() {
	case tcell.KeyRune:
		if ev.Modifiers()&(tcell.ModAlt|tcell.ModCtrl|tcell.ModMeta) != 0 {
			return false
		}
		if r := string(ev.Rune()); tame(r) == r || isMark(ev.Rune()) {
			e.insert(r)
		}
	case tcell.KeyLeft:
		e.at = e.before(e.at)
	case tcell.KeyRight:
		e.at = e.after(e.at)
	case tcell.KeyHome, tcell.KeyCtrlA:
		e.at = 0
	case tcell.KeyEnd, tcell.KeyCtrlE:
		e.at = len(e.text)
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		e.cut(e.before(e.at), e.at)
	case tcell.KeyDelete, tcell.KeyCtrlD:
		e.cut(e.at, e.after(e.at))
	case tcell.KeyCtrlU:
		e.cut(0, e.at)
	case tcell.KeyCtrlK:
		e.cut(e.at, len(e.text))
	case tcell.KeyCtrlW:
		word := strings.TrimRight(e.text[:e.at], " ")
		e.cut(strings.LastIndexByte(word, ' ')+1, e.at)
	default:
		return false
	}
	return true
}

// isMark reports whether a character stands on the one before it: it may be
// typed behind one.
func isMark(r rune) bool {
	s := "a" + string(r)
	return tame(s) == s
}

func (e *editor) cut(from, to int) {
	e.text = e.text[:from] + e.text[to:]
	e.at = from
}

// before is the place of the character before a place.
func (e *editor) before(at int) int {
	last := 0
	for i := 0; i < at; {
		last = i
		_, _, rest := next(e.text[i:])
		i = len(e.text) - len(rest)
	}
	return last
}

// after is the place behind the character at a place.
func (e *editor) after(at int) int {
	if at >= len(e.text) {
		return len(e.text)
	}
	_, _, rest := next(e.text[at:])
	return len(e.text) - len(rest)
}

// pasting marks the start and the end of pasted text. Keys between them are
// text and nothing else: a paste never presses a key.
func (e *editor) pasting(ev *tcell.EventPaste) {
	e.paste, e.pastedAt = ev.Start(), ev.When()
	if e.paste {
		e.pasted.Reset()
	}
}

// pasteGap is how far apart the keys of a paste may be. After that its end was lost on
// the way, and keys are keys again.
const pasteGap = time.Second

// inPaste reports whether a key of that time is text that is pasted.
func (e *editor) inPaste(at time.Time) bool {
	return e.paste && at.Sub(e.pastedAt) < pasteGap
}

// collect takes a key of a paste. What would be too long is dropped.
func (e *editor) collect(ev *tcell.EventKey) {
	e.pastedAt = ev.When()
	if e.pasted.Len() > traffic.MaxWord {
		return
	}
	if ev.Key() == tcell.KeyRune {
		e.pasted.WriteRune(ev.Rune())
	} else {
		e.pasted.WriteByte(' ')
	}
}

// take puts what was pasted where the cursor is.
func (e *editor) take() {
	e.insert(e.pasted.String())
	e.pasted.Reset()
}

// draw draws the text in w cells with the cursor in sight, a part of it in
// another style, and returns how many cells the text begins before x.
func (e *editor) draw(c canvas, x, y, w int, style tcell.Style, from, to int, marked tcell.Style) (hidden int) {
	column := width(e.text[:e.at])
	if column >= w { // the cursor takes a cell too
		hidden = column - w + 1
	}
	at, used := 0, 0
	for at < len(e.text) {
		cluster, cw, rest := next(e.text[at:])
		if used >= hidden && used-hidden+cw <= w {
			s := style
			if at >= from && at < to {
				s = marked
			}
			c.sheet.cluster(x+used-hidden, y, cluster, c.sheet.style(s))
		}
		used += cw
		at = len(e.text) - len(rest)
	}
	c.screen.ShowCursor(x+column-hidden, y)
	return hidden
}

// valid moves a place to the start of the character it is in.
func (e *editor) valid(at int) int {
	at = min(max(at, 0), len(e.text))
	for at > 0 && at < len(e.text) && !utf8.RuneStart(e.text[at]) {
		at--
	}
	return at
}
