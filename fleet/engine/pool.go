package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/common/model"
)

// mostPooled is how many steps a report has at most whose rows the engine adds up by
// itself: each is a question.
const mostPooled = 62

// pool asks for what all rows of one value of a label carried together in each interval:
// the engine adds up, since there are too many rows to fetch. What rows that had not
// changed for long had before is taken from that. It returns errRounded where sums are so
// large that they are not exact.
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
			for i := range r.times {
				v, err := r.vector(ctx, r.sum(metric, i, by), r.times[i])
				if err != nil {
					return nil, err
				}
				for _, s := range v {
					if float64(s.Value) >= exactly {
						return nil, errRounded
					}
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

// exactly is where floating point begins to round integers.
const exactly = 1 << 53

var errRounded = errors.New("a sum is too large to be exact")

// sum is what rows had counted by number i of the times, added up: those that changed
// from shortly before the first of the times on.
func (r *reading) sum(metric string, i int, by model.LabelName) string {
	width := r.windows()[0] + r.times[i].Sub(r.times[0])
	return "sum by (" + string(by) + ") (max_over_time(" + selector(metric, r.matchers...) + span(width) + before + "))"
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
