package history

import (
	"cmp"
	"slices"
)

// measure is what a metric was in some time.
type measure struct {
	weight         int64 // milliseconds in which it was measured; 0: it was not
	mean, min, max float64
}

// maxValue bounds what is kept. Nothing below it is above when it was rounded.
const maxValue = 1 << 127

// measured is a value that lasted so many milliseconds.
func measured(value float64, ms int64) measure { return measure{ms, value, value, value} }

// add is both together: the mean is over the time of both.
func (m measure) add(o measure) measure {
	switch {
	case m.weight == 0:
		return o
	case o.weight == 0:
		return m
	}
	weight := m.weight + o.weight
	return measure{
		weight: weight, mean: m.mean + (o.mean-m.mean)*(float64(o.weight)/float64(weight)),
		min: min(m.min, o.min), max: max(m.max, o.max),
	}
}

// shown is m as trends have it: rounding may have moved the mean past the ends.
func (m measure) shown() measure {
	m.min, m.max = min(m.min, m.mean), max(m.max, m.mean)
	return m
}

// gauge is what one metric of one series has in one piece.
type gauge struct {
	group uint32 // the id of the series
	id    uint32 // of the metric's name
	measure
}

func (g gauge) compare(h gauge) int {
	return cmp.Or(cmp.Compare(g.group, h.group), cmp.Compare(g.id, h.id))
}

// maxGauges is how many a piece has: those that were measured longest.
const maxGauges = 4000

// tidyGauges sorts gauges, merges those of one metric of one series, and leaves out
// what is too much. It works in place.
func tidyGauges(list []gauge, limit int) []gauge {
	slices.SortStableFunc(list, gauge.compare)
	kept := list[:0]
	for _, g := range list {
		if n := len(kept); n > 0 && kept[n-1].compare(g) == 0 {
			kept[n-1].measure = kept[n-1].add(g.measure)
			continue
		}
		kept = append(kept, g)
	}
	if len(kept) <= limit {
		return kept
	}
	slices.SortStableFunc(kept, func(g, h gauge) int { return cmp.Compare(h.weight, g.weight) })
	kept = kept[:limit]
	slices.SortFunc(kept, gauge.compare)
	return kept
}
