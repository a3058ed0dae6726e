package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"bwmon/traffic"
)

// Trend answers how the figures of a host went: what was measured there, and what it
// posted by itself (traffic.SeriesPerf). A mean is over the time in which the host
// published; a figure is taken to be what it was last, for a day at most. That of what was
// posted is of what was posted. What counts has no trend. It blocks as Report does.
func (r *Reader) Trend(ctx context.Context, host string, q traffic.TrendQuery) (traffic.Trend, error) {
	t := traffic.Trend{Schema: traffic.SchemaVersion, Host: host, Step: q.Step, From: q.From.UTC(), To: q.To.UTC(), Zone: r.opts.Location.String(), Rows: []traffic.TrendRow{}}
	if host == "" {
		return t, question("host: want one: a fleet has no trends in an engine")
	}
	if err := checkTime(q.From, q.To, q.Step); err != nil {
		return t, err
	}
	matchers := []string{equal("host", host)}
	if q.Series != "" {
		matchers = append(matchers, equal("series", q.Series))
	}
	if q.Metric != "" {
		matchers = append(matchers, equal("metric", q.Metric))
	}
	asked := selector(metricValue, matchers...)
	times, err := r.trendTimes(ctx, host, q)
	if err != nil {
		return t, err
	}
	if len(times) < 2 {
		t.Detail = nothing
		return t, nil
	}
	t.From, t.To = times[0], times[len(times)-1]
	if now := r.opts.Now().UTC(); t.To.After(now) && q.To.IsZero() {
		t.To = now
	}
	whole, err := r.means(ctx, host, asked, []time.Time{times[0], times[len(times)-1]})
	if err != nil {
		return t, err
	}
	var steps map[figureID][]level
	if q.Step != "" {
		t.Times = times[:len(times)-1]
		if points := len(whole) * len(t.Times); points > maxTrendPoints {
			return t, question("series: %d metrics in %d steps are too many: want at most %d figures: name a series or a metric, or ask for less time, or a coarser step", len(whole), len(t.Times), maxTrendPoints)
		}
		if steps, err = r.means(ctx, host, asked, times); err != nil {
			return t, err
		}
	}
	t.Rows = trendRows(whole, steps, len(t.Times))
	return t, t.Check()
}

// maxTrendPoints is how many figures a trend has.
const maxTrendPoints = 250_000

// trendTimes are the ends of the steps of a trend.
func (r *Reader) trendTimes(ctx context.Context, host string, q traffic.TrendQuery) ([]time.Time, error) {
	now := r.opts.Now()
	from, to := q.From, q.To
	if to.IsZero() {
		to = now.Add(time.Millisecond)
	}
	if earliest := now.Add(-r.opts.Reach); from.Before(earliest) {
		first, err := r.first(ctx, host, earliest, now)
		if err != nil {
			return nil, err
		}
		if from = first; first.IsZero() { // it posts figures, and does not publish
			from = earliest
		}
	}
	if !from.Before(to) {
		return nil, nil
	}
	return r.calendar.divide(from, to, q.Step)
}

// figureID is a metric of a series.
type figureID struct{ series, metric string }

func (id figureID) isPosted() bool { return id.series == traffic.SeriesPerf }

// isSum reports whether a metric counts: a mean of it says nothing.
func (id figureID) isSum() bool {
	if id.isPosted() {
		return false
	}
	switch kind, _, _ := strings.Cut(id.series, ":"); kind {
	case traffic.SeriesDisk, traffic.SeriesContainer, traffic.SeriesUnit:
		if id.metric == "read_bytes" || id.metric == "write_bytes" {
			return true
		}
	}
	return strings.HasSuffix(id.metric, "_total")
}

// level is a figure in an interval.
type level struct {
	traffic.TrendStep
	known bool
}

func (l *level) is(v float64) { *l = level{traffic.TrendStep{Mean: v, Min: v, Max: v}, true} }

// spread widens l to v. Without a mean there was only a moment between those that means
// are of.
func (l *level) spread(v float64) {
	if !l.known {
		l.is(v)
	}
	l.Min, l.Max = min(l.Min, v), max(l.Max, v)
}

// means asks for the mean, the least and the most of figures in each interval.
func (r *Reader) means(ctx context.Context, host, asked string, times []time.Time) (map[figureID][]level, error) {
	all := make(map[figureID][]level)
	at := func(m model.Metric, i int) (figureID, *level) {
		id := figureID{string(m["series"]), string(m["metric"])}
		if i < 1 || i >= len(times) || id.isSum() {
			return id, new(level)
		}
		if all[id] == nil {
			all[id] = make([]level, len(times)-1)
		}
		return id, &all[id][i-1]
	}
	over := func(function string) func(time.Duration) string {
		return func(width time.Duration) string { return function + "(" + asked + span(width) + before + ")" }
	}
	there := selector(metricPosition, equal("host", host))
	measured := func(width time.Duration) string {
		return fmt.Sprintf("avg_over_time((last_over_time(%s[1d]) and on (host) max by (host) (last_over_time(%s[1m])))[%s:%ds]%s)",
			asked, there, seconds(width), grain(width), before)
	}
	spread := func(m model.Metric, i int, v float64) {
		_, l := at(m, i)
		l.spread(v)
	}
	for _, ask := range []struct {
		expression func(time.Duration) string
		take       func(model.Metric, int, float64)
	}{
		{measured, func(m model.Metric, i int, v float64) {
			if id, l := at(m, i); !id.isPosted() {
				l.is(v)
			}
		}},
		{over("avg_over_time"), func(m model.Metric, i int, v float64) {
			if id, l := at(m, i); id.isPosted() {
				l.is(v)
			}
		}},
		{over("min_over_time"), spread},
		{over("max_over_time"), spread},
	} {
		if err := r.each(ctx, times, ask.expression, ask.take); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// grain is how many seconds apart the figures are that a mean is made of.
func grain(width time.Duration) int { return max(10, int(width/time.Second)/720) }

func trendRows(whole, steps map[figureID][]level, n int) []traffic.TrendRow {
	rows := make([]traffic.TrendRow, 0, len(whole))
	for id, all := range whole {
		if !all[0].known {
			continue
		}
		row := traffic.TrendRow{Series: id.series, Metric: id.metric, Mean: all[0].Mean, Min: all[0].Min, Max: all[0].Max}
		if n > 0 {
			row.Steps = make([]*traffic.TrendStep, n)
			for i := range steps[id] {
				if l := &steps[id][i]; l.known {
					row.Steps[i] = &l.TrendStep
				}
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b traffic.TrendRow) int {
		return cmp.Or(strings.Compare(a.Series, b.Series), strings.Compare(a.Metric, b.Metric))
	})
	return rows
}
