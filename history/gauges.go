package history

import "bwmon/traffic"

// gauges finds the metrics of Snapshots. It takes means and not differences: what a
// Snapshot shows was so since the one before.
type gauges struct {
	roster *roster
	purse  *purse    // as the intake's
	list   []metered // of the former Snapshot, in its order
	left   int       // metrics of it that there was no room for
}

// metered is one series of a Snapshot.
type metered struct {
	kind, name string
	of         *series // kindSeries
	metrics    []meteredMetric
}

type meteredMetric struct {
	name string
	to   *series // kindMetric
	sum  bool    // it is no figure to have a mean of
}

// take notes all metrics of a Snapshot, as measured for so many milliseconds.
func (g *gauges) take(list []traffic.Series, ms int64, note func(*series, measure)) {
	g.left = 0
	if len(g.list) > len(list) {
		g.list = g.list[:len(list)]
	}
	for i := range list {
		s := &list[i]
		if i == len(g.list) {
			g.list = append(g.list, metered{})
		}
		m := &g.list[i]
		if m.of == nil || m.of.others || m.of.stale() || m.kind != s.Kind || m.name != s.Name { // else as before: lists hardly change
			*m = metered{kind: s.Kind, name: s.Name, of: g.roster.findFor(g.purse, kindSeries, nil, s.ID())}
		}
		m.of.used = g.roster.now
		g.takeMetrics(m, s.Metrics, ms, note)
	}
}

func (g *gauges) takeMetrics(m *metered, list traffic.Metrics, ms int64, note func(*series, measure)) {
	for j := range list {
		if j == len(m.metrics) {
			m.metrics = append(m.metrics, meteredMetric{})
		}
		to := &m.metrics[j]
		if to.name != list[j].Name {
			*to = meteredMetric{name: list[j].Name, sum: isSum(m.kind, list[j].Name)}
		}
		if v := list[j].Value; to.sum || !(v >= -maxValue && v <= maxValue) { // nor NaN
			continue
		}
		if to.to == nil || to.to.others || to.to.stale() {
			to.to = g.roster.findFor(g.purse, kindMetric, m.of, to.name)
		}
		if to.to.others {
			g.left++
			continue
		}
		to.to.used = g.roster.now
		if ms > 0 {
			note(to.to, measured(list[j].Value, ms))
		}
	}
}
