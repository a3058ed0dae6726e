package term

import "bwmon/traffic"

// step is a stretch of time with one mean rate.
type step struct {
	seconds float32
	rx, tx  float32 // bytes per second
}

const (
	// traceSpan is how far back a trace reaches at most.
	traceSpan = 300 // seconds
	// stepLeast: what is shorter is put together, so that an engine of many
	// ticks a second needs no more memory than one of one.
	stepLeast = 1.1 // seconds
)

// trace is a row's rates of the last minutes. It is sparse: as long as a rate
// stays what it was, its step only grows longer.
type trace struct {
	ring    []step
	head, n int32 // ring[head] is the oldest of n
}

func (t *trace) at(i int32) *step {
	i += t.head
	if i >= int32(len(t.ring)) {
		i -= int32(len(t.ring))
	}
	return &t.ring[i]
}

// push adds what the row carried in the last seconds; of more than limit steps
// the oldest is forgotten.
func (t *trace) push(seconds float64, r traffic.Rate, limit int) {
	if !(seconds > 0) {
		return
	}
	next := step{float32(seconds), float32(r.Rx), float32(r.Tx)}
	if t.n > 0 {
		last := t.at(t.n - 1)
		if last.rx == next.rx && last.tx == next.tx {
			last.seconds = min(last.seconds+next.seconds, 2*traceSpan)
			return
		}
		if whole := last.seconds + next.seconds; whole <= stepLeast {
			last.rx = (last.rx*last.seconds + next.rx*next.seconds) / whole
			last.tx = (last.tx*last.seconds + next.tx*next.seconds) / whole
			last.seconds = whole
			return
		}
	}
	if int(t.n) >= len(t.ring) || len(t.ring) > limit {
		t.resize(limit)
	}
	if int(t.n) == len(t.ring) {
		t.head++
		if t.head == t.n {
			t.head = 0
		}
		t.n--
	}
	t.n++
	*t.at(t.n - 1) = next
}

// resize gives the ring more room, or less where there are many traces.
func (t *trace) resize(limit int) {
	const first = 8
	size := min(max(2*len(t.ring), first), limit)
	if size == len(t.ring) {
		return
	}
	ring := make([]step, size)
	from := max(t.n-int32(size), 0)
	for i := from; i < t.n; i++ {
		ring[i-from] = *t.at(i)
	}
	t.ring, t.head, t.n = ring, 0, t.n-from
}

// mean is the average rate of the last seconds, or of as many as are known.
func (t *trace) mean(seconds float64) traffic.Rate {
	left := float32(seconds)
	var rx, tx float32 // bytes
	for i := t.n - 1; i >= 0 && left > 0; i-- {
		s := t.at(i)
		part := min(s.seconds, left)
		rx += s.rx * part
		tx += s.tx * part
		left -= part
	}
	known := float32(seconds) - left
	if known <= 0 {
		return traffic.Rate{}
	}
	return traffic.Rate{Rx: float64(rx / known), Tx: float64(tx / known)}
}

// addTo adds the mean rates of stretches of time to into, the newest last: that
// of the last phase seconds, before that of seconds each.
func (t *trace) addTo(into []traffic.Rate, seconds, phase float64) {
	at := len(into) - 1
	length := phase // of the stretch at
	left := length
	for i := t.n - 1; i >= 0 && at >= 0; i-- {
		s := t.at(i)
		for rest := float64(s.seconds); rest > 0 && at >= 0; {
			part := min(rest, left)
			into[at].Rx += float64(s.rx) * part / length
			into[at].Tx += float64(s.tx) * part / length
			rest -= part
			if left -= part; left <= 0 {
				at--
				left, length = seconds, seconds
			}
		}
	}
}

// idle reports whether nothing moved for as long as a trace reaches.
func (t *trace) idle() bool {
	if t.n == 0 {
		return false
	}
	s := t.at(t.n - 1)
	return s.rx == 0 && s.tx == 0 && s.seconds >= traceSpan
}
