package pipe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Peer is who sent a report, as the kernel vouches for it (SO_PEERCRED).
type Peer struct {
	PID int
	UID uint32
}

// DeskOptions says how a Desk works. The zero value of a field is its default.
type DeskOptions struct {
	Interval  time.Duration // between batches; default 1 s
	Processes Processes     // nil: owners are as they are reported
}

// Bounds of what a Desk keeps: those who report are anybody who may connect.
const (
	maxReporters  = 1000
	maxOfUser     = 100 // reporters, of each user but root
	maxDeskFlows  = 100_000
	maxPerLife    = 20_000 // flows
	maxPlausible  = 1 << 62
	relayedMemory = 10 * time.Second
)

// Desk is where pipes and relays of other processes report. It is a
// traffic.Monitor; see there. Whoever reports does so for itself: its flows are
// its own, and their owners are processes of its user.
type Desk struct {
	opts DeskOptions

	mu sync.RWMutex
	// mu protects the fields below.
	reporters map[lifeKey]*reporter
	flows     int               // of all reporters
	lives     uint64            // gives each flow its Flow.ID
	relays    map[int]time.Time // processes that relay: until when; zero: as long as they report
	refused   uint64            // reports
}

// lifeKey tells reporters apart: a process may become another program.
type lifeKey struct {
	pid  int
	life uint64
}

// reporter is a process that reports.
type reporter struct {
	peer  Peer
	kind  string
	self  *traffic.Owner // nil: not known
	flows map[uint64]*deskFlow
}

// deskFlow is a flow that was reported.
type deskFlow struct {
	sample  traffic.Sample
	base    ReportedCounts // what came before this desk
	last    ReportedCounts
	changed bool // since the last batch
	done    bool // who reported it knows that its end was taken
}

// NewDesk returns a desk that has not begun. Reports are taken from now on.
func NewDesk(o DeskOptions) *Desk {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	return &Desk{opts: o, reporters: make(map[lifeKey]*reporter), relays: make(map[int]time.Time)}
}

// Name implements traffic.Monitor.
func (d *Desk) Name() string { return "pipe" }

// Run implements traffic.Monitor.
func (d *Desk) Run(ctx context.Context, emit func(traffic.Batch)) error {
	tick := time.NewTicker(d.opts.Interval)
	defer tick.Stop()
	for {
		emit(d.batch(time.Now()))
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Has reports whether a process relays for others, and reports that here, so that
// its sockets stand in its relays' rows. It is believed of root alone. Any
// goroutine may call it at any time.
func (d *Desk) Has(pid int) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.relays[pid]
	return ok
}

// Take takes a report: all of it, or nothing and says why. Any goroutine may call
// it at any time.
func (d *Desk) Take(p Peer, r *Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.take(p, r)
	if err != nil {
		d.refused++
	}
	return err
}

func (d *Desk) take(p Peer, r *Report) error {
	key := lifeKey{p.PID, r.Life}
	from := d.reporters[key]
	if err := d.check(p, r, from); err != nil {
		return err
	}
	if from == nil {
		from = &reporter{peer: p, kind: r.Kind, flows: make(map[uint64]*deskFlow)}
		if d.opts.Processes != nil {
			from.self = d.opts.Processes.Describe(p.PID)
		}
		d.reporters[key] = from
	}
	if r.Kind == KindForward && p.UID == 0 {
		d.relays[p.PID] = time.Time{}
	}
	for _, id := range r.Done {
		if f := from.flows[id]; f != nil && f.sample.Final {
			f.done = true
		}
	}
	for i := range r.Flows {
		d.book(from, &r.Flows[i])
	}
	return nil
}

// check reports what is wrong with a report; from is nil for the first of a life.
func (d *Desk) check(p Peer, r *Report, from *reporter) error {
	switch {
	case r.Kind != KindPipe && r.Kind != KindForward:
		return fmt.Errorf("kind: want %s or %s", KindPipe, KindForward)
	case len(r.Flows) > MaxReported || len(r.Done) > maxPerLife:
		return fmt.Errorf("flows: want at most %d in one report", MaxReported)
	}
	if from == nil {
		ofUser := 0
		for _, other := range d.reporters {
			if other.peer.UID == p.UID {
				ofUser++
			}
		}
		if len(d.reporters) >= maxReporters || p.UID != 0 && ofUser >= maxOfUser {
			return errors.New("too many pipes and relays report already")
		}
		from = &reporter{}
	}
	fresh := 0
	for i := range r.Flows {
		f := &r.Flows[i]
		known := from.flows[f.ID]
		switch {
		case f.Proto != uint8(traffic.Pipe) && f.Proto != uint8(traffic.TCP):
			return fmt.Errorf("flow %d: proto: want %d or %d", f.ID, traffic.Pipe, traffic.TCP)
		case !f.Total.atLeast(f.Taken):
			return fmt.Errorf("flow %d: its total is below what was taken of it", f.ID)
		case f.Total.Rx >= maxPlausible || f.Total.Tx >= maxPlausible:
			return fmt.Errorf("flow %d: its total is not of this world", f.ID)
		case known == nil:
			fresh++
		case !f.Total.atLeast(known.last) || known.sample.Final && f.Total != known.last:
			return fmt.Errorf("flow %d: its total went down, or changed after its end", f.ID)
		}
	}
	if len(from.flows)+fresh > maxPerLife || d.flows+fresh > maxDeskFlows {
		return errors.New("flows: there are too many")
	}
	return nil
}

// book enters what a flow was reported to have carried.
func (d *Desk) book(from *reporter, r *ReportedFlow) {
	f := from.flows[r.ID]
	if f == nil {
		d.lives++
		d.flows++
		f = &deskFlow{base: r.Taken, sample: traffic.Sample{
			Flow: traffic.Flow{
				Proto: traffic.Proto(r.Proto), Local: r.Local, Remote: r.Remote, ID: d.lives,
			},
			Scope: traffic.ScopePipe, Label: traffic.CleanText(r.Label, traffic.MaxWord),
		}}
		from.flows[r.ID] = f
	}
	if f.sample.Final {
		return // told again: who reported it has not heard that it was taken
	}
	if o := f.sample.Owner; r.Owner != nil && (o == nil || o.PID != r.Owner.PID || o.Start != r.Owner.Start) {
		f.sample.Owner = d.owner(from, r.Owner)
	}
	if f.sample.Owner == nil && f.sample.Label == "" {
		f.sample.Label = unnamed
	}
	f.last, f.changed, f.sample.Final = r.Total, true, r.Final
	f.sample.Counts = traffic.Counts{RxBytes: r.Total.Rx - f.base.Rx, TxBytes: r.Total.Tx - f.base.Tx}
}

// owner is who a reported owner is, nil where it is no process of the reporter's
// user. What the process itself shows goes before what is said of it.
func (d *Desk) owner(from *reporter, r *ReportedOwner) *traffic.Owner {
	root := from.peer.UID == 0
	if r.PID <= 0 || !root && r.UID != from.peer.UID {
		return nil
	}
	if d.opts.Processes != nil {
		o := d.opts.Processes.Describe(r.PID)
		switch {
		case o == nil || o.Start != r.Start: // it has ended
		case !root && o.UID != from.peer.UID:
			return nil
		case o.Args != nil:
			return o
		}
	}
	o := &traffic.Owner{
		PID: r.PID, Start: r.Start, UID: r.UID,
		Comm: traffic.CleanText(r.Comm, traffic.MaxWord), Command: traffic.CleanText(r.Command, traffic.MaxCommand),
		User: fmt.Sprint(r.UID),
	}
	if from.self != nil && from.self.UID == r.UID {
		o.User = from.self.User
	}
	for _, a := range r.Args[:min(len(r.Args), maxArgs)] {
		o.Args = append(o.Args, traffic.CleanText(a, traffic.MaxWord))
	}
	return o
}

// batch is what changed since the last one. Reporters that ended without a word
// end now.
func (d *Desk) batch(now time.Time) traffic.Batch {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := traffic.Batch{Monitor: d.Name(), At: now, Complete: true, Lost: d.refused}
	pipes, relays := 0, 0
	for key, from := range d.reporters {
		ended := d.ended(from)
		for id, f := range from.flows {
			if ended && !f.sample.Final {
				f.sample.Final, f.changed = true, true
			}
			if f.changed {
				b.Samples = append(b.Samples, f.sample)
				f.changed = false
			}
			if f.done {
				delete(from.flows, id)
				d.flows--
			}
		}
		switch {
		case ended:
			d.flows -= len(from.flows)
			delete(d.reporters, key)
			if _, ok := d.relays[from.peer.PID]; ok {
				d.relays[from.peer.PID] = now.Add(relayedMemory)
			}
		case from.kind == KindForward:
			relays++
		default:
			pipes++
		}
	}
	for pid, until := range d.relays {
		if !until.IsZero() && now.After(until) {
			delete(d.relays, pid)
		}
	}
	b.Detail = fmt.Sprintf("%d pipes and %d relays report", pipes, relays)
	if d.refused > 0 {
		b.Detail += fmt.Sprintf(", %d reports refused", d.refused)
	}
	return b
}

// ended reports whether a reporter's process is no more.
func (d *Desk) ended(from *reporter) bool {
	if errors.Is(unix.Kill(from.peer.PID, 0), unix.ESRCH) {
		return true
	}
	if from.self == nil || d.opts.Processes == nil {
		return false
	}
	now := d.opts.Processes.Describe(from.peer.PID)
	return now == nil || now.Start != from.self.Start
}
