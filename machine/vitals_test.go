package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// write makes files of a copy of /proc, /sys or a cgroup, by path.
func write(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// bench is a Vitals whose readings a test takes itself, at moments of its choice.
type bench struct {
	t  testing.TB
	v  *Vitals
	at time.Time
}

func newBench(t testing.TB, o VitalsOptions) *bench {
	t.Helper()
	b := &bench{t: t, v: NewVitals(o), at: time.Now()}
	if err := b.v.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range b.v.sources {
			s.close()
		}
	})
	return b
}

// read takes a reading that much later than the last one.
func (b *bench) read(later time.Duration) map[string]traffic.Series {
	b.t.Helper()
	batch := b.batch(later)
	found := make(map[string]traffic.Series, len(batch.Series))
	for _, s := range batch.Series {
		if _, twice := found[s.ID()]; twice {
			b.t.Errorf("%s is told twice", s.ID())
		}
		found[s.ID()] = s
	}
	return found
}

func (b *bench) batch(later time.Duration) traffic.Batch {
	b.at = b.at.Add(later)
	return b.v.readAt(b.at, func() time.Time { return b.at })
}

// figures are a series's metrics by name, rounded to six digits after the point.
func figures(s traffic.Series) map[string]float64 {
	found := make(map[string]float64, len(s.Metrics))
	for _, m := range s.Metrics {
		found[m.Name] = math.Round(m.Value*1e6) / 1e6
	}
	return found
}

// TestRealMachine takes two readings of the machine it runs on.
func TestRealMachine(t *testing.T) {
	v := NewVitals(VitalsOptions{Interval: 300 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	var batches []traffic.Batch
	err := v.Run(ctx, func(b traffic.Batch) {
		batches = append(batches, b)
		if len(batches) == 3 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	last := batches[len(batches)-1]
	if !last.Complete || last.Monitor != "vitals" || last.At.IsZero() {
		t.Errorf("the batch is %+v", last)
	}
	t.Log(last.Detail)
	kinds := make(map[string]int)
	for _, s := range last.Series {
		kinds[s.Kind]++
		for _, m := range s.Metrics {
			if m.Value < 0 || math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
				t.Errorf("%s %s is %v", s.ID(), m.Name, m.Value)
			}
			if traffic.UnitOf(m.Name) == traffic.UnitPercent && m.Value > 100.001 {
				t.Errorf("%s %s is %v", s.ID(), m.Name, m.Value)
			}
		}
		if text, err := json.Marshal(s); err != nil || !json.Valid(text) {
			t.Errorf("%s: %v", s.ID(), err)
		} else if testing.Verbose() {
			t.Logf("%s", text)
		}
	}
	for _, kind := range []string{
		traffic.SeriesCPU, traffic.SeriesLoad, traffic.SeriesMemory, traffic.SeriesSwap, traffic.SeriesMount, traffic.SeriesInterface,
	} {
		if kinds[kind] == 0 {
			t.Errorf("no series of kind %s", kind)
		}
	}
	if _, err := os.Stat("/proc/pressure/cpu"); err == nil && kinds[traffic.SeriesPressure] != 3 {
		t.Errorf("%d series of pressure, want 3", kinds[traffic.SeriesPressure])
	}
	if b := batches[0]; len(b.Series) != len(last.Series) {
		t.Errorf("%d series at first, then %d", len(b.Series), len(last.Series))
	}
}

// TestRunAgain runs a monitor, cancels it and runs it again: the totals go on.
func TestRunAgain(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, fixture())
	o := VitalsOptions{Interval: time.Millisecond, Proc: proc, Sys: filepath.Join(proc, "sys")}
	v := NewVitals(o)
	for _, want := range []float64{0, 8 * 512} {
		ctx, cancel := context.WithCancel(context.Background())
		if err := v.Run(ctx, func(b traffic.Batch) {
			cancel()
			i := slices.IndexFunc(b.Series, func(s traffic.Series) bool { return s.ID() == "disk:sda" })
			if i < 0 {
				t.Fatalf("no disk in %+v", b)
			}
			if got, _ := b.Series[i].Metrics.Get("read_bytes"); got != want {
				t.Errorf("%v bytes were read, want %v", got, want)
			}
		}); err != nil {
			t.Fatal(err)
		}
		write(t, proc, map[string]string{"diskstats": "8 0 sda 11 0 108 10 0 0 0 0 0 10 10\n"})
	}
}

func TestNoProc(t *testing.T) {
	v := NewVitals(VitalsOptions{Proc: "/nowhere"})
	err := v.Run(context.Background(), func(traffic.Batch) { t.Error("it emitted") })
	if err == nil || !strings.Contains(err.Error(), "mount procfs") {
		t.Errorf("the error is %v", err)
	}
}

// fixture is a small machine.
func fixture() map[string]string {
	return map[string]string{
		"stat":             "cpu  100 10 50 1000 20 5 15 0 0 0\ncpu0 100 10 50 1000 20 5 15 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 1 2 3\nctxt 5\nbtime 1\nprocesses 10\nprocs_running 1\nprocs_blocked 0\n",
		"loadavg":          "0.50 1.25 2.00 3/456 789\n",
		"meminfo":          "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nBuffers: 50 kB\nCached: 300 kB\nDirty: 7 kB\nWriteback: 3 kB\nSwapTotal: 200 kB\nSwapFree: 150 kB\n",
		"vmstat":           "pgpgin 5\npswpin 10\npswpout 20\n",
		"pressure/cpu":     "some avg10=1.50 avg60=2.50 avg300=3.50 total=1000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"pressure/memory":  "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
		"pressure/io":      "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
		"net/dev":          "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
		"diskstats":        "8 0 sda 10 0 100 10 0 0 0 0 0 10 10\n",
		"self/mountinfo":   "",
		"sys/block/sda/ro": "",
	}
}

// TestFigures compares all that is computed of two readings one second apart.
func TestFigures(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, fixture())
	b := newBench(t, VitalsOptions{Proc: proc, Sys: filepath.Join(proc, "sys")})
	b.v.sources[2].(*memory).page = 4096
	first := b.read(0)
	for id, s := range first {
		for _, m := range s.Metrics {
			if strings.HasSuffix(m.Name, "_per_s") || m.Name == "some_percent" || s.Kind == "cpu" && m.Name != "processors" {
				t.Errorf("%s has %s after one reading", id, m.Name)
			}
		}
	}
	write(t, proc, map[string]string{
		"stat":         "cpu  130 20 60 1020 10 6 16 2 9 9\ncpu0 100 10 50 1000 20 5 15 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 1 2 3\n",
		"vmstat":       "pswpin 11\npswpout 23\n",
		"pressure/cpu": "some avg10=1.50 avg60=2.50 avg300=3.50 total=1250000\nfull avg10=0.10 avg60=0.20 avg300=0.30 total=9000000\n",
		"net/dev":      "Inter-|   Receive\n face |bytes\n  eth0: 1 2 5 6 0 0 0 0 5 6 7 9 0 0 0 0\n",
	})
	got := make(map[string]map[string]float64)
	for id, s := range b.read(time.Second) {
		got[id] = figures(s)
	}
	delete(got, "disk:sda") // see TestDiskFigures
	want := map[string]map[string]float64{
		// 30 user and 10 nice, 10 system, 20 idle, iowait fell, 1 irq, 1 softirq, 2 steal: 74
		"cpu": {
			"used_percent": 72.972973, "user_percent": 54.054054, "system_percent": 13.513514, "iowait_percent": 0,
			"irq_percent": 1.351351, "softirq_percent": 1.351351, "steal_percent": 2.702703, "idle_percent": 27.027027, "processors": 2,
		},
		"load": {"load1": 0.5, "load5": 1.25, "load15": 2, "runnable": 3, "processes": 456},
		"memory": {
			"total_bytes": 1024000, "used_bytes": 614400, "available_bytes": 409600, "used_percent": 60,
			"cached_bytes": 307200, "buffers_bytes": 51200, "dirty_bytes": 7168, "writeback_bytes": 3072,
		},
		"swap": {
			"total_bytes": 204800, "used_bytes": 51200, "free_bytes": 153600, "used_percent": 25,
			"in_bytes_per_s": 4096, "out_bytes_per_s": 3 * 4096,
		},
		"pressure:cpu": {
			"some_percent": 25, "full_percent": 100, "some_avg10_percent": 1.5, "some_avg60_percent": 2.5, "some_avg300_percent": 3.5,
			"full_avg10_percent": 0.1, "full_avg60_percent": 0.2, "full_avg300_percent": 0.3,
		},
		"pressure:memory": {
			"some_percent": 0, "full_percent": 0, "some_avg10_percent": 0, "some_avg60_percent": 0, "some_avg300_percent": 0,
			"full_avg10_percent": 0, "full_avg60_percent": 0, "full_avg300_percent": 0,
		},
		"pressure:io": {"some_percent": 0, "some_avg10_percent": 0, "some_avg60_percent": 0, "some_avg300_percent": 0},
		"interface:eth0": {
			"rx_errors_per_s": 2, "tx_errors_per_s": 0, "rx_drops_per_s": 2, "tx_drops_per_s": 1,
			"rx_errors_total": 5, "tx_errors_total": 7, "rx_drops_total": 6, "tx_drops_total": 9,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

// TestMissingFiles: what a kernel does not have is missing, and the rest is there.
func TestMissingFiles(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, map[string]string{"loadavg": "0.50 1.25 2.00 3/456 789\n"})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc, Cgroup: proc})
	b.batch(0)
	batch := b.batch(time.Second) // it says so every time
	for _, want := range []string{"cpu: ", "memory: ", "no pressure figures", "disks: ", "mounts: ", "interfaces: ", "cgroups: "} {
		if !strings.Contains(batch.Detail, want) {
			t.Errorf("the detail %q does not speak of %q", batch.Detail, want)
		}
	}
	for _, s := range batch.Series {
		if s.Kind == traffic.SeriesLoad {
			continue
		}
		if s.Detail == "" || len(s.Metrics) != 0 {
			t.Errorf("%s is %+v, want a detail and no figures", s.ID(), s)
		}
	}
}

// TestInterfaceComesBack: an interface made anew under the same name starts at zero.
func TestInterfaceComesBack(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, fixture())
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc})
	b.read(0)
	write(t, proc, map[string]string{"net/dev": "Inter-|\n face |\n  eth0: 1 2 1 0 0 0 0 0 5 6 0 0 0 0 0 0\n"})
	if got := figures(b.read(time.Second)["interface:eth0"]); got["rx_errors_per_s"] != 1 || got["tx_drops_per_s"] != 0 {
		t.Errorf("figures are %v, want one error", got)
	}
}

// TestInterfaceCounterFalls: a counter that wraps, or steps back, takes no other with it.
func TestInterfaceCounterFalls(t *testing.T) {
	proc := t.TempDir()
	line := func(rxErrors, rxDrops, txErrors, txDrops int) {
		write(t, proc, map[string]string{
			"net/dev": fmt.Sprintf("Inter-|\n face |\n  eth0: 1 2 %d %d 0 0 0 0 5 6 %d %d 0 0 0 0\n", rxErrors, rxDrops, txErrors, txDrops),
		})
	}
	write(t, proc, fixture())
	line(1e6, 1<<32-3, 500, 2000)
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc})
	b.read(0)
	line(1e6+2, 4, 498, 2000)
	got := figures(b.read(time.Second)["interface:eth0"])
	for name, want := range map[string]float64{"rx_errors_per_s": 2, "rx_drops_per_s": 4, "tx_errors_per_s": 0, "tx_drops_per_s": 0} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestStartStop(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, fixture())
	b := newBench(t, VitalsOptions{
		Proc: proc, Sys: filepath.Join(proc, "sys"),
		Active: func(id string) bool { return id != "load" },
	})
	if err := b.v.Start("disk:sda"); !errors.Is(err, ErrUnknown) {
		t.Errorf("before the first reading: %v", err)
	}
	is := func(id string, want bool) {
		t.Helper()
		_, measured := b.read(time.Second)[id]
		i := slices.IndexFunc(b.v.Things(), func(o traffic.Thing) bool { return o.ID == id })
		if i < 0 {
			t.Fatalf("%s is not listed", id)
		}
		if measured != want || b.v.Things()[i].Active != want {
			t.Errorf("%s: measured %v, listed as %+v, want %v", id, measured, b.v.Things()[i], want)
		}
	}
	does := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("the error is %v, want %v", err, want)
		}
	}
	is("load", false)
	is("disk:sda", true)
	does(b.v.Stop("load"), ErrInactive)
	does(b.v.Start("disk:sda"), ErrActive)
	does(b.v.Start("disk:sdz"), ErrUnknown)
	does(b.v.Stop("disk:sda"), nil)
	is("disk:sda", false)
	does(b.v.Start("load"), nil)
	is("load", true)
	does(b.v.Start(All), nil)
	is("disk:sda", true)
	does(b.v.Start(All), ErrActive)
	does(b.v.Stop(All), nil)
	is("cpu", false)
	does(b.v.Stop(All), ErrInactive)
	if batch := b.batch(time.Second); batch.Series == nil || len(batch.Series) != 0 {
		t.Errorf("the series are %#v, want none and not nil, which would mean as before", batch.Series)
	}

	// A disk that comes is not measured after "stop all", and one is where it was chosen.
	write(t, proc, map[string]string{"diskstats": "8 16 sdb 1 0 8 1 0 0 0 0 0 1 1\n", "sys/block/sdb/ro": ""})
	is("disk:sdb", false)
	for _, o := range b.v.Things() {
		if o.ID == "disk:sda" {
			t.Error("a disk that is gone is listed")
		}
	}
	does(b.v.Start("disk:sdb"), nil)
	is("disk:sdb", true)
	write(t, proc, map[string]string{"diskstats": ""})
	does(b.v.Start("disk:sdb"), ErrActive) // not looked at yet
	b.read(time.Second)
	does(b.v.Start("disk:sdb"), ErrUnknown)
	write(t, proc, map[string]string{"diskstats": "8 16 sdb 1 0 8 1 0 0 0 0 0 1 1\n"})
	is("disk:sdb", true)
}

// TestConcurrent starts, stops and lists while the monitor runs.
func TestConcurrent(t *testing.T) {
	v := NewVitals(VitalsOptions{Interval: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var others sync.WaitGroup
	for _, id := range []string{"cpu", "memory", All} {
		others.Go(func() {
			for ctx.Err() == nil {
				for _, err := range []error{v.Stop(id), v.Start(id)} {
					if err != nil && !errors.Is(err, ErrActive) && !errors.Is(err, ErrInactive) && !errors.Is(err, ErrUnknown) {
						t.Error(err)
					}
				}
				v.Things()
				time.Sleep(time.Millisecond)
			}
		})
	}
	batches := 0
	if err := v.Run(ctx, func(traffic.Batch) { batches++ }); err != nil || batches < 3 {
		t.Errorf("%d batches, %v", batches, err)
	}
	others.Wait()
}

// TestStopShowsSoon: with a long interval the batch that shows a change comes early.
func TestStopShowsSoon(t *testing.T) {
	v := NewVitals(VitalsOptions{Interval: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	batches := make(chan traffic.Batch, 8)
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx, func(b traffic.Batch) { batches <- b }) }()
	first := <-batches
	if err := v.Stop("cpu"); err != nil {
		t.Fatal(err)
	}
	select {
	case second := <-batches:
		if len(second.Series) != len(first.Series)-1 {
			t.Errorf("%d series, then %d, want one less", len(first.Series), len(second.Series))
		}
	case <-time.After(10 * time.Second):
		t.Error("no batch in ten seconds")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
