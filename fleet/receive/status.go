package receive

import (
	"sync/atomic"
	"time"
)

// counters count since the receiver started.
type counters struct {
	requests, batches, repeated, gaps, refused, limited, figures, bytes atomic.Uint64
}

// Status is the condition of a Receiver. Its totals count since it started.
type Status struct {
	Hosts, Reporting, Silent, Refused int
	Requests, Batches                 uint64 // taken
	Repeated                          uint64 // batches that were there already
	Gaps                              uint64 // batches that came too early
	Refusals, Limited                 uint64 // requests that were refused, and of these for a limit
	Figures                           uint64 // posted
	Bytes                             uint64 // of bodies, as they travelled
	Pending                           int64  // bytes of documents that no flush has written yet
	Flushed                           time.Time
	Failing                           error // why the last flush failed; nil: it did not
}

// Status may be called by any goroutine.
func (r *Receiver) Status() Status {
	c := &r.counters
	s := Status{
		Requests: c.requests.Load(), Batches: c.batches.Load(), Repeated: c.repeated.Load(), Gaps: c.gaps.Load(),
		Refusals: c.refused.Load(), Limited: c.limited.Load(), Figures: c.figures.Load(), Bytes: c.bytes.Load(),
	}
	s.count(r.members(r.opts.Now()))
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Pending, s.Flushed, s.Failing = r.pending, r.flushed, r.failing
	return s
}
