package publish

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// schedule drives a Publisher step by step.
type schedule struct {
	t    *testing.T
	r    *receiver
	o    Options
	p    *Publisher
	rand *rand.Rand
	now  time.Time
	m    *machine
	runs int
	// queued are the totals of each run as of the batch that was queued last.
	queued books
	last   *traffic.Snapshot
}

func newSchedule(t *testing.T, seed uint64) *schedule {
	s := &schedule{t: t, r: newReceiver(t), rand: newRand(seed), now: epoch, queued: books{}}
	s.o = Options{
		Host: "gw", Dir: tempQueue(t), Sender: s.r.sender(t, HTTPOptions{Timeout: 10 * time.Second}),
		Now: func() time.Time { return s.now },
	}
	s.open()
	t.Cleanup(func() { s.p.Close() })
	return s
}

// open is what a host's start does: a new run.
func (s *schedule) open() {
	s.t.Helper()
	var err error
	if s.p, err = New(s.o); err != nil {
		s.t.Fatal(err)
	}
	s.runs++
	s.m = start(s.runs, s.now)
}

// kill is kill -9, as far as a queue on disk is concerned.
func (s *schedule) kill() {
	s.t.Helper()
	if err := s.p.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

// tick is an interval: something is carried, and queued.
func (s *schedule) tick() {
	s.t.Helper()
	s.now = s.now.Add(10 * time.Second)
	s.last = s.m.next(10 * time.Second)
	s.p.latest = s.last
	s.p.tick()
	if s.p.disk != nil {
		s.t.Fatal(s.p.disk)
	}
	s.queued[s.last.Run] = totals(s.last)
}

// exchange is one request, if one is due. It reports whether one was.
func (s *schedule) exchange(ask bool) bool {
	r, due := s.p.next(s.now, ask)
	if due {
		s.p.settle(s.p.send(s.t.Context(), r), s.now)
	}
	s.p.note()
	return due
}

// settleDown has all that is queued sent and kept, without trouble.
func (s *schedule) settleDown() {
	s.t.Helper()
	s.r.locked(func() { s.r.meddle = nil })
	for range 50 {
		s.now = s.now.Add(10 * time.Minute)
		for range 1000 {
			if !s.exchange(false) {
				break
			}
		}
		s.r.locked(s.r.flush)
		s.exchange(true)
		if s.p.queue.unkept() == 0 {
			return
		}
	}
	s.t.Fatalf("the queue does not become empty: %+v", s.p.Stats())
}

// compare asserts that totals are the same to the byte, of all runs.
func (s *schedule) compare(what string) {
	s.t.Helper()
	s.r.locked(func() {
		if diff := cmp.Diff(s.queued, s.r.sure, cmp.AllowUnexported(total{})); diff != "" {
			s.t.Fatalf("%s: totals (-host +receiver):\n%s", what, diff)
		}
	})
}

// TestRandomSchedule: whatever befalls host, receiver and what is between them, and in
// whatever order, all totals of all runs become the same on both sides.
func TestRandomSchedule(t *testing.T) {
	steps := 1000
	if testing.Short() {
		steps = 300
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSchedule(t, seed)
			s.o.MaxSize = []int64{0, 40 << 10, 200 << 10, 0}[seed]
			s.kill()
			kills := 0
			for step := range steps {
				if step%500 == 499 {
					s.settleDown()
					s.compare(fmt.Sprint("step ", step))
				}
				s.r.locked(func() { s.r.meddle = s.r.trouble(s.rand) })
				if s.rand.IntN(200) == 0 { // an outage
					for range s.rand.IntN(60) {
						s.tick()
					}
				}
				switch s.rand.IntN(40) {
				case 0:
					s.kill()
					kills++
				case 1: // in the midst of an exchange
					if r, due := s.p.next(s.now, true); due {
						s.p.send(t.Context(), r)
					}
					s.kill()
					kills++
				case 2: // before what was recorded is on disk
					s.p.latest = s.m.next(time.Second)
					if err := s.p.record(); err != nil {
						t.Fatal(err)
					}
					s.kill()
					kills++
				default:
					s.tick()
				}
				for range s.rand.IntN(4) {
					s.exchange(s.rand.IntN(2) == 0)
				}
			}
			s.settleDown()
			s.compare("at the end")
			if st := s.p.Stats(); st.Dropped+st.Damaged+st.Refused > 0 || kills == 0 {
				t.Errorf("%d kills, %+v", kills, st)
			}
		})
	}
}

// TestRandomLosses: where the receiver loses all at times, and refuses batches for no
// reason, the present run is exact all the same.
func TestRandomLosses(t *testing.T) {
	steps := 400
	if testing.Short() {
		steps = 150
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSchedule(t, seed)
			for step := range steps {
				s.r.locked(func() {
					s.r.meddle = s.r.trouble(s.rand)
					if s.rand.IntN(20) == 0 {
						s.r.lose()
					}
					s.r.refuse = func(*fleet.Batch) error { return nil }
					if s.rand.IntN(10) == 0 {
						s.r.refuse = func(*fleet.Batch) error { return errors.New("not this one") }
					}
				})
				if s.rand.IntN(30) == 0 {
					s.kill()
				}
				for range s.rand.IntN(6) {
					s.tick()
				}
				for range s.rand.IntN(4) {
					s.exchange(s.rand.IntN(2) == 0)
				}
				if step%50 == 49 {
					s.tick()
					s.r.locked(func() { s.r.refuse = nil })
					s.settleDown()
					s.r.locked(func() {
						if diff := cmp.Diff(s.queued[s.last.Run], s.r.sure[s.last.Run], cmp.AllowUnexported(total{})); diff != "" {
							t.Fatalf("step %d: %s (-host +receiver):\n%s", step, s.last.Run, diff)
						}
					})
				}
			}
			if s.p.Stats().Refused == 0 && s.runs < 3 {
				t.Error("too little happened")
			}
		})
	}
}
