package receive

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"bwmon/traffic"
)

// TestLimits: a host that does too much is told to wait, for as long as it takes, and
// others are not hurt.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits Limits
		most   int // requests that are taken at once
	}{
		{"requests", Limits{Requests: 2, Bytes: 1e12, Names: 1e9}, 20},
		{"bytes", Limits{Requests: 1e6, Bytes: 100, Request: 5000, Names: 1e9}, 15}, // 10,000 of some 700
		{"names", Limits{Requests: 1e6, Bytes: 1e12, Names: 20}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := &testClock{at: epoch}
			s := newSite(t, Options{Limits: test.limits, Now: clock.now}, newLedger())
			h := newStation("gw", 1)
			taken := 0
			var got reply
			for ; taken < 1000; taken++ {
				h.apps = 8 + taken // ever new ones
				h.work(epoch)
				if got = s.publish(t, "gw", 0, h.unsent()...); got.status != http.StatusOK {
					break
				}
				h.hear(got.answer)
			}
			if got.status != http.StatusTooManyRequests {
				t.Fatalf("%d after %d requests: %s", got.status, taken, got.body)
			}
			if test.most > 0 && (taken < test.most-5 || taken > test.most+5) {
				t.Errorf("%d requests were taken, want some %d", taken, test.most)
			}
			if m := s.Hosts()[0]; m.State != traffic.MemberReporting {
				t.Errorf("a host that is to wait is shown as %+v", m)
			}
			if got := s.publish(t, "db", 0, one(t, "db")); got.status != http.StatusOK {
				t.Errorf("another host: %d %s", got.status, got.body)
			}
			if limited := s.Status().Limited; limited != 1 {
				t.Errorf("%d were limited, want 1", limited)
			}
			after, err := strconv.Atoi(got.header.Get("Retry-After"))
			if err != nil || after < 1 || after > 3600 {
				t.Fatalf("Retry-After %q", got.header.Get("Retry-After"))
			}
			clock.pass(time.Duration(after) * time.Second)
			if got := s.publish(t, "gw", 0, h.unsent()...); got.status != http.StatusOK {
				t.Fatalf("after %d s: %d %s", after, got.status, got.body)
			}
			checkBooks(t, s.books, []*station{h})
		})
	}
}

// TestNamesOfARestart: rows that are known are not new after a restart, of the host or of
// the receiver.
func TestNamesOfARestart(t *testing.T) {
	clock := &testClock{at: epoch}
	o := Options{Limits: Limits{Requests: 1e6, Bytes: 1e12, Names: 10}, Now: clock.now}
	s := newSite(t, o, newLedger())
	h := newStation("gw", 1)
	for i := range 50 {
		if i < 9 {
			clock.pass(time.Hour) // until all are known
		}
		if i%5 == 4 {
			h.restart(clock.now())
		}
		if i%10 == 9 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			s = s.kill(t, o)
		}
		h.work(clock.now())
		got := s.publish(t, "gw", 0, h.unsent()...)
		if got.status != http.StatusOK {
			t.Fatalf("%d: %d %s", i, got.status, got.body)
		}
		h.hear(got.answer)
	}
}

// TestNamesAreBounded: what a host had once does not take memory for ever.
func TestNamesAreBounded(t *testing.T) {
	n := newNames(1e9)
	for i := range 20 {
		s := &traffic.Snapshot{}
		for j := range 1000 {
			s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint(i, " ", j)})
		}
		n.bring(s, s)
	}
	if len(n.known) > 5000 {
		t.Errorf("%d names of 1,000 rows are known", len(n.known))
	}
	for i := range 100 {
		s := &traffic.Snapshot{}
		for j := range 1000 {
			s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint(i, " ", j)})
		}
		n.bring(s, nil)
	}
	if len(n.known) > mostNames {
		t.Errorf("%d names are known of a host whose books are not", len(n.known))
	}
}

func TestBucket(t *testing.T) {
	b := newBucket(2, 10)
	now := epoch
	if w := b.wait(now); w != 0 {
		t.Errorf("a full one is to be waited for: %v", w)
	}
	b.take(30) // more than there is
	if w := b.wait(now); w != 10*time.Second+500*time.Millisecond {
		t.Errorf("wait %v for 21 at 2 a second", w)
	}
	if w := b.wait(now.Add(10 * time.Second)); w != 500*time.Millisecond {
		t.Errorf("wait %v for what is back", w)
	}
	if w := b.wait(now.Add(-time.Hour)); w > 2*time.Second {
		t.Errorf("a clock that was put back costs %v", w)
	}
	if w := b.wait(now.Add(time.Hour)); w != 0 {
		t.Errorf("wait %v after an hour", w)
	}
	if b.level != 10 {
		t.Errorf("an hour saved up %v, want 10", b.level)
	}
	b.take(1e12)
	if w := b.wait(now.Add(time.Hour)); w != time.Hour {
		t.Errorf("wait %v: nobody should wait for longer than an hour", w)
	}
}
