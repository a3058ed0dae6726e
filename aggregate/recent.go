package aggregate

import (
	"time"

	"bwmon/traffic"
)

// recentTicks is how many ticks of rate are kept for sparklines.
const recentTicks = 60

// beat is when rates are noted: with each tick, but not with one that comes in
// between.
type beat struct{ last time.Time }

func (b *beat) due(now time.Time, interval time.Duration) bool {
	if since := now.Sub(b.last); since >= 0 && since < interval/2 {
		return false
	}
	b.last = now
	return true
}

// recent is the rates of the last ticks. What it has published is never
// written to again: new rates are appended behind it.
type recent struct {
	rates []traffic.Rate
	quiet int // ticks since the last rate that was not zero
}

// note notes the rate of a row, if that is due.
func (r *recent) note(u traffic.Usage, due bool) {
	if due {
		r.push(traffic.Rate{Rx: u.RxRate, Tx: u.TxRate})
	}
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
