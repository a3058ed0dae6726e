package aggregate

import (
	"context"
	"fmt"
	"time"

	"bwmon/traffic"
)

// The pause before a failed monitor is run again doubles from firstPause to
// longestPause, and begins anew after a run that lasted longer than that.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// keeper keeps one monitor running.
type keeper struct {
	*member
	reports chan<- report
	stopped <-chan struct{} // closed when nobody reads reports any more
}

// keep runs the monitor, again and again where it fails, until ctx is cancelled.
// One that was stopped, or returned nil, it runs when it is started.
func (k keeper) keep(ctx context.Context) {
	pause := firstPause
	if off, _ := k.lever.isOff(); off {
		k.send(report{member: k.member, early: true, off: true})
	}
	for {
		run, end, ok := k.lever.begin(ctx)
		if !ok {
			return
		}
		began := time.Now()
		err := k.run(run)
		off := run.Err() != nil && ctx.Err() == nil
		end()
		early := ctx.Err() == nil
		if early && !off && err == nil {
			k.lever.stop()
		}
		k.send(report{member: k.member, err: err, early: early, off: off})
		switch {
		case !early:
			return
		case off, err == nil, time.Since(began) > longestPause:
			pause = firstPause
		}
		if off || err == nil {
			continue
		}
		if !k.sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// sleep reports whether ctx was not cancelled in that time. Who stops the monitor
// meanwhile ends it.
func (k keeper) sleep(ctx context.Context, d time.Duration) bool {
	off, _ := k.lever.isOff()
	if !off {
		run, end, ok := k.lever.begin(ctx)
		if !ok {
			return false
		}
		sleep(run, d)
		off = run.Err() != nil && ctx.Err() == nil
		end()
	}
	if off {
		k.send(report{member: k.member, early: true, off: true})
	}
	return ctx.Err() == nil
}

// run runs the monitor once. A panic is an error like any other: it must not
// take the program, and what the other monitors know, with it.
func (k keeper) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the monitor panicked: %v", p)
		}
	}()
	return k.monitor.Run(ctx, func(b traffic.Batch) {
		b.Monitor = k.monitor.Name()
		k.send(report{member: k.member, batch: &b})
	})
}

// send waits while the ledger is busy, but never for an engine that is gone.
func (k keeper) send(r report) {
	select {
	case k.reports <- r:
	case <-k.stopped:
	}
}

// sleep reports whether the time passed before ctx was cancelled.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
