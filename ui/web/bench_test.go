package web

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"bwmon/traffic"
)

// busyHost has so many apps, of two commands each.
func busyHost(apps, tick int) *traffic.Snapshot {
	s := typical(tick)
	s.Apps = nil
	for i := range apps {
		a := traffic.App{Name: fmt.Sprintf("service-%d", i), Usage: usage(uint64(tick * (1000 + i))), Processes: 2, Connections: 7}
		for j := range 2 {
			a.Commands = append(a.Commands, traffic.Command{
				Command: fmt.Sprintf("/usr/lib/service-%d/bin/worker --config /etc/service-%d/worker-%d.toml", i, i, j),
				User:    "service", Unit: fmt.Sprintf("service-%d.service", i), PIDs: []int{1000 + 2*i + j}, Usage: usage(uint64(tick * 500)),
			})
		}
		s.Apps = append(s.Apps, a)
	}
	return s
}

// BenchmarkPublish is what a tick costs while nobody asks.
func BenchmarkPublish(b *testing.B) {
	s := New(Options{})
	defer s.Close()
	snapshot := busyHost(500, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.Publish(snapshot)
	}
}

// BenchmarkTick is what the first who asks after a tick of 500 apps costs; others
// cost what BenchmarkAnswer does.
func BenchmarkTick(b *testing.B) {
	for _, what := range []struct {
		name string
		make func(*Server, *document) error
	}{
		{"json", func(s *Server, d *document) error { _, err := s.encoding(d, wanted{all: true}).body(); return err }},
		{"event", func(s *Server, d *document) error { _, err := s.encoding(d, wanted{all: true}).event(); return err }},
		{"gzip", func(s *Server, d *document) error {
			x, err := s.encoding(d, wanted{all: true}).body()
			if err == nil {
				x.gzip()
			}
			return err
		}},
		{"page", func(_ *Server, d *document) error { _, err := d.html(); return err }},
	} {
		b.Run(what.name, func(b *testing.B) {
			s := New(Options{})
			defer s.Close()
			snapshot := busyHost(500, 1)
			b.ReportAllocs()
			for b.Loop() {
				s.Publish(snapshot)
				if err := what.make(s, s.now.Load().document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPackSmall is what a small text takes to be compressed while somebody has a
// large one compressed over and over.
func BenchmarkPackSmall(b *testing.B) {
	for _, busy := range []bool{false, true} {
		b.Run(fmt.Sprintf("beside-large=%v", busy), func(b *testing.B) {
			var pack packer
			small, err := encode(busyHost(20, 1))
			if err != nil {
				b.Fatal(err)
			}
			large := bytes.Repeat(small, 20<<20/len(small))
			var over atomic.Bool
			var wg sync.WaitGroup
			if busy {
				wg.Go(func() {
					for !over.Load() {
						pack.blocks(large)
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				pack.blocks(small)
			}
			over.Store(true)
			wg.Wait()
		})
	}
}

// void takes what is written and forgets it.
type void struct{ header http.Header }

func (v void) Header() http.Header         { return v.header }
func (v void) Write(b []byte) (int, error) { return len(b), nil }
func (v void) WriteHeader(int)             {}

func BenchmarkAnswer(b *testing.B) {
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			s := New(Options{})
			defer s.Close()
			s.Publish(busyHost(500, 1))
			h := s.Handler(Access{Token: testToken})
			r := httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/snapshot", nil)
			r.Header.Set("Accept-Encoding", encoding)
			r.Header.Set("Authorization", "Bearer "+testToken)
			b.ReportAllocs()
			for b.Loop() {
				v := void{header: make(http.Header)}
				h.ServeHTTP(v, r)
				if v.header.Get("ETag") == "" {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkScrape is a scrape of 500 apps, 200 of which have series.
func BenchmarkScrape(b *testing.B) {
	s := New(Options{})
	defer s.Close()
	h := s.Handler(Access{})
	r := httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil)
	b.ReportAllocs()
	for tick := 1; b.Loop(); tick++ {
		b.StopTimer()
		s.Publish(busyHost(500, tick))
		b.StartTimer()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if n, _ := io.Copy(io.Discard, w.Body); w.Code != http.StatusOK || n < 10_000 {
			b.Fatalf("status %d, %d bytes", w.Code, n)
		}
	}
}

// BenchmarkFleetTick is what the first who asks after a tick of a receiver of 1,000 hosts
// and 12 apps costs: as the page asks, and with all commands of all apps.
func BenchmarkFleetTick(b *testing.B) {
	for _, what := range []struct {
		name string
		want wanted
	}{{"page", wanted{noSeries: true}}, {"app", wanted{of: "app 03", noSeries: true}}, {"all", wanted{all: true}}} {
		b.Run(what.name, func(b *testing.B) {
			s := New(Options{})
			defer s.Close()
			snapshot := fleet(1, 1000)
			b.ReportAllocs()
			for b.Loop() {
				s.Publish(snapshot)
				x, err := s.encoding(s.now.Load().document, what.want).body()
				if err != nil {
					b.Fatal(err)
				}
				x.gzip()
				b.ReportMetric(float64(len(x.plain)), "bytes")
				b.ReportMetric(float64(len(x.gzip())), "bytes-gzip")
			}
		})
	}
}
