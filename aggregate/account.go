package aggregate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"bwmon/traffic"
)

// accountKey tells the accounts on one shelf apart: a command within an app, a
// LAN or remote host, or a pipe, whose name is command.
type accountKey struct {
	command, user, container, unit string
	host                           netip.Addr
}

func commandKey(o *traffic.Owner) accountKey {
	if o == nil {
		return accountKey{command: traffic.AppUnattributed}
	}
	return accountKey{command: o.Command, user: o.User, container: o.Container, unit: o.Unit}
}

func (k accountKey) compare(l accountKey) int {
	return cmp.Or(k.host.Compare(l.host), strings.Compare(k.command, l.command), strings.Compare(k.user, l.user),
		strings.Compare(k.container, l.container), strings.Compare(k.unit, l.unit))
}

// account is one row's books. At every moment
//
//	sum of meters = sum of its flows' meters + closed
//
// except that accounts beside (see beside.go) do not list flows.
type account struct {
	key   accountKey
	app   *app     // nil for hosts and pipes
	shelf *shelf   // nil when it is never idle, as one that stands for folded accounts
	into  *account // where it was folded into; nil: it was not
	links links[*account]

	meters []sourceMeter // one per source that booked to it: hardly ever more than two
	works  []work        // likewise
	flows  []*flow       // the open ones and the remembered closed ones, in no order
	open   int
	busy   int // processes that are there, whether they have flows or not
	crew   crew
	closed traffic.Closed
	recent recent // LAN hosts and pipes only
}

type sourceMeter struct {
	src *source
	meter
}

func (a *account) link() *links[*account] { return &a.links }

// meter returns the account's meter for src. The pointer is good until the
// next call.
func (a *account) meter(src *source) *meter {
	for i := range a.meters {
		if a.meters[i].src == src {
			return &a.meters[i].meter
		}
	}
	a.meters = append(a.meters, sourceMeter{src: src})
	return &a.meters[len(a.meters)-1].meter
}

func (a *account) usage() traffic.Usage {
	var u traffic.Usage
	for i := range a.meters {
		m := &a.meters[i]
		rate := m.rate(&m.src.window)
		u.RxBytes += m.total.rx
		u.TxBytes += m.total.tx
		u.RxRate += rate.Rx
		u.TxRate += rate.Tx
	}
	return u
}

// close books f as a connection that is no longer listed.
func (a *account) close(o octets) {
	a.closed.Connections++
	a.closed.RxBytes += o.rx
	a.closed.TxBytes += o.tx
}

// list enters f in the list of flows.
func (a *account) list(f *flow) {
	f.account = a
	f.pos = int32(len(a.flows))
	a.flows = append(a.flows, f)
}

// unlist takes f out of the list of flows.
func (a *account) unlist(f *flow) {
	end := len(a.flows) - 1
	moved := a.flows[end]
	a.flows[f.pos] = moved
	moved.pos = f.pos
	a.flows[end] = nil
	a.flows = a.flows[:end]
	if cap(a.flows) > 64 && end < cap(a.flows)/4 { // after a burst
		a.flows = append(make([]*flow, 0, cap(a.flows)/2), a.flows...)
	}
	f.account = nil
}

// app is an application: a shelf of commands.
type app struct {
	name   string
	pinned bool // one of the ledger's own, never folded
	links  links[*app]

	shelf  shelf
	open   int // flows
	busy   int // processes
	crew   crew
	recent recent
}

func (a *app) link() *links[*app] { return &a.links }

// shelf holds accounts of one kind, at most max and the one for folded ones.
type shelf struct {
	max    int
	rows   map[accountKey]*account
	folded *account // nil before it is needed
	// idle has the accounts without open flows and processes, the one idle longest
	// first.
	idle queue[*account]

	order   []*account // as published
	changed bool       // order is to be made anew
}

func (s *shelf) add(a *account) {
	if s.rows == nil {
		s.rows = make(map[accountKey]*account)
	}
	a.shelf = s
	s.rows[a.key] = a
	s.idle.push(a)
	s.changed = true
}

func (s *shelf) remove(a *account) {
	s.idle.remove(a)
	delete(s.rows, a.key)
	s.changed = true
}

// sorted returns the accounts by key, the folded one last.
func (s *shelf) sorted() []*account {
	if s.changed {
		clear(s.order)
		s.order = s.order[:0]
		for _, a := range s.rows {
			s.order = append(s.order, a)
		}
		slices.SortFunc(s.order, func(a, b *account) int { return a.key.compare(b.key) })
		if s.folded != nil {
			s.order = append(s.order, s.folded)
		}
		s.changed = false
	}
	return s.order
}
