// Package process answers whose socket it is: socket → process → command
// line, user, container, unit.
//
// A Resolver asks the kernel's sock_diag which socket a flow belongs to, finds
// the process that has the socket's inode among its descriptors in /proc, and
// remembers the answer, so that it outlives socket and process. All of that is
// done by the goroutine in Run; those who ask are never kept waiting.
package process

import (
	"context"
	"runtime"
	"sync"
	"time"

	"bwmon/thread"
	"bwmon/traffic"
)

// Options are a Resolver's settings. The zero value of each is its default.
type Options struct {
	// Proc is where procfs is mounted; default /proc.
	Proc string
	// Passwd is the file that names users; default /etc/passwd.
	Passwd string
	// Mask hides secrets in command lines; nil hides nothing.
	Mask *traffic.Mask
	// Interval is the shortest time between two dumps of all sockets;
	// default 1 s.
	Interval time.Duration
	// Share is how much of a core resolving may use on average; default 0.10.
	// What was saved up to half a second of processor time may be used at once.
	Share float64
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// maxWants bounds the queue of flows to look up. What does not fit is counted
// and found by a dump of all sockets instead.
const maxWants = 8192

// Resolver knows who owns which socket. Its methods may be called by any
// goroutine at any time, also when Run is not running.
type Resolver struct {
	opts  Options
	wants chan key
	kick  chan struct{} // a look was asked for

	mu sync.Mutex
	// mu protects the fields below.
	cache cache
	asked bool // a look at all sockets is wanted
	stats Stats
}

func (o Options) withDefaults() Options {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Passwd == "" {
		o.Passwd = "/etc/passwd"
	}
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Share <= 0 {
		o.Share = 0.10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// New returns a Resolver. It starts nothing; see Run.
func New(opts Options) *Resolver {
	return &Resolver{
		opts:  opts.withDefaults(),
		wants: make(chan key, maxWants),
		kick:  make(chan struct{}, 1),
		cache: newCache(),
	}
}

// Run looks up what is asked for until ctx is cancelled; it then returns nil.
// It answers for the network namespace of the thread it is called on, which
// it locks its goroutine to. It must not be called twice at the same time.
func (r *Resolver) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer thread.Hurry()()
	w, err := newWorker(r)
	if err != nil {
		r.mu.Lock()
		r.stats.Fault = err.Error()
		r.mu.Unlock()
		return err
	}
	defer w.close()
	w.run(ctx)
	return nil
}

// Want asks for the owner of f's local socket to be looked up now, while it
// may still be open. It never blocks.
func (r *Resolver) Want(f traffic.Flow) {
	select {
	case r.wants <- keyOf(f):
	default:
		r.mu.Lock()
		r.stats.Dropped++
		r.ask()
		r.mu.Unlock()
	}
}

// Owner returns who is known to own f's local socket, or nil. Only what was
// seen at or after since counts, less a moment's slack, so that an earlier user
// of the same tuple is not taken for it; the zero time is the beginning. A miss
// asks for a look at all sockets. It waits for a short lock at most.
//
// Where nothing is known of the socket itself, its owner is in this order the
// owner of an unconnected socket or listener on f's local address and port, on
// its port and any address, and the one command with a raw socket of f's
// protocol. Nothing is guessed from what else talks to f's remote end.
func (r *Resolver) Owner(f traffic.Flow, since time.Time) *traffic.Owner {
	k := keyOf(f)
	born, from := int64(1), int64(1) // since the beginning, but not never
	if !since.IsZero() {
		born, from = since.UnixNano(), since.Add(-slack).UnixNano()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.cache.find(k, from); o != nil {
		return o
	}
	now := r.opts.Now().UnixNano()
	m, known := r.cache.misses.get(k)
	if known && now < m.next && m.since == born {
		return nil
	}
	if !known || m.since != born {
		m = miss{since: born}
	}
	m.next = now + backOff(r.opts.Interval, m.tries)
	m.tries = min(m.tries+1, 32)
	r.cache.misses.put(k, m)
	r.ask()
	return nil
}

// ask wants a look at all sockets. The caller holds mu.
func (r *Resolver) ask() {
	r.asked = true
	select {
	case r.kick <- struct{}{}:
	default: // it is known already
	}
}
