package notify

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"bwmon/traffic"
)

// twentyRules all match every app: windows of 1 s, 10 s and 1 min, every
// direction, and quotas.
func twentyRules(threshold float64) []Rule {
	var rules []Rule
	every := regexp.MustCompile("")
	for i := range 20 {
		r := Rule{
			Name: fmt.Sprint("rule ", i), Subject: Subject{Kind: KindApp, Match: every},
			Direction: []Direction{Rx, Tx, Total}[i%3], Condition: []Comparison{Above, Above, Above, Quota}[i%4],
			Threshold: threshold + float64(i), Window: []time.Duration{time.Second, 10 * time.Second, time.Minute}[i%3],
			Quota: Allowance{Bytes: 1 << 60, Period: Month},
		}
		rules = append(rules, r)
	}
	return rules
}

// BenchmarkTick has 10,000 apps and 20 rules about each: of which none carries
// anything; all do, and keep their rules; all do, and break them.
func BenchmarkTick(b *testing.B) {
	for _, bench := range []struct {
		name             string
		moves, threshold uint64
	}{{"idle", 0, 1 << 40}, {"moving", 1000, 1 << 40}, {"breaking", 1000, 100}} {
		b.Run(bench.name, func(b *testing.B) {
			snapshots := [2]*traffic.Snapshot{}
			for i := range snapshots {
				snapshots[i] = &traffic.Snapshot{Apps: make([]traffic.App, 10_000)}
				for j := range snapshots[i].Apps {
					snapshots[i].Apps[j].Name = fmt.Sprintf("app%05d", j)
				}
			}
			book := NewBook(Options{Rules: twentyRules(float64(bench.threshold))})
			now := time.Now()
			ticks := 0
			tick := func() {
				s := snapshots[ticks%2]
				ticks++
				now = now.Add(time.Second)
				s.At = now
				for j := range s.Apps {
					u := &s.Apps[j].Usage
					n := bench.moves * uint64(j%100+1)
					*u = traffic.Usage{
						RxBytes: n * uint64(ticks), TxBytes: 2 * n * uint64(ticks),
						RxRate: float64(n), TxRate: float64(2 * n),
					}
				}
			}
			for range 200 { // until the longest window is full
				tick()
				book.Tick(now, snapshots[(ticks-1)%2])
			}
			var spent time.Duration
			b.ReportAllocs()
			for b.Loop() {
				tick()
				start := time.Now()
				book.Tick(now, snapshots[(ticks-1)%2])
				spent += time.Since(start)
			}
			b.ReportMetric(spent.Seconds()*1e3/float64(b.N), "ms/tick")
			b.ReportMetric(float64(len(book.Alerts())), "alerts")
			b.ReportMetric(0, "ns/op")
		})
	}
}
