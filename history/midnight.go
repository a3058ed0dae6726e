package history

import "time"

// Midnight returns when a day begins in a place: where clocks are set forward at
// midnight, that is at one. The day of the month may be one that the month does not
// have, as time.Date takes it.
func Midnight(y int, m time.Month, d int, place *time.Location) time.Time {
	return calendar{place}.begin(y, m, d)
}
