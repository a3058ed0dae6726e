package engine

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestTrends: means are over time, whatever the figures' number; a host that is silent has
// none; figures that were posted are there by themselves.
func TestTrends(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		w := e.writer(t, Options{})
		begin := time.Now().Add(-6 * time.Hour).Truncate(time.Hour)
		reader := e.reader(t, Options{Now: func() time.Time { return begin.Add(4 * time.Hour) }})
		var batches []*fleet.Batch
		// cpu is 10 for 45 minutes and 50 for 15, in the last of which it is told of a lot.
		for i := range 354 { // to a minute before the end: it counts as there for that long
			at := begin.Add(time.Duration(i) * 10 * time.Second)
			b := &fleet.Batch{Host: "a", Run: "r", Seq: uint64(i) + 1, Since: uint64(i), From: at.Add(-10 * time.Second), At: at, Changes: &traffic.Snapshot{}}
			switch {
			case i == 0:
				b.Changes.Series = []traffic.Series{
					{Kind: "cpu", Metrics: traffic.Metrics{{Name: "busy_percent", Value: 10}}},
					{Kind: "disk", Name: `s"d\a`, Metrics: traffic.Metrics{{Name: "read_bytes", Value: 10}, {Name: "write_bytes", Value: 10}, {Name: "queue_size", Value: 3}}},
				}
			case i >= 270:
				b.Changes.Series = []traffic.Series{{Kind: "cpu", Metrics: traffic.Metrics{{Name: "busy_percent", Value: 50}}}}
			}
			batches = append(batches, b)
		}
		if err := w.Write(context.Background(), batches); err != nil {
			t.Fatal(err)
		}
		p := NewPerf(w, reader)
		for i, v := range []float64{5, 7, 12} {
			if err := p.Note("a", begin.Add(time.Duration(i)*time.Minute), "Mem used", v); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		e.settle()

		got, err := reader.Trend(context.Background(), "a", traffic.TrendQuery{From: begin, To: begin.Add(3 * time.Hour), Step: traffic.StepHour})
		if err != nil {
			t.Fatal(err)
		}
		step := func(mean, least, most float64) *traffic.TrendStep {
			return &traffic.TrendStep{Mean: mean, Min: least, Max: most}
		}
		row := func(series, metric string, s *traffic.TrendStep) traffic.TrendRow {
			return traffic.TrendRow{Series: series, Metric: metric, Mean: s.Mean, Min: s.Min, Max: s.Max, Steps: []*traffic.TrendStep{s, nil, nil}}
		}
		want := []traffic.TrendRow{
			row("cpu", "busy_percent", step(20, 10, 50)), row(`disk:s"d\a`, "queue_size", step(3, 3, 3)), row("perf", "Mem used", step(8, 5, 12)),
		}
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1 })
		if d := cmp.Diff(want, got.Rows, near); d != "" {
			t.Errorf("trend (-want +got):\n%s", d)
		}
		got, err = p.Trend(context.Background(), "a", traffic.TrendQuery{Series: traffic.SeriesPerf, From: begin, To: begin.Add(5 * time.Minute), Step: traffic.StepMinute})
		if err != nil || len(got.Rows) != 1 || len(got.Rows[0].Steps) != 5 || got.Rows[0].Steps[1] == nil || *got.Rows[0].Steps[1] != *step(7, 7, 7) || got.Rows[0].Steps[3] != nil {
			t.Errorf("what was posted by minute: %+v, %v", got.Rows, err)
		}
		if got, err = reader.Trend(context.Background(), "a", traffic.TrendQuery{Metric: "busy_percent"}); err != nil || len(got.Rows) != 1 {
			t.Errorf("all of the time: %+v, %v", got, err)
		}
		if _, err := reader.Trend(context.Background(), "", traffic.TrendQuery{}); !errors.Is(err, ErrQuestion) {
			t.Errorf("of the fleet: %v", err)
		}
	})
}
