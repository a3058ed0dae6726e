package term

import (
	"fmt"
	"math"
	"testing"
	"time"

	"bwmon/traffic"
)

// seen is a snapshot of one app, so many seconds after the start.
func seen(at float64, u traffic.Usage) *traffic.Snapshot {
	return &traffic.Snapshot{Elapsed: at, At: start.Add(time.Duration(at * float64(time.Second))),
		Apps: []traffic.App{{Name: "a", Usage: u}}}
}

// minutes is what the app "a" is shown with, over a window.
func (m *memory) app(t *testing.T, u traffic.Usage, window time.Duration) traffic.Usage {
	t.Helper()
	i := m.seatOf(ofApps, 0)
	if i < 0 {
		t.Fatal("the app has no seat")
	}
	return m.usage(i, u, window)
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-3*math.Max(1, math.Abs(b)) }

func TestWindows(t *testing.T) {
	m := newMemory(time.Second)
	rate := func(at int) float64 { return float64(1000 * (at % 7)) }
	for at := 0; at <= 400; at++ {
		u := usage(rate(at), 10, 0, 0)
		m.observe(seen(float64(at), u), true)
		for _, window := range []int{1, 10, 60} {
			want := 0.0
			known := min(window, max(at, 1))
			for i := range known {
				want += rate(at-i) / float64(known)
			}
			got := m.app(t, u, time.Duration(window)*time.Second)
			if !near(got.RxRate, want) || at > 1 && !near(got.TxRate, 10) {
				t.Fatalf("at %d s, the mean of %d s is %v, want %v", at, window, got, want)
			}
		}
	}
}

// TestWindowOfFastAndSlowEngines: whatever the interval, a mean is over time.
func TestWindowOfFastAndSlowEngines(t *testing.T) {
	for _, tt := range []struct{ interval, want float64 }{
		{0.1, 500}, {0.2, 500}, {0.7, 500}, {2, 500}, {2.5, 500}, {10, 500}, {30, 500},
	} {
		m := newMemory(time.Duration(tt.interval * float64(time.Second)))
		tick := 0
		for at := 0.0; at < 240; at += tt.interval {
			// A second with 1000, a second without.
			rx := 500.0
			if tt.interval < 1 {
				rx = 0
				if int(at)%2 == 0 {
					rx = 1000
				}
			}
			m.observe(seen(at, usage(rx, 0, 0, 0)), true)
			tick++
		}
		if got := m.app(t, traffic.Usage{}, time.Minute).RxRate; math.Abs(got-tt.want) > 30 {
			t.Errorf("every %g s: the mean of a minute is %v, want %v", tt.interval, got, tt.want)
		}
	}
}

// TestRowThatComes: before it came it carried nothing; and while it is away.
func TestRowThatComes(t *testing.T) {
	m := newMemory(time.Second)
	for at := range 60 {
		s := seen(float64(at), usage(100, 0, 0, 0))
		if at < 50 {
			s.Apps = nil
		}
		m.observe(s, true)
	}
	if got := m.app(t, traffic.Usage{}, time.Minute).RxRate; !near(got, 100*10.0/59) {
		t.Errorf("mean %v, want %v", got, 100*10.0/59)
	}
	for at := 60; at < 80; at++ {
		s := seen(float64(at), usage(100, 0, 0, 0))
		if at < 79 {
			s.Apps = nil
		}
		m.observe(s, true)
	}
	if got := m.app(t, traffic.Usage{}, 10*time.Second).RxRate; !near(got, 10) {
		t.Errorf("after it was away: mean %v, want 10", got)
	}
	into := make([]traffic.Rate, 30)
	m.chart([]int32{m.seatOf(ofApps, 0)}, into, 1)
	for i, r := range into {
		want := 0.0
		if i == 29 || i < 10 {
			want = 100
		}
		if !near(r.Rx, want) {
			t.Errorf("%d s ago: %v, want %v", 29-i, r.Rx, want)
		}
	}
}

// TestGap: what a rate of the last second says of a minute without news is
// nothing; the totals tell.
func TestGap(t *testing.T) {
	m := newMemory(time.Second)
	total := uint64(0)
	for at := range 20 {
		total += 100
		m.observe(seen(float64(at), usage(100, 0, total, 0)), true)
	}
	m.observe(seen(79, usage(9e6, 0, total+6000, 0)), true)
	if got := m.app(t, traffic.Usage{}, time.Minute).RxRate; !near(got, 100) {
		t.Errorf("mean %v over the gap, want 100", got)
	}
}

func TestEngineBeginsAnew(t *testing.T) {
	m := newMemory(time.Second)
	for at := range 20 {
		m.observe(seen(float64(at), usage(100, 0, 5000, 0)), true)
	}
	m.mark(start)
	m.observe(seen(1, usage(100, 0, 300, 0)), true)
	u := usage(100, 0, 300, 0)
	if got := m.app(t, u, time.Minute); got != u {
		t.Errorf("after a restart %+v, want %+v", got, u)
	}
}

func TestMark(t *testing.T) {
	m := newMemory(time.Second)
	m.observe(seen(1, usage(0, 0, 1000, 50)), true)
	m.mark(start.Add(time.Second))
	s := seen(2, usage(0, 0, 1300, 50))
	s.Apps = append(s.Apps, traffic.App{Name: "new", Usage: usage(0, 0, 70, 0)})
	m.observe(s, true)
	check := func(what string, place int, u, want traffic.Usage) {
		t.Helper()
		if got := m.usage(m.seatOf(ofApps, place), u, time.Second); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	check("since the mark", 0, s.Apps[0].Usage, usage(0, 0, 300, 0))
	check("came after the mark", 1, s.Apps[1].Usage, usage(0, 0, 70, 0))
	s = seen(3, usage(0, 0, 200, 0))
	m.observe(s, true)
	check("began anew", 0, s.Apps[0].Usage, usage(0, 0, 200, 0))
	m.unmark()
	check("without a mark", 0, s.Apps[0].Usage, s.Apps[0].Usage)
	if !m.since(ofApps).IsZero() {
		t.Error("there is a mark left")
	}
}

// TestMarkOfConnections: those that were not listed when totals were set back
// count from when they are; and that time is told.
func TestMarkOfConnections(t *testing.T) {
	m := newMemory(time.Second)
	s := typical(10)
	m.observe(s.WithoutFlows(), true)
	m.mark(s.At)
	if !m.since(ofConnections).IsZero() {
		t.Error("connections that are not listed have a mark")
	}
	s = typical(11)
	m.observe(s, true)
	if got := m.since(ofConnections); got != s.At {
		t.Errorf("connections are marked at %v, want %v", got, s.At)
	}
	f := s.Apps[0].Commands[0].Flows[0]
	if got := m.usage(m.seatOf(ofConnections, 0), f.Usage, time.Second); got.RxBytes != 0 {
		t.Errorf("%d bytes when first listed, want 0", got.RxBytes)
	}
	later := typical(12)
	m.observe(later, true)
	g := later.Apps[0].Commands[0].Flows[0]
	if got, want := m.usage(m.seatOf(ofConnections, 0), g.Usage, time.Second).RxBytes, g.RxBytes-f.RxBytes; got != want {
		t.Errorf("%d bytes a second later, want %d", got, want)
	}
}

// TestMemoryIsBounded: with more rows than it has room for, those without show
// what the engine says, and rows that are gone give their room back.
func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(time.Second)
	for at := range 4 {
		s := seen(float64(at), traffic.Usage{})
		s.Apps = nil
		for i := range maxSeats + 10 {
			s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint(i), Usage: usage(float64(1+i+at), 0, 0, 0)})
		}
		m.observe(s, true)
		if len(m.index) > maxSeats || m.traces > maxTraces {
			t.Fatalf("%d seats, %d traces", len(m.index), m.traces)
		}
		for _, i := range []int{0, maxTraces + 1, maxSeats + 5} {
			if got := m.usage(m.seatOf(ofApps, i), s.Apps[i].Usage, time.Minute).RxRate; got < float64(i) {
				t.Errorf("app %d has rate %v", i, got)
			}
		}
	}
	m.observe(seen(5, traffic.Usage{}), true)
	m.observe(seen(5+traceSpan+1, traffic.Usage{}), true)
	if len(m.index) != 1 || m.traces != 0 || len(m.free) != len(m.seats)-1 {
		t.Errorf("one row is left, but %d seats, %d traces", len(m.index), m.traces)
	}
}

// TestIdleRowsHaveNoTrace: what moves for a moment is forgotten after minutes.
func TestIdleRowsHaveNoTrace(t *testing.T) {
	m := newMemory(time.Second)
	for at := range 800 {
		rx := 0.0
		if at == 5 {
			rx = 100
		}
		m.observe(seen(float64(at), usage(rx, 0, 0, 0)), true)
	}
	if m.traces != 0 {
		t.Errorf("%d traces of a row that has been idle for 13 minutes", m.traces)
	}
}

// TestObserveAllocatesNothing: a tick in which no row comes or goes.
func TestObserveAllocatesNothing(t *testing.T) {
	m := newMemory(time.Second)
	a := many(1000, 0)
	tick := 0.0
	observe := func() {
		tick++
		a.Elapsed = tick
		for i := range a.Apps {
			a.Apps[i].RxRate++
		}
		m.observe(a, true)
	}
	for range 2 * traceSpan {
		observe()
	}
	if n := testing.AllocsPerRun(20, observe); n > 0 {
		t.Errorf("%v allocations a tick", n)
	}
}
