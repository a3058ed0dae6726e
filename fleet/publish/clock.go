package publish

import "time"

const (
	// steadyAfter is how long a clock has to go evenly before batches are dropped by it.
	steadyAfter = time.Hour
	// maxStep is how far it may go from one look to the next, beyond what is between them.
	maxStep = 10 * time.Minute
)

// clock says whether the wall clock may be believed by those who drop what is too old.
type clock struct{ last, since time.Time }

// steady notes what the clock says, as it does each interval, and whether it has gone
// evenly for an hour.
func (c *clock) steady(now time.Time, interval time.Duration) bool {
	now = now.Round(0) // the wall clock's
	if step := now.Sub(c.last); step < 0 || step > interval+maxStep {
		c.since = now
	}
	c.last = now
	return now.Sub(c.since) >= steadyAfter
}
