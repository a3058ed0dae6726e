package pipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	Mask      *traffic.Mask // hides secrets in command lines as they are reported
}

// ErrClosed is returned for reports that come when the books have been closed.
var ErrClosed = errors.New("the daemon is ending: tell the next one")

// Desk is where pipes and relays of other processes report. It is a
// traffic.Monitor; see there. Whoever reports does so for itself: its flows are
// its own, and their owners are processes of its user.
type Desk struct {
	opts DeskOptions

	early chan struct{} // holds one: do not wait for the interval

	mu sync.Mutex
	// mu protects the fields below.
	reporters map[lifeKey]*reporter
	flows     int            // of all reporters
	byUser    map[uint32]int // flows of each user
	lives     uint64         // gives each flow its Flow.ID
	refused   uint64         // reports
	done      int            // flows that can be forgotten after the next batch
	closed    bool

	relaying sync.RWMutex
	// relaying protects relays: processes that relay, and until when; the zero
	// time: as long as they report.
	relays map[int]time.Time
}

// lifeKey tells reporters apart: a process may become another program.
type lifeKey struct {
	pid  int
	life uint64
}

// reporter is a process that reports.
type reporter struct {
	peer   Peer
	kind   string
	self   *traffic.Owner // nil: not known
	heard  time.Time
	flows  map[uint64]*deskFlow
	owners map[process]*traffic.Owner // of its flows
	labels map[string]bool
}

// process is one, as it is reported.
type process struct {
	pid     int
	start   uint64
	command string // it may have executed another program since
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
	return &Desk{
		opts: o, early: make(chan struct{}, 1),
		reporters: make(map[lifeKey]*reporter), byUser: make(map[uint32]int), relays: make(map[int]time.Time),
	}
}

// Name implements traffic.Monitor.
func (d *Desk) Name() string { return "pipe" }

// Run implements traffic.Monitor.
func (d *Desk) Run(ctx context.Context, emit func(traffic.Batch)) error {
	tick := time.NewTicker(d.opts.Interval)
	defer tick.Stop()
	d.open(true)
	for {
		last := ctx.Err() != nil
		if last {
			d.open(false) // what comes from now on is for another daemon
		}
		emit(d.batch(time.Now()))
		if last {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.early:
		case <-ctx.Done():
		}
	}
}

func (d *Desk) open(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = !is
}

// Has reports whether a process relays for others, and reports that here, so that
// its sockets stand in its relays' rows. It is believed of root alone. Any
// goroutine may call it at any time.
func (d *Desk) Has(pid int) bool {
	d.relaying.RLock()
	defer d.relaying.RUnlock()
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
	if d.closed {
		return ErrClosed
	}
	key := lifeKey{p.PID, r.Life}
	from := d.reporters[key]
	if err := d.check(p, r, from); err != nil {
		return err
	}
	if from == nil {
		from = &reporter{
			peer: p, kind: r.Kind, flows: make(map[uint64]*deskFlow), owners: make(map[process]*traffic.Owner), labels: make(map[string]bool),
		}
		if d.opts.Processes != nil {
			from.self = d.opts.Processes.Describe(p.PID)
		}
		d.reporters[key] = from
	}
	from.heard = time.Now()
	if r.Kind == KindForward && p.UID == 0 {
		d.setRelay(p.PID, time.Time{})
	}
	for _, id := range r.Done {
		if f := from.flows[id]; f != nil && f.sample.Final && !f.done {
			f.done = true
			d.done++
		}
	}
	for i := range r.Flows {
		d.book(from, &r.Flows[i])
	}
	if d.done >= manyDone {
		select {
		case d.early <- struct{}{}:
		default:
		}
	}
	return nil
}

func (d *Desk) setRelay(pid int, until time.Time) {
	d.relaying.Lock()
	defer d.relaying.Unlock()
	d.relays[pid] = until
}

// book enters what a flow was reported to have carried.
func (d *Desk) book(from *reporter, r *ReportedFlow) {
	f := from.flows[r.ID]
	if f == nil {
		d.lives++
		d.flows++
		d.byUser[from.peer.UID]++
		f = &deskFlow{base: r.Taken, sample: traffic.Sample{
			Flow: traffic.Flow{
				Proto: traffic.Proto(r.Proto), Local: withoutZone(r.Local), Remote: withoutZone(r.Remote), ID: d.lives,
			},
			Scope: traffic.ScopePipe, Label: from.label(r.Label),
		}}
		from.flows[r.ID] = f
	}
	if f.sample.Final {
		return // told again: who reported it has not heard that it was taken
	}
	if r.Owner != nil {
		who := process{r.Owner.PID, r.Owner.Start, traffic.CleanText(r.Owner.Command, traffic.MaxCommand)}
		o, known := from.owners[who]
		if !known {
			if len(from.owners) >= maxOwnersKept {
				clear(from.owners)
			}
			o = d.owner(from, r.Owner)
			from.owners[who] = o
		}
		if o != nil {
			f.sample.Owner = o
		}
	}
	if f.sample.Owner == nil && f.sample.Label == "" {
		f.sample.Label = unnamed
	}
	f.last, f.changed, f.sample.Final = r.Total, true, r.Final
	f.sample.Counts = traffic.Counts{RxBytes: r.Total.Rx - f.base.Rx, TxBytes: r.Total.Tx - f.base.Tx}
}

// label is the label of a flow, clean; one process has only so many.
func (from *reporter) label(said string) string {
	said = traffic.CleanText(said, traffic.MaxWord)
	if said == "" || from.labels[said] {
		return said
	}
	if len(from.labels) >= maxLabels {
		return unnamed
	}
	from.labels[said] = true
	return said
}

// maxOwnersKept bounds the owners that are remembered for each reporter.
const maxOwnersKept = 1000

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
		Comm: traffic.CleanText(r.Comm, traffic.MaxWord), Command: traffic.CleanText(d.opts.Mask.Hide(r.Command), traffic.MaxCommand),
		User: fmt.Sprint(r.UID),
	}
	if from.self != nil && from.self.UID == r.UID {
		o.User = from.self.User
	}
	args := strings.Split(d.opts.Mask.Hide(strings.Join(r.Args, "\x00")), "\x00")
	for _, a := range args[:min(len(args), len(r.Args), maxArgs)] {
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
		ended := d.ended(from, now)
		for id, f := range from.flows {
			if ended && !f.sample.Final {
				f.sample.Final, f.changed = true, true
			}
			if f.changed {
				b.Samples = append(b.Samples, f.sample)
				f.changed = false
			}
			if f.done || ended {
				d.forget(from, id)
			}
		}
		switch {
		case ended:
			delete(d.reporters, key)
			if d.Has(from.peer.PID) {
				d.setRelay(from.peer.PID, now.Add(relayedMemory))
			}
		case from.kind == KindForward:
			relays++
		default:
			pipes++
		}
	}
	d.done = 0
	d.relaying.Lock()
	for pid, until := range d.relays {
		if !until.IsZero() && now.After(until) {
			delete(d.relays, pid)
		}
	}
	d.relaying.Unlock()
	b.Detail = fmt.Sprintf("%d pipes and %d relays report", pipes, relays)
	if d.refused > 0 {
		b.Detail += fmt.Sprintf(", %d reports refused", d.refused)
	}
	return b
}

// forget drops a flow of which all has been said.
func (d *Desk) forget(from *reporter, id uint64) {
	delete(from.flows, id)
	d.flows--
	if d.byUser[from.peer.UID]--; d.byUser[from.peer.UID] == 0 {
		delete(d.byUser, from.peer.UID)
	}
}

// ended reports whether a reporter's process is no more.
func (d *Desk) ended(from *reporter, now time.Time) bool {
	if errors.Is(unix.Kill(from.peer.PID, 0), unix.ESRCH) {
		return true
	}
	if from.self == nil || d.opts.Processes == nil || now.Sub(from.heard) < silence {
		return false
	}
	from.heard = now // it is asked again after as long a silence
	is := d.opts.Processes.Describe(from.peer.PID)
	return is == nil || is.Start != from.self.Start
}
