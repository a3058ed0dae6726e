package history

import (
	"slices"

	"bwmon/traffic"
)

// link is one network interface as Snapshots list it. Names are given again, and
// change; the list does not tell one life of a name from another.
type link struct {
	name    string
	counts  traffic.Counts
	changed float64 // the elapsed time at which counts last changed
}

// links are the interfaces of the former Snapshot.
type links struct {
	list    []link
	elapsed float64
}

// The ledger lists an interface that is gone for a minute. One that leaves the list
// although it moved bytes since, and is not waited for in vain, has a new name.
const renamedWithin = 30 // seconds

// take returns what each listed interface carried since the former list, in its order.
//
// Of one name each is the one that had most without having more than it has now;
// where there is none it is new, and all that it shows was carried since.
func (l *links) take(listed []traffic.Interface, elapsed float64) []octets {
	carried := make([]octets, len(listed))
	next := make([]link, len(listed))
	used := make([]bool, len(l.list))
	var unknown []int
	for i := range listed {
		next[i] = linkOf(&listed[i], elapsed)
		was := l.former(&next[i], used, func(f *link) bool { return f.name == next[i].name })
		if was < 0 {
			unknown = append(unknown, i)
			continue
		}
		carried[i] = l.since(was, &next[i])
		used[was] = true
	}
	for _, i := range unknown {
		was := l.former(&next[i], used, func(f *link) bool { return l.renamed(f, listed, elapsed) })
		if was < 0 {
			carried[i] = less(next[i].counts, traffic.Counts{})
			continue
		}
		carried[i] = l.since(was, &next[i])
		used[was] = true
	}
	l.list, l.elapsed = next, elapsed
	return carried
}

func linkOf(i *traffic.Interface, elapsed float64) link {
	return link{
		name: i.Name, changed: elapsed,
		counts: traffic.Counts{RxBytes: i.RxBytes, TxBytes: i.TxBytes, RxPackets: i.RxPackets, TxPackets: i.TxPackets},
	}
}

// former returns which of the former links n is, of those that are fit; -1: none.
func (l *links) former(n *link, used []bool, fit func(*link) bool) int {
	best := -1
	for j := range l.list {
		f := &l.list[j]
		if used[j] || !n.counts.AtLeast(f.counts) || !fit(f) {
			continue
		}
		if best < 0 || f.counts.Bytes() > l.list[best].counts.Bytes() {
			best = j
		}
	}
	return best
}

// renamed reports whether a link that no name leads to may have another one now.
func (l *links) renamed(f *link, listed []traffic.Interface, elapsed float64) bool {
	if f.counts.IsZero() || elapsed-l.elapsed > renamedWithin || elapsed-f.changed > renamedWithin {
		return false
	}
	return !slices.ContainsFunc(listed, func(i traffic.Interface) bool { return i.Name == f.name })
}

// since is what a link carried since it was the former one; n takes over when that
// last was.
func (l *links) since(was int, n *link) octets {
	f := &l.list[was]
	if n.counts == f.counts {
		n.changed = f.changed
	}
	return less(n.counts, f.counts)
}

func less(c, d traffic.Counts) octets {
	return total{c.RxBytes, c.TxBytes}.less(total{d.RxBytes, d.TxBytes})
}
