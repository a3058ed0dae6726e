package term

import "strconv"

// tab is where a view's name came to lie in the bar; for the mouse.
type tab struct {
	area area
	view int
}

// bar draws the line between header and table: the tabs, or the way to the
// page inside a view, and at the right what part of the rows is shown and why.
func (u *UI) bar(c canvas, y, w, rows int) {
	right := u.shownPieces(w, rows)
	room := w - 2 - widthOf(right) - 2
	u.tabs = u.tabs[:0]
	if stack := u.views[u.current].stack; len(stack) > 1 {
		c.line(1, y, room, u.breadcrumb(stack, room))
	} else {
		u.drawTabs(c, y, room)
	}
	c.line(w-1-widthOf(right), y, widthOf(right), right)
}

func (u *UI) drawTabs(c canvas, y, room int) {
	x := 1
	for i, v := range u.views {
		title := v.label(u.shown)
		p := piece{" " + title + " ", u.colors.passive}
		if i == u.current {
			p = piece{"[" + title + "]", u.colors.active}
		}
		if x+width(p.text) > 1+room {
			c.text(x, y, 1+room-x, ellipsis, u.colors.dim)
			return
		}
		n := c.text(x, y, room+1-x, p.text, p.style)
		u.tabs = append(u.tabs, tab{area{x, y, n, 1}, i})
		x += n + 1
	}
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
			style = u.colors.active
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

// shownPieces says which rows of how many are on screen, the active filter,
// and the order if its column has no room.
func (u *UI) shownPieces(w, rows int) []piece {
	l := u.page().base()
	var out []piece
	if !l.sortShown() {
		out = append(out, piece{"by " + l.shapes[l.sorting.col].title + "  ", u.colors.plain})
	}
	if l.filter != "" {
		out = append(out, piece{"filter: " + cutEnd(clean(l.filter), max(w/4, 8)), u.colors.filter}, piece{"  ", u.colors.plain})
	}
	switch {
	case u.shown == nil:
	case l.filter != "":
		out = append(out, piece{strconv.Itoa(len(l.order)) + " of " + strconv.Itoa(l.total), u.colors.plain})
	case len(l.order) > rows && rows > 0:
		out = append(out, piece{strconv.Itoa(l.top+1) + "–" + strconv.Itoa(l.top+rows) + " of " + strconv.Itoa(l.total), u.colors.dim})
	default:
		out = append(out, piece{plural(l.total, "row"), u.colors.dim})
	}
	return out
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
