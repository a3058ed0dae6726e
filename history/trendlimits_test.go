package history

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestTrendsAreBounded: what is too much has no trends, Status says so, and a document
// that would be too large is refused with what to ask instead.
func TestTrendsAreBounded(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	for n := range 40 {
		series := traffic.Series{Kind: traffic.SeriesProbe, Name: fmt.Sprintf("probe %02d", n)}
		for i := range 10 {
			series.Metrics = append(series.Metrics, traffic.Metric{Name: fmt.Sprint("field ", i), Value: float64(i)})
		}
		m.rows.Series = append(m.rows.Series, series)
	}
	s.roster.trends = map[kind]int{kindSeries: 30, kindMetric: 255}
	for range 3 {
		s.take(m.after(time.Minute).snapshot())
		mustFlush(t, s)
	}
	if got := trendOf(t, s, traffic.TrendQuery{}); len(got.Rows) != 255 {
		t.Errorf("%d metrics", len(got.Rows))
	}
	if state := s.Status(); state.Left != 145 || !strings.Contains(state.Monitor().Detail, "145 metrics have no trends") {
		t.Errorf("%+v: %s", state, state.Monitor().Detail)
	}
	// After an hour what is no longer there makes room.
	m.rows.Series = m.rows.Series[20:]
	for range 70 {
		s.take(m.after(time.Minute).snapshot())
	}
	if state := s.Status(); state.Left != 0 {
		t.Errorf("%+v", state)
	}
	mustFlush(t, s)
	s.take(m.after(20 * 24 * time.Hour).snapshot())
	if _, err := s.Trend(t.Context(), traffic.TrendQuery{Step: traffic.StepMinute}); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), "name a series or a metric") {
		t.Errorf("too much: %v", err)
	}
	// Figures that are none are not kept, and harm nothing.
	m.rows.Series = []traffic.Series{{Kind: traffic.SeriesSwap, Metrics: traffic.Metrics{
		{Name: "a", Value: math.NaN()}, {Name: "b", Value: math.Inf(1)}, {Name: "c", Value: -math.MaxFloat64}, {Name: "d", Value: 1}, {Name: traffic.Others, Value: 1},
	}}}
	s.take(m.after(time.Second).snapshot())
	mustFlush(t, s)
	got := trendOf(t, s, traffic.TrendQuery{Series: "swap"})
	if len(got.Rows) != 1 || got.Rows[0].Metric != "d" {
		t.Errorf("%+v", got.Rows)
	}
	inspect(t, s.opts.Path)
}

// TestTrendsAreDropped: those of a time go with what was counted in it, because it is
// old or because the file is too large, the finest first.
func TestTrendsAreDropped(t *testing.T) {
	host := newHost(60, 5)
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now, MaxSize: MinMaxSize})
	for range 60 * 40 / 5 {
		m.rows.Series = host.tick()
		s.take(m.after(5 * time.Minute).snapshot())
		mustFlush(t, s)
		s.tend()
	}
	size, free, err := s.db.size()
	if err != nil || size-free > MinMaxSize {
		t.Errorf("the file has %d bytes, %d of them free, %v", size, free, err)
	}
	first := make(map[string]int64)
	for _, table := range everyTable {
		key, err := number(t.Context(), s.db.conn, "SELECT coalesce(min(id), 0) FROM "+table.name)
		if err != nil {
			t.Fatal(err)
		}
		first[table.name] = startOf(key)
	}
	if first["trend_minute"] != first["minute"] || m.at.Unix()-first["minute"] > 30*3600 || first["trend_hour"] != first["hour"] || first["trend_day"] != first["day"] {
		t.Errorf("the oldest are of %v", first)
	}
	if got := trendOf(t, s, traffic.TrendQuery{Step: traffic.StepDay}); len(got.Times) != 2 || len(got.Rows) == 0 || got.Rows[0].Steps[0] == nil {
		t.Errorf("by day %v, %d rows", got.Times, len(got.Rows))
	}
	inspect(t, s.opts.Path)
}

// TestNamesOfTrendsAreCollected: when no piece has them any more; those of others stay.
func TestNamesOfTrendsAreCollected(t *testing.T) {
	long(t)
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now, Keep: Retention{Minute: 10 * time.Minute, Hour: 2 * time.Hour, Day: 48 * time.Hour, Month: 48 * time.Hour}})
	for n := range 24 * 40 {
		m.rows.Series = []traffic.Series{
			{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: 1}}},
			{Kind: traffic.SeriesContainer, Name: fmt.Sprint("c", n/4), Metrics: traffic.Metrics{{Name: "reads_per_s", Value: 1}}},
		}
		s.take(m.after(time.Hour).snapshot())
		mustFlush(t, s)
		s.tend()
	}
	names, err := number(t.Context(), s.db.conn, "SELECT count(*) FROM series")
	if err != nil || names > 200 || names < 3 {
		t.Errorf("%d names, %v", names, err)
	}
	got := trendOf(t, s, traffic.TrendQuery{Metric: "load1"})
	if diff := cmp.Diff([]traffic.TrendRow{{Series: "load", Metric: "load1", Mean: 1, Min: 1, Max: 1}}, got.Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range trendOf(t, s, traffic.TrendQuery{}).Rows {
		if strings.Contains(row.Series+row.Metric, "damaged") {
			t.Errorf("a name is gone: %+v", row)
		}
	}
	inspect(t, s.opts.Path)
}
