package publish

import (
	"math/rand/v2"
	"time"
)

// The pauses between attempts double from the first to the longest.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	// longestAsked bounds the pause that a receiver may ask for.
	longestAsked = 5 * time.Minute
)

// pauseAfter is the pause after n failures in a row. Up to a half of it is left to chance, so
// that a thousand hosts do not come back to one receiver together.
func pauseAfter(n int) time.Duration {
	d := longestPause
	if n < 7 { // 2^6 s is beyond the longest
		d = min(firstPause<<max(n-1, 0), longestPause)
	}
	return d - rand.N(d/2)
}
