package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// scripted is a monitor made of a function: the engine's time behaviour is
// tested in a bubble, where nothing of the kernel's can be.
type scripted struct {
	name string
	run  func(ctx context.Context, emit func(traffic.Batch)) error
}

func (s scripted) Name() string { return s.name }

func (s scripted) Run(ctx context.Context, emit func(traffic.Batch)) error { return s.run(ctx, emit) }

// started is an engine in a bubble.
type started struct {
	*Engine
	t      *testing.T
	cancel context.CancelFunc
	result chan error
	c      <-chan *traffic.Snapshot
}

func start(t *testing.T, o Options, monitors ...traffic.Monitor) *started {
	t.Helper()
	o.Rules.AutoGroup = true
	ctx, cancel := context.WithCancel(t.Context())
	s := &started{Engine: NewEngine(o), t: t, cancel: cancel, result: make(chan error, 1)}
	s.c = s.Subscribe()
	go func() { s.result <- s.Run(ctx, monitors...) }()
	return s
}

// stop cancels the engine and returns the final snapshot.
func (s *started) stop() *traffic.Snapshot {
	s.t.Helper()
	s.cancel()
	if err := <-s.result; err != nil {
		s.t.Fatal(err)
	}
	var last *traffic.Snapshot
	for snapshot := range s.c {
		last = snapshot
	}
	return last
}

// latest lets so much time pass and returns the newest snapshot.
func (s *started) latest(d time.Duration) *traffic.Snapshot {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	return <-s.c
}

func statusOf(s *traffic.Snapshot, name string) traffic.MonitorStatus {
	for _, m := range s.Monitors {
		if m.Name == name {
			return m
		}
	}
	return traffic.MonitorStatus{}
}

func batchNow(samples ...traffic.Sample) traffic.Batch {
	return traffic.Batch{At: time.Now(), Samples: samples, Complete: true}
}

// steady is a monitor that carries 100 bytes a second, and 7 at the end.
func steady(name string) scripted {
	return scripted{name, func(ctx context.Context, emit func(traffic.Batch)) error {
		o := owner(1, "curl")
		for total := uint64(0); ; total += 100 {
			emit(batchNow(sample(1, total, 0, o)))
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				emit(batchNow(sample(1, total+7, 0, o)))
				return nil
			}
		}
	}}
}

func TestEngineBooksTheLastRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{Host: "gw"}, steady("conntrack"))
		s := e.latest(5500 * time.Millisecond)
		if s.Elapsed != 5 || s.Host != "gw" {
			t.Errorf("got %+v", s)
		}
		want := traffic.MonitorStatus{Name: "conntrack", Kind: "conntrack", State: traffic.StateRunning}
		if diff := cmp.Diff(want, statusOf(s, "conntrack")); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		s = e.stop()
		if got := s.Apps[0].RxBytes; got != 507 {
			t.Errorf("%d bytes in the end, want 507", got)
		}
		if diff := cmp.Diff(want, statusOf(s, "conntrack")); diff != "" {
			t.Errorf("status in the end, of a monitor that ran until it was asked to return (-want +got):\n%s", diff)
		}
		// Who comes late still gets the last word.
		c := e.Subscribe()
		if got := <-c; got != s {
			t.Errorf("late subscriber got %p, want %p", got, s)
		}
		if _, ok := <-c; ok {
			t.Error("late subscriber's channel is open")
		}
	})
}

func TestFirstSnapshotComesWithTheFirstBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{Interval: time.Hour}, steady("a"), steady("b"))
		if s := e.latest(0); len(s.Apps) != 1 {
			t.Errorf("got %+v", s)
		}
		e.stop()
	})
}

func TestFailingMonitorsAreTriedAgainAndHarmNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Duration
		began := time.Now()
		failing := scripted{"socket:x", func(context.Context, func(traffic.Batch)) error {
			runs = append(runs, time.Since(began))
			return errors.New("load\x1b[31m: no BTF")
		}}
		panicking := scripted{"machine", func(context.Context, func(traffic.Batch)) error { panic("index out of range") }}
		e := start(t, Options{Interval: 400 * time.Millisecond}, failing, panicking, steady("conntrack"))
		s := e.latest(100*time.Second + 500*time.Millisecond)
		want := []traffic.MonitorStatus{
			{Name: "socket:x", Kind: "socket", State: traffic.StateFailed, Detail: `load\x1b[31m: no BTF`},
			{Name: "machine", Kind: "machine", State: traffic.StateFailed, Detail: "the monitor panicked: index out of range"},
			{Name: "conntrack", Kind: "conntrack", State: traffic.StateRunning},
		}
		if diff := cmp.Diff(want, s.Monitors); diff != "" {
			t.Errorf("monitors (-want +got):\n%s", diff)
		}
		if got := s.Apps[0].Usage; got != (traffic.Usage{RxBytes: 10000, RxRate: 100}) {
			t.Errorf("the other monitor's app: %+v", got)
		}
		e.stop()
		var pauses []time.Duration
		for i := range len(runs) - 1 {
			pauses = append(pauses, (runs[i+1] - runs[i]).Round(time.Second))
		}
		wantPauses := []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}
		if diff := cmp.Diff(wantPauses, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
	})
}

// TestLongRunMakesThePauseShortAgain: a monitor that worked for long is not
// kept waiting for what was the matter long ago.
func TestLongRunMakesThePauseShortAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		lengths := []time.Duration{0, 0, time.Minute, 0, 0}
		ended := time.Now()
		e := start(t, Options{}, scripted{"m", func(context.Context, func(traffic.Batch)) error {
			pauses = append(pauses, time.Since(ended))
			time.Sleep(lengths[len(pauses)-1])
			ended = time.Now()
			if len(pauses) == len(lengths) {
				return nil
			}
			return errors.New("failed")
		}})
		e.latest(2 * time.Minute)
		e.stop()
		if diff := cmp.Diff([]time.Duration{0, 1e9, 2e9, 1e9, 2e9}, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
	})
}

func TestMonitorThatRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := 0
		m := scripted{"conntrack", func(ctx context.Context, emit func(traffic.Batch)) error {
			run++
			b := batchNow(sample(1, 100, 0, owner(1, "curl")))
			b.Lost, b.Detail = uint64(3+run), "lost is\x1b[2J events"
			emit(b)
			if run == 1 {
				time.Sleep(39500 * time.Millisecond) // long enough to have the pause begin anew
				return errors.New("the socket is gone")
			}
			<-ctx.Done()
			return nil
		}}
		e := start(t, Options{}, m)
		s := e.latest(40200 * time.Millisecond)
		want := traffic.MonitorStatus{
			Name: "conntrack", Kind: "conntrack", State: traffic.StateFailed, Lost: 4, Detail: "the socket is gone",
		}
		if diff := cmp.Diff(want, statusOf(s, "conntrack")); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
		s = e.latest(time.Second)
		want.State, want.Lost, want.Detail = traffic.StateRunning, 9, traffic.CleanText("lost is\x1b[2J events", 100)
		if diff := cmp.Diff(want, statusOf(s, "conntrack")); diff != "" {
			t.Errorf("recovered (-want +got):\n%s", diff)
		}
		if s.Apps[0].Connections != 1 {
			t.Errorf("after recovery: %+v", s.Apps[0])
		}
		e.stop()
	})
}

func TestMonitorThatIsDoneIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		e := start(t, Options{}, scripted{"pipe", func(_ context.Context, emit func(traffic.Batch)) error {
			runs.Add(1)
			emit(batchNow(sample(1, 100, 0, owner(1, "cat"))))
			return nil
		}})
		s := e.latest(time.Minute)
		if got := statusOf(s, "pipe").State; got != traffic.StateStopped || runs.Load() != 1 {
			t.Errorf("state %q after %d runs", got, runs.Load())
		}
		if a := s.Apps[0]; a.RxBytes != 100 || a.Connections != 0 {
			t.Errorf("what it left open: %+v", a)
		}
		e.stop()
	})
}

// TestEmitNeverBlocksForAnEngineThatIsGone: not even a monitor that breaks
// the contract, and emits when Run has returned, is left hanging.
func TestEmitNeverBlocksForAnEngineThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var later func(traffic.Batch)
		e := start(t, Options{}, scripted{"m", func(ctx context.Context, emit func(traffic.Batch)) error {
			later = emit
			<-ctx.Done()
			return nil
		}})
		synctest.Wait()
		e.stop()
		for range 2 * reportsHeld {
			later(batchNow())
		}
	})
}

func TestNothingIsLostBetweenBusyMonitors(t *testing.T) {
	const monitors, batches = 4, 500
	var list []traffic.Monitor
	for i := range monitors {
		list = append(list, scripted{fmt.Sprint("m:", i), func(ctx context.Context, emit func(traffic.Batch)) error {
			for n := range batches {
				emit(batchNow(sample(n, 10, 1, owner(i, fmt.Sprint("app", i)))))
			}
			<-ctx.Done()
			for n := range batches {
				emit(batchNow(sample(batches+n, 10, 1, nil)))
			}
			return nil
		}})
	}
	e := start(t, Options{Interval: time.Millisecond}, list...)
	slow := e.Subscribe() // and nobody reads it
	s := e.stop()
	if want := uint64(monitors * batches * 10); s.Balance.UnattributedRx != want || s.Balance.LocalRx != want {
		t.Errorf("balance %+v, want %d each", s.Balance, want)
	}
	if got := <-slow; got != s {
		t.Error("the slow subscriber's snapshot is not the newest")
	}
}

func TestUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{}, steady("m"))
		c := e.Subscribe()
		e.latest(time.Second)
		e.Unsubscribe(c)
		e.Unsubscribe(c) // once more does nothing
		<-c
		if _, ok := <-c; ok {
			t.Error("the channel is open")
		}
		e.stop()
	})
}

func TestRunRefuses(t *testing.T) {
	idle := func(ctx context.Context, _ func(traffic.Batch)) error { return nil }
	e := NewEngine(Options{})
	c := e.Subscribe()
	err := e.Run(t.Context(), scripted{"m", idle}, scripted{"m", idle})
	if err == nil || !strings.Contains(err.Error(), `two monitors are named "m"`) {
		t.Errorf("two of one name: %v", err)
	}
	if _, ok := <-c; ok {
		t.Error("the channel is open")
	}
	if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "has run already") {
		t.Errorf("run twice: %v", err)
	}
}
