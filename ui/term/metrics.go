package term

import (
	"cmp"
	"strings"

	"bwmon/traffic"
)

// metricRow is one figure of a series.
type metricRow struct {
	traffic.Metric
	of    *traffic.Series
	place int // among its figures
	seat  int32
}

func metricKind() *kind[metricRow] {
	name := words("metric", "METRIC", 0, 20, 28, 48, func(m *metricRow) string { return m.Name }, queryMetric)
	name.order = func(a, b *metricRow) int { return cmp.Compare(a.place, b.place) }
	return &kind[metricRow]{
		of:   ofMetrics,
		name: "metrics",
		columns: []column[metricRow]{
			name,
			{
				shape:  fixed("value", "VALUE", 0, figureWidth+2),
				value:  func(m *metricRow) float64 { return m.Value },
				figure: func(m *metricRow, u units, _ int) string { return u.figure(traffic.UnitOf(m.Name), m.Value) },
				exact:  func(m *metricRow) exportCell { return metricCell(m.Name, m.Value) },
				finds:  fields(queryValue),
				find:   func(m *metricRow, v *queryValues) { v.figure(traffic.UnitOf(m.Name), m.Value) },
			},
			words("unit", "UNIT", 1, 7, 7, 7, func(m *metricRow) string { return string(traffic.UnitOf(m.Name)) }).hidden(),
			words("series", "SERIES", 5, 16, 26, 48, func(m *metricRow) string { return m.of.ID() }, querySeries).hidden(),
		},
		sorting: sorting{col: 0, ascending: true},
		id: func(m *metricRow) identity {
			return identity{of: ofMetrics, app: m.of.Kind, unit: m.of.Name, name: m.Name}
		},
		tie:   func(a, b *metricRow) int { return cmp.Compare(a.place, b.place) },
		seats: func(_ *scene, m *metricRow) []int32 { return []int32{m.seat} },
		plot:  func(m *metricRow) plotted { return gaugeOf(m.of).plotted },
		about: func(sc *scene, m *metricRow) *subject {
			s := aboutSeries(sc, &seriesRow{Series: m.of})
			s.facts = append([]fact{{"metric", m.Name, true}}, s.facts...)
			return s
		},
	}
}

// metricsPage is the table of all figures of a series, in the order that they came
// in.
func (k *kinds) metricsPage(s *traffic.Series) page {
	id, crumb := seriesIdentity(s), s.ID()
	if s.Kind == traffic.SeriesDisk {
		crumb = s.Name
	}
	return newPage(crumb, k.metrics, func(sc *scene, rows []metricRow) ([]metricRow, string) {
		place := 0 // in its list
		for i := range sc.Series {
			s := &sc.Series[i]
			switch own := seriesIdentity(s); {
			case own == id:
				seat := sc.memory.seatOf(id.of, place)
				for j, m := range s.Metrics {
					rows = append(rows, metricRow{Metric: m, of: s, place: j, seat: seat})
				}
				return rows, "there are no figures of it now"
			case own.of == id.of:
				place++
			}
		}
		return rows, "this series is no longer measured"
	})
}

// metricLeast is the least width of a column of metrics.
const metricLeast = 30

// metricBlock is all figures of the selected series, in as many columns as there is
// room for, one below the other in each.
func (u *UI) metricBlock(w int) block {
	p := u.page()
	metrics := p.metrics(p.base().sel)
	if len(metrics) == 0 {
		return block{}
	}
	const gap = 3
	columns := max((w+gap)/(metricLeast+gap), 1)
	each := (w+gap)/columns - gap
	rows := (len(metrics) + columns - 1) / columns
	b := block{lines: make([][]piece, rows)}
	for i, m := range metrics {
		line := &b.lines[i%rows]
		if i >= rows {
			*line = append(*line, piece{strings.Repeat(" ", gap), u.colors.plain})
		}
		name := padRight(cutMiddle(clean(m.Name), each-figureWidth-1), each-figureWidth)
		*line = append(*line, piece{name, u.colors.dim}, piece{alignRight(u.units.figure(traffic.UnitOf(m.Name), m.Value), figureWidth), u.colors.plain})
	}
	return b
}

// drawSeries draws what is known of a series at the left and its figures at the right
// of an area, in a half of it each, where one below the other they have no room; false
// where they have, or the row is of no series.
func (u *UI) drawSeries(c canvas, a area, half int, d *detail) bool {
	below, beside := u.metricBlock(a.w), u.metricBlock(half)
	const gaps = 3
	lines := len(u.usageBlock(d).lines) + len(u.factBlock(d, a.w).lines) + len(u.ruleBlock(d, a.w).lines) + len(below.lines) + gaps
	if len(below.lines) == 0 || lines <= a.h || half < metricLeast {
		return false
	}
	more := block{} // what has no room at the right
	if len(beside.lines) > a.h {
		beside.lines, more.lines = beside.lines[:a.h], beside.lines[a.h:]
	}
	u.drawBlocks(c, area{a.x, a.y, half, a.h}, u.usageBlock(d), u.factBlock(d, half), u.ruleBlock(d, half), more)
	u.drawBlocks(c, area{a.x + a.w - half, a.y, half, a.h}, beside)
	return true
}
