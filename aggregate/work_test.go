package aggregate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func processOwner(pid int, command string) *traffic.Owner {
	return &traffic.Owner{PID: pid, Start: 1, Command: command, Comm: command, User: "root"}
}

func resourcesOf(s *traffic.Snapshot) (all traffic.Resources) {
	for i := range s.Apps {
		all = all.Add(s.Apps[i].Resources)
	}
	return all
}

// TestProcessesAgreeWithTheirSums: whatever starts, execs, ends, restarts and folds,
// the rows together have what the processes had.
func TestProcessesAgreeWithTheirSums(t *testing.T) {
	for name, o := range map[string]Options{"roomy": {}, "tight": {MaxApps: 3, MaxCommands: 2}, "rows": {MaxRows: 5}} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { sumsAgree(t, o, rand.New(rand.NewPCG(seed, 2))) })
		}
	}
}

func sumsAgree(t *testing.T, o Options, rng *rand.Rand) {
	l := newLedger(o)
	live := make(map[int]*traffic.ProcessTotal)
	var want, spentInAll traffic.Resources
	pid := 0
	command := func() string { return fmt.Sprintf("app%d --n %d", rng.IntN(8), rng.IntN(4)) }
	for tick := range 300 {
		now := at(float64(tick + 1))
		b := traffic.Batch{Monitor: "processes", At: now, Complete: true}
		for range rng.IntN(4) {
			pid++
			live[pid] = &traffic.ProcessTotal{Owner: processOwner(pid, command())}
		}
		for id, p := range live {
			if rng.IntN(2) == 0 {
				continue
			}
			if rng.IntN(10) == 0 {
				p.Owner = processOwner(id, command())
			}
			var d uint64
			if rng.IntN(2) == 0 {
				d = rng.Uint64N(1e6)
			}
			p.DiskRead, p.DiskWrite, p.CacheRead, p.CPU = p.DiskRead+d, p.DiskWrite+2*d, p.CacheRead+3*d, p.CPU+time.Duration(d)
			spentInAll = spentInAll.Add(traffic.Resources{DiskReadBytes: d, DiskWriteBytes: 2 * d, CacheReadBytes: 3 * d})
			p.Memory = rng.Uint64N(1e6)
			if p.Final = rng.IntN(8) == 0; p.Final {
				delete(live, id)
			}
			b.Processes = append(b.Processes, *p)
		}
		l.Book(b)
		want = spentInAll
		if rng.IntN(40) == 0 { // a monitor that failed goes on with its totals
			l.Fail("processes")
		} else {
			for _, p := range live {
				want.MemoryBytes += p.Memory
			}
		}
		s := l.Tick(now, nil, false)
		got := resourcesOf(s)
		got.CPUPercent, got.DiskReadRate, got.DiskWriteRate = 0, 0, 0
		got.CacheReadBytes, want.CacheReadBytes = 0, 0 // rows without disk I/O take theirs with them
		if want != got {
			t.Fatalf("at %d: -want +got:\n%s", tick, cmp.Diff(want, got))
		}
		for _, a := range s.Apps {
			var sum traffic.Resources
			for _, c := range a.Commands {
				sum = sum.Add(c.Resources)
			}
			if sum != a.Resources {
				t.Fatalf("%s: %+v, its commands %+v", a.Name, a.Resources, sum)
			}
		}
	}
	n := 0
	for _, a := range l.apps {
		n += len(a.shelf.rows)
	}
	if n != l.rows {
		t.Errorf("%d rows, counted as %d", n, l.rows)
	}
}

// TestRatesOfProcesses: disk rates and processor time are measured over the monitor's
// window.
func TestRatesOfProcesses(t *testing.T) {
	l := newLedger(Options{})
	o := processOwner(7, "dd")
	for i := range 3 {
		l.Book(traffic.Batch{Monitor: "processes", At: at(float64(2 * i)), Complete: true, Processes: []traffic.ProcessTotal{
			{Owner: o, DiskRead: uint64(i) * 1000, DiskWrite: uint64(i) * 4000, CPU: time.Duration(i) * time.Second, Memory: 77},
		}})
	}
	got := l.Tick(at(4), nil, false).Apps[0]
	want := traffic.Resources{
		DiskReadBytes: 2000, DiskWriteBytes: 8000, DiskReadRate: 500, DiskWriteRate: 2000, CPUPercent: 50, MemoryBytes: 77,
	}
	if got.Resources != want {
		t.Errorf("got %+v, want %+v", got.Resources, want)
	}
	if diff := cmp.Diff([]int{7}, got.Commands[0].PIDs); diff != "" || got.Connections != 0 || got.Processes != 0 {
		t.Errorf("pids %s, %+v", diff, got)
	}
}

// TestCommandsWithoutTrafficLeave: a command that used neither the network nor a disk
// has no row once it has ended; one that did keeps it.
func TestCommandsWithoutTrafficLeave(t *testing.T) {
	l := newLedger(Options{})
	book := func(second float64, list ...traffic.ProcessTotal) {
		l.Book(traffic.Batch{Monitor: "processes", At: at(second), Complete: true, Processes: list})
	}
	book(0)
	book(1,
		traffic.ProcessTotal{Owner: processOwner(1, "true"), CPU: time.Second / 2, Final: true},
		traffic.ProcessTotal{Owner: processOwner(2, "dd"), DiskWrite: 1, Final: true},
		traffic.ProcessTotal{Owner: processOwner(3, "sleep"), CPU: 1})
	if s := l.Tick(at(1), nil, false); len(s.Apps) != 3 || s.Apps[2].Name != "true" || s.Apps[2].CPUPercent != 50 {
		t.Errorf("at first: %+v", s.Apps)
	}
	for second := range 4 {
		book(float64(second + 2))
	}
	s := l.Tick(at(6), nil, false)
	if len(s.Apps) != 2 || s.Apps[0].Name != "dd" || s.Apps[1].Name != "sleep" || l.rows != 2 {
		t.Errorf("later: %+v", s.Apps)
	}
	book(7, traffic.ProcessTotal{Owner: processOwner(4, "true"), CPU: 1}) // it is met again
	if s := l.Tick(at(7), nil, false); len(s.Apps) != 3 {
		t.Errorf("met again: %+v", s.Apps)
	}
}

// TestLiveProcessesAreNotFolded, whatever else comes and goes.
func TestLiveProcessesAreNotFolded(t *testing.T) {
	l := newLedger(Options{MaxApps: 2})
	l.Book(traffic.Batch{Monitor: "processes", At: at(0), Complete: true, Processes: []traffic.ProcessTotal{
		{Owner: processOwner(1, "daemon"), DiskWrite: 5},
	}})
	for i := range 20 {
		l.Book(traffic.Batch{Monitor: "processes", At: at(float64(i)), Complete: true, Processes: []traffic.ProcessTotal{
			{Owner: processOwner(10+i, fmt.Sprint("job", i)), DiskWrite: 1, Final: true},
		}})
	}
	s := l.Tick(at(20), nil, false)
	var names []string
	for _, a := range s.Apps {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{traffic.AppOther, "daemon", "job19"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := resourcesOf(s).DiskWriteBytes; got != 25 {
		t.Errorf("%d bytes, want 25", got)
	}
}

// TestSeriesAreThoseOfTheLatestBatch, until their monitor fails.
func TestSeriesAreThoseOfTheLatestBatch(t *testing.T) {
	l := newLedger(Options{})
	series := func(names ...string) (list []traffic.Series) {
		for _, n := range names {
			list = append(list, traffic.Series{Kind: "disk", Name: n, Metrics: traffic.Metrics{{Name: "await_ms", Value: 1}}})
		}
		return list
	}
	ids := func(second float64) (list []string) {
		for _, s := range l.Tick(at(second), nil, false).Series {
			list = append(list, s.ID())
		}
		return list
	}
	l.Book(traffic.Batch{Monitor: "vitals", At: at(0), Series: series("sdb", "sda")})
	l.Book(traffic.Batch{Monitor: "probe:x", At: at(0), Series: []traffic.Series{{Kind: "probe", Name: "x"}}})
	if diff := cmp.Diff([]string{"disk:sda", "disk:sdb", "probe:x"}, ids(0)); diff != "" {
		t.Error(diff)
	}
	l.Book(traffic.Batch{Monitor: "vitals", At: at(1), Complete: true})
	l.Book(traffic.Batch{Monitor: "vitals", At: at(2), Series: series("sdb")})
	if diff := cmp.Diff([]string{"disk:sdb", "probe:x"}, ids(100)); diff != "" {
		t.Error(diff)
	}
	l.Fail("vitals")
	if diff := cmp.Diff([]string{"probe:x"}, ids(101)); diff != "" {
		t.Error(diff)
	}
}
