package aggregate

import (
	"cmp"
	"strings"

	"bwmon/traffic"
)

// accountOf returns the account that a flow is booked to if o owns it: a LAN
// host's if it is forwarded, else a command's of the app that the label or the
// rules name; what passes for others has a place that no row shows.
func (l *Ledger) accountOf(f *flow, o *traffic.Owner, label string) *account {
	switch f.scope {
	case traffic.ScopePassing, traffic.ScopeRelay:
		return l.accountOn(&l.passing, nil, accountKey{})
	case traffic.ScopeForwarded:
		return l.accountOn(&l.hosts, nil, accountKey{host: f.key.Local.Addr()})
	}
	a := l.app(f.src.app(o, label, l.opts.Rules))
	key := commandKey(o)
	if o == nil && label != "" {
		key.command = label
		if local := f.key.Local.Addr(); local.IsValid() {
			key.command = local.String()
		}
	}
	return l.accountOn(&a.shelf, a, key)
}

// app finds or makes an app. When there are too many, the one idle longest
// makes room; where none is idle, it is AppOther.
func (l *Ledger) app(name string) *app {
	if a := l.apps[name]; a != nil {
		return a
	}
	a := &app{name: name, shelf: shelf{max: l.opts.MaxCommands}}
	switch name {
	case traffic.AppUnattributed, traffic.AppKernel, traffic.AppOther, AppExcluded:
		a.pinned = true
	default:
		if len(l.apps) >= l.opts.MaxApps {
			idlest := l.idle.first
			if idlest == nil {
				return l.app(traffic.AppOther)
			}
			l.foldApp(idlest)
		}
		l.idle.push(a)
	}
	l.apps[name] = a
	l.changed = true
	return a
}

// accountOn finds or makes an account. When the shelf is full, the one idle
// longest makes room; where none is idle, it is the folded one.
func (l *Ledger) accountOn(s *shelf, owner *app, key accountKey) *account {
	if a := s.rows[key]; a != nil {
		return a
	}
	if owner == nil && key == (accountKey{}) {
		return s.fold(owner)
	}
	if crowded, n := l.crowdedShelf(s, owner != nil); crowded != nil {
		if crowded.idle.n == 0 {
			return s.fold(owner)
		}
		for range min(n, crowded.idle.n) {
			idlest := crowded.idle.first
			l.foldAccount(idlest, crowded.fold(idlest.app))
		}
	}
	a := &account{key: key, app: owner}
	s.add(a)
	if owner != nil {
		l.rows++
	}
	return a
}

// crowdedShelf returns the shelf that has to fold accounts before s can have
// another one, and how many; nil: none. Where all apps together have too many
// commands it takes some at once, since it has to look at all apps.
func (l *Ledger) crowdedShelf(s *shelf, ofApp bool) (*shelf, int) {
	if len(s.rows) >= s.max {
		return s, 1
	}
	if !ofApp || l.rows < l.opts.MaxRows {
		return nil, 0
	}
	var largest *app
	for _, a := range l.apps {
		if a.shelf.idle.n > 0 && (largest == nil || a.compareRows(largest) > 0) {
			largest = a
		}
	}
	if largest == nil { // then s has none idle either
		return s, 1
	}
	return &largest.shelf, 1 + l.opts.MaxRows/64
}

// compareRows orders apps by their number of commands and, so that it does not
// depend on chance which has to fold, by name.
func (a *app) compareRows(b *app) int {
	return cmp.Or(cmp.Compare(len(a.shelf.rows), len(b.shelf.rows)), strings.Compare(a.name, b.name))
}

// fold returns the account that stands for those folded together.
func (s *shelf) fold(owner *app) *account {
	if s.folded == nil {
		s.folded = &account{app: owner}
		if owner != nil {
			s.folded.key.command = traffic.CommandsFolded
		}
		s.changed = true
	}
	return s.folded
}

// foldApp folds an app without open flows into AppOther.
func (l *Ledger) foldApp(a *app) {
	other := l.app(traffic.AppOther)
	into := other.shelf.fold(other)
	for _, row := range a.shelf.rows {
		l.foldAccount(row, into)
	}
	if a.shelf.folded != nil {
		l.foldAccount(a.shelf.folded, into)
	}
	l.idle.remove(a)
	delete(l.apps, a.name)
	l.changed = true
	l.foldPipe(a.name)
}

// foldAccount adds all of from, which has no open flows, to into. The flows it
// still lists go with it, so that what is said of them again is recognised.
func (l *Ledger) foldAccount(from, into *account) {
	from.into = into
	for i := range from.meters {
		m := &from.meters[i]
		into.meter(m.src).merge(&m.src.window, m.meter)
	}
	into.closed.Connections += from.closed.Connections
	into.closed.RxBytes += from.closed.RxBytes
	into.closed.TxBytes += from.closed.TxBytes
	for len(from.flows) > 0 {
		f := from.flows[len(from.flows)-1]
		l.detach(f)
		l.attach(f, into)
	}
	if from.shelf != nil {
		from.shelf.remove(from)
		if from.app != nil {
			l.rows--
		}
	}
	for i := range from.works {
		into.work(from.works[i].src).merge(&from.works[i])
	}
	from.meters, from.works, from.recent = nil, nil, recent{} // flows may still hold it
}

// countOpen keeps count of a's open flows.
func (l *Ledger) countOpen(a *account, change int) { l.countBusy(a, change, 0) }

// countBusy keeps count of a's open flows and processes, by which it is idle or not.
func (l *Ledger) countBusy(a *account, open, busy int) {
	a.open += open
	a.busy += busy
	if a.shelf != nil {
		a.shelf.setIdle(a)
	}
	if a.app == nil {
		return
	}
	a.app.open += open
	a.app.busy += busy
	if a.app.pinned {
		return
	}
	switch idle := a.app.open+a.app.busy == 0; {
	case idle && !l.idle.holds(a.app):
		l.idle.push(a.app)
	case !idle && l.idle.holds(a.app):
		l.idle.remove(a.app)
	}
}

func (s *shelf) setIdle(a *account) {
	switch idle := a.open+a.busy == 0; {
	case idle && !s.idle.holds(a):
		s.idle.push(a)
	case !idle && s.idle.holds(a):
		s.idle.remove(a)
	}
}
