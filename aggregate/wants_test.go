package aggregate

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

func TestFlowsAreThereWhileWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{}, steady("m"))
		flows := func() int { return len(e.latest(time.Second).Apps[0].Commands[0].Flows) }
		if n := flows(); n != 0 {
			t.Errorf("%d flows that nobody wants", n)
		}
		release := e.WantFlows()
		if n := flows(); n != 1 {
			t.Errorf("%d flows, want 1", n)
		}
		release()
		if n := flows(); n != 0 {
			t.Errorf("%d flows that nobody wants any more", n)
		}
		e.stop()
	})
}

// TestFlowsAreThereForAnybody: one who does not want them any more takes them
// from nobody else, however often it says so.
func TestFlowsAreThereForAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{}, steady("m"))
		flows := func() int { return len(e.latest(time.Second).Apps[0].Commands[0].Flows) }
		first, second := e.WantFlows(), e.WantFlows()
		first()
		first()
		if n := flows(); n != 1 {
			t.Errorf("%d flows, want 1", n)
		}
		second()
		if n := flows(); n != 0 {
			t.Errorf("%d flows that nobody wants any more", n)
		}
		e.stop()
	})
}

// TestWhoWantsFlowsDoesNotWaitForTheTick: but who comes and goes often has no
// more than a few snapshots made for it.
func TestWhoWantsFlowsDoesNotWaitForTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{Interval: time.Hour}, steady("m"))
		e.latest(10 * time.Second)
		release := e.WantFlows()
		synctest.Wait()
		select {
		case s := <-e.c:
			if len(s.Apps[0].Commands[0].Flows) != 1 {
				t.Error("a snapshot without flows")
			}
		default:
			t.Error("no snapshot at once")
		}
		release()
		snapshots := 0
		for range 1000 {
			release = e.WantFlows()
			time.Sleep(time.Millisecond)
			select {
			case <-e.c:
				snapshots++
			default:
			}
			release()
		}
		if snapshots != 4 && snapshots != 5 {
			t.Errorf("%d snapshots in a second, want one every %v", snapshots, soonest)
		}
		e.stop()
	})
}

// TestWantsBeforeTheStart: there is nothing to publish yet, and then the first
// snapshot has them.
func TestWantsBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(Options{})
		defer e.WantFlows()()
		c := e.Subscribe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- e.Run(ctx, scripted{"m", func(ctx context.Context, emit func(traffic.Batch)) error {
				time.Sleep(time.Second / 2)
				return steady("m").run(ctx, emit)
			}})
		}()
		if s := <-c; s.Elapsed != 0.5 || len(s.Apps) != 1 || s.Apps[0].Commands[0].Flows == nil {
			t.Errorf("the first snapshot is %+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestWantsOfManyAtOnce is for the race detector.
func TestWantsOfManyAtOnce(t *testing.T) {
	e := start(t, Options{Interval: time.Millisecond}, steady("m"))
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 100 {
				release := e.WantFlows()
				var both sync.WaitGroup
				both.Go(release)
				both.Go(release)
				both.Wait()
			}
		})
	}
	g.Wait()
	if e.wants.any() {
		t.Error("somebody still wants flows")
	}
	e.stop()
}
