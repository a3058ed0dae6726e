package notify

import "math"

// gauge is one metric of a subject. What is measured is a level: a figure stands for
// the time since the tick before it was seen, and from then on until another one is.
type gauge struct {
	past  past[float64] // of the figure times the seconds that it stood
	value float64
	since int64 // from when on the figure has been that
	seen  int64 // the last time; 0: never
	// rough is when a figure last was one that a condition might begin with.
	rough int64
	place int32 // of the metric among the subject's, the last time
	quiet bool  // nothing can change while the figure does not
	epoch uint32
}

// maxFigure bounds what is averaged, so that sums are finite.
const maxFigure = 1e300

// advance notes the figure of a tick. A gauge that was not seen for longer than hold
// begins anew; in a shorter time the figure was what it had been.
func (g *gauge) advance(v float64, c *clock, m *meter, hold int64) {
	v = min(max(v, -maxFigure), maxFigure)
	if g.seen == 0 || c.before-g.seen > hold {
		since := c.before
		if c.ticks == 1 { // who knows for how long
			since = c.now
		}
		*g = gauge{past: past[float64]{g.past.moments[:0]}, value: v, since: since, place: g.place}
		g.past.moments = append(g.past.moments, moment[float64]{at: since})
	} else {
		if g.past.last().at < c.before {
			g.stand(c.before, m)
		}
		if v != g.value {
			g.value, g.since = v, c.before
		}
	}
	g.stand(c.now, m)
	g.seen = c.now
}

// stand notes that the figure stood until then.
func (g *gauge) stand(until int64, m *meter) {
	if !m.calm.holds(g.value) {
		g.rough = until
	}
	last := g.past.last()
	if until <= last.at {
		return
	}
	total := last.total + g.value*float64(until-last.at)/1e9
	n := len(g.past.moments)
	if n >= 2 && g.past.moments[n-2].at >= g.since {
		*last = moment[float64]{until, total}
		return
	}
	if n == cap(g.past.moments) {
		g.past.makeRoom(until, m.longest())
		base := g.past.moments[0].total // so that sums stay small, and exact
		for i := range g.past.moments {
			g.past.moments[i].total -= base
		}
		total -= base
	}
	g.past.moments = append(g.past.moments, moment[float64]{until, total})
}

// mean is the average by time from start until now, or of as much of that as is
// known. Steady: the figure has been the same for all of it, but for the slack.
func (g *gauge) mean(start, slack int64, hint *int) (v float64, steady bool) {
	m := g.past.moments
	start = max(start, m[0].at)
	if g.since <= start+slack {
		return g.value, true
	}
	i := g.past.before(start, hint)
	last := g.past.last()
	total := m[i].total
	if into := start - m[i].at; into > 0 {
		total += float64(into) / float64(m[i+1].at-m[i].at) * (m[i+1].total - m[i].total)
	}
	return (last.total - total) / (float64(last.at-start) / 1e9), false
}

// full reports whether it is known for that long.
func (g *gauge) full(window int64, c *clock) bool {
	return c.now-g.past.moments[0].at+c.slack() >= window
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
