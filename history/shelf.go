package history

import (
	"slices"

	"bwmon/traffic"
)

// total is a running total as Snapshots have it.
type total struct{ rx, tx uint64 }

func (t total) add(u total) total { return total{t.rx + u.rx, t.tx + u.tx} }
func (t total) sub(u total) total { return total{t.rx - u.rx, t.tx - u.tx} }

func (t total) atLeast(u total) bool { return t.rx >= u.rx && t.tx >= u.tx }

// atMost is t but no more than u, each way.
func (t total) atMost(u total) total { return total{min(t.rx, u.rx), min(t.tx, u.tx)} }

// less is what t is more than u, as octets: modulo 2^64 negative where it fell.
func (t total) less(u total) octets { return octets{int64(t.rx - u.rx), int64(t.tx - u.tx)} }

func totalOf(u *traffic.Usage) total { return total{u.RxBytes, u.TxBytes} }

// row is one row of a list of the ledger's that is folded where it grows too long.
type row[K comparable] struct {
	key    K
	booked total // of the former Snapshots
	now    total
	tick   uint32    // in which it was seen last
	feeds  []*series // nil until it carried something
}

// rowKind is what a shelf knows of its rows.
type rowKind[K comparable] struct {
	// group is whose rows are folded into one; "" is also what groups are folded into.
	group func(K) string
	// folded is for the row that others are folded into.
	folded func(K) bool
	// steady is for rows that are never folded: others gain what they lose.
	steady func(K) bool
	// feeds are the series that a row's bytes are booked to.
	feeds func(K) []*series
}

// shelf is such a list.
type shelf[K comparable] struct {
	rowKind[K]
	rows  map[K]*row[K]
	order []*row[K]
	tick  uint32
	// cursor is where in order the next row is expected: lists hardly change.
	cursor int
}

func newShelf[K comparable](of rowKind[K]) *shelf[K] {
	return &shelf[K]{rowKind: of, rows: make(map[K]*row[K])}
}

func (s *shelf[K]) begin() {
	s.tick++
	s.cursor = 0
}

// see notes a row's total. Rows of one key are one row.
func (s *shelf[K]) see(k K, t total) {
	r := s.find(k)
	if r == nil {
		r = &row[K]{key: k}
		s.rows[k] = r
		s.order = append(s.order, r)
	}
	if r.tick != s.tick {
		r.tick, r.now = s.tick, total{}
	}
	r.now = r.now.add(t)
}

func (s *shelf[K]) find(k K) *row[K] {
	for skip := range 2 { // the next, or the one after: one may be gone
		if i := s.cursor + skip; i < len(s.order) && s.order[i].key == k {
			s.cursor = i + 1
			return s.order[i]
		}
	}
	return s.rows[k]
}

// fold is what becomes of a group's rows in one tick.
type fold[K comparable] struct {
	into *row[K] // what they are folded into; nil: nothing is
	gone total   // what the rows had that are gone
}

// settle books what all rows gained since the former Snapshot.
//
// A row that is gone was folded: what it had is in another row now, and stays booked
// where it was; the other row gained so much less. A row whose total fell may have
// been folded and begun anew, where that other row gained enough; else bytes have
// moved to a row that gained them, and are taken from this one.
func (s *shelf[K]) settle(book func(*series, octets)) {
	folds, fell := s.compare(book)
	if len(folds) == 0 && len(fell) == 0 {
		return
	}
	root := folds[""]
	if root == nil {
		root = &fold[K]{}
	}
	for _, r := range fell {
		into := root
		if f := folds[s.group(r.key)]; f != nil && f.room().atLeast(r.booked) {
			into = f
		}
		if !s.steady(r.key) && into.room().atLeast(r.booked) {
			into.gone = into.gone.add(r.booked)
			r.booked = total{}
		}
		s.book(r, book, r.now.less(r.booked))
	}
	for name, f := range folds {
		if name != "" {
			root.gone = root.gone.add(s.credit(f, book))
		}
	}
	s.credit(root, book)
}

// room is how much of what is gone the row may have taken over.
func (f *fold[K]) room() total {
	if f.into == nil || !f.into.now.atLeast(f.into.booked.add(f.gone)) {
		return total{}
	}
	return f.into.now.sub(f.into.booked).sub(f.gone)
}

// credit books what a folded row gained itself, and returns what of the rows that
// are gone it does not have.
func (s *shelf[K]) credit(f *fold[K], book func(*series, octets)) total {
	if f.into == nil {
		return f.gone
	}
	var taken total
	if f.into.now.atLeast(f.into.booked) {
		taken = f.into.now.sub(f.into.booked).atMost(f.gone)
	}
	s.book(f.into, book, f.into.now.sub(taken).less(f.into.booked))
	return f.gone.sub(taken)
}

// compare books what rows gained that were there before and are, and says what
// became of the others.
func (s *shelf[K]) compare(book func(*series, octets)) (folds map[string]*fold[K], fell []*row[K]) {
	foldOf := func(r *row[K]) *fold[K] {
		name := s.group(r.key)
		if folds == nil {
			folds = make(map[string]*fold[K])
		}
		if folds[name] == nil {
			folds[name] = &fold[K]{}
		}
		return folds[name]
	}
	kept := s.order[:0]
	for _, r := range s.order {
		switch {
		case r.tick != s.tick:
			f := foldOf(r)
			f.gone = f.gone.add(r.booked)
			delete(s.rows, r.key)
			continue
		case s.folded(r.key):
			foldOf(r).into = r
		case r.now.atLeast(r.booked):
			s.book(r, book, r.now.less(r.booked))
		default:
			fell = append(fell, r)
		}
		kept = append(kept, r)
	}
	clear(s.order[len(kept):])
	s.order = kept
	return folds, fell
}

func (s *shelf[K]) book(r *row[K], book func(*series, octets), o octets) {
	r.booked = r.now
	if o == (octets{}) {
		return
	}
	if r.feeds == nil || slices.ContainsFunc(r.feeds, (*series).stale) {
		r.feeds = s.feeds(r.key)
	}
	for _, feed := range r.feeds {
		book(feed, o)
	}
}
