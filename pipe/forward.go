package pipe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// ForwardOptions says how a Forwarder works. The zero value of a field is its
// default, but for Target.
type ForwardOptions struct {
	Listen, Target Address

	Interval       time.Duration // between batches; default 1 s
	MaxRelays      int           // at a time; default 10,000. Clients beyond it are reset
	IdleTimeout    time.Duration // after which a relay on which nothing moves is reset; 0: never
	ConnectTimeout time.Duration // for the target, its name's look-up included; default 10 s
	Drain          time.Duration // for which relays may end by themselves when Run is cancelled; default 10 s
	Owners         Owners        // nil: clients are booked by their addresses
	Processes      Processes     // nil: so are those of unix sockets
}

// Owners answers who uses a local socket. Its methods may be called by several
// goroutines at once and must not block.
type Owners interface {
	// Want asks for the owner of f's local socket to be looked up now, while
	// the socket may still be open.
	Want(f traffic.Flow)
	// Owner returns who is known to own f's local socket, seen there at or
	// after since; nil if nobody is known.
	Owner(f traffic.Flow, since time.Time) *traffic.Owner
}

const (
	defaultInterval       = time.Second
	defaultMaxRelays      = 10_000
	defaultConnectTimeout = 10 * time.Second
	defaultDrain          = 10 * time.Second
)

// Forwarder relays connections to a target, and books each to its client. It is a
// traffic.Monitor; see there. Received and sent are the client's.
type Forwarder struct {
	opts    ForwardOptions
	label   string
	limit   int // of relays, as far as descriptors go
	lives   atomic.Uint64
	stats   stats
	cookies *cookies
	cut     chan struct{} // closed: relays end at once

	mu sync.Mutex
	// mu protects the fields below.
	relays []*relay // whose end has not been told
	locals locals
	addrs  []net.Addr // where Run listens
	hasty  bool       // cut is closed
}

// NewForwarder returns a forwarder that has not begun.
func NewForwarder(o ForwardOptions) *Forwarder {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.MaxRelays <= 0 {
		o.MaxRelays = defaultMaxRelays
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Drain <= 0 {
		o.Drain = defaultDrain
	}
	return &Forwarder{
		opts: o, label: Label(o.Listen, o.Target), limit: o.MaxRelays,
		cookies: newCookies(), cut: make(chan struct{}),
	}
}

// Name implements traffic.Monitor.
func (f *Forwarder) Name() string {
	name := "forward:" + strings.TrimPrefix(f.label, "pipe-")
	if host := f.opts.Listen.Host; host != "" {
		name = "forward:" + traffic.CleanText(host, traffic.MaxWord) + ":" + strings.TrimPrefix(f.label, "pipe-")
	}
	return name
}

// Label is what its relays are booked under.
func (f *Forwarder) Label() string { return f.label }

// Has reports whether a socket is one of its relays' own: of the connection of a
// client, or of that to the target. It is so until 10 s after the socket was
// closed. Any goroutine may call it at any time.
func (f *Forwarder) Has(cookie uint64) bool { return f.cookies.has(cookie) }

// Addrs is where it listens, while it does. Any goroutine may call it.
func (f *Forwarder) Addrs() []net.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.addrs)
}

// Cut ends all relays at once, also those that Run gives time to end. Run is to be
// cancelled as well.
func (f *Forwarder) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hasty {
		f.hasty = true
		close(f.cut)
	}
}

// register has the relay told of from now on.
func (f *Forwarder) register(r *relay) {
	f.stats.relayed.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.relays = append(f.relays, r)
}

func (f *Forwarder) isLocal(a netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locals.has(a, now)
}

func (f *Forwarder) describe(pid int) *traffic.Owner {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opts.Processes.Describe(pid)
}

// work is one Run.
type work struct {
	f          *Forwarder
	loops      []*loop
	dials      chan struct{} // holds one for each connection being made, and one for each listener
	dialing    context.Context
	connecting sync.WaitGroup
}

// reserved is how many descriptors are kept for other things than the sockets of
// relays: their pipes, of which few are in use at a time, and connections being
// made.
const reserved = 2*maxDials + 256

// roomFor is how many relays there are descriptors for.
func roomFor(relays int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= uint64(2*relays+reserved) {
		return relays
	}
	return max(1, (int(limit.Cur)-min(reserved, int(limit.Cur)/2))/2)
}

// Run implements traffic.Monitor. When ctx is cancelled it accepts no more, and
// returns when all relays have ended, which they have the time of Drain for. It
// listens in the network namespace of the thread that calls it.
func (f *Forwarder) Run(ctx context.Context, emit func(traffic.Batch)) error {
	f.limit = roomFor(f.opts.MaxRelays)
	listeners, err := listen(ctx, f.opts.Listen)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	dialing, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	w := &work{f: f, dialing: dialing, dials: make(chan struct{}, maxDials)}
	for range runtime.GOMAXPROCS(0) {
		l, err := newLoop(f.opts.IdleTimeout, f.relayEnded)
		if err != nil {
			return err
		}
		defer l.close()
		w.loops = append(w.loops, l)
	}
	failed := make(chan error, len(w.loops))
	var running, accepting sync.WaitGroup
	for _, l := range w.loops {
		running.Go(func() { failed <- l.run() })
	}
	for _, l := range listeners {
		accepting.Go(func() { w.accept(ctx, l) })
	}
	f.setAddrs(listeners)
	err = f.tell(ctx, failed, emit)
	closeAll(listeners)
	f.setAddrs(nil)
	accepting.Wait()
	if err == nil {
		f.drain(failed, emit)
	}
	hangUp()
	w.connecting.Wait()
	for _, l := range w.loops {
		l.stop()
	}
	running.Wait()
	for _, l := range w.loops {
		l.cut() // what one that failed was handed afterwards
	}
	emit(f.batch(time.Now(), true))
	return err
}

func (f *Forwarder) setAddrs(listeners []net.Listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addrs = nil
	for _, l := range listeners {
		f.addrs = append(f.addrs, l.Addr())
	}
}

// tell emits a batch an interval until ctx is cancelled or a loop has failed.
func (f *Forwarder) tell(ctx context.Context, failed <-chan error, emit func(traffic.Batch)) error {
	tick := time.NewTicker(f.opts.Interval)
	defer tick.Stop()
	emit(f.batch(time.Now(), false))
	for {
		select {
		case now := <-tick.C:
			emit(f.batch(now, false))
		case err := <-failed:
			return fmt.Errorf("relay: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// drainEvery is how often it is looked whether all relays have ended.
const drainEvery = 20 * time.Millisecond

// drain waits for the relays to end, and goes on telling of them.
func (f *Forwarder) drain(failed <-chan error, emit func(traffic.Batch)) {
	over := time.After(f.opts.Drain)
	look := time.NewTicker(drainEvery)
	defer look.Stop()
	tick := time.NewTicker(f.opts.Interval)
	defer tick.Stop()
	for f.stats.open.Load() > 0 {
		select {
		case <-look.C:
		case now := <-tick.C:
			emit(f.batch(now, false))
		case <-over:
			return
		case <-f.cut:
			return
		case <-failed:
			return
		}
	}
}

// relayEnded is called by loops.
func (f *Forwarder) relayEnded(r *relay) {
	now := time.Now()
	for _, s := range r.sides {
		f.cookies.closed(s.cookie, now)
	}
	f.stats.ended(r)
	f.stats.open.Add(-1)
}
