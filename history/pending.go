package history

import "iter"

// bucket is what was booked in one minute and is not in the file yet.
type bucket struct {
	span
	figures map[*series]octets
	gauges  map[*series]*measure // by kindMetric
}

// pending is all that is not in the file yet. Where the file cannot be written for
// long it grows coarser, and stays exact: what was carried earlier is then taken to
// have been carried later, in the same hour as long as that makes room enough, then
// in the same day, then in the same month.
type pending struct {
	max     int // series in all buckets
	buckets []*bucket
	n       int
}

// maxPending bounds what is kept in memory, in series of a minute: some 30 MiB.
const maxPending = 250000

// at returns the bucket of a time.
func (p *pending) at(s span) *bucket {
	for i := len(p.buckets) - 1; i >= 0; i-- {
		if p.buckets[i].span == s {
			return p.buckets[i]
		}
	}
	for p.n > p.max && len(p.buckets) > 1 {
		p.coarsen()
	}
	b := &bucket{span: s, figures: make(map[*series]octets), gauges: make(map[*series]*measure)}
	p.buckets = append(p.buckets, b)
	return b
}

// undated is the span of what was booked before the clock was set.
func (s span) undated() bool { return s == span{} }

// date books to a time what had none.
func (p *pending) date(s span) {
	for _, b := range p.buckets {
		if b.undated() {
			b.span = s
		}
	}
}

// add books to a bucket of p.
func (p *pending) add(b *bucket, s *series, o octets) {
	had, known := b.figures[s]
	if !known {
		p.n++
	}
	b.figures[s] = had.add(o)
}

// note adds to a metric in a bucket of p.
func (p *pending) note(b *bucket, metric *series, m measure) {
	had := b.gauges[metric]
	if had == nil {
		p.n++
		had = new(measure)
		b.gauges[metric] = had
	}
	*had = had.add(m)
}

// size is how much a bucket counts for in what is kept.
func (b *bucket) size() int { return len(b.figures) + len(b.gauges) }

// take adds all of another bucket.
func (b *bucket) take(o *bucket) {
	for s, figure := range o.figures {
		b.figures[s] = b.figures[s].add(figure)
	}
	for s, m := range o.gauges {
		if had := b.gauges[s]; had != nil {
			*had = had.add(*m)
		} else {
			b.gauges[s] = m
		}
	}
}

// coarsen makes the buckets fewer: of two neighbours that lie in the same hour the
// earlier becomes part of the later. Where there are none, it is the same day, the
// same month, and any two.
func (p *pending) coarsen() {
	for _, l := range []level{hour, day, month, levels} {
		before := len(p.buckets)
		kept, merged := p.buckets[:0], false
		for _, b := range p.buckets {
			last := len(kept) - 1
			if last < 0 || merged || l < levels && kept[last].span[l] != b.span[l] {
				kept, merged = append(kept, b), false
				continue
			}
			p.n -= kept[last].size() + b.size()
			b.take(kept[last])
			p.n += b.size()
			kept[last], merged = b, true
		}
		clear(p.buckets[len(kept):])
		p.buckets = kept
		if len(kept) < before {
			return
		}
	}
}

// forgetIDs is that of a roster, for series that it has forgotten meanwhile.
func (p *pending) forgetIDs() {
	for _, b := range p.buckets {
		for s := range b.series() {
			s.id = 0
			if s.app != nil {
				s.app.id = 0
			}
		}
	}
}

// series are those that a bucket has something of.
func (b *bucket) series() iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for s := range b.figures {
			if !yield(s) {
				return
			}
		}
		for s := range b.gauges {
			if !yield(s) {
				return
			}
		}
	}
}

// clear forgets what is in the file now.
func (p *pending) clear() {
	clear(p.buckets)
	p.buckets, p.n = p.buckets[:0], 0
}
