package pipe

import "time"

// paceBurst is for how long a pace that was not used is saved up, so that a
// timer that comes late does not lower the rate.
const paceBurst = 100 * time.Millisecond

// pace holds a mover to a rate in bytes per second. The zero value holds nothing
// back. It belongs to one goroutine.
type pace struct {
	rate   float64
	credit float64
	at     time.Time // of credit
}

// allow returns how much may be moved now, at most want, and where that is
// nothing how long to wait.
func (p *pace) allow(now time.Time, want int) (int, time.Duration) {
	if p.rate <= 0 {
		return want, 0
	}
	burst := max(1, p.rate*paceBurst.Seconds())
	if p.at.IsZero() {
		p.at = now
	}
	p.credit = min(burst, p.credit+p.rate*now.Sub(p.at).Seconds())
	p.at = now
	if p.credit >= min(burst, float64(want))/2 {
		return max(1, min(want, int(p.credit))), 0
	}
	missing := min(burst, float64(want))/2 - p.credit
	return 0, max(time.Millisecond, time.Duration(missing/p.rate*float64(time.Second)))
}

// spend notes that n bytes were moved.
func (p *pace) spend(n int) {
	if p.rate > 0 {
		p.credit -= float64(n)
	}
}
