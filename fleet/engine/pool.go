package engine

import (
	"context"
	"slices"

	"github.com/prometheus/common/model"
)

// mostPooled is how many steps a report has at most whose rows the engine adds up by
// itself: each is a question.
const mostPooled = 62

// pool asks for what all rows of one value of a label carried together in each interval:
// the engine adds up the differences, since there are too many rows to fetch. Of those
// that the engine cannot know the beginning of, courses put it right.
func (r *reading) pool(ctx context.Context, by model.LabelName) (map[string]*[ways][]int64, error) {
	all := make(map[string]*[ways][]int64)
	at := func(name model.LabelValue) *[ways][]int64 {
		rows := all[string(name)]
		if rows == nil {
			rows = new([ways][]int64)
			for _, w := range r.ways {
				rows[w] = make([]int64, len(r.times))
			}
			all[string(name)] = rows
		}
		return rows
	}
	for _, w := range r.ways {
		for metric, sign := range map[string]int64{r.family.total(w): 1, r.family.moved(w): -1} {
			for i := 1; i < len(r.times); i++ {
				v, err := r.vector(ctx, r.grown(metric, i, by), r.times[i])
				if err != nil {
					return nil, err
				}
				for _, s := range v {
					at(s.Metric[by])[w][i] += sign * whole(float64(s.Value))
				}
			}
		}
	}
	unknown, err := r.unknown(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.correct(ctx, unknown, func(m model.Metric, w way, from int, n int64) {
		rows := at(m[by])
		for i := from; i < len(r.times); i++ {
			rows[w][i] -= n
		}
	}); err != nil {
		return nil, err
	}
	for _, rows := range all {
		for _, w := range r.ways {
			for i := len(r.times) - 1; i > 0; i-- {
				rows[w][i] -= rows[w][i-1]
			}
		}
	}
	return all, nil
}

// grown is what counters grew by from the first of the times to number i, added up.
func (r *reading) grown(metric string, i int, by model.LabelName) string {
	rows := selector(metric, r.matchers...)
	width := r.times[i].Sub(r.times[0])
	now := "max_over_time(" + rows + span(width) + before + ")"
	return "sum by (" + string(by) + ") ((" + now + " - max_over_time(" + rows + span(r.windows()[0]) + offset(width) + ")) or " + now + ")"
}

// correct calls f with what rows had carried before the first of the times, which is in
// the sums from the interval on in which the row was seen first.
func (r *reading) correct(ctx context.Context, rows []model.Metric, f func(m model.Metric, w way, from int, n int64)) error {
	if len(rows) == 0 {
		return nil
	}
	part := reading{Reader: r.Reader, family: r.family, matchers: append(slices.Clone(r.matchers), hostsOf(rows)...), ways: r.ways, times: r.times}
	if err := part.read(ctx); err != nil {
		return err
	}
	for _, m := range rows {
		c := part.courses[rowID(m)]
		if c == nil || c.was == fresh {
			continue
		}
		for _, w := range r.ways {
			n := c.total[w][0]
			if c.moved[w] != nil {
				n -= c.moved[w][0]
			}
			f(m, w, c.first, n)
		}
	}
	return nil
}
