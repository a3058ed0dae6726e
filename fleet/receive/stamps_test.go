package receive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"bwmon/fleet"
)

// witness remembers with which times batches were handed on.
type witness struct {
	t     *testing.T
	times map[fleet.Position]time.Time
	fail  error
}

func (w *witness) forward(_ context.Context, _ string, list []*fleet.Batch) error {
	for _, b := range list {
		p := b.Position()
		if had, again := w.times[p]; again && !had.Equal(b.At) {
			w.t.Errorf("%v was at %v, and comes again as of %v", p, had, b.At)
		}
		w.times[p] = b.At
		if b.From.After(b.At) || !b.Changes.At.Equal(b.At) {
			w.t.Errorf("%v: from %v to %v, with rows of %v", p, b.From, b.At, b.Changes.At)
		}
		if since, known := w.times[fleet.Position{Run: p.Run, Seq: b.Since}]; known && !b.From.Equal(since) {
			w.t.Errorf("%v begins at %v: what it follows was at %v", p, b.From, since)
		}
	}
	return w.fail
}

// checkRising says where a later batch of a run has a time that is no later.
func (w *witness) checkRising() {
	for p, at := range w.times {
		for seq := p.Seq - 1; seq > 0; seq-- {
			if before, known := w.times[fleet.Position{Run: p.Run, Seq: seq}]; known {
				if at.Sub(before) < apart {
					w.t.Errorf("%v is at %v, %v after the one before", p, at, at.Sub(before))
				}
				break
			}
		}
	}
}

// TestForwardAhead: what a host whose clock is a little ahead sends has the times of that
// clock, each its own, also when it comes again.
func TestForwardAhead(t *testing.T) {
	const ahead = 100 * time.Second
	clock := &testClock{at: epoch}
	w := &witness{t: t, times: make(map[fleet.Position]time.Time)}
	s := newSite(t, Options{Limits: generous, Now: clock.now, Forward: w.forward}, nil)
	h := newStation("gw", 1)
	want := make(map[uint64]time.Time)
	for i := range uint64(4) {
		at := clock.pass(10 * time.Second).Add(ahead)
		h.work(at)
		want[i+1] = at
	}
	send := func(status int, batches ...*fleet.Batch) {
		t.Helper()
		s.header = http.Header{fleet.HeaderClock: {clock.now().Add(ahead).Format(time.RFC3339Nano)}}
		if got := s.publish(t, "gw", 0, batches...); got.status != status {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	w.fail = errDiskFull
	send(http.StatusServiceUnavailable, h.queue...)
	clock.pass(5 * time.Second)
	w.fail = nil
	send(http.StatusOK, h.queue...)
	send(http.StatusOK, h.queue[1:2]...)
	for p, at := range w.times {
		if !at.Equal(want[p.Seq]) {
			t.Errorf("%v is at %v, want %v", p, at, want[p.Seq])
		}
	}
	if len(w.times) != 4 {
		t.Errorf("%d were handed on", len(w.times))
	}
	w.checkRising()
}

// TestForwardJumps: however a host's clock, and the receiver's, jump between requests, a
// batch that comes again has the time it had, and those that follow it later ones.
func TestForwardJumps(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			clock := &testClock{at: epoch}
			w := &witness{t: t, times: make(map[fleet.Position]time.Time)}
			s := newSite(t, Options{Limits: generous, Now: clock.now, Forward: w.forward}, nil)
			h := newStation("gw", seed)
			offs := []time.Duration{0, 0, time.Minute, -time.Minute, time.Hour, -time.Hour, 3 * time.Minute, 366 * 24 * time.Hour, -3 * oldest}
			var off time.Duration
			for range 60 {
				if r.IntN(4) == 0 {
					off = offs[r.IntN(len(offs))]
				}
				if r.IntN(15) == 0 {
					h.restart(clock.now().Add(off))
				}
				for range 1 + r.IntN(4) {
					h.work(clock.pass(10 * time.Second).Add(off))
				}
				if r.IntN(3) == 0 {
					continue // it waits
				}
				if s.header = make(http.Header); r.IntN(5) > 0 {
					s.header.Set(fleet.HeaderClock, clock.now().Add(off).Format(time.RFC3339Nano))
				}
				got := s.publish(t, "gw", 0, h.queue...)
				if got.status != http.StatusOK {
					t.Fatalf("%d %s", got.status, got.body)
				}
				if r.IntN(3) > 0 {
					h.hear(got.answer)
				}
				now := clock.now()
				for p, at := range w.times {
					if at.After(now.Add(DefaultAhead + steady)) {
						t.Fatalf("at %v %v is in the future: %v", now, p, at)
					}
				}
			}
			w.checkRising()
		})
	}
}

// TestStampsAreBounded: a host whose clock never stands still costs a little memory, and
// one whose clock is right costs none. Where our own was put back, its times count anew.
func TestStampsAreBounded(t *testing.T) {
	var s stamps
	batch := func(seq uint64, at time.Time) *fleet.Batch {
		return &fleet.Batch{Run: "a", Seq: seq, Since: seq - 1, From: at.Add(-time.Second), At: at}
	}
	for seq := range uint64(1000) {
		now := epoch.Add(time.Duration(seq) * 10 * time.Second)
		s.of(batch(seq+1, now), 0, DefaultAhead, now)
	}
	if len(s.pieces) != 1 {
		t.Errorf("%d pieces of a clock that is right", len(s.pieces))
	}
	for seq := range uint64(1000) {
		now := epoch.Add(3*time.Hour + time.Duration(seq)*10*time.Second)
		s.of(batch(seq+1001, now.Add(time.Duration(seq%7)*time.Second)), time.Duration(seq%7)*time.Second, DefaultAhead, now)
	}
	if len(s.pieces) > mostPieces {
		t.Errorf("%d pieces", len(s.pieces))
	}
	now := epoch.Add(-1000 * time.Hour)
	if _, at := s.of(batch(2001, now), 0, DefaultAhead, now); !at.Equal(now) {
		t.Errorf("%v after our clock was put back to %v", at, now)
	}
}

// TestForwardOlder: what is older and comes again does not take a host back.
func TestForwardOlder(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now, Forward: func(context.Context, string, []*fleet.Batch) error { return nil }}, nil)
	h := newStation("gw", 1)
	for range 3 {
		h.work(clock.pass(10 * time.Second))
	}
	last := h.queue[2].Position()
	for _, list := range [][]*fleet.Batch{h.queue, h.queue[:1], h.queue[1:2], nil} {
		if got := s.publish(t, "gw", 0, list...); got.answer != (fleet.Answer{Have: last, Kept: last}) {
			t.Errorf("%+v after all, and then %d older ones", got.answer, len(list))
		}
	}
	h.restart(clock.now())
	h.work(clock.pass(10 * time.Second))
	if got := s.publish(t, "gw", 0, h.queue[3:]...); got.answer.Kept != h.queue[3].Position() {
		t.Errorf("%+v after another run began", got.answer)
	}
}
