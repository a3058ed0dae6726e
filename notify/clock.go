package notify

import "time"

// clock is the time that windows are measured by. The calendar may jump and the
// monotonic clock may not, but it is read after the snapshot was made: so the
// time between two snapshots is what their own times say, unless that differs
// from the monotonic time by more than a wait explains.
type clock struct {
	now, before int64 // nanoseconds on this clock, of this tick and the last
	elapsed     time.Duration
	ticks       uint32

	mono, made time.Time // of the last tick
}

// clockWait is how much longer one snapshot may have waited than another.
const clockWait = 250 * time.Millisecond

// advance notes a tick. It returns false where no time has passed.
func (c *clock) advance(mono, made time.Time) bool {
	if c.ticks > 0 {
		elapsed := mono.Sub(c.mono)
		if byCalendar := made.Sub(c.made); byCalendar > 0 && (byCalendar-elapsed).Abs() < clockWait {
			elapsed = byCalendar
		}
		if elapsed <= 0 {
			c.mono, c.made = mono, made
			return false
		}
		c.before, c.now, c.elapsed = c.now, c.now+int64(elapsed), elapsed
	} else {
		c.now = 1 // so that nothing was seen at this time before
	}
	c.mono, c.made = mono, made
	c.ticks++
	return true
}

// slack is by how much less than a window may count for a whole one: ticks do
// not come at the same time to the nanosecond.
func (c *clock) slack() int64 { return int64(c.elapsed) / 10 }
