package notify

import (
	"math"
	"slices"
)

// meter is the rules of a plan about one metric.
type meter struct {
	metric  string
	row     int32   // its place among the metrics of rows; -1: it is a series's
	windows []int64 // as a plan's
	hints   []int
	asks    []condition // by window
	first   int         // of the states of asks
	// calm is the figures that no condition can begin with, nor with a mean of them.
	calm band
}

func (m *meter) longest() int64 { return m.windows[len(m.windows)-1] }

// newMeters makes the meters of those of the rules that are about metrics; their
// states come after so many others.
func newMeters(rules []standing, matched []int32, first int) []meter {
	var meters []meter
	for _, i := range matched {
		r := &rules[i]
		if r.Metric == "" {
			continue
		}
		k := slices.IndexFunc(meters, func(m meter) bool { return m.metric == r.Metric })
		if k < 0 {
			k = len(meters)
			row := -1
			if !r.Subject.Kind.measured() {
				row = slices.Index(rowMetrics(), r.Metric)
			}
			meters = append(meters, meter{
				metric: r.Metric, row: int32(row), calm: band{math.Inf(-1), math.Inf(1)},
			})
		}
		m := &meters[k]
		m.windows = append(m.windows, int64(r.Window))
		c := condition{rule: i, exact: r.exact()}
		c.begins, c.stays = r.bands()
		m.asks = append(m.asks, c)
		m.calm = m.calm.without(r.Condition, c.begins)
	}
	for k := range meters {
		m := &meters[k]
		slices.Sort(m.windows)
		m.windows = slices.Compact(m.windows)
		m.hints = make([]int, len(m.windows))
		for a := range m.asks {
			c := &m.asks[a]
			window, _ := slices.BinarySearch(m.windows, int64(rules[c.rule].Window))
			c.window = int32(window)
		}
		slices.SortStableFunc(m.asks, func(c, d condition) int { return int(c.window - d.window) })
		m.first, first = first, first+len(m.asks)
	}
	return meters
}

// without leaves out of b what a condition may begin with.
func (b band) without(c Comparison, begins band) band {
	switch c {
	case Above: // at the threshold is calm
		b.below = min(b.below, math.Nextafter(begins.above, math.Inf(1)))
	case Below:
		b.above = max(b.above, math.Nextafter(begins.below, math.Inf(-1)))
	default: // a mean may be equal where no figure is
		b.above = math.Inf(1)
	}
	return b
}
