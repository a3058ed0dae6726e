package notify

import (
	"math/rand/v2"
	"time"
)

// The pauses between attempts double from the first to the longest.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// pauseAfter is the pause after n failures in a row. A quarter of it is left to
// chance, so that many outboxes do not come back to one receiver together.
func pauseAfter(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	d := longestPause
	if n < 10 { // 2^9 s is beyond the longest
		d = min(firstPause<<(n-1), longestPause)
	}
	return d - rand.N(d/4)
}
