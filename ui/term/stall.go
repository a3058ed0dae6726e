package term

import "time"

// An engine that hangs does not close its channel, and figures that stand
// still look like those of a quiet host. So their age is shown once it is
// more than lateAfter and more than lateTicks of the engine's intervals.
const (
	lateAfter = 5 * time.Second
	lateTicks = 3
)

// watch tells when snapshots stay out. Its timer fires once when they are
// late and then every second, for the age on screen; never while they come.
// The limit is what was asked of the engine, as the snapshots say, not what was seen of
// it: after a
// delay one tick follows hard on another and says nothing about the rest.
type watch struct {
	timer *time.Timer
	last  time.Time // when the last one came, or the watch began
	limit time.Duration
}

// newWatch watches an engine that is to send one snapshot every interval.
func newWatch(interval time.Duration) *watch {
	limit := max(lateAfter, lateTicks*interval)
	return &watch{timer: time.NewTimer(limit), last: time.Now(), limit: limit}
}

// expect begins to wait for the next one, which is due after so many seconds; 0: as
// before.
func (w *watch) expect(seconds float64) {
	if interval := time.Duration(seconds * float64(time.Second)); interval > 0 && seconds < 1e6 {
		w.limit = max(lateAfter, lateTicks*interval)
	}
	w.rearm()
}

// rearm begins to wait anew.
func (w *watch) rearm() {
	w.last = time.Now()
	w.timer.Reset(w.limit)
}

// fired returns how long there has been no snapshot, and asks to be told
// again in a second.
func (w *watch) fired() time.Duration {
	w.timer.Reset(time.Second)
	return time.Since(w.last)
}

// nag asks to be told in a second.
func (w *watch) nag() { w.timer.Reset(time.Second) }

func (w *watch) stop() { w.timer.Stop() }
