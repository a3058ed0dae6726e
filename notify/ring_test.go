package notify

import (
	"math"
	"testing"
	"testing/quick"
	"time"

	"bwmon/traffic"
)

func rxAverage(r *ring, window time.Duration) float64 {
	hint := 0
	v, _ := r.average(r.last().at-int64(window), &hint)
	return v
}

func TestRingAveragesByTime(t *testing.T) {
	var r ring
	total := uint64(0)
	add := func(at float64, bytes uint64) {
		total += bytes
		r.push(int64(at*1e9), octets{rx: total}, int64(time.Minute))
	}
	for i, step := range []float64{0, 1, 0.5, 2.5, 1} { // 100 B/s, at times that are not even
		at := []float64{0, 1, 1.5, 4, 5}[i]
		add(at, uint64(100*step))
	}
	for _, window := range []time.Duration{time.Second, 1700 * time.Millisecond, 2 * time.Second, 5 * time.Second} {
		if got := rxAverage(&r, window); math.Abs(got-100) > 1e-9 {
			t.Errorf("over %v: %v, want 100", window, got)
		}
	}
	if got := rxAverage(&r, time.Minute); got != 100 {
		t.Errorf("over more than there is: %v, want the average of what there is, 100", got)
	}
	add(6, 700)
	add(7, 0)
	for window, want := range map[time.Duration]float64{time.Second: 0, 2 * time.Second: 350, 7 * time.Second: 1200. / 7} {
		if got := rxAverage(&r, window); math.Abs(got-want) > 1e-9 {
			t.Errorf("over %v: %v, want %v", window, got, want)
		}
	}
}

// TestRingIsBounded: a day of ticks with a window of an hour stays small, and a
// rate that is constant stays exact.
func TestRingIsBounded(t *testing.T) {
	var r ring
	const window = int64(time.Hour)
	for i := range int64(24 * 3600) {
		r.push(i*1e9, octets{rx: uint64(i) * 1000}, window)
		if len(r.moments) > ringFull || i*1e9 > window && r.moments[0].at > i*1e9-window {
			t.Fatalf("after %d s: %d moments since %v", i, len(r.moments), time.Duration(r.moments[0].at))
		}
	}
	for _, w := range []time.Duration{time.Second, 10 * time.Second, 10 * time.Minute, time.Hour} {
		if got := rxAverage(&r, w); math.Abs(got-1000) > 1e-6 {
			t.Errorf("over %v: %v, want 1000", w, got)
		}
	}
	var short ring
	for i := range int64(1000) {
		short.push(i*1e9, octets{rx: uint64(i) * 1000}, int64(time.Second))
	}
	if cap(short.moments) > 8 {
		t.Errorf("a window of a second takes %d moments", cap(short.moments))
	}
}

// TestRingAgainstEverything compares with a ring that keeps all moments.
func TestRingAgainstEverything(t *testing.T) {
	err := quick.Check(func(bytes []uint16, gaps []uint8) bool {
		var r ring
		all := []moment[octets]{{}}
		r.push(0, octets{}, int64(100*time.Second))
		now, total := int64(0), uint64(0)
		for i, n := range bytes {
			now += 1e8
			if len(gaps) > 0 {
				now += int64(gaps[i%len(gaps)]) * 1e7
			}
			if n%3 != 0 {
				total += uint64(n)
			}
			r.push(now, octets{rx: total}, int64(100*time.Second))
			all = append(all, moment[octets]{now, octets{rx: total}})
		}
		whole := ring{past[octets]{all}}
		for _, w := range []time.Duration{time.Second, 3 * time.Second, 100 * time.Second} {
			if math.Abs(rxAverage(&r, w)-rxAverage(&whole, w)) > 1e-6 {
				return false
			}
		}
		return true
	}, &quick.Config{MaxCount: 500})
	if err != nil {
		t.Error(err)
	}
}

// TestSteady: reports that come twice in one tick and then not at all, or once
// in twenty ticks, are told at the rate they were measured with; no byte is lost;
// what no rate explains is told at once.
func TestSteady(t *testing.T) {
	for name, c := range map[string]struct {
		carried []uint64
		rate    []float64
		want    []uint64 // told in each tick
	}{
		"even":          {[]uint64{100, 100, 100}, []float64{100, 100, 100}, []uint64{100, 100, 100}},
		"none then two": {[]uint64{100, 0, 201, 101, 100}, []float64{100, 100, 101, 100, 100}, []uint64{100, 0, 101, 101, 101}},
		"every fourth": {
			[]uint64{400, 0, 0, 0, 400, 0, 0, 0, 0, 0}, []float64{100, 100, 100, 100, 101, 101, 101, 101, 0, 0},
			[]uint64{200, 100, 100, 0, 101, 101, 101, 97, 0, 0},
		},
		"one late, then on":    {[]uint64{100, 100, 0, 200, 100, 0, 200, 0}, []float64{100, 101, 101, 100, 101, 101, 100, 0}, []uint64{100, 100, 0, 101, 101, 98, 101, 99}},
		"no rates":             {[]uint64{100, 0, 50}, []float64{0, 0, 0}, []uint64{100, 0, 50}},
		"a burst, then little": {[]uint64{0, 0, 0, 5000}, []float64{0, 0, 0, 10}, []uint64{0, 0, 0, 4980}},
		"ends":                 {[]uint64{100, 100, 30, 0}, []float64{100, 99, 40, 0}, []uint64{100, 100, 30, 0}},
	} {
		var s steady
		clk := clock{elapsed: time.Second}
		s.begin(octets{}, traffic.Rate{}, &clk)
		var total, before uint64
		for i := range c.carried {
			clk.before, clk.now = clk.now, clk.now+1e9
			total += c.carried[i]
			told := s.advance(octets{rx: c.carried[i]}, traffic.Rate{Rx: c.rate[i]}, &clk).rx
			if told-before != c.want[i] {
				t.Errorf("%s: %d told in tick %d, want %d", name, told-before, i, c.want[i])
			}
			if told > total {
				t.Errorf("%s: %d told, %d booked", name, told, total)
			}
			before = told
		}
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var c clock
	for _, step := range []struct {
		mono, made time.Duration // since the tick before
		want       time.Duration
	}{
		{0, 0, 0},
		{time.Second, time.Second, time.Second},
		{1100 * time.Millisecond, time.Second, time.Second}, // it waited
		{time.Second, time.Hour, time.Second},               // the calendar jumps
		{time.Second, -2 * time.Hour, time.Second},
		{900 * time.Millisecond, 0, 900 * time.Millisecond},
		{5 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		was := c.now
		if c.ticks == 0 {
			c.advance(start, start)
			continue
		}
		if !c.advance(c.mono.Add(step.mono), c.made.Add(step.made)) || time.Duration(c.now-was) != step.want {
			t.Errorf("%+v: advanced %v", step, time.Duration(c.now-was))
		}
	}
	if c.advance(c.mono, c.made) {
		t.Error("advanced though no time passed")
	}
}
