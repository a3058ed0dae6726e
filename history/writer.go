package history

import (
	"cmp"
	"slices"
	"strings"
)

// writer puts what was booked into pieces. It is of one file.
type writer struct {
	db   *database
	opts *Options
	// open are the pieces of each member that were written last: while their time is not
	// over they may name twice as many series.
	open map[int64]span

	fresh   map[*series]uint32 // ids that this transaction found or gave
	damaged int                // pieces that this transaction lost
	marks   *marks             // of series that are in use, for the collector; nil: it rests

	old, merged []figure
	gauges      []gauge
	data        []byte
}

// part is a bucket in figures, each kind's tidy.
type part struct {
	span
	figures [kinds][]figure
	gauges  [themes][]gauge
}

func newWriter(db *database, o *Options) *writer {
	return &writer{db: db, opts: o, open: make(map[int64]span)}
}

// begin is called at the beginning of a transaction, failed when it did not come to its
// end.
func (w *writer) begin() { w.fresh, w.damaged = make(map[*series]uint32), 0 }

func (w *writer) failed() { clear(w.open) }

// write adds buckets to the pieces of all levels of the machine itself.
func (w *writer) write(buckets []*bucket) error {
	w.begin()
	parts := make([]part, len(buckets))
	for i, b := range buckets {
		var err error
		if parts[i], err = w.part(b); err != nil {
			return err
		}
	}
	return w.add(0, parts)
}

// add adds parts to a member's pieces of all levels.
func (w *writer) add(member int64, parts []part) error {
	for _, l := range everyLevel {
		rest := parts
		for len(rest) > 0 { // neighbours are mostly of one piece
			n := 1
			for n < len(rest) && rest[n].span[l] == rest[0].span[l] {
				n++
			}
			if err := w.writeLevel(member, l, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	return nil
}

// writeLevel adds parts of one time to the level's pieces.
func (w *writer) writeLevel(member int64, l level, parts []part) error {
	start := parts[0].span[l]
	open := w.open[member]
	if open[l] != start {
		if err := w.shut(member, l, start); err != nil {
			return err
		}
	}
	for k := range kinds {
		if !l.holds(k) {
			continue
		}
		list := parts[0].figures[k]
		for _, p := range parts[1:] {
			list = merge(nil, list, p.figures[k])
		}
		if len(list) == 0 {
			continue
		}
		if err := w.change(l, pieceKey(member, start, k), list); err != nil {
			return err
		}
	}
	if err := w.writeTrends(member, l, parts); err != nil {
		return err
	}
	open[l] = start
	w.open[member] = open
	return nil
}

// change adds a list to a piece.
func (w *writer) change(l level, key int64, list []figure) error {
	k := kindIn(key)
	data, err := w.db.pieces[l].fetch(key)
	if err != nil {
		return err
	}
	w.old = w.old[:0]
	if data != nil {
		if w.old, err = decode(w.old, k, data); err != nil {
			w.damaged++
			w.old = w.old[:0]
		}
	}
	w.merged = merge(w.merged[:0], w.old, list)
	w.merged = w.bound(w.merged, k, 2)
	w.mark(w.merged)
	w.data = encode(w.data[:0], k, w.merged)
	_, err = w.db.pieces[l].putOpen.Exec(key, w.data)
	return err
}

// shut closes a member's pieces of a level of other times than that: they have room for no
// more than they may name. Damaged ones stay what they are.
func (w *writer) shut(member int64, l level, start int64) error {
	if err := w.db.pieces[l].shut(member, start, func(key int64, data []byte) []byte {
		k := kindIn(key)
		var err error
		if w.old, err = decode(w.old[:0], k, data); err != nil {
			w.damaged++
			return data
		}
		w.old = w.bound(w.old, k, 1)
		w.mark(w.old)
		w.data = encode(w.data[:0], k, w.old)
		return w.data
	}); err != nil || !l.hasTrends() {
		return err
	}
	return w.db.trends[l].shut(member, start, func(_ int64, data []byte) []byte {
		list, err := decodeTrend(nil, data)
		if err != nil {
			w.damaged++
			return data
		}
		w.markGauges(list)
		w.data = encodeTrend(w.data[:0], list, false)
		return w.data
	})
}

// bound makes a tidy list name no more than it may, where it names more than so many
// times that.
func (w *writer) bound(list []figure, k kind, times int) []figure {
	named, together := w.opts.named(k), w.opts.together(k)
	return boundTogether(bound(list, named, times*named), together, times*together)
}

// mark tells the collector what moves from a table to another, where it may have been or
// not be yet.
func (w *writer) mark(list []figure) {
	if w.marks != nil {
		w.marks.addFigures(list)
	}
}

func (w *writer) markGauges(list []gauge) {
	if w.marks != nil {
		w.marks.addGauges(list)
	}
}

// part gives all series of a bucket their ids.
func (w *writer) part(b *bucket) (p part, err error) {
	p.span = b.span
	refused := w.refused(b)
	if err := w.nameNew(b, refused); err != nil {
		return p, err
	}
	for s, o := range b.figures {
		f := figure{octets: o}
		if s.app != nil {
			if f.group, err = w.id(s.app); err != nil {
				return p, err
			}
		}
		if !refused[s] {
			if f.id, err = w.id(s); err != nil {
				return p, err
			}
		}
		p.figures[s.kind] = append(p.figures[s.kind], f)
	}
	for k := range p.figures {
		p.figures[k] = tidy(p.figures[k])
	}
	return p, w.partGauges(&p, b)
}

// nameNew gives ids to series that have none, app by app: what lies together in pieces
// has ids that lie together, which take less room there.
func (w *writer) nameNew(b *bucket, refused map[*series]bool) error {
	var list []*series
	for s := range b.figures {
		if !s.others && s.id == 0 && w.fresh[s] == 0 && !refused[s] {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(s, t *series) int {
		return cmp.Or(strings.Compare(s.appName(), t.appName()), cmp.Compare(s.kind.names(), t.kind.names()),
			strings.Compare(s.name, t.name))
	})
	for _, s := range list {
		if _, err := w.id(s); err != nil {
			return err
		}
	}
	return nil
}

// refused are those of a bucket that a piece would have no room for anyway: they are
// given no names in the file.
func (w *writer) refused(b *bucket) map[*series]bool {
	type group struct {
		kind kind
		app  *series
	}
	sizes := make(map[group]int)
	for s := range b.figures {
		if (s.kind.grouped() || s.kind == kindRemoteHost) && !s.others {
			sizes[group{s.kind, s.app}]++
			if s.kind == kindDiskCommand {
				sizes[group{s.kind, nil}]++ // of all apps
			}
		}
	}
	var refused map[*series]bool
	for g, n := range sizes {
		limit := 2 * w.opts.named(g.kind)
		if g.kind == kindDiskCommand && g.app == nil {
			limit = 2 * w.opts.together(g.kind)
		}
		if n <= limit {
			continue
		}
		members := make([]*series, 0, n)
		for s := range b.figures {
			if s.kind == g.kind && (g.app == nil || s.app == g.app) && !s.others {
				members = append(members, s)
			}
		}
		slices.SortFunc(members, func(s, t *series) int {
			return cmp.Compare(b.figures[t].size(), b.figures[s].size())
		})
		if refused == nil {
			refused = make(map[*series]bool)
		}
		for _, s := range members[limit:] {
			refused[s] = true
		}
	}
	return refused
}

// id returns the id of a series, which it gives it if it has none.
func (w *writer) id(s *series) (id uint32, err error) {
	if s.others {
		return 0, nil
	}
	id = cmp.Or(s.id, w.fresh[s])
	if id == 0 {
		var group uint32
		if s.kind.grouped() {
			if group, err = w.id(s.app); err != nil {
				return 0, err
			}
		}
		if id, err = w.db.identify(s, group); err != nil {
			return 0, err
		}
		w.fresh[s] = id
	}
	if w.marks != nil {
		w.marks.add(id)
	}
	return id, nil
}
