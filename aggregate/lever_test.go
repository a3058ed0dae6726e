package aggregate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

// TestStopAndStart: a monitor that is stopped undoes what it set up and is left
// alone; started again it goes on with the totals it had.
func TestStopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs, undone atomic.Int32
		m := scripted{"socket", func(ctx context.Context, emit func(traffic.Batch)) error {
			n := uint64(runs.Add(1))
			emit(batchNow(sample(1, 100*n, 0, owner(1, "curl"))))
			<-ctx.Done()
			time.Sleep(time.Second)
			undone.Add(1)
			return nil
		}}
		e := start(t, Options{}, m)
		e.latest(2500 * time.Millisecond)
		if err := e.Engine.StopMonitor("sockets"); !errors.Is(err, ErrNoMonitor) {
			t.Errorf("another name: %v", err)
		}
		for range 2 { // it does not matter how often
			if err := e.Engine.StopMonitor("socket"); err != nil {
				t.Fatal(err)
			}
		}
		s := e.latest(time.Hour)
		if got := statusOf(s, "socket"); got.State != traffic.StateStopped || got.Detail != "as it was asked to" || runs.Load() != 1 || undone.Load() != 1 {
			t.Errorf("stopped: %+v after %d runs, %d undone", got, runs.Load(), undone.Load())
		}
		if a := s.Apps[0]; a.RxBytes != 100 || a.RxRate != 0 || a.Connections != 1 {
			t.Errorf("stopped: %+v", a)
		}
		for range 2 {
			if err := e.Engine.StartMonitor("socket"); err != nil {
				t.Fatal(err)
			}
		}
		s = e.latest(2500 * time.Millisecond)
		if a := s.Apps[0]; statusOf(s, "socket").State != traffic.StateRunning || a.RxBytes != 200 || runs.Load() != 2 {
			t.Errorf("started: %+v, %+v", statusOf(s, "socket"), a)
		}
		e.stop()
	})
}

// TestStopWhileFailing: one that waits to be tried again is stopped like any other, and
// need not wait for the rest of its pause when it is started.
func TestStopWhileFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		e := start(t, Options{}, scripted{"socket", func(context.Context, func(traffic.Batch)) error {
			runs.Add(1)
			return errors.New("no such device")
		}})
		e.latest(20 * time.Second) // 1 + 2 + 4 + 8: the pause is 16 s by now
		e.Engine.StopMonitor("socket")
		if got := statusOf(e.latest(1500*time.Millisecond), "socket"); got.State != traffic.StateStopped {
			t.Errorf("stopped: %+v", got)
		}
		before := runs.Load()
		e.latest(time.Hour)
		if runs.Load() != before {
			t.Error("it was run although it was stopped")
		}
		e.Engine.StartMonitor("socket")
		if got := statusOf(e.latest(1500*time.Millisecond), "socket"); got.State != traffic.StateFailed || runs.Load() == before {
			t.Errorf("started: %+v after %d runs", got, runs.Load()-before)
		}
		e.stop()
	})
}

// TestStartOfOneThatEnded: a monitor that is done may be run again.
func TestStartOfOneThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		e := start(t, Options{}, scripted{"pipe", func(_ context.Context, emit func(traffic.Batch)) error {
			runs.Add(1)
			return nil
		}})
		e.latest(time.Minute)
		e.Engine.StartMonitor("pipe")
		if e.latest(time.Minute); runs.Load() != 2 {
			t.Errorf("%d runs", runs.Load())
		}
		e.stop()
	})
}

// TestOffFromTheStart: such a monitor waits to be started, and is no reason for others
// to wait.
func TestOffFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := scripted{"socket", func(ctx context.Context, emit func(traffic.Batch)) error {
			emit(batchNow(sample(1, 100, 0, owner(1, "curl"))))
			<-ctx.Done()
			return nil
		}}
		e := start(t, Options{Off: func(name string) bool { return name == "socket" }}, m)
		s := e.latest(1500 * time.Millisecond)
		if got := statusOf(s, "socket"); got.State != traffic.StateStopped || len(s.Apps) != 0 || e.Active()["socket"] {
			t.Errorf("at first: %+v, %+v", got, s.Apps)
		}
		if err := e.StartMonitor("socket"); err != nil {
			t.Fatal(err)
		}
		s = e.latest(1500 * time.Millisecond)
		if got := statusOf(s, "socket"); got.State != traffic.StateRunning || len(s.Apps) != 1 || !e.Active()["socket"] {
			t.Errorf("started: %+v, %+v", got, s.Apps)
		}
		e.stop()
	})
}
