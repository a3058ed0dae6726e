package history

import (
	"cmp"
	"slices"
)

// tally adds figures up by series.
type tally struct {
	rows []tallied
	// byID finds rows of ids that are not too large for it, byKey all others.
	byID  []int32 // 1 + the row's index; 0: there is none
	byKey map[uint64]int32
}

// tallied is one series, or several.
type tallied struct {
	group, id uint32
	octets
	steps []octets
	label label
}

func newTally() *tally { return &tally{byKey: make(map[uint64]int32)} }

// maxByID keeps a tally's table of ids below 8 MiB.
const maxByID = 1 << 21

// place is where the row of a figure is noted. An id has one group only, but for 0.
func (t *tally) place(f figure) (byID *int32, key uint64) {
	if f.id == 0 || f.id >= maxByID {
		return nil, uint64(f.group)<<32 | uint64(f.id)
	}
	if n := int(f.id) + 1; n > len(t.byID) {
		t.byID = append(t.byID, make([]int32, max(n-len(t.byID), len(t.byID)))...)
	}
	return &t.byID[f.id], 0
}

// find returns the index of a figure's row; -1: it has none.
func (t *tally) find(f figure) int32 {
	byID, key := t.place(f)
	if byID != nil {
		return *byID - 1
	}
	return t.byKey[key] - 1
}

func (t *tally) add(f figure) {
	byID, key := t.place(f)
	if byID == nil {
		if t.byKey[key] == 0 {
			t.rows = append(t.rows, tallied{group: f.group, id: f.id})
			t.byKey[key] = int32(len(t.rows))
		}
		i := t.byKey[key] - 1
		t.rows[i].octets = t.rows[i].add(f.octets)
		return
	}
	if *byID == 0 {
		t.rows = append(t.rows, tallied{group: f.group, id: f.id})
		*byID = int32(len(t.rows))
	}
	r := &t.rows[*byID-1]
	r.octets = r.add(f.octets)
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
	rank(named)
	if n > 0 && n < len(named) {
		others, named = append(others, named[n:]...), named[:n]
	}
	return named, others
}

// rank orders rows by their bytes, those without a name last.
func rank(rows []tallied) {
	slices.SortFunc(rows, func(a, b tallied) int {
		return cmp.Or(boolCompare(a.id == 0, b.id == 0), cmp.Compare(b.shown().size(), a.shown().size()),
			cmp.Compare(a.group, b.group), cmp.Compare(a.id, b.id))
	})
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
