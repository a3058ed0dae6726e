package receive

import (
	"sync"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// host is what the receiver knows of one.
type host struct {
	name    string
	account *account

	// turn holds one when somebody applies what the host sent. Whoever has it taken out
	// owns the fields below it.
	turn     chan struct{}
	state    fleet.State
	unbooked *traffic.Snapshot // what the books did not take; nil: nothing
	names    names
	stamps   stamps
	gone     bool // it is forgotten, and another one may have its name

	mu sync.Mutex
	// mu protects the fields below. Nobody waits for anything while holding it.
	requests, bytes bucket
	clock           clock
	have, kept      fleet.Position
	booked          fleet.Position // what of have the books have
	snapshot        *traffic.Snapshot
	quiet           *traffic.Snapshot // snapshot without rates; nil: not asked for
	published       bool              // it is a member: others only posted figures
	first           time.Time         // when this receiver first heard of it as a member
	before          time.Duration     // it had been quiet for when the receiver started
	seen            time.Time         // when it last published; zero: never
	heard           bool              // it has published since the receiver started
	applied         time.Time         // when a batch was, last
	pace            pace
	waiting         uint64
	sending         int       // requests that are being read
	refused         string    // why what it sent last was not taken; "": it was
	refusedAt       time.Time // when
	silent          bool      // as of the last look
}

func (r *Receiver) newHost(name string, now time.Time) *host {
	l := &r.opts.Limits
	h := &host{
		name: name, turn: make(chan struct{}, 1), names: newNames(l.Names), first: now,
		requests: newBucket(l.Requests, 10*l.Requests),
		bytes:    newBucket(l.Bytes, max(60*l.Bytes, 2*float64(l.Request))),
	}
	h.turn <- struct{}{}
	return h
}

// resume makes h what it was when k was kept.
func (r *Receiver) resume(k Kept) (*host, error) {
	h := r.newHost(k.Host, r.started)
	err := h.state.Resume(k.Note, k.Snapshot)
	if err == nil {
		h.have, h.kept, h.booked = h.state.Position, h.state.Position, h.state.Position
	}
	h.recall(k.Note)
	if h.snapshot = k.Snapshot; k.Snapshot != nil {
		if h.published = true; h.seen.IsZero() {
			h.seen = k.Snapshot.At
		}
		h.names.know(k.Snapshot)
	}
	h.account = r.tally.open(k.Host, k.Snapshot)
	return h, err
}

// take is whether a request of so many bytes may be made now; else how long to wait.
func (h *host) take(now time.Time, bytes float64) (wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait = max(h.requests.wait(now), h.bytes.wait(now))
	if wait == 0 {
		h.requests.take(1)
		h.bytes.take(bytes)
	}
	return wait
}

// maxSending is how many requests of one host are read at a time: one that is slow keeps
// room from others.
const maxSending = 4

// begin begins to read a request, if there are not too many already. end ends it.
func (h *host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sending >= maxSending {
		return false
	}
	h.sending++
	return true
}

func (h *host) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sending--
}

// spend takes bytes that turned out to be there.
func (h *host) spend(bytes float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes.take(bytes)
}

// publishes notes that h is a member of the fleet.
func (h *host) publishes(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.published {
		h.published, h.first = true, now
	}
}

// isMember is whether h has published ever, or tried to.
func (h *host) isMember() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.published
}

// quietFor is for how long it has not published while there was a receiver, as far as
// this one can know. h.mu is held.
func (h *host) quietFor(now time.Time) time.Duration {
	if h.heard {
		return max(0, now.Sub(h.seen))
	}
	return h.before + max(0, now.Sub(h.first))
}
