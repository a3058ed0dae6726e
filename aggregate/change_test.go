package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestApply: monitors leave and come while the engine runs; what was counted stays where
// it was booked, and what comes is booked by the new rules.
func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var undone atomic.Int32
		counts := func(name string, bytes uint64, command string) scripted {
			return scripted{name, func(ctx context.Context, emit func(traffic.Batch)) error {
				emit(batchNow(sample(1, bytes, 0, owner(1, command))))
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				emit(batchNow(sample(1, bytes+1, 0, owner(1, command)))) // as monitors do last
				undone.Add(1)
				return nil
			}}
		}
		e := start(t, Options{}, counts("socket", 100, "curl x"), counts("conntrack", 1000, "wget y"))
		e.latest(1500 * time.Millisecond)
		rules := Rules{Apps: []AppRule{{Name: "Downloads", Match: regexes(t, "^curl|^wget")}}, AutoGroup: true}
		began := time.Now()
		err := e.Apply(t.Context(), Change{Remove: []string{"socket"}, Add: []traffic.Monitor{counts("socket", 7, "curl x"), counts("probe:x", 1, "p")}, Rules: rules})
		if err != nil || undone.Load() != 1 || time.Since(began) != 3*time.Second {
			t.Errorf("%v; %d undone after %v", err, undone.Load(), time.Since(began))
		}
		s := e.latest(1500 * time.Millisecond)
		got := make(map[string]uint64)
		for _, a := range s.Apps {
			for _, c := range a.Commands {
				got[a.Name+"|"+c.Command] = c.RxBytes
			}
		}
		want := map[string]uint64{"curl|curl x": 101, "Downloads|curl x": 7, "wget|wget y": 1000, "p|p": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		var names []string
		for _, m := range s.Monitors {
			names = append(names, m.Name+" "+m.State)
		}
		if diff := cmp.Diff([]string{"conntrack running", "socket running", "probe:x running"}, names); diff != "" {
			t.Error(diff)
		}
		for _, a := range s.Apps {
			if want := map[string]int{"curl": 0}; a.Connections != 1 && a.Name != "curl" || a.Name == "curl" && a.Connections != want["curl"] {
				t.Errorf("%s has %d open connections", a.Name, a.Connections)
			}
		}
		if err := e.StopMonitor("probe:x"); err != nil {
			t.Error(err)
		}
		for _, c := range []Change{
			{Remove: []string{"sockets"}}, {Remove: []string{"socket", "socket"}},
			{Add: []traffic.Monitor{counts("socket", 1, "")}},
		} {
			if err := e.Apply(t.Context(), c); err == nil {
				t.Errorf("%+v is taken", c)
			}
		}
		e.stop()
		if err := e.Apply(t.Context(), Change{}); !errors.Is(err, errEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestOtherRules: whatever the rules become, each byte stands where the rules of its time
// said, and nothing is lost.
func TestOtherRules(t *testing.T) {
	for name, o := range map[string]Options{"roomy": {}, "tight": {MaxApps: 4, MaxCommands: 3, KeepClosed: 3}} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { rulesAgree(t, o, rand.New(rand.NewPCG(seed, 3))) })
		}
	}
}

func rulesAgree(t *testing.T, o Options, rng *rand.Rand) {
	l := newLedger(o)
	rules, excluded := Rules{AutoGroup: true}, false
	totals, written := make(map[int]uint64), make(map[int]uint64)
	want, wantDisk := make(map[string]uint64), make(map[string]uint64)
	for step := range 200 {
		now := at(float64(step))
		n := rng.IntN(40)
		command := fmt.Sprintf("prog%d arg%d", n%6, n%9)
		owner := &traffic.Owner{PID: n + 1, Start: 1, Command: command, Comm: "x"}
		d := rng.Uint64N(1000)
		totals[n] += d
		written[n] += d
		app := rules.App(owner)
		wantDisk[app+"|"+command] += d
		if excluded && n%6 == 3 {
			app = AppExcluded
		}
		want[app+"|"+command] += d
		l.Book(traffic.Batch{Monitor: "socket", At: now, Complete: true, Samples: []traffic.Sample{
			{Flow: sample(n, 0, 0, nil).Flow, Counts: traffic.Counts{RxBytes: totals[n]}, Owner: owner},
		}})
		l.Book(traffic.Batch{Monitor: "processes", At: now, Complete: true, Processes: []traffic.ProcessTotal{
			{Owner: owner, DiskRead: written[n], Memory: 1},
		}})
		if step%10 == 5 {
			rules = Rules{AutoGroup: rng.IntN(2) == 0}
			for i := range rng.IntN(3) {
				rules.Apps = append(rules.Apps, AppRule{Name: fmt.Sprint("rule", i), Match: regexes(t, fmt.Sprintf("prog%d|arg%d", rng.IntN(6), rng.IntN(9)))})
			}
			filters := map[string]Filter{}
			if excluded = rng.IntN(3) == 0; excluded {
				filters["socket"] = Filter{Exclude: regexes(t, "prog3")}
			}
			l.SetRules(rules, filters)
		}
		if step%50 == 49 { // the next one of that name begins at zero
			l.Forget("socket")
			clear(totals)
		}
		checkRules(t, l, l.Tick(now, nil, true), want, wantDisk, o.MaxApps == 0)
		if t.Failed() {
			t.Fatalf("at step %d", step)
		}
	}
}

// checkRules compares the rows, and their sum, with what they should have.
func checkRules(t *testing.T, l *Ledger, s *traffic.Snapshot, want, wantDisk map[string]uint64, exact bool) {
	t.Helper()
	got, gotDisk := make(map[string]uint64), make(map[string]uint64)
	rows := 0
	for _, a := range s.Apps {
		if len(a.Commands) == 0 {
			t.Errorf("%s has no commands", a.Name)
		}
		for _, c := range a.Commands {
			checkFlows(t, c.Command, c.Usage, c.Flows, c.Closed)
			if c.Command != traffic.CommandsFolded {
				rows++
			}
			if c.RxBytes > 0 {
				got[a.Name+"|"+c.Command] = c.RxBytes
			}
			if c.DiskReadBytes > 0 {
				gotDisk[a.Name+"|"+c.Command] = c.DiskReadBytes
			}
		}
	}
	if rows != l.rows {
		t.Errorf("%d rows, counted as %d", rows, l.rows)
	}
	for _, m := range []map[string]uint64{want, wantDisk} {
		maps.DeleteFunc(m, func(_ string, n uint64) bool { return n == 0 })
	}
	if sumOf(got) != sumOf(want) || sumOf(gotDisk) != sumOf(wantDisk) {
		t.Errorf("%d and %d bytes, want %d and %d", sumOf(got), sumOf(gotDisk), sumOf(want), sumOf(wantDisk))
	}
	if diff := cmp.Diff(want, got) + cmp.Diff(wantDisk, gotDisk); diff != "" && exact {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func sumOf(m map[string]uint64) (sum uint64) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// TestForget: the totals of a monitor that is no more stay, its rates and open
// connections do not, and another one of its name begins anew.
func TestForget(t *testing.T) {
	l := newLedger(Options{})
	book := func(second float64, n uint64) {
		l.Book(traffic.Batch{Monitor: "socket", At: at(second), Complete: true, Samples: []traffic.Sample{sample(1, n, 0, owner(1, "curl"))}})
		l.Book(traffic.Batch{Monitor: "processes", At: at(second), Complete: true, Processes: []traffic.ProcessTotal{{Owner: owner(1, "curl"), DiskWrite: n, Memory: 5}}})
	}
	book(0, 100)
	book(1, 300)
	l.Forget("socket")
	l.Forget("processes")
	l.Forget("nobody")
	a := l.Tick(at(1.5), nil, true).Apps[0]
	if a.RxBytes != 300 || a.RxRate != 0 || a.Connections != 0 || a.DiskWriteBytes != 300 || a.DiskWriteRate != 0 || a.MemoryBytes != 0 {
		t.Errorf("forgotten: %+v", a)
	}
	if c := a.Commands[0].Closed; c == nil || c.Connections != 1 || c.RxBytes != 300 {
		t.Errorf("closed: %+v", c)
	}
	book(2, 50)
	book(3, 60)
	a = l.Tick(at(3), nil, true).Apps[0]
	if a.RxBytes != 360 || a.RxRate != 10 || a.Connections != 1 || a.DiskWriteBytes != 360 || a.MemoryBytes != 5 {
		t.Errorf("begun anew: %+v", a)
	}
}

// TestWhatWasStoppedStaysSo, also where another monitor takes its place.
func TestWhatWasStoppedStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := func() scripted {
			return scripted{"probe:x", func(ctx context.Context, emit func(traffic.Batch)) error {
				emit(batchNow())
				<-ctx.Done()
				return nil
			}}
		}
		e := start(t, Options{}, m())
		e.latest(1500 * time.Millisecond)
		if err := e.StopMonitor("probe:x"); err != nil {
			t.Fatal(err)
		}
		if err := e.Apply(t.Context(), Change{Remove: []string{"probe:x"}, Add: []traffic.Monitor{m()}}); err != nil {
			t.Fatal(err)
		}
		s := e.latest(1500 * time.Millisecond)
		if e.Active()["probe:x"] || statusOf(s, "probe:x").State != traffic.StateStopped {
			t.Errorf("it runs: %+v", s.Monitors)
		}
		e.stop()
	})
}
