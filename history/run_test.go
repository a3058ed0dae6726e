package history

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

// TestRun: it flushes as often as it is told to, takes the last Snapshot when the
// program ends, and goes on where it was when it is run again.
func TestRun(t *testing.T) {
	path := t.TempDir() + "/history.db"
	s := openStore(t, Options{Path: path, FlushEvery: 20 * time.Millisecond})
	m := newMachine(time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	snapshots := make(chan *traffic.Snapshot)
	done := make(chan error)
	go func() { done <- s.Run(ctx, snapshots) }()
	for n := range 50 {
		m.carry("app", "command", 10, 1)
		snapshots <- m.after(time.Second).snapshot()
		if n == 20 {
			for len(s.Status().Oldest) == 0 {
				time.Sleep(time.Millisecond)
			}
			if state := s.Status(); state.State != traffic.StateRunning || state.Size == 0 || state.LastFlush.IsZero() {
				t.Errorf("%+v", state)
			}
		}
	}
	cancel()
	m.carry("app", "command", 10, 1)
	snapshots <- m.after(time.Second).snapshot()
	close(snapshots)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if state := s.Status(); state.Waiting != 0 {
		t.Errorf("%+v", state)
	}
	again := make(chan *traffic.Snapshot, 1)
	m.carry("app", "command", 10, 1)
	again <- m.after(time.Second).snapshot()
	close(again)
	if err := s.Run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, Options{Path: path, Now: m.now})
	if r := report(t, s, traffic.Query{By: traffic.ByApp}); r.Total.RxBytes != 520 {
		t.Errorf("%+v", r)
	}
}

// TestRunEndsWithoutItsSource: who cancels and never closes the channel waits for ten
// seconds.
func TestRunEndsWithoutItsSource(t *testing.T) {
	s := openStore(t, Options{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		if err := s.Run(ctx, make(chan *traffic.Snapshot)); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != lastWait {
			t.Errorf("it waited %v", waited)
		}
	})
}

// TestReportsWhileItRuns: each of many readers sees whole snapshots, the same by app,
// by command and at all levels, never less than before.
func TestReportsWhileItRuns(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 23, 0, 0, 0, time.UTC))
	end := m.at.Add(48 * time.Hour)
	s := openStore(t, Options{FlushEvery: 2 * time.Millisecond, Now: func() time.Time { return end }, Keep: unlimited})
	snapshots := make(chan *traffic.Snapshot)
	done := make(chan error)
	go func() { done <- s.Run(t.Context(), snapshots) }()
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for n := range 6 {
		q := traffic.Query{By: []string{traffic.ByApp, traffic.ByCommand, traffic.ByUser}[n%3], Step: []string{"", traffic.StepHour, traffic.StepMinute, traffic.StepDay}[n%4]}
		readers.Go(func() {
			last := uint64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := s.Report(t.Context(), q)
				if err != nil {
					t.Errorf("%+v: %v", q, err)
					return
				}
				got := r.Total.RxBytes
				if got%20 != 0 || got < last || r.Total.TxBytes != 2*got {
					t.Errorf("%+v: %d bytes after %d, sent %d", q, got, last, r.Total.TxBytes)
					return
				}
				last = got
			}
		})
	}
	readers.Go(func() {
		for last := 0.0; ; {
			select {
			case <-stop:
				return
			default:
			}
			got, err := s.Trend(t.Context(), traffic.TrendQuery{})
			if err != nil {
				t.Errorf("trend: %v", err)
				return
			}
			for _, r := range got.Rows { // load1 counts Snapshots from 1 on
				if r.Min != 1 || r.Max < last || math.Abs(r.Mean-(1+r.Max)/2) > 0.01 {
					t.Errorf("after %v: %+v", last, r)
				}
				last = r.Max
			}
		}
	})
	n := 400
	if testing.Short() {
		n = 60
	}
	for done := range n {
		m.rows.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: float64(1 + done)}}}}
		for i := range 20 {
			m.carry(fmt.Sprint("app ", i%3), fmt.Sprint("command ", i), 1, 2)
		}
		snapshots <- m.after(7 * time.Second).snapshot()
		s.Status()
	}
	close(stop)
	readers.Wait()
	close(snapshots)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r := report(t, s, traffic.Query{By: traffic.ByApp}); r.Total.RxBytes != uint64(20*n) {
		t.Errorf("%+v", r.Total)
	}
	inspect(t, s.opts.Path)
}
