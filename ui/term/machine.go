package term

import (
	"cmp"
	"strings"

	"bwmon/traffic"
)

func (k *kinds) machineKind() *kind[seriesRow] {
	figures := words("figures", "FIGURES", 1, 18, 50, 1000, figuresText)
	figures.prose, figures.whole = true, true
	figures.finds = fields() // its figures are in no filter by their text
	detail := words("detail", "DETAIL", 5, 20, 40, 1000, func(r *seriesRow) string { return r.Detail })
	detail.prose, detail.aside = true, true
	series := words("series", "SERIES", 0, 16, 24, 30, func(r *seriesRow) string { return r.ID() }, querySeries)
	series.full = 20
	series.order = func(a, b *seriesRow) int { return cmp.Or(a.offLast(b), compareSeries(a, b)) }
	return &kind[seriesRow]{
		of:   ofSeries,
		name: "machine",
		columns: []column[seriesRow]{
			series,
			words("state", "STATE", 0, 6, 6, 6, (*seriesRow).state, queryState),
			gaugeColumn(), figures, detail,
			words("kind", "KIND", 5, 9, 9, 9, func(r *seriesRow) string { return r.Kind }, queryKind).hidden(),
			words("metric", "METRIC", 5, 12, 20, 30, func(r *seriesRow) string { return gaugeOf(r.Series).up }, queryMetric).hidden(),
		},
		sorting: sorting{col: 0, ascending: true},
		id:      func(r *seriesRow) identity { return seriesIdentity(r.Series) },
		tie:     compareSeries,
		calm:    func(r *seriesRow) bool { return r.off },
		grave:   func(r *seriesRow) bool { return !r.off && r.state() != seriesFine },
		open:    k.openSeries,
		seats:   func(_ *scene, r *seriesRow) []int32 { return []int32{r.seat} },
		series:  func(r *seriesRow) *traffic.Series { return r.Series },
		plot:    plotSeries,
		about:   aboutSeries,
		find: func(r *seriesRow, f queryField, v *queryValues) {
			for _, t := range [...]struct {
				field queryField
				kind  string
			}{{queryContainer, traffic.SeriesContainer}, {queryUnit, traffic.SeriesUnit}, {queryInterface, traffic.SeriesInterface}} {
				if f == t.field && r.Kind == t.kind {
					v.word(r.Name)
				}
			}
		},
		finds: fields(queryContainer, queryUnit, queryInterface),
	}
}

// compareSeries orders series by kind and name, as by their IDs.
func compareSeries(a, b *seriesRow) int {
	if a.Kind != b.Kind {
		return cmp.Or(compareFold(a.Kind, b.Kind), compareFold(a.Name, b.Name))
	}
	return compareFold(a.Name, b.Name)
}

// gaugeColumn is the figure that a series is known by, with a meter where it is a
// share.
func gaugeColumn() column[seriesRow] {
	c := column[seriesRow]{
		shape: shape{name: "value", title: "VALUE", rank: 0, least: figureWidth + 1, want: 14, most: 22},
		value: func(r *seriesRow) float64 {
			if g := gaugeOf(r.Series); g.known {
				return g.value
			}
			return -1
		},
		figure: func(r *seriesRow, u units, _ int) string {
			g := gaugeOf(r.Series)
			if !g.known {
				return none
			}
			return u.figure(g.unit, g.value)
		},
		exact: func(r *seriesRow) exportCell {
			if g := gaugeOf(r.Series); g.known {
				return numberCell(g.value)
			}
			return exportCell{}
		},
		finds: fields(queryValue),
		find: func(r *seriesRow, v *queryValues) {
			if g := gaugeOf(r.Series); g.known {
				v.figure(g.unit, g.value)
			}
		},
		share: func(r *seriesRow) (float64, bool) {
			g := gaugeOf(r.Series)
			return g.value / 100, g.known && g.unit == traffic.UnitPercent
		},
	}
	return c
}

// hidden is the column aside, until it is chosen.
func (c column[T]) hidden() column[T] {
	c.aside = true
	return c
}

// figuresText is what is wrong with a series, and its second figures.
func figuresText(r *seriesRow) string {
	var parts []string
	if r.Detail != "" {
		parts = append(parts, r.Detail)
	}
	if r.off {
		if len(parts) == 0 {
			return "not measured"
		}
		return parts[0]
	}
	return strings.Join(append(parts, secondFigures(r)...), ", ")
}

// secondFigure is a metric with what is written before and behind it.
type secondFigure struct{ metric, before, after string }

// secondFigures are those that stand beside the one that a series is known by.
func secondFigures(r *seriesRow) []string {
	list := secondOf(r.Kind)
	if list == nil {
		return otherFigures(r)
	}
	var out []string
	used, ok := r.Metrics.Get("used_bytes")
	for _, all := range [...]string{"total_bytes", "size_bytes"} {
		if whole, ok2 := r.Metrics.Get(all); ok && ok2 {
			out = append(out, r.units.figure(traffic.UnitBytes, used)+" of "+r.units.figure(traffic.UnitBytes, whole))
		}
	}
	for _, f := range list {
		if v, ok := r.Metrics.Get(f.metric); ok {
			out = append(out, f.before+r.units.figure(traffic.UnitOf(f.metric), v)+f.after)
		}
	}
	return out
}

// secondOf lists the second figures of a kind of series; nil: all it has.
func secondOf(kind string) []secondFigure {
	switch kind {
	case traffic.SeriesCPU:
		return []secondFigure{{"user_percent", "user ", ""}, {"system_percent", "system ", ""}, {"iowait_percent", "waits for disks ", ""},
			{"steal_percent", "stolen ", ""}, {"processors", "", " processors"}}
	case traffic.SeriesLoad:
		return []secondFigure{{"load5", "5 min ", ""}, {"load15", "15 min ", ""}, {"runnable", "", " runnable"}, {"processes", "", " tasks"}}
	case traffic.SeriesMemory:
		return []secondFigure{{"available_bytes", "", " available"}, {"cached_bytes", "cache ", ""}, {"dirty_bytes", "dirty ", ""}}
	case traffic.SeriesSwap:
		return []secondFigure{{"in_bytes_per_s", "in ", ""}, {"out_bytes_per_s", "out ", ""}}
	case traffic.SeriesMount:
		return []secondFigure{{"available_bytes", "", " available"}, {"inodes_used_percent", "inodes ", ""}}
	case traffic.SeriesPressure:
		return []secondFigure{{"some_avg10_percent", "10 s ", ""}, {"some_avg60_percent", "1 min ", ""}, {"some_avg300_percent", "5 min ", ""},
			{"full_percent", "full ", ""}}
	case traffic.SeriesInterface:
		return []secondFigure{{"rx_errors_total", "errors rx ", ""}, {"tx_errors_total", "tx ", ""}, {"rx_drops_total", "drops rx ", ""},
			{"tx_drops_total", "tx ", ""}}
	case traffic.SeriesSensor:
		return []secondFigure{{"critical_celsius", "critical at ", ""}}
	case traffic.SeriesContainer, traffic.SeriesUnit:
		return []secondFigure{{"read_bytes_per_s", "read ", ""}, {"write_bytes_per_s", "write ", ""}, {"read_bytes", "", " read"},
			{"write_bytes", "", " written"}}
	}
	return nil
}

// otherFigures are all but the one that the series is known by, as a probe has them
// or what is not known here.
func otherFigures(r *seriesRow) []string {
	const most = 8 // the details have all
	var out []string
	main := gaugeOf(r.Series).up
	if main != "" {
		out = append(out, metricWords(main))
	}
	for _, m := range r.Metrics {
		if len(out) > most {
			break
		}
		if m.Name != main && !answers(m.Name) {
			out = append(out, metricWords(m.Name)+" "+r.units.figure(traffic.UnitOf(m.Name), m.Value))
		}
	}
	return out
}

// machinePage is the table of all series but disks; Enter opens all figures of one.
func (k *kinds) machinePage() page {
	p := newPage("Machine", k.machine, func(sc *scene, rows []seriesRow) ([]seriesRow, string) {
		return sc.series(rows, false), "nothing of the machine is measured: the monitor vitals and probes do that"
	})
	p.things = true
	return p
}
