package notify

import (
	"slices"
	"sort"
)

// moment is what a total was at a time on the book's clock.
type moment[T any] struct {
	at    int64
	total T
}

// past is the recent past of a total: its moments, oldest first, and one at least
// as old as the longest window it is for. Where nothing moves the last moment is
// put forward instead of adding others. Beyond ringFull moments the older are
// thinned out, to steps of a sixteenth of their age.
type past[T any] struct{ moments []moment[T] }

// ring is the past of what a subject has carried.
type ring struct{ past[octets] }

const (
	ringFull = 256
	ringStep = 16
)

func (r *past[T]) last() *moment[T] { return &r.moments[len(r.moments)-1] }

// push adds what was carried until now.
func (r *ring) push(now int64, total octets, longest int64) {
	n := len(r.moments)
	if n >= 2 && r.moments[n-1].total == total && r.moments[n-2].total == total {
		r.moments[n-1].at = now
		return
	}
	if n == cap(r.moments) {
		r.makeRoom(now, longest)
	}
	r.moments = append(r.moments, moment[octets]{now, total})
}

// makeRoom drops what is older than the longest window. Where that does not
// help it lets the ring grow, or thins it out.
func (r *past[T]) makeRoom(now, longest int64) {
	old := 0
	for old+1 < len(r.moments) && r.moments[old+1].at <= now-longest {
		old++
	}
	r.moments = slices.Delete(r.moments, 0, old)
	n := len(r.moments)
	switch {
	case n <= cap(r.moments)*3/4 && n > 0:
	case cap(r.moments) < ringFull:
		r.moments = append(make([]moment[T], 0, max(4, 2*cap(r.moments))), r.moments...)
	default:
		r.thin(now)
	}
}

// thin leaves out moments that are close together for their age.
func (r *past[T]) thin(now int64) {
	kept := 1
	for i := 1; i < len(r.moments)-1; i++ {
		if r.moments[i+1].at-r.moments[kept-1].at > (now-r.moments[i+1].at)/ringStep {
			r.moments[kept] = r.moments[i]
			kept++
		}
	}
	r.moments[kept] = *r.last()
	r.moments = r.moments[:kept+1]
	if len(r.moments) > ringFull*3/4 { // ticks much shorter than the window
		half := r.moments[:0]
		for i := range r.moments {
			if i%2 == 0 || i == len(r.moments)-1 {
				half = append(half, r.moments[i])
			}
		}
		r.moments = half
	}
}

// spread adds what was carried evenly from one time to another, which is now and has no
// moment yet.
func (r *ring) spread(from, now int64, carried octets, longest int64) {
	if last := r.last(); last.at < from {
		r.push(from, last.total, longest)
	}
	for i := len(r.moments) - 1; i >= 0 && r.moments[i].at > from; i-- {
		m := &r.moments[i]
		part := float64(m.at-from) / float64(now-from)
		m.total = m.total.add(octets{uint64(part * float64(carried.rx)), uint64(part * float64(carried.tx))})
	}
}

// flatSince is when the total last changed, as far as is known.
func (r *ring) flatSince() int64 {
	n := len(r.moments)
	if n >= 2 && r.moments[n-2].total == r.moments[n-1].total {
		return r.moments[n-2].at
	}
	return r.moments[n-1].at
}

// before finds the last moment that is not after start, or the first where the
// past does not reach back to that. Hint is how many moments before the last it was
// found the last time.
func (r *past[T]) before(start int64, hint *int) int {
	m := r.moments
	end := len(m) - 1
	i := end - *hint
	if i < 0 || i >= end || m[i].at > start || m[i+1].at <= start {
		i = max(sort.Search(len(m), func(i int) bool { return m[i].at > start })-1, 0)
		*hint = end - i
	}
	return i
}

// average is the rates over the time from start to the last moment. Between two
// moments bytes are taken to have come evenly, so a constant rate is exact.
// Where the ring does not reach back to start, it is the average over what there
// is. Hint is that of before.
func (r *ring) average(start int64, hint *int) (rx, tx float64) {
	m := r.moments
	end := len(m) - 1
	i := r.before(start, hint)
	start = max(start, m[0].at)
	last := &m[end]
	if i == end || last.at <= start {
		return 0, 0
	}
	seconds := float64(last.at-start) / 1e9
	rx, tx = float64(last.total.rx-m[i].total.rx), float64(last.total.tx-m[i].total.tx)
	if into := start - m[i].at; into > 0 {
		part := float64(into) / float64(m[i+1].at-m[i].at)
		rx -= part * float64(m[i+1].total.rx-m[i].total.rx)
		tx -= part * float64(m[i+1].total.tx-m[i].total.tx)
	}
	return rx / seconds, tx / seconds
}
