package term

import (
	"strconv"
)

// tab is where a view's name came to lie in the bar; for the mouse.
type tab struct {
	area area
	view int
}

// drawTabs draws the views' names on one line: in full, shorter, or where even
// that has no room only their numbers, and the name of the one on screen.
func (u *UI) drawTabs(c canvas, y, w int) {
	u.tabs = u.tabs[:0]
	const forms = 3
	for form := range forms {
		x := 0
		labels := make([]string, len(u.views))
		for i, v := range u.views {
			title := v.title
			if form > 0 {
				title = v.short
			}
			labels[i] = v.label(title, u.shown)
			if form == forms-1 && i != u.current {
				labels[i] = ""
			}
			x += u.tabWidth(i, labels[i])
		}
		if x > w && form < forms-1 {
			continue
		}
		for i, x := 0, 0; i < len(labels) && x < w; i++ {
			n := u.drawTab(c, x, y, w-x, i, labels[i])
			u.tabs = append(u.tabs, tab{area{x, y, n, 1}, i})
			x += n
		}
		return
	}
}

func (u *UI) tabWidth(i int, label string) int {
	n := len(viewKey(i)) + 2
	if label != "" {
		n += 1 + width(label)
	}
	return n
}

func (u *UI) drawTab(c canvas, x, y, room, i int, label string) int {
	key, name := u.colors.tabKey, u.colors.passive
	if i == u.current {
		key, name = u.colors.active, u.colors.active
	} else if v := u.views[i]; v.count != nil && u.shown != nil && v.count(u.shown) > 0 {
		name = u.colors.alarm
	}
	pieces := []piece{{" ", name}, {viewKey(i), key}}
	if label != "" {
		pieces = append(pieces, piece{" " + label, name})
	}
	return c.line(x, y, room, append(pieces, piece{" ", name}))
}

// drawState draws the way to the page at the left, and at the right how it is
// seen and what part of its rows is shown.
func (u *UI) drawState(c canvas, y, w, rows int) {
	right := u.chips(w)
	right = append(right, u.counted(rows))
	room := w - 2 - widthOf(right) - 2
	c.line(1, y, room, u.breadcrumb(u.views[u.current].stack, room))
	c.line(w-1-widthOf(right), y, widthOf(right), right)
}

// stateMatters reports whether there is anything in the state line that must
// be seen even where there is hardly room for it.
func (u *UI) stateMatters() bool {
	return len(u.views[u.current].stack) > 1 || len(u.chips(1000)) > 0 || u.group != byApp && u.current == 0
}

// breadcrumb is the way to the page. The view's name is never cut, and of the
// rest the last part is cut last.
func (u *UI) breadcrumb(stack []page, room int) []piece {
	const arrow = " › "
	var out []piece
	left := room
	for i, p := range stack {
		crumb := p.base().crumb
		switch {
		case i == 0:
		case i < len(stack)-1:
			crumb = cutMiddle(crumb, max(left/3, 8))
		default:
			crumb = cutMiddle(crumb, left-width(arrow))
		}
		style := u.colors.passive
		if i == len(stack)-1 {
			style = u.colors.bold
		}
		if i > 0 {
			out = append(out, piece{arrow, u.colors.dim})
			left -= width(arrow)
		}
		out = append(out, piece{crumb, style})
		left -= width(crumb)
	}
	return out
}

// chips say in what way the rows are not simply what they are: averaged,
// counted from a mark, filtered, hidden, frozen, ordered by what has no room.
func (u *UI) chips(w int) []piece {
	l := u.page().base()
	gap := piece{"  ", u.colors.plain}
	var out []piece
	add := func(p ...piece) { out = append(append(out, p...), gap) }
	if u.frozen {
		add(piece{" FROZEN ", u.colors.flag})
	}
	if !l.sortShown() {
		add(piece{"by " + l.shapes[l.sorting.col].title, u.colors.plain})
	}
	if u.window > windows[0] {
		add(piece{"mean of " + windowText(u.window), u.colors.chip})
	}
	if since := u.memory.since(l.of); !since.IsZero() && u.shown != nil {
		add(piece{"since " + since.In(u.opts.Location).Format("15:04:05"), u.colors.chip})
	}
	if u.hideIdle {
		add(piece{"idle hidden", u.colors.chip})
	}
	if l.filter != "" {
		add(piece{"filter: ", u.colors.dim}, piece{cutEnd(clean(l.filter), max(w/4, 8)), u.colors.filter})
	}
	return out
}

// counted says which rows of how many are on screen.
func (u *UI) counted(rows int) piece {
	l := u.page().base()
	switch {
	case u.shown == nil:
		return piece{}
	case len(l.order) < l.total:
		return piece{strconv.Itoa(len(l.order)) + " of " + strconv.Itoa(l.total), u.colors.plain}
	case len(l.order) > rows && rows > 0:
		return piece{strconv.Itoa(l.top+1) + "–" + strconv.Itoa(l.top+rows) + " of " + strconv.Itoa(l.total), u.colors.dim}
	}
	return piece{plural(l.total, "row"), u.colors.dim}
}

// plural counts things in words.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// sortShown reports whether the column sorted by is on screen.
func (l *list) sortShown() bool {
	for _, s := range l.slots {
		if s.col == l.sorting.col {
			return true
		}
	}
	return false
}
