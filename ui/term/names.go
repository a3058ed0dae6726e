package term

import (
	chain "container/list" // "list" is every page
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"bwmon/traffic"
)

const (
	maxNames     = 4096 // answers kept, names and their absence
	maxAsked     = 256  // addresses that wait to be looked up; further ones are dropped
	nameWorkers  = 4
	nameTimeout  = 2 * time.Second  // for one look-up
	nameFresh    = 10 * time.Minute // how long a name is believed
	noNameFresh  = 2 * time.Minute  // how long its absence is
	maxNameCount = 64               // of one address; more are not looked at
)

// names finds the names of addresses in the DNS, beside everything else: who
// asks gets what is known and never waits. It is for concurrent use.
type names struct {
	lookup func(ctx context.Context, addr netip.Addr) (string, error)
	now    func() time.Time
	// changed holds a token when there are new answers since it was taken.
	changed chan struct{}
	queue   chan netip.Addr // holds maxAsked

	mu      sync.Mutex // protects the fields below
	off     bool
	cache   map[netip.Addr]*chain.Element // of nameAnswer
	recent  *chain.List                   // the answers, the one asked for last first
	pending map[netip.Addr]bool           // in the queue or being looked up
	dropped uint64
}

// nameAnswer is what the DNS said of an address; name is "" for none.
type nameAnswer struct {
	addr    netip.Addr
	name    string
	expires time.Time
}

// newNames makes a finder that asks the system's resolver; run has to be
// running for it to find anything.
func newNames() *names {
	return &names{
		lookup:  LookupName(),
		now:     time.Now,
		changed: make(chan struct{}, 1),
		queue:   make(chan netip.Addr, maxAsked),
		cache:   make(map[netip.Addr]*chain.Element),
		recent:  chain.New(),
		pending: make(map[netip.Addr]bool),
	}
}

// LookupName returns what asks the system's name servers for the name of an address;
// see Options.Lookup. What it returns ends with its context.
func LookupName() func(context.Context, netip.Addr) (string, error) {
	return lookupName((&net.Dialer{}).DialContext)
}

// lookupName asks the system's name servers, reached with dial, for the name
// of an address. Of several it is always the same one: the first by the
// alphabet. A look-up ends with its context: Go's resolver alone goes on
// waiting for the answer, and would hold up who quits.
func lookupName(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, netip.Addr) (string, error) {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		}
		return conn, err
	}}
	return func(ctx context.Context, addr netip.Addr) (string, error) {
		found, err := r.LookupAddr(ctx, addr.String())
		if len(found) > 0 { // with an error too: some of them were not valid
			return slices.Min(found[:min(len(found), maxNameCount)]), nil
		}
		var missing *net.DNSError
		if errors.As(err, &missing) && missing.IsNotFound {
			return "", nil
		}
		return "", err
	}
}

// get returns the name of an address, "" for none, and whether that is known.
// What is not, or no longer, is asked for; what is no longer fresh is returned
// until it is.
func (n *names) get(addr netip.Addr) (name string, known bool) {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
		return "", true // nobody has a name for these
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.off {
		return "", false
	}
	e, known := n.cache[addr]
	if !known {
		n.ask(addr)
		return "", false
	}
	n.recent.MoveToFront(e)
	a := e.Value.(nameAnswer)
	if !n.now().Before(a.expires) {
		n.ask(addr)
	}
	return a.name, true
}

// ask queues an address, if there is room. mu is held.
func (n *names) ask(addr netip.Addr) {
	if n.pending[addr] {
		return
	}
	select {
	case n.queue <- addr:
		n.pending[addr] = true
	default:
		n.dropped++
	}
}

// enable switches looking up on or off. Off, what waits is dropped, and what
// is being looked up is not taken.
func (n *names) enable(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.off = !on
	if on {
		return
	}
	for {
		select {
		case addr := <-n.queue:
			delete(n.pending, addr)
		default:
			return
		}
	}
}

// drops is how many addresses found no room in the queue so far. They are
// asked for again when they are shown again.
func (n *names) drops() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dropped
}

// run looks up what was asked for until ctx is cancelled, and returns when
// all its workers have.
func (n *names) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range nameWorkers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case addr := <-n.queue:
					n.find(ctx, addr)
				}
			}
		})
	}
	workers.Wait()
}

// lookUp asks for a name. A panic of who is asked is an error like others.
func (n *names) lookUp(ctx context.Context, addr netip.Addr) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("look up %v: panic: %v", addr, p)
		}
	}()
	return n.lookup(ctx, addr)
}

// find looks one address up.
func (n *names) find(ctx context.Context, addr netip.Addr) {
	n.mu.Lock()
	off := n.off // since it was taken from the queue
	n.mu.Unlock()
	var name string
	var err error
	if !off {
		name, err = n.lookUp(ctx, addr)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pending, addr)
	if off || n.off || ctx.Err() != nil {
		return
	}
	n.keep(addr, traffic.CleanText(strings.TrimSuffix(name, "."), traffic.MaxWord), err == nil)
}

// keep takes an answer, or that there was none: who is silent is not asked
// again at once, and what was known stays. The answer that nobody asked for
// longest makes room. mu is held.
func (n *names) keep(addr netip.Addr, name string, answered bool) {
	a := nameAnswer{addr, name, n.now().Add(nameFresh)}
	if name == "" {
		a.expires = n.now().Add(noNameFresh)
	}
	if e, known := n.cache[addr]; known {
		if !answered {
			a.name = e.Value.(nameAnswer).name
		}
		e.Value = a
	} else {
		n.cache[addr] = n.recent.PushFront(a)
	}
	if n.recent.Len() > maxNames {
		last := n.recent.Back()
		delete(n.cache, last.Value.(nameAnswer).addr)
		n.recent.Remove(last)
	}
	select {
	case n.changed <- struct{}{}:
	default: // it is known already that there is something new
	}
}
