package term

import (
	"time"

	"github.com/gdamore/tcell/v2"
)

const (
	doubleClick = 400 * time.Millisecond
	wheelRows   = 3
)

// click is what the mouse did last: it tells a press from a button held, and
// a double click from two.
type click struct {
	down bool
	at   time.Time
	row  identity
}

// mouse selects and opens rows, sorts by titles, switches views and scrolls.
func (u *UI) mouse(ev *tcell.EventMouse) {
	pressed := ev.Buttons()&tcell.ButtonPrimary != 0
	first := pressed && !u.click.down
	u.click.down = pressed
	by := 0
	switch {
	case ev.Buttons()&tcell.WheelUp != 0:
		by = -wheelRows
	case ev.Buttons()&tcell.WheelDown != 0:
		by = wheelRows
	}
	if u.mode == modeHelp {
		u.help.top += by
		return
	}
	if by != 0 {
		u.move(by)
	}
	if first && u.mode == modeChoose { // a click is no answer
		u.mode = modeTable
		return
	}
	if first {
		x, y := ev.Position()
		u.press(x, y, ev.When())
	}
}

// press is the primary button going down on a cell.
func (u *UI) press(x, y int, when time.Time) {
	for _, t := range u.tabs {
		if t.area.contains(x, y) {
			u.mode = modeTable
			u.switchTo(t.view)
			return
		}
	}
	l := u.page().base()
	if u.body.contains(x, y) {
		at := l.top + y - u.body.y
		if at >= len(l.order) {
			return
		}
		u.page().choose(at)
		l.follow = true
		again := when.Sub(u.click.at) < doubleClick && u.click.row == l.selected
		u.click.at, u.click.row = when, l.selected
		if again {
			u.click.at = time.Time{}
			u.mode = modeTable
			u.descend()
		}
		return
	}
	if y != u.body.y-1 || u.body.h == 0 {
		return
	}
	for _, s := range l.slots {
		if x >= 1+s.x && x < 1+s.x+s.w {
			u.sortBy(s.col)
			return
		}
	}
}
