package notify

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"bwmon/traffic"
)

// measuredRules are 20, each about another metric of every series, or of every app.
func measuredRules(kind Kind, threshold float64) []Rule {
	var rules []Rule
	for i := range 20 {
		r := Rule{
			Name: fmt.Sprint("rule ", i), Subject: Subject{Kind: kind, Match: regexp.MustCompile("")}, Metric: fmt.Sprintf("m%02d_ms", i),
			Condition: []Comparison{Above, Above, Above, Below}[i%4],
			Threshold: threshold, Window: []time.Duration{time.Second, 10 * time.Second, time.Minute}[i%3],
		}
		if kind != KindSubject {
			r.Metric = rowMetrics()[i%len(rowMetrics())]
		}
		if r.Condition == Below {
			r.Threshold = -threshold
		}
		rules = append(rules, r)
	}
	return rules
}

// measured are two snapshots of so many series of 20 metrics, or of so many apps, and
// what puts the next figures in one.
func measured(series, apps int) (snapshots [2]*traffic.Snapshot, next func(s *traffic.Snapshot, v float64)) {
	for i := range snapshots {
		s := &traffic.Snapshot{Apps: make([]traffic.App, apps), Series: make([]traffic.Series, series)}
		for j := range s.Apps {
			s.Apps[j].Name = fmt.Sprintf("app%05d", j)
		}
		for j := range s.Series {
			s.Series[j] = traffic.Series{Kind: traffic.SeriesDisk, Name: fmt.Sprintf("sd%05d", j)}
			for k := range 20 {
				s.Series[j].Metrics = s.Series[j].Metrics.With(fmt.Sprintf("m%02d_ms", k), 0)
			}
		}
		snapshots[i] = s
	}
	return snapshots, func(s *traffic.Snapshot, v float64) {
		for j := range s.Apps {
			s.Apps[j].Resources = traffic.Resources{
				DiskReadRate: v, DiskWriteRate: v, DiskReadBytes: uint64(v), DiskWriteBytes: uint64(v), CPUPercent: v, MemoryBytes: uint64(v),
			}
		}
		for j := range s.Series {
			for k := range s.Series[j].Metrics {
				s.Series[j].Metrics[k].Value = v
			}
		}
	}
}

// BenchmarkTickMeasured has 2,000 series of 20 metrics, and 10,000 apps, with 20 rules
// about each: of which no figure changes; all do, and keep their rules; all do, and
// break three quarters of them.
func BenchmarkTickMeasured(b *testing.B) {
	for _, of := range []struct {
		name         string
		kind         Kind
		series, apps int
	}{{"series", KindSubject, 2000, 0}, {"apps", KindApp, 0, 10_000}} {
		for _, bench := range []struct {
			name             string
			moves, threshold float64
		}{{"idle", 0, 1 << 40}, {"moving", 1, 1 << 40}, {"breaking", 1, 100}} {
			b.Run(of.name+"/"+bench.name, func(b *testing.B) {
				snapshots, next := measured(of.series, of.apps)
				book := NewBook(Options{Rules: measuredRules(of.kind, bench.threshold)})
				now := time.Now()
				ticks := 0
				tick := func() *traffic.Snapshot {
					s := snapshots[ticks%2]
					ticks++
					now = now.Add(time.Second)
					s.At = now
					next(s, 1000+bench.moves*float64(ticks))
					return s
				}
				for range 200 { // until the longest window is full
					book.Tick(now, tick())
				}
				var spent time.Duration
				b.ReportAllocs()
				for b.Loop() {
					s := tick()
					start := time.Now()
					book.Tick(now, s)
					spent += time.Since(start)
				}
				b.ReportMetric(spent.Seconds()*1e3/float64(b.N), "ms/tick")
				b.ReportMetric(float64(len(book.Alerts())), "alerts")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// TestTickOfMetricsAllocatesNothing while no figure changes, and while all do.
func TestTickOfMetricsAllocatesNothing(t *testing.T) {
	for name, moves := range map[string]float64{"idle": 0, "moving": 1} {
		for _, kind := range []Kind{KindSubject, KindApp} {
			snapshots, next := measured(100, 100)
			book := NewBook(Options{Rules: measuredRules(kind, 1<<40)})
			now := time.Now()
			ticks := 0
			tick := func() {
				s := snapshots[ticks%2]
				ticks++
				now = now.Add(time.Second)
				s.At = now
				next(s, moves*float64(ticks))
				book.Tick(now, s)
			}
			for range 400 {
				tick()
			}
			if n := testing.AllocsPerRun(100, tick); n != 0 {
				t.Errorf("%s, %s: %v allocations a tick", kind, name, n)
			}
		}
	}
}
