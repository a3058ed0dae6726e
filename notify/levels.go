package notify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bwmon/traffic"
)

// levels is what is measured of a subject that some rule with a metric is about.
type levels struct {
	ticks uint32            // the book's, when it was last heard of
	used  traffic.Resources // of rows: what those that feed it used together
	// metrics are a series's, as last heard of. They are the monitor's own, which the
	// snapshots pass on: the very same slice again is no new measurement.
	metrics traffic.Metrics
	fresh   bool // the figures of this tick were measured since the one before

	seen     int64    // when it was last heard of, on the book's clock
	measured int64    // when its figures last were fresh
	gaps     [2]int64 // between the last times that they were
	gauges   []gauge  // of the plan's meters
}

// holdGaps is for how many of the times between two measurements a subject or metric
// that is gone is taken for one that is late.
const holdGaps = 3

// takeUsed adds what a row used.
func (l *levels) takeUsed(ticks uint32, used *traffic.Resources) {
	if l.ticks != ticks {
		l.ticks, l.fresh, l.used = ticks, true, *used
		return
	}
	l.used = l.used.Add(*used)
}

// takeMetrics notes the figures of a series; of two of one name the first counts.
func (l *levels) takeMetrics(ticks uint32, metrics traffic.Metrics) {
	if l.ticks == ticks {
		return
	}
	again := len(metrics) > 0 && len(metrics) == len(l.metrics) && &metrics[0] == &l.metrics[0]
	l.ticks, l.fresh, l.metrics = ticks, !again, metrics
}

// hear notes that it was heard of in this tick, and returns for how long it may not
// be until it counts as gone.
func (l *levels) hear(c *clock) (hold int64) {
	if hold = l.hold(c); l.seen != 0 && c.before-l.seen > hold {
		l.measured, l.gaps = 0, [2]int64{}
	}
	if l.fresh {
		if l.measured != 0 {
			l.gaps = [2]int64{c.now - l.measured, l.gaps[0]}
		}
		l.measured = c.now
	}
	l.seen = c.now
	return hold
}

func (l *levels) hold(c *clock) int64 {
	return holdGaps * max(l.gaps[0], l.gaps[1], int64(c.elapsed))
}

// figure is what a metric is in this tick.
func (l *levels) figure(m *meter, g *gauge) (v float64, ok bool) {
	if m.row >= 0 {
		v = rowFigure(&l.used, m.row)
		return v, finite(v)
	}
	if int(g.place) >= len(l.metrics) || l.metrics[g.place].Name != m.metric {
		place := slices.IndexFunc(l.metrics, func(x traffic.Metric) bool { return x.Name == m.metric })
		if place < 0 {
			return 0, false
		}
		g.place = int32(place)
	}
	v = l.metrics[g.place].Value
	return v, finite(v)
}

// all is every metric of the subject as last heard of, for an alert.
func (l *levels) all(kind Kind) traffic.Metrics {
	if kind.measured() {
		return alertMetrics(l.metrics)
	}
	return l.used.Metrics()
}

// tendLevels brings what is measured of a subject up to date and asks the rules about
// it.
func (b *Book) tendLevels(i int32, w *watched) {
	l, c := w.levels, &b.clock
	here := l.ticks == c.ticks
	if !here && w.alarms == 0 {
		return
	}
	hold := int64(0)
	if here {
		hold = l.hear(c)
	} else {
		hold = l.hold(c)
	}
	for k := range w.plan.meters {
		m, g := &w.plan.meters[k], &l.gauges[k]
		v, ok := 0.0, false
		if here {
			v, ok = l.figure(m, g)
		}
		switch {
		case !ok && w.alarms > 0:
			b.holdAlarms(i, m, c.now-g.seen > hold)
		case !ok:
		case g.quiet && v == g.value && g.epoch == b.epoch && g.seen >= c.before && w.alarms == 0:
			g.seen = c.now
		default:
			g.advance(v, c, m, hold)
			b.askMeter(i, w, m, g)
		}
	}
}

// askMeter asks the rules about one metric of a subject.
func (b *Book) askMeter(i int32, w *watched, m *meter, g *gauge) {
	now, slack := b.clock.now, b.clock.slack()
	idle := true
	// Where no figure in the longest window is beyond a threshold, no mean is.
	if w.alarms > 0 || g.rough > now-m.longest() {
		last := int32(-1)
		var v float64
		var full, steady bool
		for k := range m.asks {
			c := &m.asks[k]
			if c.window != last {
				last = c.window
				window := m.windows[last]
				v, steady = g.mean(now-window, slack, &m.hints[last])
				full = g.full(window, &b.clock)
			}
			usable := steady || !c.exact
			begins := full && usable && c.begins.holds(v)
			idle = idle && !begins
			if w.alarms == 0 && !begins {
				continue
			}
			b.judge(i, m.first+k, c.rule, finding{
				value: v, begins: begins, stays: usable && c.stays.holds(v), measured: w.levels.measured,
			})
		}
	}
	g.quiet, g.epoch = idle && w.alarms == 0 && g.since <= now-m.longest(), b.epoch
}

// holdAlarms is what becomes of the alarms of a metric that there is no figure of:
// they stay as they are, until it is gone for good.
func (b *Book) holdAlarms(i int32, m *meter, gone bool) {
	for k := range m.asks {
		b.hold(b.alarmOf(i, m.first+k), gone)
	}
}

// seekLacking finds the rules about series that were heard of, of which none ever had
// the metric: its name may be wrong.
func (b *Book) seekLacking() {
	b.lacking = b.lacking[:0]
	type heard struct {
		of  int32 // a subject
		had bool  // of some subject
	}
	rules := make(map[int32]heard)
	for i := range b.watched {
		w := &b.watched[i]
		if w.levels == nil || w.levels.seen == 0 || !b.names[i].kind.measured() {
			continue
		}
		for k := range w.plan.meters {
			had := w.levels.gauges[k].seen != 0
			for _, c := range w.plan.meters[k].asks {
				rules[c.rule] = heard{int32(i), had || rules[c.rule].had}
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		if h := rules[rule]; !h.had {
			b.lacking = append(b.lacking, b.lack(&b.rules[rule].Rule, h.of))
		}
	}
}

// lack says that a metric was never measured, and what was of a subject.
func (b *Book) lack(r *Rule, of int32) string {
	var names []string
	for _, m := range b.watched[of].levels.metrics {
		names = append(names, m.Name)
	}
	const most = 600 // bytes
	list := traffic.CleanText(strings.Join(names, ", "), most)
	return fmt.Sprintf("rule %q: %s has no metric %q so far; it has %s", r.Name, b.names[of].name, r.Metric, cmp.Or(list, "none"))
}
