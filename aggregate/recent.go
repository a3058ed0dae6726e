package aggregate

import "bwmon/traffic"

// recentTicks is how many ticks of rate are kept for sparklines.
const recentTicks = 60

// recent is the rates of the last ticks. What it has published is never
// written to again: new rates are appended behind it.
type recent struct {
	rates []traffic.Rate
	quiet int // ticks since the last rate that was not zero
}

// push notes a tick's rate. A row that was quiet all the time has no rates at
// all, so that idle rows cost nothing.
func (r *recent) push(rate traffic.Rate) {
	if rate == (traffic.Rate{}) {
		if r.quiet++; r.quiet >= recentTicks || r.rates == nil {
			r.rates = nil
			return
		}
	} else {
		r.quiet = 0
	}
	if len(r.rates) == cap(r.rates) {
		kept := r.rates[max(0, len(r.rates)-(recentTicks-1)):]
		grown := make([]traffic.Rate, len(kept), max(8, 2*len(kept)+2))
		copy(grown, kept)
		r.rates = grown
	}
	r.rates = append(r.rates, rate)
}

// last returns the rates of at most the last 60 ticks, oldest first.
func (r *recent) last() []traffic.Rate {
	rates := r.rates[max(0, len(r.rates)-recentTicks):]
	return rates[:len(rates):len(rates)]
}
