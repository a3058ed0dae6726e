package aggregate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bwmon/traffic"
)

// Engine runs monitors, books what they sample and publishes the books. One
// goroutine, Run's, owns the ledger; each monitor has one of its own.
type Engine struct {
	opts        Options
	wants       wants
	started     atomic.Bool
	subscribers traffic.Subscribers

	// Of Run, which makes them before anything else runs.
	running context.Context
	reports chan report
	keepers sync.WaitGroup

	orders   chan func(*desk) // to the loop
	ended    chan struct{}    // closed when Run has returned
	changing sync.Mutex       // held by Apply

	mu sync.Mutex
	// mu protects the fields below.
	levers map[string]*lever // of the monitors, by name
}

// NewEngine starts nothing.
func NewEngine(o Options) *Engine {
	if o.Run == "" {
		o.Run = rand.Text()
	}
	return &Engine{
		opts: o.withDefaults(), wants: newWants(),
		reports: make(chan report, reportsHeld), orders: make(chan func(*desk)), ended: make(chan struct{}),
	}
}

// WantFlows has flows put into the snapshots to come until release is called,
// once or more often. Any number may want them, and there are none while nobody
// does. When the first begins to want them, a snapshot is published for it at
// once, or as soon as soonest allows. Any goroutine may call both at any time.
func (e *Engine) WantFlows() (release func()) { return e.wants.add() }

// Subscribe returns a channel of the snapshots to come, and at once of the
// newest there is. It holds one and keeps the newest: a slow reader loses
// resolution only. It is closed after the final snapshot. Any goroutine may
// call it at any time.
func (e *Engine) Subscribe() <-chan *traffic.Snapshot { return e.subscribers.Add() }

// Unsubscribe ends and closes a channel that Subscribe returned.
func (e *Engine) Unsubscribe(c <-chan *traffic.Snapshot) { e.subscribers.Remove(c) }

// reportsHeld is how many reports of the monitors wait for the ledger. When
// there are more the monitors wait: nothing is lost.
const reportsHeld = 16

// Run runs the monitors and publishes a snapshot at every interval. When ctx
// is cancelled it books what the monitors read last, until all have returned,
// publishes a final snapshot, closes the subscribers' channels and returns
// nil. A monitor that fails or panics is shown as failed and run again after a
// pause; one that returns nil early is shown as stopped and left alone.
// An Engine runs once; an error means that no monitor was started.
func (e *Engine) Run(ctx context.Context, monitors ...traffic.Monitor) error {
	if e.started.Swap(true) {
		return errors.New("run the engine: it has run already; make a new one")
	}
	defer e.subscribers.Close()
	defer close(e.ended)
	d := desk{ledger: NewLedger(e.opts, e.opts.Now())}
	if _, err := d.check(Change{Add: monitors}); err != nil {
		return fmt.Errorf("run the engine: %w", err)
	}
	e.running = ctx
	for _, m := range monitors {
		d.members = append(d.members, e.hire(m, false, false))
	}
	e.setMembers(d.members)
	e.loop(ctx, &d)
	return nil
}

// soonest is how soon after a snapshot another one is published for those who
// want flows: they may come and go many times a second, and flows are dear.
const soonest = 200 * time.Millisecond

// loop books and publishes until ctx is cancelled and all monitors have
// returned, and then publishes the last snapshot.
func (e *Engine) loop(ctx context.Context, d *desk) {
	ticker := time.NewTicker(e.opts.Interval)
	defer ticker.Stop()
	var soon <-chan time.Time // a snapshot for those who want flows
	cancelled := ctx.Done()
	orders := e.orders
	var returned chan struct{}
	for returned != nil || cancelled != nil {
		select {
		case r := <-e.reports:
			if d.enter(r) {
				e.tick(d) // everybody is heard: no need to wait for the tick
				soon = nil
			}
		case <-ticker.C:
			e.tick(d)
			soon = nil
		case <-e.wants.news:
			if !d.ticked.IsZero() { // else the first one is to come
				soon = time.After(soonest - time.Since(d.ticked))
			}
		case <-soon:
			soon = nil
			if e.wants.any() {
				e.tick(d)
			}
		case do := <-orders:
			do(d)
		case <-cancelled:
			cancelled, orders = nil, nil // nobody comes any more
			returned = make(chan struct{})
			go func() { // ends before loop does
				e.keepers.Wait()
				close(returned)
			}()
		case <-returned:
			returned = nil
		}
	}
	e.hearOut(d)
	e.tick(d)
}

// hearOut books the reports that are there.
func (e *Engine) hearOut(d *desk) {
	for {
		select {
		case r := <-e.reports:
			d.enter(r)
		default:
			return
		}
	}
}

func (e *Engine) tick(d *desk) {
	d.ticked = time.Now()
	e.subscribers.Publish(d.ledger.Tick(e.opts.Now(), d.statuses(), e.wants.any()))
}

// desk is what the loop owns: the ledger, and the monitors' health.
type desk struct {
	ledger  *Ledger
	members []*member
	heard   bool // of every monitor
	ticked  time.Time
}

func (d *desk) remove(m *member) {
	d.members = slices.DeleteFunc(d.members, func(one *member) bool { return one == m })
	d.ledger.Forget(m.monitor.Name())
}

// enter books a report. It returns true once: when every monitor has been
// heard of for the first time.
func (d *desk) enter(r report) bool {
	h := &r.member.health
	h.note(r)
	switch {
	case r.batch != nil:
		d.ledger.Book(*r.batch)
	case !r.early:
	case r.off, r.err != nil:
		d.ledger.Fail(h.Name)
	default:
		d.ledger.End(h.Name)
	}
	if d.heard {
		return false
	}
	for _, m := range d.members {
		if m.health.State == traffic.StateStarting {
			return false
		}
	}
	d.heard = true
	return true
}

// statuses is the monitors' health as published.
func (d *desk) statuses() []traffic.MonitorStatus {
	list := make([]traffic.MonitorStatus, len(d.members))
	for i, m := range d.members {
		list[i] = m.health.status(d.ledger.Restarts(m.health.Name))
	}
	return list
}
