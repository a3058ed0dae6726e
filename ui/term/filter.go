package term

import (
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"bwmon/traffic"
)

const filterLabel = " filter: "

// filterLine is the line at the bottom where the filter is typed. The editing
// is tview's; the text typed is not interpreted.
type filterLine struct {
	field  *tview.InputField
	colors palette
	paste  bool            // between the start and the end of a paste
	pasted strings.Builder // what came between
}

func newFilterLine(colors palette) *filterLine {
	field := tview.NewInputField()
	field.SetFieldStyle(colors.plain)
	field.SetBackgroundColor(tcell.ColorDefault)
	field.SetAcceptanceFunc(func(text string, _ rune) bool {
		return len(text) <= traffic.MaxWord && tame(text) == text
	})
	field.Focus(nil)
	return &filterLine{field: field, colors: colors}
}

func (f *filterLine) text() string { return f.field.GetText() }

func (f *filterLine) setText(s string) { f.field.SetText(s) }

// key hands a key to the editor.
func (f *filterLine) key(ev *tcell.EventKey) {
	f.field.InputHandler()(ev, func(tview.Primitive) {})
}

// pasting marks the start and the end of pasted text. Keys between them are
// text and nothing else: a paste never presses a key.
func (f *filterLine) pasting(ev *tcell.EventPaste) {
	f.paste = ev.Start()
	if f.paste {
		f.pasted.Reset()
	}
}

// collect takes a key of a paste. What would be too long to be a filter is
// dropped.
func (f *filterLine) collect(ev *tcell.EventKey) {
	if f.pasted.Len() > traffic.MaxWord {
		return
	}
	if ev.Key() == tcell.KeyRune {
		f.pasted.WriteRune(ev.Rune())
	} else {
		f.pasted.WriteByte(' ')
	}
}

// insert puts what was pasted, made harmless, where the cursor is.
func (f *filterLine) insert() {
	if f.pasted.Len() > 0 {
		f.field.PasteHandler()(tame(f.pasted.String()), func(tview.Primitive) {})
		f.pasted.Reset()
	}
}

// draw draws the line with the cursor in it.
func (f *filterLine) draw(c canvas, y, w int) {
	const hint = "Enter keeps it  Esc clears it "
	n := c.text(0, y, w, filterLabel, f.colors.bold)
	f.field.SetRect(n, y, w-n-width(hint)-1, 1)
	f.field.Draw(c.screen)
	c.right(0, y, w, hint, f.colors.dim)
}

// refilter gives the page another filter and shows the effect at once. A
// filter that cannot be read leaves the one before in force.
func (u *UI) refilter(text string) {
	l := u.page().base()
	if l.filter == text {
		return
	}
	q, err := parseQuery(text, u.page().fields().list())
	if err != nil {
		return
	}
	l.filter, l.query = text, q
	if q.empty() {
		l.query = nil
	}
	u.page().arrange()
}
