package aggregate

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"bwmon/traffic"
)

// filled is a ledger with so many apps, commands of each and flows of each.
func filled(apps, commands, flows int) (*Ledger, []traffic.Sample) {
	l := newLedger(Options{})
	var samples []traffic.Sample
	for a := range apps {
		for c := range commands {
			o := owner(1+a*commands+c, fmt.Sprintf("/usr/bin/app%d --number %d", a, c))
			for range flows {
				samples = append(samples, sample(len(samples)+1, 1000, 100, o))
			}
		}
	}
	l.Book(complete("m", 0, samples...))
	return l, samples
}

func BenchmarkBookKnownFlows(b *testing.B) {
	l, samples := filled(100, 10, 10) // 10,000 flows
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for j := range samples {
			samples[j].Counts.RxBytes += 1000
		}
		l.Book(complete("m", float64(i), samples...))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(samples)), "ns/flow")
}

// remote is the n-th remote host.
func remote(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 19, byte(n >> 8), byte(n)}), 443)
}

// BenchmarkBookManyRemotes has as many remote hosts as are kept.
func BenchmarkBookManyRemotes(b *testing.B) {
	l, samples := filled(1, 10, 1)
	samples = samples[:0]
	for n := range 65536 {
		s := sample(n, 1000, 100, owner(1+n%500, "curl"))
		s.Flow.Remote = remote(n % 4096)
		samples = append(samples, s)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for j := range samples {
			samples[j].Counts.RxBytes += 1000
		}
		l.Book(complete("m", float64(i), samples...))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(samples)), "ns/flow")
}

// BenchmarkBookNewRemotes begins and ends flows with hosts that are new.
func BenchmarkBookNewRemotes(b *testing.B) {
	l, samples := filled(1, 1, 1)
	s := samples[0]
	s.Final = true
	b.ReportAllocs()
	for i := 2; b.Loop(); i++ {
		s.Flow = flowKey(i)
		s.Flow.Remote = remote(i)
		l.Book(complete("m", float64(i)/1e5, s))
	}
}

// BenchmarkFlowMemory says what an open flow takes.
func BenchmarkFlowMemory(b *testing.B) {
	const flows = 262144
	var before, after runtime.MemStats
	for b.Loop() {
		samples := make([]traffic.Sample, 0, flows)
		o := owner(1, "curl")
		for n := range flows {
			samples = append(samples, sample(n, 1000, 100, o))
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := newLedger(Options{})
		l.Book(complete("m", 0, samples...))
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(l)
		runtime.KeepAlive(samples)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/flows, "B/flow")
}

func BenchmarkBookNewFlows(b *testing.B) {
	l, samples := filled(1, 1, 1)
	s := samples[0]
	s.Final = true
	b.ReportAllocs()
	for i := 2; b.Loop(); i++ {
		s.Flow = flowKey(i)
		l.Book(complete("m", float64(i)/1e5, s))
	}
}

func benchmarkTick(b *testing.B, l *Ledger, samples []traffic.Sample, flows bool) {
	for i := range samples {
		samples[i].Counts.RxBytes += 1000
	}
	l.Book(complete("m", 1, samples...))
	b.ReportAllocs()
	for b.Loop() {
		l.beat = beat{} // as if it were the next
		l.Tick(at(1), nil, flows)
	}
}

func BenchmarkTick500x10(b *testing.B) {
	l, samples := filled(500, 10, 1)
	benchmarkTick(b, l, samples, false)
}

func BenchmarkTick10kFlows(b *testing.B) {
	l, samples := filled(100, 10, 10)
	benchmarkTick(b, l, samples, true)
}

// BenchmarkTickRemotes publishes 4,096 remote hosts and no flows.
func BenchmarkTickRemotes(b *testing.B) {
	l := newLedger(Options{Remotes: true})
	var samples []traffic.Sample
	for n := range 4096 {
		s := sample(n, 1000, 100, owner(1, "curl"))
		s.Flow.Remote = remote(n)
		samples = append(samples, s)
	}
	l.Book(complete("m", 0, samples...))
	benchmarkTick(b, l, samples, false)
}

// BenchmarkFold books one new command after the other: of one app, and of as
// many apps as there may be.
func BenchmarkFold(b *testing.B) {
	for _, apps := range []int{1, DefaultMaxApps / 2} {
		b.Run(fmt.Sprint(apps, "apps"), func(b *testing.B) {
			l := newLedger(Options{})
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				s := sample(n, 10, 1, owner(n, fmt.Sprintf("/usr/bin/app%d http://198.18.0.1/%d", n%apps, n)))
				s.Final = true
				l.Book(complete("m", float64(n)/1e4, s))
			}
		})
	}
}
