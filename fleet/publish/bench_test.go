package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// typical is a host with 50 apps, of which 20 carry something, and 20 series.
func typical(tick int, rand *rand.Rand) *traffic.Snapshot {
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "web-17", Run: "4f0c2a9e-run", At: epoch.Add(time.Duration(tick) * 10 * time.Second),
		Elapsed: float64(10 * tick), Interval: 1,
	}
	for i := range 50 {
		busy := uint64(0)
		if i < 20 {
			busy = uint64(tick)
		}
		u := traffic.Usage{RxBytes: busy * uint64(100_003+i*7919), TxBytes: busy * uint64(40_009+i*104_729)}
		r := traffic.Resources{DiskReadBytes: busy * 4096, CacheReadBytes: busy * 70_001, MemoryBytes: uint64(50_000_000 + i*4096)}
		if busy > 0 {
			u.RxRate, u.TxRate = rand.Float64()*1e6, rand.Float64()*1e5
			r.CPUPercent, r.MemoryBytes = float64(rand.IntN(1000))/10, r.MemoryBytes+4096*rand.Uint64N(1000)
		}
		a := traffic.App{Name: fmt.Sprint("service-", i), Usage: u, Resources: r, Processes: 3, Connections: 12}
		a.Commands = []traffic.Command{{
			Command: fmt.Sprintf("/usr/lib/service-%d/bin/service --config /etc/service-%d.toml", i, i), User: "www-data",
			Unit: fmt.Sprintf("service-%d.service", i), Usage: u, Resources: r, Processes: 3, Connections: 12,
		}}
		s.Apps = append(s.Apps, a)
		s.Balance.LocalRx, s.Balance.LocalTx = s.Balance.LocalRx+u.RxBytes, s.Balance.LocalTx+u.TxBytes
	}
	for i := range 20 {
		var m traffic.Metrics
		for _, name := range []string{"read_bytes_per_s", "write_bytes_per_s", "busy_percent", "wait_ms"} {
			m = m.With(name, float64(rand.IntN(100_000))/10)
		}
		s.Series = append(s.Series, traffic.Series{Kind: traffic.SeriesDisk, Name: fmt.Sprint("nvme", i), Metrics: m})
	}
	s.Interfaces = []traffic.Interface{{Name: "eth0", Balanced: true, Usage: traffic.Usage{
		RxBytes: s.Balance.LocalRx, TxBytes: s.Balance.LocalTx, RxRate: rand.Float64() * 1e7, TxRate: rand.Float64() * 1e6}}}
	s.Balance.InterfaceRx, s.Balance.InterfaceTx = s.Balance.LocalRx, s.Balance.LocalTx
	return s
}

// cpu is what this process has used of processors.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHost publishes a typical host's books, a batch for each 10 s: what goes out on
// the wire for each second, and the processor's time for each batch, with the queue on
// disk, and the server of the other end, which only answers, in the same process.
func BenchmarkHost(b *testing.B) {
	b.ReportAllocs()
	var bytes int64
	var to fleet.Position
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			b.Error(err)
		}
		bytes += n + 500 // with headers
		json.NewEncoder(w).Encode(fleet.Answer{Have: to, Kept: to})
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	h, err := NewHTTP(HTTPOptions{URL: server.URL, Host: "web-17", Client: func() (*http.Client, error) { return client, nil }})
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Options{Host: "web-17", Sender: h, Dir: b.TempDir() + "/queue"})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	rand := rand.New(rand.NewPCG(1, 1))
	tick := 0
	step := func() {
		tick++
		p.latest = typical(tick, rand)
		p.tick()
		to = p.end
		r, due := p.next(p.opts.Now(), true)
		if !due {
			b.Fatal("nothing is due")
		}
		p.settle(p.send(context.Background(), r), p.opts.Now())
		p.note()
	}
	for range 100 {
		step()
	}
	bytes = 0
	before := cpu(b)
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(bytes)/float64(tick-100)/10, "wire-B/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(tick-100), "cpu-ms/batch")
}

// BenchmarkFit is what it costs to queue a batch where the queue is full.
func BenchmarkFit(b *testing.B) {
	b.ReportAllocs()
	p, err := New(Options{Host: "web-17", Sender: &exactly{}, Dir: b.TempDir() + "/queue", MaxSize: 4 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	rand := rand.New(rand.NewPCG(1, 1))
	tick := 0
	step := func() {
		tick++
		p.latest = typical(tick, rand)
		p.tick()
	}
	for p.queue.counts.joined == 0 {
		step()
	}
	before, from := cpu(b), tick
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(tick-from), "cpu-ms/batch")
}

// BenchmarkCatchUp is an outage of 2,000 batches that ends: opening the queue, and sending
// all, until it is empty.
func BenchmarkCatchUp(b *testing.B) {
	b.ReportAllocs()
	const outage = 2000
	for b.Loop() {
		b.StopTimer()
		o := Options{Host: "web-17", Sender: &exactly{}, Dir: b.TempDir() + "/queue"}
		p, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		rand := rand.New(rand.NewPCG(1, 1))
		for tick := range outage {
			p.latest = typical(tick+1, rand)
			p.tick()
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if p, err = New(o); err != nil {
			b.Fatal(err)
		}
		for requests := 0; p.queue.unkept() > 0; requests++ {
			r, due := p.next(p.opts.Now(), false)
			if !due || requests > outage {
				b.Fatalf("%d are left", p.queue.unkept())
			}
			p.settle(p.send(context.Background(), r), p.opts.Now())
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(outage*b.N)/b.Elapsed().Seconds(), "batches/s")
}
