package history

import (
	"fmt"
	"os"
	"testing"
	"time"

	"bwmon/traffic"
)

// BenchmarkTrends lives through five years of a host with nothing but 60 series, and
// prints how large the file is. On "busy" what can move moves by a factor each second;
// on "usual" three of four disks, containers and units are idle; on "noise" sizes, limits
// and counts of errors move, too.
//
//	BWMON_HISTORY_YEAR=1 go test -run '^$' -bench Trends -benchtime 1x ./history
func BenchmarkTrends(b *testing.B) {
	if os.Getenv(yearEnv) == "" {
		b.Skipf("set %s=1: it takes some minutes", yearEnv)
	}
	for _, name := range []string{"usual", "busy", "noise"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h := newHost(60, 1)
				h.idle = name == "usual"
				if name == "noise" {
					h.steady = nil
				}
				liveTrends(b, h)
			}
		})
	}
}

func liveTrends(b *testing.B, h *host) {
	m := newMachine(time.Date(2021, 10, 1, 0, 0, 0, 0, time.UTC))
	end := m.at.Add(5 * 366 * 24 * time.Hour)
	s := openStore(b, Options{Now: m.now})
	var flushes []time.Duration
	for m.at.Before(end) {
		step := 24 * time.Hour
		switch left := end.Sub(m.at); {
		case left <= 25*time.Hour:
			step = time.Minute
		case left <= 32*24*time.Hour:
			step = time.Hour
		}
		for range 4 {
			m.rows.Series = h.tick()
			s.take(m.after(step / 4).snapshot())
		}
		begin := time.Now()
		mustFlush(b, s)
		flushes = append(flushes, time.Since(begin))
		s.tend()
	}
	if err := s.checkpoint(0); err != nil {
		b.Fatal(err)
	}
	size, free, err := s.db.size()
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\n%d series, %d metrics: file %.1f MB, of it free %.1f MB\n", len(h.list), h.metrics(), float64(size)/1e6, float64(free)/1e6)
	for _, table := range everyTable {
		if table.trends {
			n, err := number(b.Context(), s.db.conn, "SELECT count(DISTINCT id >> 8) FROM "+table.name)
			if err != nil {
				b.Fatal(err)
			}
			data, err := number(b.Context(), s.db.conn, "SELECT coalesce(sum(length(data)), 0) FROM "+table.name)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Printf("%-14s %5d times, %.1f MB\n", table.name, n, float64(data)/1e6)
		}
	}
	fmt.Printf("flush          %s\n", spread(flushes))
	for _, step := range append(everyStep, "") {
		for _, series := range []string{"", "disk:sd3"} {
			begin := time.Now()
			t, err := s.Trend(b.Context(), traffic.TrendQuery{Series: series, Step: step, From: m.at.Add(-365 * 24 * time.Hour)})
			fmt.Printf("trend          %6.1f ms: %q by %q: %d rows × %d, %v\n", float64(time.Since(begin).Microseconds())/1000, series, step, len(t.Rows), len(t.Times), err)
		}
	}
	b.ReportMetric(float64(size-free)/1e6, "MB")
	inspect(b, s.opts.Path)
}
