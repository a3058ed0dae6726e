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
}

// mostNames bounds what is known of a host whose books are not.
const mostNames = 50_000

func newNames(perHour int) names {
	return names{seed: maphash.MakeSeed(), known: make(map[uint64]struct{}), fresh: newBucket(float64(perHour)/3600, float64(perHour))}
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

// waitFigure and bringFigure are likewise for a figure that was posted.
func (n *names) waitFigure(name string, now time.Time) time.Duration {
	if n.has(n.figure(name)) {
		return 0
	}
	return n.fresh.wait(now)
}

func (n *names) bringFigure(name string) {
	if row := n.figure(name); !n.has(row) {
		n.known[row] = struct{}{}
		n.fresh.take(1)
	}
}

func (n *names) figure(name string) uint64 {
	return maphash.Comparable(n.seed, fleet.Key{Kind: traffic.SeriesPerf, Name: name})
}

func (n *names) has(row uint64) bool {
	_, known := n.known[row]
	return known
}
