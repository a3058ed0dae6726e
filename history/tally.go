package history

import (
	"cmp"
	"slices"
)

// tally adds figures up by series.
type tally struct {
	index map[uint64]int32
	rows  []tallied
}

// tallied is one series, or several.
type tallied struct {
	group, id uint32
	octets
	steps []octets
	label label
}

func newTally() *tally { return &tally{index: make(map[uint64]int32)} }

func (f figure) key() uint64 { return uint64(f.group)<<32 | uint64(f.id) }

func (t *tally) add(f figure) {
	i, ok := t.index[f.key()]
	if !ok {
		i = int32(len(t.rows))
		t.index[f.key()] = i
		t.rows = append(t.rows, tallied{group: f.group, id: f.id})
	}
	t.rows[i].octets = t.rows[i].add(f.octets)
}

// top splits the rows into those with a name that have most, all if n is 0, and the
// others. Rows without a name are others unless every app has its own.
func (t *tally) top(n int, ownOthers bool) (named, others []tallied) {
	for _, r := range t.rows {
		if r.id == 0 && !(ownOthers && r.group > 0) {
			others = append(others, r)
		} else {
			named = append(named, r)
		}
	}
	slices.SortFunc(named, func(a, b tallied) int {
		return cmp.Or(boolCompare(a.id == 0, b.id == 0), cmp.Compare(b.shown().size(), a.shown().size()),
			cmp.Compare(a.group, b.group), cmp.Compare(a.id, b.id))
	})
	if n > 0 && n < len(named) {
		others, named = append(others, named[n:]...), named[:n]
	}
	return named, others
}

// boolCompare orders false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// shown is o as reports have it, without negative figures.
func (o octets) shown() octets { return octets{max(o.rx, 0), max(o.tx, 0)} }

// settle makes steps fit to be shown: what is negative is taken from the steps before
// it, where it was booked too much, or else from those after it. They then add up to
// their sum, or to 0 where that is negative.
func settle(steps []int64) {
	var owed int64
	for i := len(steps) - 1; i >= 0; i-- {
		steps[i], owed = pay(steps[i], owed)
	}
	for i := range steps {
		steps[i], owed = pay(steps[i], owed)
	}
}

func pay(step, owed int64) (int64, int64) {
	if step -= owed; step < 0 {
		return 0, -step
	}
	return step, 0
}
