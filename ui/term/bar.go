package term

import (
	"iter"
	"strconv"
)

// tab is where a view's name came to lie in the bar; for the mouse.
type tab struct {
	area area
	view int
}

// The ways to write the tabs, the widest first.
const (
	tabsInFull = iota
	tabsClose  // in full, without room between
	tabsShort
	tabsTight   // likewise the short names
	tabsNumbers // and the name of the one on screen
	tabForms
)

// drawTabs draws the views' names on one line, as fully as there is room.
func (u *UI) drawTabs(c canvas, y, w int) {
	u.tabs = u.tabs[:0]
	form := tabsInFull
	for ; form < tabForms-1; form++ {
		n := 0
		for i := range u.offered() {
			n += widthOf(u.tab(i, form))
		}
		if n <= w {
			break
		}
	}
	x := 0
	for i := range u.offered() {
		n := c.line(x, y, w-x, u.tab(i, form))
		u.tabs = append(u.tabs, tab{area{x, y, n, 1}, i})
		x += n
	}
}

// offered are the views that have tabs, by their places.
func (u *UI) offered() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, v := range u.views {
			if u.offers(v) && !yield(i) {
				return
			}
		}
	}
}

// tab is one view's name, and how many there are of what it counts.
func (u *UI) tab(i, form int) []piece {
	v := u.views[i]
	key, name := u.colors.tabKey, u.colors.passive
	n := v.counted(u.shown)
	switch {
	case i == u.current:
		key, name = u.colors.active, u.colors.active
	case n > 0:
		key, name = u.colors.alarm, u.colors.alarm
	}
	text := ""
	switch {
	case form <= tabsClose:
		text = " " + v.title
	case form <= tabsTight || i == u.current:
		text = " " + v.short
	case n > 0:
		text = "!"
	}
	switch {
	case n == 0 || text == "!":
	case form <= tabsClose:
		text += " (" + strconv.Itoa(n) + ")"
	case form == tabsTight:
		text += ":" + strconv.Itoa(n) // else it would be the next key
	default:
		text += " " + strconv.Itoa(n)
	}
	if form == tabsClose || form == tabsTight {
		lead := ""
		if i == 0 {
			lead = " "
		}
		return []piece{{lead, u.colors.plain}, {viewKey(i), key}, {text, name}, {" ", u.colors.plain}}
	}
	return []piece{{" ", name}, {viewKey(i), key}, {text + " ", name}}
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
	if u.window > windows[0] && u.rated() {
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
