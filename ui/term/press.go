package term

import (
	"errors"
	"slices"

	"github.com/gdamore/tcell/v2"
)

// key does what a key is bound to in the present mode; what is typed into a
// line or answers a question are all other keys.
func (u *UI) key(ev *tcell.EventKey) {
	if u.prompt.inPaste(ev.When()) && ev.Key() != tcell.KeyCtrlC {
		u.prompt.collect(ev)
		return
	}
	u.prompt.paste = false
	pressed := pressOf(ev)
	for i := range u.bindings {
		b := &u.bindings[i]
		if b.mode != u.mode || u.small && !b.blind() {
			continue
		}
		for _, k := range b.strokes {
			if k == pressed {
				if err := u.refused(b); err != nil {
					u.said = err.Error()
					return
				}
				b.do(u)
				return
			}
		}
	}
	if u.small {
		return
	}
	switch u.mode {
	case modeFilter:
		if u.prompt.key(ev) {
			u.filterTyped()
		}
	case modeCommand:
		if u.prompt.key(ev) {
			u.commandTyped()
		}
	case modeChoose:
		if ev.Key() == tcell.KeyRune {
			u.answer(ev.Rune())
		}
	}
}

// blind reports whether it does what needs no look at the screen.
func (b *binding) blind() bool { return b.name == "quit" || b.name == "redraw" || b.name == "suspend" }

// refused says why a key or command is off; nil where it is not.
func (u *UI) refused(b *binding) error {
	if why := u.opts.Refused[b.name]; why != "" && b.mode == modeTable {
		return errors.New(b.name + " is off: " + clean(why))
	}
	return nil
}

// completeTyped puts in the next way to go on with what is typed, or with -1
// the one before.
func (u *UI) completeTyped(by int) {
	if !u.prompt.complete(by) {
		return
	}
	if u.mode == modeFilter {
		offered, chosen := u.prompt.offered, u.prompt.chosen
		u.filterTyped()
		u.prompt.offered, u.prompt.chosen = offered, chosen
	}
}

// paste ends or begins a paste. Outside a line that is typed pasted text is
// dropped.
func (u *UI) paste(ev *tcell.EventPaste) {
	u.prompt.pasting(ev)
	if !ev.End() {
		return
	}
	switch u.mode {
	case modeFilter:
		u.prompt.take()
		u.filterTyped()
	case modeCommand:
		u.prompt.take()
		u.commandTyped()
	default:
		u.prompt.pasted.Reset()
	}
}

// togglePause holds what is shown, or goes on with what came last.
func (u *UI) togglePause() {
	u.paused = !u.paused
	if !u.paused && u.newest != nil && u.newest != u.shown {
		u.show(u.newest)
	}
}

// rest asks the event loop to suspend.
func (u *UI) rest() { u.resting = true }

// screenful is how far PgUp and PgDn go: one row less than there are, so that
// the eye finds its place.
func (u *UI) screenful() int { return max(u.body.h-1, 1) }

// drawKeys draws the last line: what was said, else the keys.
func (u *UI) drawKeys(c canvas, y, w int) {
	switch {
	case u.mode == modeChoose:
		u.drawChoice(c, y, w)
	case u.said != "":
		c.text(1, y, w-2, cutEnd(clean(u.said), w-2), u.colors.bold)
	default:
		u.hints(c, y, w)
	}
}

// hints draws the keys that do something now, as many as there is room for;
// help and quit are kept to the end.
func (u *UI) hints(c canvas, y, w int) {
	var all []*binding
	for i := range u.bindings {
		if b := &u.bindings[i]; b.mode == u.mode && b.hint != "" && len(b.strokes) > 0 && (b.useful == nil || b.useful(u)) {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b *binding) int {
		switch {
		case a.early == b.early:
			return 0
		case a.early:
			return -1
		}
		return 1
	})
	const gap = 2
	need := func(bs []*binding) int {
		n := 1 - gap
		for _, b := range bs {
			n += width(b.label()) + 1 + width(b.hint) + gap
		}
		return n
	}
	const kept = 2 // help and quit, the last of the list
	for need(all) > w && len(all) > kept {
		all = append(all[:len(all)-kept-1], all[len(all)-kept:]...)
	}
	x := 1
	for _, b := range all {
		x += c.text(x, y, w-x, b.label(), u.colors.key)
		x += c.text(x, y, w-x, " "+b.hint, u.colors.dim) + gap
	}
}
