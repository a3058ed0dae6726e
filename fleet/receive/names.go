package receive

import (
	"hash/maphash"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// names are those of a host's rows that are known, and bound how many new ones it
// brings.
type names struct {
	seed  maphash.Seed // keeps it from everybody which names have one hash
	known map[uint64]struct{}
	least int // there were when known was made anew
	fresh bucket
	// posted are those of figures: who posts ever new ones publishes all the same.
	posted posted
}

// mostNames bounds what is known of a host whose books are not.
const mostNames = 50_000

func newNames(perHour int) names {
	fresh := newBucket(float64(perHour)/3600, float64(perHour))
	return names{seed: maphash.MakeSeed(), known: make(map[uint64]struct{}), fresh: fresh, posted: posted{make(map[uint64]struct{}), fresh}}
}

// each calls f for all rows of s.
func (n *names) each(s *traffic.Snapshot, f func(uint64)) {
	fleet.Rows(s, func(k fleet.Key, _ *traffic.Usage, _ *traffic.Resources) { f(maphash.Comparable(n.seed, k)) })
	for i := range s.Series {
		f(maphash.Comparable(n.seed, fleet.SeriesKey(&s.Series[i])))
	}
}

// wait is how long to wait until the rows of s may be brought; 0: they may be.
func (n *names) wait(s *traffic.Snapshot, now time.Time) (wait time.Duration) {
	fresh := false
	n.each(s, func(row uint64) {
		if !n.has(row) {
			fresh = true
		}
	})
	if !fresh {
		return 0
	}
	return n.fresh.wait(now)
}

// bring notes that the rows of s are known, and that there are those of whole; nil: that
// is not known.
func (n *names) bring(s, whole *traffic.Snapshot) {
	n.each(s, func(row uint64) {
		if !n.has(row) {
			n.known[row] = struct{}{}
			n.fresh.take(1)
		}
	})
	switch {
	case whole != nil && len(n.known) > 2*n.least+1000: // most of them may be gone
		clear(n.known)
		n.know(whole)
	case len(n.known) > mostNames:
		clear(n.known)
		n.know(s)
	}
}

// know takes the rows of s for known.
func (n *names) know(s *traffic.Snapshot) {
	n.each(s, func(row uint64) { n.known[row] = struct{}{} })
	n.least = len(n.known)
}

func (n *names) has(row uint64) bool {
	_, known := n.known[row]
	return known
}

// posted are the names of the figures that a host posted.
type posted struct {
	known map[uint64]struct{}
	fresh bucket
}

// mostPosted bounds how many are known.
const mostPosted = 20_000

// waitFigures and bringFigures are for figures what wait and bring are for rows.
func (n *names) waitFigures(list []figure, now time.Time) time.Duration {
	for _, f := range list {
		if _, known := n.posted.known[maphash.String(n.seed, f.name)]; !known {
			return n.posted.fresh.wait(now)
		}
	}
	return 0
}

func (n *names) bringFigures(list []figure) {
	p := &n.posted
	if len(p.known)+len(list) > mostPosted {
		clear(p.known)
	}
	for _, f := range list {
		row := maphash.String(n.seed, f.name)
		if _, known := p.known[row]; !known {
			p.known[row] = struct{}{}
			p.fresh.take(1)
		}
	}
}
