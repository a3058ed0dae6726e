package term

import (
	"strconv"

	"bwmon/traffic"
)

// view is one entry of the only list of views: a tab, a number key, and the
// pages opened from its first one.
type view struct {
	title string
	stack []page // never empty; the last one is on screen
	// count is shown beside the title: what a user would not see was there.
	// nil is for none.
	count func(*traffic.Snapshot) int
}

// newViews lists the views in the order of the tabs.
func newViews() []*view {
	connections := connectionKind()
	return []*view{
		{title: "Apps", stack: []page{appsPage("Apps", connections)}},
		{title: "LAN hosts", stack: []page{hostsPage("LAN hosts", connections)},
			count: func(s *traffic.Snapshot) int { return len(s.LANHosts) }},
		{title: "Interfaces", stack: []page{interfacesPage("Interfaces")}},
		{title: "Monitors", stack: []page{monitorsPage("Monitors")}},
	}
}

// label is the title with the count, when there is something to count.
func (v *view) label(s *traffic.Snapshot) string {
	if v.count != nil && s != nil {
		if n := v.count(s); n > 0 {
			return v.title + " (" + strconv.Itoa(n) + ")"
		}
	}
	return v.title
}

func (v *view) page() page { return v.stack[len(v.stack)-1] }

// page is the table on screen.
func (u *UI) page() page { return u.views[u.current].page() }

// enter brings a page up to date that has just come on screen.
func (u *UI) enter() {
	if u.shown != nil {
		u.page().load(u.shown)
	}
}

// switchTo shows the view n, counted from 0.
func (u *UI) switchTo(n int) {
	if n >= 0 && n < len(u.views) {
		u.current = n
		u.enter()
	}
}

// cycle shows the next view, or with by -1 the one before.
func (u *UI) cycle(by int) {
	u.switchTo((u.current + by + len(u.views)) % len(u.views))
}

// descend opens the selected row.
func (u *UI) descend() {
	p := u.page()
	if next := p.open(p.base().sel); next != nil {
		v := u.views[u.current]
		v.stack = append(v.stack, next)
		u.enter()
	}
}

// back leaves a filter first and then the page.
func (u *UI) back() {
	if l := u.page().base(); l.filter != "" {
		u.refilter("")
		return
	}
	u.ascend()
}

// ascend returns to the page this one was opened from.
func (u *UI) ascend() {
	if v := u.views[u.current]; len(v.stack) > 1 {
		v.stack = v.stack[:len(v.stack)-1]
		u.enter()
	}
}

// refilter gives the page another filter and shows the effect at once.
func (u *UI) refilter(text string) {
	l := u.page().base()
	if l.filter == text {
		return
	}
	l.setFilter(text)
	u.page().arrange()
}

// move selects the row by places further down.
func (u *UI) move(by int) {
	l := u.page().base()
	l.follow = true
	u.page().choose(l.sel + by)
}

// goTo selects the row at a place.
func (u *UI) goTo(at int) {
	u.page().choose(at)
	l := u.page().base()
	l.follow = at > 0 // at the top the window stays at the top
	if !l.follow {
		l.top = 0
	}
}

// sortBy sorts by a column: figures the largest first, text from A to Z; the
// same column again turns the order round.
func (u *UI) sortBy(col int) {
	s := u.page().base().sorting
	if s.col == col {
		s.ascending = !s.ascending
	} else {
		*s = sorting{col: col, ascending: u.page().text(col)}
	}
	u.page().arrange()
}

// sortNext sorts by the column on screen that is by places further right.
func (u *UI) sortNext(by int) {
	l := u.page().base()
	for i, s := range l.slots {
		if s.col == l.sorting.col {
			u.sortBy(l.slots[(i+by+len(l.slots))%len(l.slots)].col)
			return
		}
	}
	if len(l.slots) > 0 { // the column sorted by had no room
		u.sortBy(l.slots[0].col)
	}
}

// unhealthy returns the monitors that are not running or starting.
func unhealthy(s *traffic.Snapshot) []traffic.MonitorStatus {
	var bad []traffic.MonitorStatus
	for _, m := range s.Monitors {
		if m.State == traffic.StateFailed || m.State == traffic.StateStopped {
			bad = append(bad, m)
		}
	}
	return bad
}
