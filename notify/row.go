package notify

import (
	"time"

	"bwmon/traffic"
)

// octets is bytes both ways.
type octets struct{ rx, tx uint64 }

func (o octets) add(p octets) octets { return octets{o.rx + p.rx, o.tx + p.tx} }
func (o octets) sub(p octets) octets { return octets{o.rx - p.rx, o.tx - p.tx} }

// of is what of o a direction has.
func (o octets) of(d Direction) uint64 {
	switch d {
	case Rx:
		return o.rx
	case Tx:
		return o.tx
	}
	return o.rx + o.tx
}

// reading is one row of a Snapshot.
type reading struct {
	key    rowKey
	label  string // a name beside the key's, which may be learned later
	usage  *traffic.Usage
	used   *traffic.Resources // nil where the row has none
	folded bool               // stands for rows folded together, and took their totals over
}

// row is what is remembered of one.
type row struct {
	key   rowKey
	label string
	total octets
	seen  int64   // on the book's clock
	feeds []int32 // subjects
	short bool    // there was no room for one of its subjects
}

// A row that is gone is remembered for keepGone, in case it comes back with what
// it had; when there are more of these than others, none is.
const keepGone = 10 * time.Minute

// intake is one feeder with the rows it had.
type intake struct {
	feeder
	book  *Book
	rows  []row
	spare []int32
	byKey map[rowKey]int32
	// order is the rows of the tick before, as they were listed. The lists hardly
	// change, so each row is first sought where the one before it leads to.
	order, next []int32
	cursor      int
	short       int
	measured    bool // some rule is about what its rows use
}

// row books what a row carried since it was last seen to the subjects it feeds.
//
// Totals that fell were taken down or began anew. What they show now was carried
// since, as far as the row's rate bears it out: the ledger may also have moved
// bytes to another row. What a folded row gained came from others, except for
// what its rate shows.
func (in *intake) row(r reading) {
	b := in.book
	known := in.know(&r)
	if in.measured && r.used != nil {
		for _, s := range known.feeds {
			if l := b.watched[s].levels; l != nil {
				l.takeUsed(b.clock.ticks, r.used)
			}
		}
	}
	now := octets{r.usage.RxBytes, r.usage.TxBytes}
	rate := traffic.Rate{Rx: r.usage.RxRate, Tx: r.usage.TxRate}
	carried := now.sub(known.total)
	fell := now.rx < known.total.rx || now.tx < known.total.tx
	if fell {
		carried = now
	}
	if fell || r.folded {
		carried = carried.atMost(rate, b.elapsed(&r.key))
	}
	baseline := b.clock.ticks == 1 || r.key.of != "" && known.total == octets{} && b.joined(r.key.of)
	if baseline { // who knows when this was carried
		carried = octets{}
	}
	known.total = now
	if carried == (octets{}) && rate == (traffic.Rate{}) {
		return
	}
	if in.late {
		b.takeLate(known, carried)
		return
	}
	for _, s := range known.feeds {
		b.watched[s].take(b.clock.ticks, carried, rate)
	}
}

// measure notes the figures of a series that is measured.
func (in *intake) measure(key rowKey, metrics traffic.Metrics) {
	for _, s := range in.know(&reading{key: key}).feeds {
		if l := in.book.watched[s].levels; l != nil {
			l.takeMetrics(in.book.clock.ticks, metrics)
		}
	}
}

// know finds or makes the row that was read, and notes that it was.
func (in *intake) know(r *reading) *row {
	i := in.find(&r.key)
	for i >= 0 && in.rows[i].seen == in.book.clock.now {
		r.key.again++
		i = in.find(&r.key)
	}
	if i < 0 {
		i = in.add(r)
	}
	known := &in.rows[i]
	if known.label != r.label {
		known.label = r.label
		in.unfeed(known)
		in.match(i)
	}
	known.seen = in.book.clock.now
	in.next = append(in.next, i)
	return known
}

// atMost is o but no more than a rate carries in a time.
func (o octets) atMost(rate traffic.Rate, elapsed time.Duration) octets {
	s := elapsed.Seconds()
	return octets{min(o.rx, wholeBytes(rate.Rx*s)), min(o.tx, wholeBytes(rate.Tx*s))}
}

// wholeBytes rounds; what is no number of bytes is none.
func wholeBytes(v float64) uint64 {
	if !(v > 0) {
		return 0
	}
	return uint64(min(v+0.5, 1<<62))
}

// find returns a row's index; -1: there is none.
func (in *intake) find(k *rowKey) int32 {
	for skip := range 2 { // the next, or the one after: one may be gone
		if c := in.cursor + skip; c < len(in.order) {
			if i := in.order[c]; in.rows[i].key == *k {
				in.cursor = c + 1
				return i
			}
		}
	}
	if i, ok := in.byKey[*k]; ok {
		return i
	}
	return -1
}

func (in *intake) add(r *reading) int32 {
	i := int32(len(in.rows))
	if n := len(in.spare); n > 0 {
		i, in.spare = in.spare[n-1], in.spare[:n-1]
	} else {
		in.rows = append(in.rows, row{})
	}
	in.rows[i] = row{key: r.key, label: r.label}
	in.byKey[r.key] = i
	in.match(i)
	return i
}

// match finds the subjects a row feeds. It runs the regexes of rules, and so
// only for rows that are new, or whose label is.
func (in *intake) match(i int32) {
	r := &in.rows[i]
	if r.short {
		r.short = false
		in.short--
	}
	for _, s := range in.series {
		who, ok := s.of(&r.key)
		if !ok {
			continue
		}
		who.kind = s.kind
		subject, full := in.book.subject(who.clean(), r.label)
		if full && !r.short && !in.late {
			r.short = true
			in.short++
		}
		if subject >= 0 {
			r.feeds = append(r.feeds, subject)
			in.book.watched[subject].rows++
		}
	}
}

func (in *intake) unfeed(r *row) {
	for _, s := range r.feeds {
		in.book.watched[s].rows--
	}
	r.feeds = nil
}

// endTick makes this tick's order the one to go by.
func (in *intake) endTick() {
	in.order, in.next, in.cursor = in.next, in.order[:0], 0
}

// forget drops rows that were last seen before a time.
func (in *intake) forget(before int64) {
	for k, i := range in.byKey {
		r := &in.rows[i]
		if r.seen >= before {
			continue
		}
		in.unfeed(r)
		if r.short {
			in.short--
		}
		*r = row{}
		delete(in.byKey, k)
		in.spare = append(in.spare, i)
	}
}

// retry seeks room for the subjects of rows that found none.
func (in *intake) retry() {
	for _, i := range in.order {
		if r := &in.rows[i]; r.short {
			in.unfeed(r)
			in.match(i)
		}
	}
}
