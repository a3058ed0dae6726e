package history

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// noted is one figure of a test, and how long it was so.
type noted struct {
	at             time.Time
	ms             int64
	series, metric string
	value          float64
}

// gaugesOf are made-up series: some come and go, some figures are missing at times.
func gaugesOf(r *rand.Rand) (list []traffic.Series) {
	list = append(list, traffic.Series{Kind: traffic.SeriesCPU, Metrics: traffic.Metrics{
		{Name: "used_percent", Value: 100 * r.Float64()}, {Name: "processors", Value: 4},
	}})
	for n := range 3 {
		if r.IntN(4) == 0 {
			continue
		}
		s := traffic.Series{Kind: traffic.SeriesDisk, Name: fmt.Sprint("sd", n), Metrics: traffic.Metrics{
			{Name: "reads_per_s", Value: float64(r.IntN(50))}, {Name: "write_bytes_per_s", Value: r.ExpFloat64() * 1e6},
			{Name: "read_bytes", Value: 512}, {Name: "write_bytes", Value: 512}, // sums
		}}
		if r.IntN(3) > 0 {
			s.Metrics = s.Metrics.With("await_ms", r.ExpFloat64())
		}
		list = append(list, s)
	}
	return append(list,
		traffic.Series{Kind: traffic.SeriesInterface, Name: "eth0", Metrics: traffic.Metrics{{Name: "rx_errors_total", Value: 5}, {Name: "rx_errors_per_s"}}},
		traffic.Series{Kind: traffic.SeriesProbe, Name: "shop: of mine", Metrics: traffic.Metrics{{Name: "up", Value: float64(r.IntN(2))}, {Name: "status", Value: 200}}},
		traffic.Series{Kind: "novelty", Name: "x", Metrics: traffic.Metrics{{Name: "depth", Value: -r.Float64()}}},
	)
}

func trendOf(t testing.TB, s *Store, q traffic.TrendQuery) traffic.Trend {
	t.Helper()
	trend, err := s.Trend(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if err := trend.Check(); err != nil {
		t.Error(err)
	}
	return trend
}

// TestTrendsAreThoseOfTheFigures: at each level, through flushes, restarts, clocks that
// are set and jump, means are over the time measured, and nothing is missing.
func TestTrendsAreThoseOfTheFigures(t *testing.T) {
	berlin := calendar{place(t, "Europe/Berlin").place}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 21))
		m := newMachine(time.Date(2026, 3, 28, 21, 58, 30, 0, time.UTC)) // a day before it is summer
		path := filepath.Join(t.TempDir(), "history.db")
		options := Options{Path: path, Location: berlin.place, Keep: unlimited, Now: m.now}
		s := openStore(t, options)
		m.rows.Run = "first"
		var all []noted
		for n := range 600 {
			ms := int64(200 + r.IntN(400_000))
			m.after(time.Duration(ms) * time.Millisecond)
			if r.IntN(100) == 0 {
				m.at = m.at.Add(time.Duration(r.Int64N(int64(12*24*time.Hour)) - int64(5*24*time.Hour)))
			}
			m.rows.Series = gaugesOf(r)
			for _, series := range m.rows.Series {
				for _, metric := range series.Metrics {
					if !isSum(series.Kind, metric.Name) {
						all = append(all, noted{m.at, ms, series.ID(), metric.Name, metric.Value})
					}
				}
			}
			s.take(m.snapshot())
			switch r.IntN(12) {
			case 0, 1, 2:
				mustFlush(t, s)
				s.tend()
			case 3: // another run of the program, at once
				if err := s.finish(); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				m.elapsed, m.rows.Run = 0, fmt.Sprint(n)
				s = openStore(t, options)
			}
			if n == 599 || n%200 == 0 {
				compareTrend(t, s, berlin, all, "")
				for _, step := range everyStep {
					compareTrend(t, s, berlin, all, step)
				}
			}
		}
		mustFlush(t, s)
		compareTrend(t, s, berlin, all, traffic.StepDay)
		inspect(t, path)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// compareTrend compares a trend of all times with what was noted.
func compareTrend(t *testing.T, s *Store, c calendar, all []noted, step string) {
	t.Helper()
	type cell struct {
		series, metric string
		step           int64 // -1: all of them
	}
	want := make(map[cell]measure)
	add := func(to cell, n noted) {
		m := want[to]
		if m.weight == 0 {
			m = measure{0, 0, math.Inf(1), math.Inf(-1)}
		}
		m.weight, m.mean = m.weight+n.ms, m.mean+n.value*float64(n.ms) // the sum yet
		m.min, m.max = min(m.min, n.value), max(m.max, n.value)
		want[to] = m
	}
	for _, n := range all {
		add(cell{n.series, n.metric, -1}, n)
		if step != "" {
			add(cell{n.series, n.metric, levelOf(step).begin(c, n.at).Unix()}, n)
		}
	}
	far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := 0
	check := func(to cell, mean, least, most float64) {
		w, ok := want[to]
		seen++
		w.mean /= float64(w.weight)
		if within := 1e-4 * max(math.Abs(w.min), math.Abs(w.max)); !ok ||
			math.Abs(mean-w.mean) > within || math.Abs(least-w.min) > within || math.Abs(most-w.max) > within || least > mean || most < mean {
			t.Fatalf("step %q, %+v: mean %v, min %v, max %v; want %+v", step, to, mean, least, most, w)
		}
	}
	from := time.Time{}
	queries := []traffic.TrendQuery{{From: from, To: far, Step: step}}
	if step == traffic.StepMinute { // of all that is too much
		queries = nil
		for _, n := range all[:min(len(all), 40)] {
			q := traffic.TrendQuery{From: from, To: far, Step: step, Series: n.series, Metric: n.metric}
			if !slices.Contains(queries, q) {
				queries = append(queries, q)
			}
		}
		for to := range want {
			if !slices.ContainsFunc(queries, func(q traffic.TrendQuery) bool { return q.Series == to.series && q.Metric == to.metric }) {
				delete(want, to)
			}
		}
	}
	for _, q := range queries {
		trend := trendOf(t, s, q)
		for _, row := range trend.Rows {
			check(cell{row.Series, row.Metric, -1}, row.Mean, row.Min, row.Max)
			for i, one := range row.Steps {
				if one != nil {
					check(cell{row.Series, row.Metric, trend.Times[i].Unix()}, one.Mean, one.Min, one.Max)
				}
			}
		}
	}
	if seen != len(want) {
		t.Fatalf("step %q: %d cells, want %d", step, seen, len(want))
	}
}

// TestTrendOfAnHourIsThatOfItsMinutes: closed pieces too.
func TestTrendOfAnHourIsThatOfItsMinutes(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 11, 59, 59, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	r := rand.New(rand.NewPCG(3, 3))
	for range 3 * 3600 / 5 {
		m.rows.Series = []traffic.Series{{Kind: traffic.SeriesMemory, Metrics: traffic.Metrics{
			{Name: "used_bytes", Value: 8e9 + r.NormFloat64()*1e9}, {Name: "available_bytes", Value: 1e12 + float64(m.at.Unix()%10000)*4096},
		}}}
		s.take(m.after(5 * time.Second).snapshot())
		if m.at.Second()%10 == 4 {
			mustFlush(t, s)
		}
	}
	hours, minutes := trendOf(t, s, traffic.TrendQuery{Step: traffic.StepHour}), trendOf(t, s, traffic.TrendQuery{Step: traffic.StepMinute})
	if len(hours.Rows) != 2 || len(hours.Times) < 3 {
		t.Fatalf("%+v", hours)
	}
	for n, row := range hours.Rows {
		for h, hour := range row.Steps[:3] {
			sum := 0.0
			least, most := math.Inf(1), math.Inf(-1)
			for _, one := range minutes.Rows[n].Steps[60*h : 60*h+60] {
				sum, least, most = sum+one.Mean, min(least, one.Min), max(most, one.Max)
			}
			if math.Abs(sum/60/hour.Mean-1) > 1e-5 || math.Abs(least/hour.Min-1) > 2e-5 || math.Abs(most/hour.Max-1) > 2e-5 {
				t.Errorf("%s, hour %d: %+v, its minutes have %v, %v, %v", row.Metric, h, hour, sum/60, least, most)
			}
		}
	}
	// What hardly moves is known more exactly.
	if got := hours.Rows[0]; got.Metric != "available_bytes" || math.Abs(got.Steps[1].Min-1e12) > 1e12/1e7+10000*4096 {
		t.Errorf("%+v", got.Steps[1])
	}
}

// TestTrendFilters: by series and metric, pending or written, and by a reader.
func TestTrendFilters(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now, Host: "gw"})
	m.rows.Series = []traffic.Series{
		{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: 2}}},
		{Kind: traffic.SeriesMount, Name: "/", Metrics: traffic.Metrics{{Name: "used_percent", Value: 40}, {Name: "inodes", Value: 7}}},
		{Kind: traffic.SeriesMount, Name: "/var", Metrics: traffic.Metrics{{Name: "used_percent", Value: 60}}},
		{Kind: traffic.SeriesSwap, Metrics: traffic.Metrics{{Name: "used_percent", Value: 5}}},
	}
	s.take(m.after(time.Minute).snapshot())
	ask := func(trend func(traffic.TrendQuery) (traffic.Trend, error)) {
		t.Helper()
		for _, tt := range []struct {
			q    traffic.TrendQuery
			want string
		}{
			{traffic.TrendQuery{}, "load load1 2, mount:/ inodes 7, mount:/ used_percent 40, mount:/var used_percent 60, swap used_percent 5"},
			{traffic.TrendQuery{Series: "mount:/"}, "mount:/ inodes 7, mount:/ used_percent 40"},
			{traffic.TrendQuery{Metric: "used_percent", Step: "hour"}, "mount:/ used_percent 40, mount:/var used_percent 60, swap used_percent 5"},
			{traffic.TrendQuery{Series: "swap", Metric: "used_percent"}, "swap used_percent 5"},
			{traffic.TrendQuery{Series: "swap", Metric: "load1"}, ""},
			{traffic.TrendQuery{Series: "mount:/none"}, ""},
			{traffic.TrendQuery{Metric: "none", Step: "day"}, ""},
		} {
			got, err := trend(tt.q)
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, r := range got.Rows {
				rows = append(rows, fmt.Sprintf("%s %s %v", r.Series, r.Metric, r.Mean))
			}
			if list := strings.Join(rows, ", "); list != tt.want || got.Rows == nil || got.Host != "gw" || got.Zone != "UTC" || got.Step != tt.q.Step {
				t.Errorf("%+v: %s; %+v", tt.q, list, got)
			}
		}
	}
	store := func(q traffic.TrendQuery) (traffic.Trend, error) { return s.Trend(t.Context(), q) }
	ask(store)
	mustFlush(t, s)
	ask(store)
	r, err := OpenReader(s.opts.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.now = m.now
	ask(func(q traffic.TrendQuery) (traffic.Trend, error) { return r.Trend(t.Context(), q) })
	for _, tt := range []struct {
		q    traffic.TrendQuery
		want string
	}{
		{traffic.TrendQuery{Step: "week"}, `step: want minute, hour, day, month or none; got "week"`},
		{traffic.TrendQuery{From: m.at, To: m.at}, "to: want a time after from"},
	} {
		for _, trend := range []func(traffic.TrendQuery) (traffic.Trend, error){store, func(q traffic.TrendQuery) (traffic.Trend, error) { return r.Trend(t.Context(), q) }} {
			if _, err := trend(tt.q); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt.q, err)
			}
		}
	}
	if got := trendOf(t, s, traffic.TrendQuery{From: m.at.Add(-48 * time.Hour), To: m.at.Add(-24 * time.Hour)}); got.Detail == "" || len(got.Rows) > 0 {
		t.Errorf("of a time before it began: %+v", got)
	}
}
