package notify

import "bwmon/traffic"

// watched is a subject that some rule is about.
type watched struct {
	plan *plan // nil: a free place

	// What the rows that feed it told this tick, if ticks is the book's.
	ticks   uint32
	carried octets
	rate    traffic.Rate

	quiet bool   // nothing can change while nothing moves
	epoch uint32 // the book's when that was found
	fresh bool   // has not been looked at yet

	steady steady
	ring   ring
	// states are of the plan's rates and quotas, each an alarm's number from 1,
	// or 0: ok. Nil while all are ok. Alarms is how many are not.
	states []int32
	alarms int32
	usages []*usage // of the plan's quotas
	levels *levels  // of the plan's meters; nil where it has none

	of *ofMember // the member of a fleet that it is, or is of; nil: none

	rows  int32 // that feed it
	moved int64 // when it last carried anything, or had an alarm
}

// take adds what a row carried.
func (w *watched) take(ticks uint32, carried octets, rate traffic.Rate) {
	if w.ticks != ticks {
		w.ticks, w.carried, w.rate = ticks, octets{}, traffic.Rate{}
	}
	w.carried = w.carried.add(carried)
	w.rate = w.rate.Add(rate)
}

// tend brings one subject up to date and asks all its rules.
func (b *Book) tend(i int32) {
	w := &b.watched[i]
	if w.plan == nil {
		return
	}
	if w.levels != nil {
		b.tendLevels(i, w)
	}
	if w.ticks != b.clock.ticks {
		if w.quiet && w.epoch == b.epoch {
			return
		}
		w.carried, w.rate = octets{}, traffic.Rate{}
	}
	if w.carried != (octets{}) || w.alarms > 0 {
		w.moved = b.clock.now
	}
	p := w.plan
	quiet := w.carried == octets{}
	switch {
	case len(p.windows) == 0:
	case w.of != nil:
		quiet = b.tendMember(i, w) && quiet
	default:
		quiet = w.record(&b.clock, b.late[i]) && quiet
		b.askRates(i, w)
	}
	for k := range p.quotas {
		if w.carried != (octets{}) || w.alarms > 0 {
			b.askQuota(i, w, k)
		}
	}
	w.quiet, w.epoch = quiet && w.alarms == 0, b.epoch
}

// record adds the tick to the ring, where what came late is already. It reports whether the subject has been idle
// for so long that more of it changes no average.
func (w *watched) record(c *clock, late octets) bool {
	longest := w.plan.longest()
	switch {
	case w.fresh && c.ticks == 1:
		w.ring.push(c.now, w.carried, longest)
		w.steady.begin(w.carried, w.rate, c)
	case w.fresh:
		// Nothing was known of it, so it carried nothing. What it shows beyond its
		// rate came before that: connections may be older than the books.
		w.ring.push(c.before, w.carried.sub(w.carried.atMost(w.rate, c.elapsed)), longest)
		w.ring.push(c.now, w.carried, longest)
		w.steady.begin(w.carried, w.rate, c)
	default:
		if last := w.ring.last(); last.at < c.before && late == (octets{}) { // it was quiet
			w.ring.push(c.before, last.total, longest)
		}
		w.steady.total, w.steady.told = w.steady.total.add(late), w.steady.told.add(late)
		w.ring.push(c.now, w.steady.advance(w.carried.sub(late), w.rate, c), longest)
	}
	w.fresh = false
	return w.steady.total == w.steady.told && w.ring.flatSince() <= c.now-longest
}

// askRates asks the rules above, below and equal.
func (b *Book) askRates(i int32, w *watched) {
	p := w.plan
	now, slack := b.clock.now, b.clock.slack()
	oldest := w.ring.moments[0].at
	last := int32(-1)
	var rates [3]float64
	var full bool
	for k := range p.rates {
		c := &p.rates[k]
		if c.window != last {
			last = c.window
			window := p.windows[last]
			rates[0], rates[1] = w.ring.average(now-window, &p.hints[last])
			rates[2] = rates[0] + rates[1]
			full = now-oldest+slack >= window
		}
		v := rates[c.direction]
		if w.alarms == 0 && !(full && c.begins.holds(v)) {
			continue
		}
		b.judge(i, k, c.rule, finding{
			value: v, begins: full && c.begins.holds(v), stays: c.stays.holds(v), measured: now,
		})
	}
}
