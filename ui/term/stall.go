package term

import (
	"time"

	"bwmon/traffic"
)

// An engine that hangs does not close its channel, and figures that stand
// still look like those of a quiet host. So their age is shown once it is
// more than lateAfter and more than lateTicks of the engine's intervals.
const (
	lateAfter = 5 * time.Second
	lateTicks = 3
	// lateUnknown stands in until two snapshots have shown the interval.
	lateUnknown = time.Minute
)

// watch tells when snapshots stay out. Its timer fires once when they are
// late and then every second, for the age on screen; never while they come.
type watch struct {
	timer   *time.Timer
	last    time.Time     // when the last one came, or the watch began
	elapsed float64       // the last one's
	seen    bool          // there was one
	every   time.Duration // the least time from one to the next; 0: not known
}

func newWatch() *watch {
	return &watch{timer: time.NewTimer(lateAfter), last: time.Now()}
}

// arrived notes a snapshot. The interval is taken from the engine's own
// time: the channel keeps only the newest, so arrivals say less.
func (w *watch) arrived(s *traffic.Snapshot) {
	if gap := time.Duration((s.Elapsed - w.elapsed) * float64(time.Second)); w.seen && gap > 0 && (w.every == 0 || gap < w.every) {
		w.every = gap
	}
	w.seen, w.elapsed = true, s.Elapsed
	w.rearm()
}

// rearm begins to wait anew.
func (w *watch) rearm() {
	w.last = time.Now()
	w.timer.Reset(w.limit())
}

func (w *watch) limit() time.Duration {
	switch {
	case !w.seen:
		return lateAfter
	case w.every == 0:
		return lateUnknown
	}
	return max(lateAfter, lateTicks*w.every)
}

// fired returns how long there has been no snapshot, and asks to be told
// again in a second.
func (w *watch) fired() time.Duration {
	w.timer.Reset(time.Second)
	return time.Since(w.last)
}

func (w *watch) stop() { w.timer.Stop() }
