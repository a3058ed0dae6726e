package receive

import "time"

// clock is what is known of a host's.
type clock struct {
	off     time.Duration // how far it is ahead, as it said last; negative: behind
	correct time.Duration // what is taken from its times
}

// steady is how far a clock that is corrected may wander before the correction does: a
// batch that comes twice has the same time.
const steady = 10 * time.Second

// read takes what a host's clock said at a moment of ours.
func (c *clock) read(theirs, now time.Time, allowed time.Duration) {
	c.off = theirs.Sub(now)
	switch {
	case c.off.Abs() <= allowed:
		c.correct = 0
	case (c.off - c.correct).Abs() > steady:
		c.correct = c.off
	}
}

// oldest is how old what is published may be. What is older was timed by a clock that
// nobody had set.
const oldest = 366 * 24 * time.Hour

// timeOf is when something was, of which the host says when: never in the future, and
// not before last, the latest that is known of this host, unless that is.
func (c *clock) timeOf(at, last, now time.Time) time.Time {
	at = at.Add(-c.correct)
	if now.Sub(at) > oldest {
		at = now
	}
	if at.Before(last) {
		at = last
	}
	if at.After(now) {
		at = now
	}
	return at.UTC()
}
