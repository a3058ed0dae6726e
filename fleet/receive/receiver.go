package receive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// Receiver takes what hosts publish. Its handlers may be called at any time after New;
// what they take is kept, and seen in the fleet's snapshot, while Run runs.
type Receiver struct {
	opts        Options
	log         *slog.Logger
	started     time.Time
	tally       *tally
	zstd        *zstd.Decoder
	bodies      room
	documents   room
	bodyTime    time.Duration // a host may take to send one request
	subscribers traffic.Subscribers
	much        chan struct{} // holds one when there is much to flush
	flushing    sync.Mutex    // held while the books are flushed
	running     atomic.Bool
	counters    counters

	mu sync.Mutex
	// mu protects the fields below. It is locked before a host's, and nobody waits for
	// anything while holding it.
	hosts   map[string]*host
	dirty   map[*host]struct{} // booked since the last flush
	pending int64              // bytes of documents booked since the last flush
	flushed time.Time          // the books were, last
	failing error              // why they were not the last time; nil: they were
}

// New makes a receiver that has of each host what its books have kept. It starts nothing.
func New(o Options) (*Receiver, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecoderMaxMemory(fleet.MaxEncoded), zstd.WithDecoderMaxWindow(fleet.MaxEncoded))
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	r := &Receiver{
		opts: o, log: o.Log, started: o.Now(), tally: newTally(&o), zstd: unpack,
		bodies: newRoom(max(bodyRoom, o.Limits.Request)), documents: newRoom(documentRoom), bodyTime: bodyTime, much: make(chan struct{}, 1),
		hosts: make(map[string]*host), dirty: make(map[*host]struct{}),
	}
	if o.Books == nil {
		return r, nil
	}
	kept, err := o.Books.Kept()
	if err != nil {
		return nil, fmt.Errorf("receive: read what the books have kept: %w", err)
	}
	for _, k := range kept {
		if err := fleet.CheckName(k.Host); err != nil {
			r.log.Warn("the books have a host that cannot be", "err", err)
			continue
		}
		h, err := r.resume(k)
		if err != nil { // it begins anew; what the books have of its run is not booked twice
			r.log.Warn("where the books of a host are is not known: it is asked for all of its run", "host", k.Host, "err", err)
		}
		r.hosts[k.Host] = h
	}
	r.resumeSilence()
	return r, nil
}

// resumeSilence finds out for how long each host had been quiet when the receiver before
// this one ended: that was when the last of them was heard, or soon after.
func (r *Receiver) resumeSilence() {
	var end time.Time
	for _, h := range r.hosts {
		if h.seen.After(r.started) { // the clock was set back
			h.seen = r.started
		}
		if h.seen.After(end) {
			end = h.seen
		}
	}
	for _, h := range r.hosts {
		if !h.seen.IsZero() {
			h.before = end.Sub(h.seen)
		}
	}
}

// lastFlush is how long a receiver that ends waits for its books.
const lastFlush = 20 * time.Second

// Run flushes the books and makes snapshots of the fleet until ctx is cancelled. Then it
// flushes a last time, closes the channels of those who subscribed, and returns nil, or
// why the books could not be flushed: what they lack the hosts will send again. A Receiver
// runs once.
func (r *Receiver) Run(ctx context.Context) error {
	if r.running.Swap(true) {
		return errors.New("run the receiver: it has run already; make a new one")
	}
	defer r.subscribers.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.show(ctx) })
	g.Go(func() error { return r.keep(ctx) })
	return g.Wait()
}

// show publishes snapshots of the fleet.
func (r *Receiver) show(ctx context.Context) error {
	ticker := time.NewTicker(r.opts.Interval)
	defer ticker.Stop()
	for {
		r.subscribers.Publish(r.snapshot(r.opts.Now()))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			r.subscribers.Publish(r.snapshot(r.opts.Now()))
			return nil
		}
	}
}

// Snapshot is the latest of the fleet; nil before Run made one. It is shared, and never
// changed.
func (r *Receiver) Snapshot() *traffic.Snapshot { return r.subscribers.Newest() }

// Subscribe returns a channel of the snapshots of the fleet to come, and at once of the
// latest there is. It holds one and keeps the newest. It is closed when Run returns.
func (r *Receiver) Subscribe() <-chan *traffic.Snapshot { return r.subscribers.Add() }

// Unsubscribe ends and closes a channel that Subscribe returned.
func (r *Receiver) Unsubscribe(c <-chan *traffic.Snapshot) { r.subscribers.Remove(c) }
