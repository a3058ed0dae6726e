package probe

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// lookFunc is a looker that is a function.
type lookFunc func(ctx context.Context) (traffic.Metrics, string)

func (f lookFunc) look(ctx context.Context) (traffic.Metrics, string) { return f(ctx) }

func TestName(t *testing.T) {
	p, err := New(Options{Name: "web", Listen: "tcp:80"})
	if err != nil || p.Name() != "probe:web" {
		t.Errorf("%v, %v", p.Name(), err)
	}
}

// The first probe is at once, then one an interval; one that takes all of its time
// does not make others wait in line.
func TestRunTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var looks []time.Duration
		p := &Probe{name: "x", interval: 10 * time.Second, timeout: 4 * time.Second, what: "it"}
		p.look = lookFunc(func(ctx context.Context) (traffic.Metrics, string) {
			looks = append(looks, time.Since(begin))
			if len(looks) == 2 {
				<-ctx.Done()
				return traffic.Metrics{{Name: "up", Value: 0}}, "too\x1bslow"
			}
			return traffic.Metrics{{Name: "up", Value: 1}}, ""
		})
		ctx, cancel := context.WithCancel(t.Context())
		var batches []traffic.Batch
		err := p.Run(ctx, func(b traffic.Batch) {
			batches = append(batches, b)
			switch len(batches) {
			case 3:
				time.Sleep(35 * time.Second) // the ledger is busy
			case 5:
				cancel()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		// After the busy ledger the tick that was due comes at once, the others are gone.
		want := []time.Duration{0, 10 * time.Second, 20 * time.Second, 55 * time.Second, 60 * time.Second}
		if diff := cmp.Diff(want, looks); diff != "" {
			t.Errorf("-want +got %s", diff)
		}
		wantBatch := traffic.Batch{
			Monitor: "probe:x", At: begin.Add(14 * time.Second), Complete: true, Detail: "it",
			Series: []traffic.Series{{Kind: traffic.SeriesProbe, Name: "x", Detail: `too\x1bslow`, Metrics: traffic.Metrics{{Name: "up", Value: 0}}}},
		}
		if diff := cmp.Diff(wantBatch, batches[1]); diff != "" {
			t.Errorf("-want +got %s", diff)
		}
	})
}

// A probe that is cut short by the end says nothing, and ends at once.
func TestRunEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		o    func(addr string) Options
	}{
		{"http", func(addr string) Options { return Options{URL: "http://" + addr} }},
		{"https", func(addr string) Options { return Options{URL: "https://" + addr} }},
	} {
		came := make(chan struct{}, 1)
		addr := listenRaw(t, func(p *peer) {
			came <- struct{}{}
			p.hang()
		})
		o := c.o(addr)
		o.Name = "x"
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- p.Run(ctx, func(b traffic.Batch) { t.Errorf("%s: it says %+v", c.name, b) })
		}()
		<-came
		begin := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(begin) > time.Second {
			t.Errorf("%s: %v after %v", c.name, err, time.Since(begin))
		}
		if err := p.Run(ctx, func(b traffic.Batch) { t.Errorf("%s: it says %+v", c.name, b) }); err != nil {
			t.Errorf("%s: run when cancelled: %v", c.name, err)
		}
	}
}

// A probe that runs for long against an endpoint that hangs, floods and lies keeps
// nothing: neither memory nor goroutines nor connections.
func TestRunKeepsNothing(t *testing.T) {
	mega := strings.Repeat("x", 1<<20)
	turn := make(chan int, 1)
	turn <- 0
	addr := misbehave(t, func(p *peer) {
		n := <-turn
		turn <- n + 1
		switch n % 4 {
		case 0:
			p.send(okHead + "\r\n")
			p.forever(mega)
		case 1:
			p.send(okHead)
			p.hang()
		case 2:
			p.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			p.hang()
		case 3:
			p.send(okHead + fmt.Sprintf("Content-Length: %d\r\n\r\n", 2<<20))
		}
	})
	p, err := New(Options{Name: "x", URL: "http://" + addr, Interval: 100 * time.Millisecond, Timeout: 20 * time.Millisecond, Fields: map[string]string{"a": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(rounds int) (heap uint64, goroutines int) {
		for range rounds {
			p.probe(t.Context())
		}
		var m runtime.MemStats
		for range 100 { // net/http's goroutines end on their own
			runtime.GC()
			runtime.ReadMemStats(&m)
			if goroutines = runtime.NumGoroutine(); goroutines < 8 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return m.HeapAlloc, goroutines
	}
	heap, goroutines := run(8)
	later, left := run(80)
	if later > heap+1<<20 || left > goroutines+2 {
		t.Errorf("heap %d, then %d; goroutines %d, then %d", heap, later, goroutines, left)
	}
}

// Fetches of several probes do not mix, also under the race detector.
func TestProbesTogether(t *testing.T) {
	addr := misbehave(t, func(p *peer) {
		line, _, _ := bytes.Cut(p.request[len("GET /"):], []byte(" "))
		body := fmt.Sprintf(`{"a":%s}`, line)
		p.send(okHead + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	})
	done := make(chan struct{})
	for i := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 20 {
				s := probeOnce(t, Options{URL: fmt.Sprintf("http://%s/%d", addr, i), Fields: map[string]string{"a": "a"}})
				if got, _ := s.Metrics.Get("a"); got != float64(i) {
					t.Errorf("%d: %+v", i, s)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
}
