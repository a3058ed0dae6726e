package receive

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// delivery is what came in one request, of one host.
type delivery struct {
	batches []*fleet.Batch
	bytes   int   // of the document
	held    int64 // of Receiver.documents
	now     time.Time
	// what the headers say
	clock   time.Time // zero: nothing
	waiting uint64
}

// patience is how long a request waits for those of the same host.
const patience = 10 * time.Second

// enter waits for h's turn. leave ends it.
func (h *host) enter(ctx context.Context) (leave func(), err error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	select {
	case <-h.turn:
		if h.gone {
			h.turn <- struct{}{}
			return nil, later(http.StatusServiceUnavailable, time.Second, "%s was forgotten just now", h.name)
		}
		return func() { h.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, later(http.StatusServiceUnavailable, time.Second, "what %s sent before is still being taken", h.name)
	}
}

// take applies what a host sent, and books or forwards it. It waits for those who send
// for the same host; the answer is true with an error, too, if that is a GapError.
func (r *Receiver) take(ctx context.Context, h *host, d *delivery) (fleet.Answer, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return fleet.Answer{}, err
	}
	defer leave()
	h.publishes(d.now)
	h.mu.Lock()
	if !d.clock.IsZero() {
		h.clock.read(d.clock, d.now, r.opts.Limits.Ahead)
	}
	clock := h.clock
	h.mu.Unlock()
	if r.opts.Forward != nil {
		err = r.forward(ctx, h, d, clock)
	} else {
		err = r.applyAll(h, d, clock)
	}
	return r.settleWith(h, d, err), err
}

// settleWith notes how a delivery ended, and answers where h is.
func (r *Receiver) settleWith(h *host, d *delivery, err error) fleet.Answer {
	var gap *fleet.GapError
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil || errors.As(err, &gap) {
		h.seen, h.heard, h.refused = d.now, true, ""
		h.waiting = d.waiting
	}
	if err == nil { // these have arrived
		h.waiting -= min(h.waiting, uint64(len(d.batches)))
	}
	return fleet.Answer{Have: h.have, Kept: h.kept}
}

// applyAll applies batches one after the other, up to the first that cannot be.
func (r *Receiver) applyAll(h *host, d *delivery, clock clock) error {
	if err := r.bookAgain(h); err != nil {
		return err
	}
	share := d.bytes / max(1, len(d.batches))
	for _, b := range d.batches {
		if err := r.checkPending(); err != nil {
			return err
		}
		if err := r.apply(h, b, d.now, clock, share); err != nil {
			return err
		}
	}
	return nil
}

// apply applies one batch and books it.
func (r *Receiver) apply(h *host, b *fleet.Batch, now time.Time, clock clock, bytes int) error {
	if wait := h.names.wait(b.Changes, now); wait > 0 {
		r.counters.limited.Add(1)
		return later(http.StatusTooManyRequests, wait, "%s brings more than %d new rows an hour: group them there, with [[app]] or auto_group", h.name, r.opts.Limits.Names)
	}
	first := h.state.Snapshot == nil || b.Run != h.state.Run // of its run
	var last time.Time
	if h.snapshot != nil {
		last = h.snapshot.At
	}
	applied, err := h.state.Apply(b, r.opts.Limits.Limits)
	var gap *fleet.GapError
	switch {
	case errors.As(err, &gap):
		r.counters.gaps.Add(1)
		return err
	case err != nil:
		return refuse(http.StatusUnprocessableEntity, "%w", err)
	case !applied:
		r.counters.repeated.Add(1)
		return nil
	}
	r.counters.batches.Add(1)
	if b.Since == 0 {
		h.state.Snapshot = compact(h.state.Snapshot)
	}
	h.names.bring(b.Changes, h.state.Snapshot)
	s := *h.state.Snapshot
	s.Host, s.At = h.name, clock.timeOf(b.At, last, now)
	h.mu.Lock()
	h.have, h.snapshot, h.quiet, h.applied = h.state.Position, &s, nil, now
	h.pace.note(b)
	h.mu.Unlock()
	// What was carried before there was a receiver is not the fleet's since then.
	began := b.From.Add(-clock.correct)
	r.tally.enter(h.account, &s, first && began.Before(r.started.Add(-r.opts.Limits.Ahead)), now)
	return r.book(h, &s, bytes)
}

// compact is s with all commands in an array of their number: those of a document that
// was read lie in one that has room for more, and is there as long as any of them.
func compact(s *traffic.Snapshot) *traffic.Snapshot {
	n := 0
	for i := range s.Apps {
		n += len(s.Apps[i].Commands)
	}
	all := make([]traffic.Command, 0, n)
	tight := *s
	tight.Apps = slices.Clone(s.Apps)
	for i := range tight.Apps {
		a := &tight.Apps[i]
		from := len(all)
		all = append(all, a.Commands...)
		a.Commands = all[from:len(all):len(all)]
	}
	return &tight
}

// book books a snapshot of a host. Where the books do not take it, nothing more is
// applied until they do, so that no run ends without its last books.
func (r *Receiver) book(h *host, s *traffic.Snapshot, bytes int) error {
	h.unbooked = s
	if err := r.opts.Books.Book(h.name, s, h.noteOf()); err != nil {
		return later(http.StatusServiceUnavailable, r.opts.FlushEvery, "book what %s sent: %w", h.name, err)
	}
	h.unbooked = nil
	r.noteBooked(h, bytes)
	return nil
}

func (r *Receiver) bookAgain(h *host) error {
	if h.unbooked == nil {
		return nil
	}
	return r.book(h, h.unbooked, 0)
}

// forward hands on what came, with the times corrected. Of the host's books only what
// its interfaces carried is shown.
func (r *Receiver) forward(ctx context.Context, h *host, d *delivery, clock clock) error {
	if len(d.batches) == 0 {
		return nil
	}
	batches := make([]*fleet.Batch, 0, len(d.batches))
	for _, b := range d.batches {
		if wait := h.names.wait(b.Changes, d.now); wait > 0 {
			r.counters.limited.Add(1)
			return later(http.StatusTooManyRequests, wait, "%s brings more than %d new rows an hour: group them there, with [[app]] or auto_group", h.name, r.opts.Limits.Names)
		}
		at := *b
		changes := *b.Changes
		at.From, at.At = h.stamps.of(b, clock.correct, r.opts.Limits.Ahead, d.now)
		changes.At, changes.Host, at.Changes = at.At, h.name, &changes
		batches = append(batches, &at)
	}
	if err := r.opts.Forward(ctx, h.name, batches); err != nil {
		var never interface{ HTTPStatus() int }
		if errors.As(err, &never) && never.HTTPStatus() == http.StatusUnprocessableEntity {
			return refuse(http.StatusUnprocessableEntity, "hand on what %s sent: %w", h.name, err)
		}
		return later(http.StatusServiceUnavailable, 5*time.Second, "hand on what %s sent: %w", h.name, err)
	}
	h.mu.Lock()
	have := h.have
	h.mu.Unlock()
	for _, b := range batches {
		h.names.bring(b.Changes, nil)
		if have.Run == b.Run && b.Seq <= have.Seq {
			continue
		}
		if b.HasBalance { // else nothing was carried
			fresh := have.Run != b.Run && (b.Since > 0 || b.From.Before(r.started.Add(-r.opts.Limits.Ahead)))
			r.tally.enterBalance(h.account, b.Changes, fresh, b.At.Sub(b.From).Seconds())
		} else {
			r.tally.hush(h.account)
		}
		have = b.Position()
		h.mu.Lock()
		h.pace.note(b)
		h.mu.Unlock()
	}
	r.counters.batches.Add(uint64(len(batches)))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.have, h.kept = have, have
	return nil
}
