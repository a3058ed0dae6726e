package history

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"bwmon/traffic"
)

// Trend answers how figures went: from what is in the file and what is yet to be
// written. It is for any number of goroutines. What cannot be answered is an
// ErrQuestion. Means, minima and maxima are right to 16 bits, about five digits, and
// where a figure hardly moved to 24.
func (s *Store) Trend(ctx context.Context, q traffic.TrendQuery) (t traffic.Trend, err error) {
	if err := checkTime(q.From, q.To, q.Step); err != nil {
		return t, err
	}
	v, err := s.look(ctx, kindMetric)
	if err == nil {
		t, err = v.answerTrend(q)
	}
	if err != nil {
		return traffic.Trend{}, s.cannotRead(err)
	}
	return t, nil
}

// answerTrend makes the trend and ends the look.
func (v *view) answerTrend(q traffic.TrendQuery) (traffic.Trend, error) {
	t, err := v.trend(q)
	if closed := v.close(); err == nil {
		err = closed
	}
	return t, err
}

// trend answers a checked query.
func (v *view) trend(q traffic.TrendQuery) (traffic.Trend, error) {
	times := traffic.Query{From: q.From, To: q.To, Step: q.Step}
	report := &traffic.Report{From: q.From.UTC(), To: v.until(times).UTC()} // for what it has of time
	a := asking{view: v, query: times, report: report}
	found, err := a.time()
	rows := []traffic.TrendRow{}
	if err == nil && found {
		rows, err = a.trend(q)
	}
	if err != nil {
		return traffic.Trend{}, err
	}
	return traffic.Trend{
		Schema: traffic.SchemaVersion, Host: v.host, Step: q.Step, From: report.From, To: report.To, Zone: zoneName(v.calendar.place),
		Times: report.Times, Rows: rows, Detail: cmp.Or(strings.Join(a.details, "; "), report.Detail),
	}, nil
}

// course is how one metric of one series went.
type course struct {
	series, metric string
	measure
	steps []measure
}

func (a *asking) trend(q traffic.TrendQuery) ([]traffic.TrendRow, error) {
	all := make(map[metricKey]*course)
	wanted, err := a.wanted(q)
	if err != nil {
		return nil, err
	}
	for _, s := range a.stretches {
		if err := a.eachTrend(q, s, func(_ int64, list []gauge) {
			for _, g := range list {
				if !wanted(g) {
					continue
				}
				c := all[g.key()]
				if c == nil {
					c = &course{}
					all[g.key()] = c
				}
				c.measure = c.add(g.measure)
			}
		}); err != nil {
			return nil, err
		}
	}
	if points := len(all) * len(a.report.Times); points > maxTrendPoints {
		return nil, question("series: %d metrics in %d steps are too many: want at most %d figures: name a series or a metric, or ask for less time, or a coarser step",
			len(all), len(a.report.Times), maxTrendPoints)
	}
	if err := a.courses(q, all); err != nil {
		return nil, err
	}
	a.sayDamaged()
	return a.trendRows(all)
}

// metricKey is a metric of a series, by their ids.
type metricKey struct{ group, id uint32 }

func (g gauge) key() metricKey { return metricKey{g.group, g.id} }

// wanted says what is asked for.
func (a *asking) wanted(q traffic.TrendQuery) (func(gauge) bool, error) {
	groups, err := a.named(kindSeries, q.Series)
	if err != nil {
		return nil, err
	}
	ids, err := a.named(kindMetric, q.Metric)
	if err != nil {
		return nil, err
	}
	return func(g gauge) bool {
		return (q.Series == "" || slices.Contains(groups, g.group)) && (q.Metric == "" || slices.Contains(ids, g.id))
	}, nil
}

// courses divides them into steps.
func (a *asking) courses(q traffic.TrendQuery, all map[metricKey]*course) error {
	if len(a.report.Times) == 0 || len(all) == 0 {
		return nil
	}
	for _, c := range all {
		c.steps = make([]measure, len(a.report.Times))
	}
	steps := stepsOf(a.stretches[0].level, a.report.Times)
	return a.eachTrend(q, a.stretches[0], func(start int64, list []gauge) {
		i := steps.of(start)
		for _, g := range list {
			if c := all[g.key()]; c != nil {
				c.steps[i] = c.steps[i].add(g.measure)
			}
		}
	})
}

// trendRows names them and puts them in order.
func (a *asking) trendRows(all map[metricKey]*course) ([]traffic.TrendRow, error) {
	names, err := a.namer()
	if err != nil {
		return nil, err
	}
	defer names.close()
	rows := make([]traffic.TrendRow, 0, len(all))
	for key, c := range all {
		// There are few names, which many have.
		if c.series, err = names.app(key.group); err != nil {
			return nil, err
		}
		if c.metric, err = names.app(key.id); err != nil {
			return nil, err
		}
		rows = append(rows, c.row())
	}
	slices.SortFunc(rows, func(r, s traffic.TrendRow) int {
		return cmp.Or(strings.Compare(r.Series, s.Series), strings.Compare(r.Metric, s.Metric))
	})
	return rows, nil
}

// row is c as trends have it.
func (c *course) row() traffic.TrendRow {
	all := c.shown()
	row := traffic.TrendRow{Series: c.series, Metric: c.metric, Mean: all.mean, Min: all.min, Max: all.max}
	if c.steps == nil {
		return row
	}
	figures := make([]traffic.TrendStep, len(c.steps))
	row.Steps = make([]*traffic.TrendStep, len(c.steps))
	for i, m := range c.steps {
		if m.weight == 0 {
			continue
		}
		m = m.shown()
		figures[i] = traffic.TrendStep{Mean: m.mean, Min: m.min, Max: m.max}
		row.Steps[i] = &figures[i]
	}
	return row
}

// eachTrend calls f for the gauges of a stretch that may be asked for, piece by piece,
// in no order. It does not keep the list.
func (v *view) eachTrend(q traffic.TrendQuery, s stretch, f func(start int64, list []gauge)) error {
	from, to := s.seconds()
	only := -1
	if q.Series != "" {
		only = int(themeOfID(q.Series))
	}
	for i := range v.pending {
		if start := v.pending[i].span[s.level]; start >= from && start < to {
			for t, list := range v.pending[i].gauges {
				if only < 0 || only == t {
					f(start, list)
				}
			}
		}
	}
	if v.plain {
		return nil
	}
	rows, err := v.tx.QueryContext(v.ctx, v.pieces(s.level.trends(), "WHERE id >= ?1 AND id < ?2 AND (?3 < 0 OR id & 255 = ?3)"),
		pieceKey(v.member, from, 0), pieceKey(v.member, to, 0), only)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		if v.gauges, err = decodeTrend(v.gauges[:0], data); err != nil {
			v.noteDamage(s.level.trends(), key)
			continue
		}
		f(startOf(key), v.gauges)
	}
	return rows.Err()
}
