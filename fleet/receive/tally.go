package receive

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"bwmon/traffic"
)

// tally is the fleet's books: what the apps of all hosts carried since the receiver
// knows of them. Its memory is bounded: apps and hosts for which there is no room are
// counted in the row of all others.
type tally struct {
	apps, hostApps, appHosts int // at most

	mu sync.Mutex
	// mu protects the fields below, and all rows, cells and accounts.
	rows     map[string]*row
	accounts map[*account]struct{}
}

// row is an app of the fleet.
type row struct {
	name    string
	cells   []*cell   // by host
	changed bool      // since made was made
	moved   time.Time // when it was changed last
	made    traffic.App
}

func newTally(o *Options) *tally {
	return &tally{apps: o.Apps, hostApps: o.HostApps, appHosts: o.AppHosts, rows: make(map[string]*row), accounts: make(map[*account]struct{})}
}

// open makes an account for a host. What it carried so far is in before, which is not
// counted; nil: nothing.
func (t *tally) open(host string, before *traffic.Snapshot) *account {
	a := &account{host: host, lines: make(map[string]*line)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accounts[a] = struct{}{}
	if before != nil {
		t.baseline(a, before)
	}
	return a
}

// baseline begins the account at s.
func (t *tally) baseline(a *account, s *traffic.Snapshot) {
	if a.run != s.Run { // rows that only the run before had are at 0 in this one
		for _, l := range a.lines {
			l.last = amounts{}
		}
	}
	a.run, a.from = s.Run, s
	a.last = balanceOf(&s.Balance)
	for i := range s.Apps {
		app := &s.Apps[i]
		l := t.line(a, app.Name, time.Time{})
		l.last = amountsOf(app)
	}
	a.quiet = true
}

// enter counts what a host's snapshot has more than the one before. With fresh, its
// first one, it counts nothing but begins there.
func (t *tally) enter(a *account, s *traffic.Snapshot, fresh bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fresh {
		t.baseline(a, s)
	}
	a.quiet, a.from = false, s
	if a.run != s.Run {
		a.run, a.last = s.Run, [balances]uint64{}
		for _, l := range a.lines {
			l.last = amounts{}
		}
	}
	a.turn++
	for i := range s.Apps {
		app := &s.Apps[i]
		l := t.line(a, app.Name, now)
		if l.cell == a.other && amountsOf(app) != l.last {
			t.unfold(a, l, app.Name, now)
		}
		l.change(amountsOf(app))
		l.cell.next = l.cell.next.add(levelsOf(app))
		l.turn = a.turn
	}
	for name, l := range a.lines {
		if l.turn != a.turn { // it is gone
			l.change(amounts{})
			l.cell.lines--
			delete(a.lines, name)
		}
	}
	a.settleCells(now)
	a.balanceBooks(s)
	a.rateOf(s)
	t.tidy(a)
}

// enterBalance counts what a host's balance has more than the one before, so many seconds
// ago, of a host whose books are not known. With fresh it begins there.
func (t *tally) enterBalance(a *account, s *traffic.Snapshot, fresh bool, seconds float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case fresh:
		a.last = balanceOf(&s.Balance)
	case a.run != s.Run:
		a.last = [balances]uint64{}
	}
	a.run, a.quiet = s.Run, false
	before := a.bytes
	a.balanceBooks(s)
	a.rate = traffic.Counts{RxBytes: a.bytes[interfaceRx] - before[interfaceRx], TxBytes: a.bytes[interfaceTx] - before[interfaceTx]}.Per(seconds)
}

// change notes that the line's totals are others now.
func (l *line) change(now amounts) {
	for i := range now {
		l.cell.changes[i] += int64(now[i] - l.last[i])
	}
	l.last = now
}

// settleCells makes what was noted of each cell so.
func (a *account) settleCells(now time.Time) {
	had := make([]uint64, len(a.cells))
	changes := make([]int64, len(a.cells))
	before := make([]amounts, len(a.cells))
	for k := range totals {
		any := false
		for i, c := range a.cells {
			before[i][k] = c.totals[k]
			had[i], changes[i] = c.totals[k], c.changes[k]
			any = any || changes[i] != 0
			c.changes[k] = 0
		}
		switch {
		case !any:
			continue
		case k == cacheRead || k == cacheWrote: // they go away, and not to others
			for i := range had {
				settle(had[i:i+1], changes[i:i+1])
			}
		default:
			settle(had, changes)
		}
		for i, c := range a.cells {
			c.totals[k] = had[i]
		}
	}
	for i, c := range a.cells {
		if c.next != c.now || c.totals != before[i] {
			c.row.changed, c.row.moved = true, now
		}
		c.now, c.next = c.next, levels{}
	}
}

// line is that of an app in a host's books, made where there is none.
func (t *tally) line(a *account, app string, now time.Time) *line {
	l := a.lines[app]
	if l == nil {
		l = &line{cell: t.cell(a, app, now)}
		l.cell.lines++
		a.lines[strings.Clone(app)] = l // a document is not kept for its names
	}
	return l
}

// cell is where an app of a host is counted.
func (t *tally) cell(a *account, app string, now time.Time) *cell {
	r := t.rows[app]
	if r != nil {
		if at, there := r.find(a.host); there {
			return r.cells[at]
		}
	}
	// The row of all others has room of its own.
	if app != traffic.AppOther && (a.named() >= t.hostApps-1 || r == nil && t.named() >= t.apps-1) {
		if a.other != nil {
			return a.other
		}
		return t.cell(a, traffic.AppOther, now)
	}
	if r == nil {
		r = &row{name: strings.Clone(app), moved: now}
		t.rows[r.name] = r
	}
	c := &cell{row: r, account: a}
	at, _ := r.find(a.host)
	r.cells = slices.Insert(r.cells, at, c)
	r.changed = true
	a.cells = append(a.cells, c)
	if app == traffic.AppOther {
		a.other = c
	}
	return c
}

// named is how many rows there are but the one of all others, of the fleet and of a host.
func (t *tally) named() int {
	if t.rows[traffic.AppOther] != nil {
		return len(t.rows) - 1
	}
	return len(t.rows)
}

func (a *account) named() int {
	if a.other != nil {
		return len(a.cells) - 1
	}
	return len(a.cells)
}

func (r *row) find(host string) (at int, there bool) {
	return slices.BinarySearchFunc(r.cells, host, func(c *cell, host string) int { return cmp.Compare(c.account.host, host) })
}

// tidy takes away a host's cells that count nothing.
func (t *tally) tidy(a *account) {
	full := a.named() >= t.hostApps-1
	a.cells = slices.DeleteFunc(a.cells, func(c *cell) bool {
		if c.lines > 0 || c == a.other || c.totals != (amounts{}) && !full {
			return false
		}
		if c.totals != (amounts{}) && a.other == nil {
			return false // until there is one
		}
		if c.totals != (amounts{}) {
			a.other.totals.add(&c.totals)
			a.other.row.changed = true
		}
		t.remove(c)
		return true
	})
}

// remove takes a cell out of its row.
func (t *tally) remove(c *cell) {
	if at, there := c.row.find(c.account.host); there {
		c.row.cells = slices.Delete(c.row.cells, at, at+1)
		c.row.changed = true
	}
	if len(c.row.cells) == 0 {
		delete(t.rows, c.row.name)
	}
}

// fold makes room where there is little: of the apps that nobody uses those that were
// idle for longest are counted with all others from now on.
func (t *tally) fold(now time.Time) {
	const idle = 10 * time.Minute
	if len(t.rows) < t.apps-t.apps/8 {
		return
	}
	var list []*row
	for _, r := range t.rows {
		if r.name != traffic.AppOther && now.Sub(r.moved) > idle {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *row) int { return cmp.Or(a.moved.Compare(b.moved), cmp.Compare(a.name, b.name)) })
	list = list[:min(len(list), len(t.rows)-t.apps*3/4)]
	for _, r := range list {
		t.foldRow(r, now)
	}
}

func (t *tally) foldRow(r *row, now time.Time) {
	for _, c := range r.cells {
		a := c.account
		other := a.other
		if other == nil {
			other = t.cell(a, traffic.AppOther, now)
		}
		other.totals.add(&c.totals)
		other.now = other.now.add(c.now)
		other.row.changed = true
		for _, l := range a.lines {
			if l.cell == c {
				l.cell = other
				other.lines++
			}
		}
		a.cells = slices.DeleteFunc(a.cells, func(held *cell) bool { return held == c })
	}
	delete(t.rows, r.name)
}

// unfold counts an app that was counted with all others by its name from now on, if there
// is room.
func (t *tally) unfold(a *account, l *line, app string, now time.Time) {
	c := t.cell(a, app, now)
	l.cell.lines--
	c.lines++
	l.cell = c
}

// hush says that nothing is known of now of a host that is silent.
func (t *tally) hush(a *account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.quiet {
		return
	}
	a.quiet, a.rate = true, traffic.Rate{}
	for _, c := range a.cells {
		if c.now != (levels{}) {
			c.now, c.row.changed = levels{}, true
		}
	}
}

// wake says what is so now of a host that was quiet, and had nothing newer to say than s.
func (t *tally) wake(a *account, s *traffic.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !a.quiet || a.from != s || s == nil {
		return
	}
	a.quiet = false
	a.rateOf(s)
	for i := range s.Apps {
		c := a.lines[s.Apps[i].Name].cell
		c.now, c.row.changed = c.now.add(levelsOf(&s.Apps[i])), true
	}
}

// close takes a host out of the fleet's books, with all that it carried.
func (t *tally) close(a *account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range a.cells {
		t.remove(c)
	}
	a.cells, a.other, a.lines = nil, nil, make(map[string]*line)
	a.from = nil // who looks at it right now has nothing to wake
	delete(t.accounts, a)
}
