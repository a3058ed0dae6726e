package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Options says how a Monitor works. The zero value of a field is its default.
type Options struct {
	Interval time.Duration // between refreshes, while they cost no more than MaxShare; default 1 s
	MaxShare float64       // of one core that dumps may cost; default 0.10
	Lookback bool          // book what the counters hold at the start; default: count from now
	NoSetup  bool          // change nothing in the kernel; fail when something is missing
	Owners   Owners        // nil: every local flow is unattributed
	Proc     string        // where procfs is mounted; default /proc
	// Inside, where it is set, counts the sockets of this kernel: only what is
	// forwarded is counted here, and for its sockets it only passes.
	Inside Inside
	Note   string // stands at the end of the detail; "" none
}

// Inside tells whose traffic is counted elsewhere. Its method may be called by
// any goroutine and must not block.
type Inside interface {
	// Has reports whether a socket of this kernel, in another network
	// namespace, has lately had the address.
	Has(netip.Addr) bool
}

const (
	defaultInterval = time.Second
	defaultMaxShare = 0.10

	// setupIntervals is how often, in intervals, it is checked that what was
	// set up is still there: a firewall reload removes every table.
	setupIntervals = 10
	// quietChecks is how many of these checks there are to a trial while
	// nothing moves.
	quietChecks = 10
	// batchSamples bounds one batch.
	batchSamples = 8192
)

// Monitor is the conntrack monitor. It is a traffic.Monitor; see there.
type Monitor struct {
	opts Options

	// What follows belongs to Run's goroutine. It outlives a failed Run, so
	// that the next one goes on where it ended.
	table  *table
	sides  *sides
	setup  *setup
	pace   pace
	health health

	// around is written by Run's goroutine and read by that of the events, too.
	around atomic.Pointer[surroundings]

	baselined bool // the opening dump has been taken
	moved     bool // a flow began or grew since the last check of what was set up
	untried   int  // checks in quiet, one after the other
	resync    bool // events were lost: dump at the next occasion
}

// New returns a monitor that has not begun.
func New(o Options) *Monitor {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.MaxShare <= 0 {
		o.MaxShare = defaultMaxShare
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Owners == nil {
		o.Owners = nobody{}
	}
	return &Monitor{
		opts: o, table: newTable(), sides: newSides(o.Owners, o.Inside), setup: &setup{proc: o.Proc},
		pace: pace{interval: o.Interval, share: o.MaxShare},
	}
}

// nobody is the Owners of a monitor that was given none.
type nobody struct{}

func (nobody) Want(traffic.Flow)                            {}
func (nobody) Owner(traffic.Flow, time.Time) *traffic.Owner { return nil }
func (nobody) Detail() string                               { return "" }

// Name implements traffic.Monitor.
func (m *Monitor) Name() string { return "conntrack" }

// Run implements traffic.Monitor. It works in the network namespace of the
// thread that calls it, which it keeps to itself until it returns.
func (m *Monitor) Run(ctx context.Context, emit func(traffic.Batch)) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if m.opts.Inside != nil {
		if m.awaitForwarding(ctx, emit); ctx.Err() != nil {
			return nil
		}
	}
	if err := m.prepare(); err != nil {
		return privilege(err)
	}
	defer func() { err = errors.Join(err, m.setup.undo()) }()

	sockets, err := openDiag()
	if err != nil {
		return err
	}
	defer sockets.close()
	src, err := openSource(m.opts.Proc, func(e *entry) { m.want(sockets, e) })
	if err != nil {
		return privilege(err)
	}
	src.sockets = sockets
	receiver := make(chan error, 1)
	go func() { receiver <- src.events.run() }()
	defer func() {
		src.close()
		for range src.events.out {
		}
		err = errors.Join(err, <-receiver)
	}()
	return m.work(ctx, src, emit)
}

// prepare makes sure that the kernel accounts, or says why it does not.
func (m *Monitor) prepare() error {
	if !m.opts.NoSetup {
		return m.setup.ensure(false)
	}
	missing, err := m.setup.missing()
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%s; or let bwmon set it up: drop --no-setup", strings.Join(missing, "; "))
	}
	return err
}

// privilege tells the cure for an error that is one of missing rights.
func privilege(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("conntrack needs CAP_NET_ADMIN in this network namespace (run as root): %w", err)
	}
	return err
}

// source is the kernel as one Run sees it.
type source struct {
	dump    *dumpSocket
	events  *eventSocket
	lookout *lookout
	sockets *diagSocket // of whoever opened it
}

func openSource(proc string, began func(*entry)) (*source, error) {
	dump, err := openDump()
	if err != nil {
		return nil, err
	}
	events, err := openEvents(began)
	if err != nil {
		dump.close()
		return nil, err
	}
	lookout, err := openLookout(proc)
	if err != nil {
		dump.close()
		events.close()
		return nil, err
	}
	return &source{dump: dump, events: events, lookout: lookout}, nil
}

func (s *source) close() {
	s.events.close()
	s.dump.close()
	s.lookout.close()
}

func (m *Monitor) work(ctx context.Context, src *source, emit func(traffic.Batch)) error {
	tick := time.NewTicker(m.opts.Interval)
	defer tick.Stop()
	m.pace.startOver()
	m.table.garbled = 0
	lastSetup := time.Now()
	for {
		now := time.Now()
		if !m.opts.NoSetup && now.Sub(lastSetup) >= setupIntervals*m.opts.Interval {
			lastSetup = now
			if err := m.setup.ensure(m.tracking()); err != nil {
				return err
			}
		}
		if err := m.turn(src, now, false, emit); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case batch, ok := <-src.events.out:
				if !ok {
					return errors.New("conntrack events ended") // run's own error says why
				}
				m.takeEvents(src, batch)
			case <-tick.C:
				waiting = false
			case <-ctx.Done():
				return m.turn(src, time.Now(), true, emit)
			}
		}
	}
}

// tracking reports whether the kernel is seen to track, or there is hardly
// anything to track: then a trial, which is traffic itself, is not worth it
// more often than every quietChecks.
func (m *Monitor) tracking() bool {
	moved := m.moved
	m.moved = false
	if moved || !m.pace.quiet {
		m.untried = 0
		return moved
	}
	m.untried++
	return m.untried%quietChecks != 0
}

// turn is one round of work: a dump if it is time for one, then what there is
// to say. The last turn always dumps and waits for nobody.
func (m *Monitor) turn(src *source, now time.Time, last bool, emit func(traffic.Batch)) error {
	opening := !m.baselined && m.opts.Lookback
	complete := last || m.pace.due(now, m.opts.Proc, m.resync)
	if complete {
		if calm, ok := m.pace.broke(); ok && !last {
			// Hardly anything moved until then: rates are those since.
			emit(traffic.Batch{Monitor: m.Name(), At: calm, Complete: true, Lost: m.lost(src.events), Detail: m.detail(src.events)})
		}
		if err := m.refresh(src, now); err != nil {
			return err
		}
	}
	b := batcher{
		emit: emit,
		next: traffic.Batch{
			Monitor: m.Name(), At: now, Opening: opening,
			Lost: m.lost(src.events), Detail: m.detail(src.events),
		},
	}
	// The opening balance is told whole; owners found later come with news.
	m.sides.samples(m.table, now, ownerPatience*m.opts.Interval, last || opening, b.add)
	b.finish(complete)
	return nil
}

// batcher cuts a stream of samples into batches, of which the last is complete.
type batcher struct {
	emit func(traffic.Batch)
	next traffic.Batch
}

func (b *batcher) add(s traffic.Sample) {
	b.next.Samples = append(b.next.Samples, s)
	if len(b.next.Samples) == batchSamples {
		b.emit(b.next)
		b.next.Samples = nil
	}
}

func (b *batcher) finish(complete bool) {
	b.next.Complete = complete
	if complete || len(b.next.Samples) > 0 {
		b.emit(b.next)
	}
}
