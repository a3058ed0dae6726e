package receive

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// noBooks take everything.
type noBooks struct{}

func (noBooks) Kept() ([]Kept, error)                        { return nil, nil }
func (noBooks) Book(string, *traffic.Snapshot, []byte) error { return nil }
func (noBooks) Forget(string) error                          { return nil }

func (noBooks) Flush(context.Context) error { return nil }

// typical is a host with so many apps of two commands each, a tenth of which is busy,
// and 20 series of 8 metrics.
type typical struct {
	recorder *fleet.Recorder
	now      *traffic.Snapshot
}

func newTypical(host, apps int) *typical {
	name := fmt.Sprintf("web-%04d.example.org", host)
	s := &traffic.Snapshot{Schema: traffic.SchemaVersion, Host: name, Run: "run-of-" + name, At: epoch, Interval: 10}
	for i := range apps {
		a := traffic.App{Name: fmt.Sprintf("application-%02d", i)}
		for j := range 2 {
			a.Commands = append(a.Commands, traffic.Command{Command: fmt.Sprintf("/usr/sbin/application-%02d --instance %d --config /etc/application.conf", i, j), User: "www-data", Unit: a.Name + ".service"})
		}
		s.Apps = append(s.Apps, a)
	}
	for i := range 20 {
		d := traffic.Series{Kind: traffic.SeriesDisk, Name: fmt.Sprint("sd", i)}
		for j := range 8 {
			d.Metrics = append(d.Metrics, traffic.Metric{Name: fmt.Sprint("metric_", j), Value: float64(i * j)})
		}
		s.Series = append(s.Series, d)
	}
	return &typical{fleet.NewRecorder(name, fleet.Position{}), s}
}

// next is the host's next request.
func (y *typical) next(b testing.TB, at time.Time) []byte {
	s := *y.now
	s.At, s.Elapsed = at, s.Elapsed+10
	s.Apps = append([]traffic.App(nil), s.Apps...)
	for i := range s.Apps {
		if i%10 >= 3 && s.Elapsed > 10 {
			continue
		}
		a := &s.Apps[i]
		a.Commands = append([]traffic.Command(nil), a.Commands...)
		c := &a.Commands[0]
		c.RxBytes, c.TxBytes, c.RxRate, c.TxRate = c.RxBytes+uint64(1000+i), c.TxBytes+uint64(100*i), s.Elapsed, float64(i)
		a.Usage = c.Usage
	}
	s.Series = append([]traffic.Series(nil), s.Series...)
	for i := range s.Series {
		m := append(traffic.Metrics(nil), s.Series[i].Metrics...)
		m[0].Value = s.Elapsed
		s.Series[i].Metrics = m
	}
	y.now = &s
	text, err := fleet.Encode(nil, y.recorder.Next(&s))
	if err != nil {
		b.Fatal(err)
	}
	return packer.EncodeAll(text, nil)
}

func deliver(b testing.TB, h http.Handler, body []byte) {
	q := httptest.NewRequest(http.MethodPost, fleet.PathPublish, bytes.NewReader(body))
	q.Header.Set("Content-Type", fleet.ContentType)
	q.Header.Set("Content-Encoding", "zstd")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	if w.Code != http.StatusOK {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
}

func newBench(b testing.TB, clock *testClock, hosts int) (*Receiver, http.Handler, []*typical) {
	r, err := New(Options{Books: noBooks{}, Limits: generous, Now: clock.now})
	if err != nil {
		b.Fatal(err)
	}
	var list []*typical
	h := r.Handler()
	for i := range hosts {
		y := newTypical(i, 50)
		deliver(b, h, y.next(b, clock.now()))
		list = append(list, y)
		if err := r.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return r, h, list
}

// BenchmarkBatch is what the receiver does for each batch of a host with 50 apps, of
// which 15 changed, without the connection and the books.
func BenchmarkBatch(b *testing.B) {
	clock := &testClock{at: epoch}
	r, h, list := newBench(b, clock, 1)
	var bodies [][]byte
	size := 0
	for range b.N {
		bodies = append(bodies, list[0].next(b, clock.pass(10*time.Second)))
		size += len(bodies[len(bodies)-1])
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processor(b)
	for _, body := range bodies {
		deliver(b, h, body)
	}
	b.StopTimer()
	b.ReportMetric(float64(processor(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(size)/float64(b.N), "bytes/request")
	if got := r.Status(); got.Batches != uint64(b.N+1) {
		b.Fatalf("%+v", got)
	}
}

// BenchmarkFleet is what a snapshot of 1,000 hosts with 50 apps each costs, all of
// which changed since the one before, and what one host takes of memory.
func BenchmarkFleet(b *testing.B) {
	clock := &testClock{at: epoch}
	empty := heap()
	r, h, list := newBench(b, clock, 1000)
	r.snapshot(clock.now())
	for _, y := range list {
		deliver(b, h, y.next(b, clock.pass(time.Millisecond)))
	}
	clear(list) // what the hosts have is not the receiver's
	used := heap() - empty
	b.ReportAllocs()
	start := processor(b)
	for b.Loop() {
		r.dirtyAll()
		r.snapshot(clock.now())
	}
	b.ReportMetric(float64(processor(b)-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(used)/1000, "B/host")
}

// dirtyAll has all rows made anew.
func (r *Receiver) dirtyAll() {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for _, row := range r.tally.rows {
		row.changed = true
	}
}

// processor is the time that this process ran for: on a busy machine that of the clock
// says little.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
