package aggregate

import (
	"time"

	"bwmon/traffic"
)

// Ledger books what monitors sample. It has no clock, starts nothing and is
// for one goroutine at a time; what it publishes is free of it.
type Ledger struct {
	opts  Options
	start time.Time
	now   time.Time // of the latest batch

	sources map[string]*source
	order   []*source // in order of first mention
	retired *source   // has what monitors counted that are no more; nil: there were none

	apps     map[string]*app
	appOrder []*app // by name, as published
	changed  bool   // appOrder is to be made anew
	idle     queue[*app]
	rows     int // commands of all apps, without the folded ones
	hosts    shelf
	passing  shelf // one account, which no row shows
	pipes    shelf // accounts beside, as all these:
	remotes  shelf
	nowhere  account      // of flows that name no remote host
	closed   queue[*flow] // those not open, the one that ended first first
	beat     beat
	rulebook uint8 // counts rules and filters, one after the other

	// The balance, without loopback and opening balances.
	carried, local, forwarded, unattributed octets
}

// NewLedger returns an empty ledger whose elapsed time counts from start.
func NewLedger(o Options, start time.Time) *Ledger {
	o = o.withDefaults()
	return &Ledger{
		opts: o, start: start, now: start,
		sources: make(map[string]*source),
		apps:    make(map[string]*app),
		hosts:   shelf{max: o.MaxHosts},
		passing: shelf{max: 1},
		pipes:   shelf{max: o.MaxApps},
		remotes: shelf{max: o.MaxRemotes},
	}
}

// Book enters a batch. It keeps the batch's series and none of its other slices.
func (l *Ledger) Book(b traffic.Batch) {
	src := l.source(b.Monitor)
	if b.At.After(l.now) {
		l.now = b.At
	}
	for i := range b.Samples {
		l.bookSample(src, &b.Samples[i], b.Opening)
	}
	for i := range b.Processes {
		l.bookProcess(src, &b.Processes[i])
	}
	if b.Series != nil {
		src.series = b.Series
	}
	l.carried = l.carried.add(src.interfaces.book(&src.window, b.Interfaces, b.At))
	if b.Complete {
		src.window.finish(b.At)
		l.dropLeavers(src, shownFor)
	}
}

// Fail says that a monitor stopped working for now: its rates are zero until
// it is back, and what it measured is not known. Its flows and processes stay
// open, since a monitor may go on where it ended, with the totals it had; each
// must still be given its end, or else it stays open for ever.
func (l *Ledger) Fail(monitor string) { l.silence(l.source(monitor)) }

func (l *Ledger) silence(src *source) {
	src.window.silent = true
	src.series = nil
}

// End says that nothing more comes from a monitor: what it left open is closed
// with the totals it has.
func (l *Ledger) End(monitor string) {
	src := l.source(monitor)
	l.silence(src)
	l.dismissAll(src)
	var open []*flow
	for _, f := range src.flows.byHash {
		for ; f != nil; f = f.same {
			if f.state == flowOpen {
				open = append(open, f)
			}
		}
	}
	for _, f := range open {
		l.closeFlow(f)
	}
	l.dropLeavers(src, 0)
}

// Restarts returns how many of a monitor's counters were seen to go down: each
// is a counter that somebody else set to zero.
func (l *Ledger) Restarts(monitor string) uint64 { return l.source(monitor).restarts }

func (l *Ledger) source(name string) *source {
	src := l.sources[name]
	if src == nil {
		src = &source{name: name, filter: l.opts.filter(name), flows: newFlowIndex()}
		src.window.interval = l.opts.Interval
		l.sources[name] = src
		l.order = append(l.order, src)
	}
	return src
}

// bookSample books what s adds to what is known of its flow.
func (l *Ledger) bookSample(src *source, s *traffic.Sample, opening bool) {
	if s.Scope == traffic.ScopeLoopback && src.filter.IgnoreLocal {
		return
	}
	f := src.flows.find(&s.Flow)
	if f == nil {
		f = l.openFlow(src, s)
	} else {
		if f.rulebook != l.rulebook {
			l.judgeAnew(f)
		}
		if s.Owner != nil && s.Owner != f.owner {
			l.setOwner(f, s.Owner)
		}
	}
	delta, restarted := f.advance(s.Counts)
	if restarted {
		src.restarts++
	}
	if o := octetsOf(delta); o != (octets{}) {
		l.bookOctets(f, o, opening)
	}
	if s.Final && f.state == flowOpen {
		l.closeFlow(f)
	}
}

func (l *Ledger) bookOctets(f *flow, o octets, opening bool) {
	w, m := &f.src.window, f.account.meter(f.src)
	beside := f.accountBeside()
	if opening {
		m.bookBefore(w, o)
		f.meter.bookBefore(w, o)
		f.opening = f.opening.add(o)
		if beside != nil {
			beside.meter(f.src).bookBefore(w, o)
		}
		return
	}
	m.book(w, o)
	f.meter.book(w, o)
	if beside != nil {
		beside.meter(f.src).book(w, o)
	}
	if b := l.balanceOf(f); b != nil {
		*b = b.add(o)
	}
}

// balanceOf returns which side of the balance f is on; nil: none.
func (l *Ledger) balanceOf(f *flow) *octets {
	switch {
	case f.scope == traffic.ScopeForwarded, f.scope == traffic.ScopePassing:
		return &l.forwarded
	case f.scope == traffic.ScopeLoopback, f.scope == traffic.ScopeInner, f.scope == traffic.ScopePipe:
		return nil
	case f.scope == traffic.ScopeRelay:
		return &l.local
	case f.owner == nil:
		return &l.unattributed
	}
	return &l.local
}

func (l *Ledger) openFlow(src *source, s *traffic.Sample) *flow {
	f := &flow{key: s.Flow, src: src, owner: s.Owner, labeled: s.Label != "", scope: s.Scope, rulebook: l.rulebook}
	src.flows.insert(f)
	l.attach(f, l.accountOf(f, s.Owner, s.Label))
	l.openBeside(f, s.Label)
	return f
}

// setOwner notes that f is o's. An owner learnt late has owned the flow all
// along, so all its bytes move; one that takes over from another has only what
// comes from now on.
func (l *Ledger) setOwner(f *flow, o *traffic.Owner) {
	late := f.owner == nil
	if f.isOfNobody() || !late && f.state == flowEnded {
		return
	}
	if !late && sameOwner(f.owner, o) {
		f.owner = o
		return
	}
	to := l.accountOf(f, o, f.label()) // may fold f's account
	from, w := f.account, &f.src.window
	if late {
		from.meter(f.src).remove(w, f.meter)
		to.meter(f.src).merge(w, f.meter)
	} else if from != to {
		if f.meter.total != (octets{}) {
			from.close(f.meter.total)
		}
		f.meter, f.opening = meter{epoch: w.epoch}, octets{}
	}
	before := l.balanceOf(f)
	l.detach(f)
	f.owner = o
	l.attach(f, to)
	if after := l.balanceOf(f); before != after {
		moved := f.meter.total.sub(f.opening)
		*before, *after = before.sub(moved), after.add(moved)
	}
}

// sameOwner reports whether o and p are one process running one command.
func sameOwner(o, p *traffic.Owner) bool {
	return o.PID == p.PID && o.Start == p.Start && commandKey(o) == commandKey(p)
}

// closeFlow ends f and forgets the flows that ended long before it.
func (l *Ledger) closeFlow(f *flow) {
	f.state = flowEnded
	f.endedAt = uint32(max(0, l.now.Sub(l.start)/time.Second))
	l.closed.push(f)
	if p, ok := f.process(); ok {
		f.account.crew.flowEnded(p)
		f.account.app.crew.flowEnded(p)
	}
	l.countOpen(f.account, -1)
	if f.beside != nil {
		l.countOpen(f.beside, -1)
	}
	l.trimClosed()
}

// Ended flows are remembered beyond Options.KeepClosed for closedYoung seconds
// as long as they are not closedBurst times as many.
const (
	closedYoung = 5
	closedBurst = 8
)

// trimClosed forgets the flows that ended first.
func (l *Ledger) trimClosed() {
	now := uint32(max(0, l.now.Sub(l.start)/time.Second))
	for l.closed.n > l.opts.KeepClosed {
		f := l.closed.first
		if f.endedAt+closedYoung > now && l.closed.n <= closedBurst*l.opts.KeepClosed {
			return
		}
		l.closed.remove(f)
		f.account.close(f.meter.total)
		l.detach(f)
		f.src.flows.remove(f)
	}
}

// attach lists f under a; the bytes are the caller's affair.
func (l *Ledger) attach(f *flow, a *account) {
	a.list(f)
	if p, ok := f.process(); ok {
		a.crew.join(p, f.state == flowOpen)
		a.app.crew.join(p, f.state == flowOpen)
	}
	if f.state == flowOpen {
		l.countOpen(a, +1)
	}
}

func (l *Ledger) detach(f *flow) {
	a := f.account
	if p, ok := f.process(); ok {
		a.crew.leave(p, f.state == flowOpen)
		a.app.crew.leave(p, f.state == flowOpen)
	}
	if f.state == flowOpen {
		l.countOpen(a, -1)
	}
	a.unlist(f)
}
