package receive

import (
	"math"
	"time"
)

// bucket bounds a rate. It is full at first, and whoever takes the last may take more
// than there is: those who come after wait until that is made up for. So one request
// of any size passes.
type bucket struct {
	rate  float64 // per second
	most  float64
	level float64
	at    time.Time
}

func newBucket(rate, most float64) bucket { return bucket{rate: rate, most: most, level: most} }

// wait is how long to wait until something may be taken; 0: it may be.
func (b *bucket) wait(now time.Time) time.Duration {
	if passed := now.Sub(b.at).Seconds(); passed > 0 || b.at.IsZero() {
		b.level = min(b.most, b.level+passed*b.rate)
	}
	b.at = now // also of a clock that was put back
	if b.level > 0 {
		return 0
	}
	seconds := math.Min((1-b.level)/b.rate, 3600)
	return max(time.Duration(seconds*float64(time.Second)), time.Millisecond)
}

func (b *bucket) take(n float64) { b.level -= n }
