package history

import (
	"math"
	"time"
)

// trust says whether the wall clock may be believed by those who delete: only after
// it has gone evenly with the time that was measured.
type trust struct {
	known   bool
	offset  float64 // of the wall clock to the measured time, in seconds
	elapsed float64
	since   float64 // the elapsed time since which it goes evenly
	at      time.Time
}

const (
	trustAfter = 3600 // seconds
	// trustWithin is how much in one step is no jump: clocks are set right by a
	// little now and then.
	trustWithin = 60 // seconds
)

// see notes what the wall clock said when so much time had been measured.
func (t *trust) see(at time.Time, elapsed float64) {
	offset := float64(at.UnixMilli())/1000 - elapsed
	if !t.known || elapsed < t.elapsed || math.Abs(offset-t.offset) > trustWithin {
		t.since = elapsed
	}
	t.known, t.offset, t.elapsed, t.at = true, offset, elapsed, at
}

// now is the wall clock's time where it may be believed.
func (t *trust) now() (at time.Time, ok bool) { return t.at, t.elapsed-t.since >= trustAfter }

// The clock of a machine that does not know the time shows 1970, or when its software
// was made. Times that no history can be of are not believed at all.
const (
	firstYear = 2000
	lastYear  = 2200
)

func plausible(t time.Time) bool {
	y := t.UTC().Year()
	return y >= firstYear && y < lastYear
}
