package receive

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"bwmon/fleet"
)

const (
	// soonFlush is how many bytes of documents are booked before the books are flushed
	// early, and mostPending how many before no more are taken: the hosts keep them.
	soonFlush   = 64 << 20
	mostPending = 192 << 20
)

// keep flushes the books from time to time.
func (r *Receiver) keep(ctx context.Context) error {
	if r.opts.Books == nil {
		return nil
	}
	ticker := time.NewTicker(r.opts.FlushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.much:
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer stop()
			return r.Flush(last)
		}
		_ = r.Flush(ctx) // Status has it, and it is tried again
	}
}

// Flush flushes the books now, which waits for the disk. What hosts sent before is kept
// when it returns nil.
func (r *Receiver) Flush(ctx context.Context) error {
	if r.opts.Books == nil {
		return nil
	}
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	hosts, pending := r.dirty, r.pending
	r.dirty, r.pending = make(map[*host]struct{}), 0
	r.mu.Unlock()
	positions := make(map[*host]fleet.Position, len(hosts))
	for h := range hosts {
		h.mu.Lock()
		positions[h] = h.booked
		h.mu.Unlock()
	}
	err := r.opts.Books.Flush(ctx)
	if err == nil {
		for h, p := range positions {
			h.mu.Lock()
			h.kept = p
			h.mu.Unlock()
		}
	}
	r.noteFlush(err, hosts, pending)
	return err
}

// noteFlush notes how a flush went.
func (r *Receiver) noteFlush(err error, hosts map[*host]struct{}, pending int64) {
	now := r.opts.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := r.failing
	if err == nil {
		r.flushed, r.failing = now, nil
		if failed != nil {
			r.log.Info("the books are flushed again")
		}
		return
	}
	r.failing = fmt.Errorf("flush the books: %w", err)
	if failed == nil || failed.Error() != r.failing.Error() {
		r.log.Warn("what hosts publish is not kept: they keep it", "err", r.failing)
	}
	r.pending += pending
	for h := range hosts {
		r.dirty[h] = struct{}{}
	}
}

// noteBooked notes that the books have h where it is, of a document of so many bytes.
func (r *Receiver) noteBooked(h *host, bytes int) {
	h.mu.Lock()
	h.booked = h.have
	h.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty[h] = struct{}{}
	if r.pending += int64(bytes); r.pending > soonFlush && r.failing == nil {
		select {
		case r.much <- struct{}{}:
		default: // it is known
		}
	}
}

// checkPending refuses more where the books cannot be flushed.
func (r *Receiver) checkPending() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending < mostPending {
		return nil
	}
	after := r.opts.FlushEvery
	if r.failing != nil {
		return later(http.StatusServiceUnavailable, after, "too much is waiting to be kept: %w", r.failing)
	}
	return later(http.StatusServiceUnavailable, time.Second, "too much is waiting to be kept")
}
