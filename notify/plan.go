package notify

import (
	"slices"
	"time"
)

// plan is the rules that a subject has to keep. Subjects that have to keep the
// same share one.
type plan struct {
	windows []int64 // the different ones, ascending
	hints   []int   // see ring.average
	rates   []condition
	quotas  []int32 // rules
	meters  []meter
}

// condition is a rule above, below or equal to a rate or figure, ready to be asked.
type condition struct {
	rule          int32
	window        int32 // index into the plan's, or the meter's
	direction     int32 // of a rate: 0 rx, 1 tx, 2 total
	exact         bool  // every figure of the window has to be in the band
	begins, stays band
}

// longest is the longest window.
func (p *plan) longest() int64 {
	if len(p.windows) == 0 {
		return 0
	}
	return p.windows[len(p.windows)-1]
}

// size is how many states a subject has: of rates, then of quotas, then of meters.
func (p *plan) size() int {
	n := len(p.rates) + len(p.quotas)
	for i := range p.meters {
		n += len(p.meters[i].asks)
	}
	return n
}

// ruleAt is the rule of the k-th state.
func (p *plan) ruleAt(k int) int32 {
	switch rates := len(p.rates); {
	case k < rates:
		return p.rates[k].rule
	case k < rates+len(p.quotas):
		return p.quotas[k-rates]
	}
	for i := range p.meters {
		if m := &p.meters[i]; k < m.first+len(m.asks) {
			return m.asks[k-m.first].rule
		}
	}
	return -1 // no state of the plan
}

func newPlan(rules []standing, matched []int32) *plan {
	p := &plan{}
	for _, i := range matched {
		if rules[i].Condition != Quota && rules[i].Metric == "" {
			p.windows = append(p.windows, int64(rules[i].Window))
		}
	}
	slices.Sort(p.windows)
	p.windows = slices.Compact(p.windows)
	p.hints = make([]int, len(p.windows))
	for _, i := range matched {
		r := &rules[i]
		if r.Metric != "" {
			continue
		}
		if r.Condition == Quota {
			p.quotas = append(p.quotas, i)
			continue
		}
		c := condition{rule: i, direction: int32(slices.Index([]Direction{Rx, Tx, Total}, r.Direction))}
		window, _ := slices.BinarySearch(p.windows, int64(r.Window))
		c.window = int32(window)
		c.begins, c.stays = r.bands()
		p.rates = append(p.rates, c)
	}
	p.meters = newMeters(rules, matched, len(p.rates)+len(p.quotas))
	return p
}

// standing is a rule as it stands at the moment.
type standing struct {
	Rule
	open  bool  // within its hours
	since int64 // they began, on the book's clock; 0: before it did
	ready bool  // a whole window lies in them

	start, end time.Time // the period of a quota
	period     int64     // its start in Unix seconds, by which usage is kept
}

// turn brings a rule to a time. It reports whether it is now ready and was not,
// or the other way round.
func (r *standing) turn(c *clock, wall time.Time, loc *time.Location) bool {
	open := r.Hours.Active(wall)
	if open && !r.open && c.ticks > 1 {
		r.since = c.now
	}
	r.open = open
	ready := open && (r.since == 0 || c.now-r.since+c.slack() >= int64(r.Window))
	changed := ready != r.ready
	r.ready = ready
	if r.Condition == Quota && (wall.Before(r.start) || !wall.Before(r.end)) {
		r.start, r.end = r.Quota.Period.around(wall, loc, r.Quota.MonthStartsOn)
		r.period = r.start.Unix()
	}
	return changed
}
