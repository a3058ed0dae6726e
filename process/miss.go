package process

import "time"

// miss is what is known of a flow that has no known owner.
type miss struct {
	since int64 // which life of the tuple it is about
	next  int64 // when asking for a look is worth while again
	tries uint8
}

// backOff is how long to wait with the next look for a flow that tries looks
// did not find: 1, 2, 4 … 32 intervals.
func backOff(interval time.Duration, tries uint8) int64 {
	return int64(interval) << min(tries, 5)
}
