package receive

import (
	"net/http"
	"testing"
	"time"

	"bwmon/fleet"
)

func TestClock(t *testing.T) {
	now := epoch
	year := 365 * 24 * time.Hour
	for _, test := range []struct {
		name        string
		theirs      time.Time // zero: it does not say
		at, last    time.Time
		want        time.Time
		wantCorrect time.Duration
	}{
		{"right", now.Add(time.Second), now.Add(-10 * time.Second), now.Add(-20 * time.Second), now.Add(-10 * time.Second), 0},
		{"what waited", now, now.Add(-time.Hour), time.Time{}, now.Add(-time.Hour), 0},
		{"ahead, but a little", now.Add(time.Minute), now.Add(time.Minute), now, now, 0},
		{"a year ahead", now.Add(year), now.Add(year - time.Minute), time.Time{}, now.Add(-time.Minute), year},
		{"a year behind", now.Add(-year), now.Add(-year - time.Minute), time.Time{}, now.Add(-time.Minute), -year},
		{"a year ahead, which it does not say", time.Time{}, now.Add(year), time.Time{}, now, 0},
		{"before it was set", now, time.Unix(60, 0), time.Time{}, now, 0},
		{"put back since", now, now.Add(-time.Hour), now.Add(-time.Minute), now.Add(-time.Minute), 0},
		{"ours was put back", now, now, now.Add(time.Hour), now, 0},
		{"the year 9999", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}, now, 1<<63 - 1},
	} {
		var c clock
		if !test.theirs.IsZero() {
			c.read(test.theirs, now, DefaultAhead)
		}
		if got := c.timeOf(test.at, test.last, now); !got.Equal(test.want) || c.correct != test.wantCorrect {
			t.Errorf("%s: %v by %v, want %v by %v", test.name, got, c.correct, test.want, test.wantCorrect)
		}
	}
}

// TestClockIsSteady: a clock that is corrected has the same time for a batch that comes
// again a little later.
func TestClockIsSteady(t *testing.T) {
	var c clock
	c.read(epoch.Add(time.Hour), epoch, DefaultAhead)
	first := c.timeOf(epoch.Add(time.Hour), time.Time{}, epoch.Add(time.Minute))
	c.read(epoch.Add(time.Hour+63*time.Second), epoch.Add(time.Minute), DefaultAhead)
	if again := c.timeOf(epoch.Add(time.Hour), time.Time{}, epoch.Add(time.Minute)); !again.Equal(first) {
		t.Errorf("%v, then %v", first, again)
	}
	if c.off != time.Hour+3*time.Second {
		t.Errorf("it is off by %v", c.off)
	}
}

// TestClockOfAHost: what a host with a wrong clock publishes is booked when it came, and
// its line says how wrong it is.
func TestClockOfAHost(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	year := 365 * 24 * time.Hour
	h := newStation("gw", 1)
	s.header = make(http.Header)
	for range 3 {
		now := clock.pass(10 * time.Second)
		s.header.Set(fleet.HeaderClock, now.Add(year).Format(time.RFC3339Nano))
		h.work(now.Add(year - time.Second))
		got := s.publish(t, "gw", 0, h.unsent()...)
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		h.hear(got.answer)
		shown, known := s.HostSnapshot("gw")
		if !known || !shown.At.Equal(now.Add(-time.Second)) {
			t.Errorf("at %v it is shown as of %v", now, shown.At)
		}
	}
	s.books.mu.Lock()
	for at := range s.books.now["gw"].at {
		if at[:4] != "2027" {
			t.Errorf("something was booked at %s", at)
		}
	}
	s.books.mu.Unlock()
	if m := s.Hosts()[0]; m.Clock != year.Seconds() {
		t.Errorf("%+v", m)
	}
}
