package term

import (
	"cmp"

	"bwmon/traffic"
)

// seriesRow is a series of the machine, or something that could be one and is not
// measured.
type seriesRow struct {
	*traffic.Series // of no metrics where it is off
	traffic.Usage   // of a disk: what was read and written, as it is shown
	off             bool
	units           units
	seat            int32
}

// state is what the row is like, in a word.
func (r *seriesRow) state() string {
	if r.off {
		return seriesOff
	}
	return seriesState(r.Series)
}

// offLast orders what is measured before what is not.
func (r *seriesRow) offLast(o *seriesRow) int {
	switch {
	case r.off == o.off:
		return 0
	case r.off:
		return 1
	}
	return -1
}

// diskName says beside the name what must not be overlooked.
func diskName(r *seriesRow) string {
	if state := r.state(); state != seriesFine {
		return r.Name + " (" + state + ")"
	}
	return r.Name
}

// metricColumn is a column of one metric of series.
func metricColumn(name, title string, rank, w int, finds ...queryField) column[seriesRow] {
	return column[seriesRow]{
		shape: fixed(name, title, rank, w),
		value: func(r *seriesRow) float64 {
			if v, ok := r.Metrics.Get(name); ok {
				return v
			}
			return -1
		},
		figure: func(r *seriesRow, u units, _ int) string {
			v, ok := r.Metrics.Get(name)
			switch unit := traffic.UnitOf(name); {
			case !ok || v == 0:
				return none
			case unit == traffic.UnitPerSecond: // as the title says
				return decimal(v)
			case unit == traffic.UnitPercent:
				return meterShare(v / 100)
			default:
				return u.figure(unit, v)
			}
		},
		exact: func(r *seriesRow) exportCell {
			if v, ok := r.Metrics.Get(name); ok {
				return metricCell(name, v)
			}
			return exportCell{}
		},
		finds: fields(finds...),
		find: func(r *seriesRow, v *queryValues) {
			if f, ok := r.Metrics.Get(name); ok {
				v.figure(traffic.UnitOf(name), f)
			}
		},
	}
}

// diskColumns are the figures of iostat -x.
func diskColumns() []column[seriesRow] {
	name := words("disk", "DISK", 0, 8, 16, 32, diskName, queryDisk)
	name.order = func(a, b *seriesRow) int { return cmp.Or(a.offLast(b), compareFold(a.Name, b.Name)) }
	name.find = func(r *seriesRow, v *queryValues) { v.word(r.Name) }
	name.exact = func(r *seriesRow) exportCell { return textCell(clean(r.Name)) }
	util := metricColumn("utilization_percent", "UTIL", 0, 5, queryUtil)
	util.want, util.most = 16, 24
	util.share = func(r *seriesRow) (float64, bool) {
		v, ok := r.Metrics.Get("utilization_percent")
		return v / 100, ok
	}
	list := []column[seriesRow]{
		name,
		metricColumn("reads_per_s", "R/s", 2, 6),
		metricColumn("writes_per_s", "W/s", 2, 6),
		storageRate("read_bytes_per_s", "READ/s", 1, func(r *seriesRow) float64 { return r.RxRate }),
		storageRate("write_bytes_per_s", "WRITE/s", 1, func(r *seriesRow) float64 { return r.TxRate }),
		metricColumn("read_await_ms", "RAWAIT", 3, 8),
		metricColumn("write_await_ms", "WAWAIT", 3, 8),
		metricColumn("queue_size", "QUEUE", 4, 6, queryQueue),
		metricColumn("request_bytes", "REQ", 5, sizeWidth),
		util,
		metricColumn("await_ms", "AWAIT", 5, 8, queryAwait),
		metricColumn("read_request_bytes", "R_REQ", 5, sizeWidth),
		metricColumn("write_request_bytes", "W_REQ", 5, sizeWidth),
		metricColumn("reads_merged_per_s", "RRQM/s", 5, 7),
		metricColumn("writes_merged_per_s", "WRQM/s", 5, 7),
		metricColumn("discards_per_s", "D/s", 5, 6),
		metricColumn("discard_bytes_per_s", "DISC/s", 5, figureWidth),
		metricColumn("discards_merged_per_s", "DRQM/s", 5, 7),
		metricColumn("discard_await_ms", "DAWAIT", 5, 8),
		metricColumn("discard_request_bytes", "D_REQ", 5, sizeWidth),
		metricColumn("flushes_per_s", "F/s", 5, 6),
		metricColumn("flush_await_ms", "FAWAIT", 5, 8),
		metricColumn("in_flight", "FLIGHT", 5, 7),
		totalColumn("read_bytes", "READ", 2, func(r *seriesRow) uint64 { return r.RxBytes }),
		totalColumn("write_bytes", "WRITTEN", 2, func(r *seriesRow) uint64 { return r.TxBytes }),
	}
	const usual = 10 // the others where they are asked for
	for i := usual; i < len(list); i++ {
		list[i].aside = true
	}
	return list
}

func (k *kinds) diskKind() *kind[seriesRow] {
	return &kind[seriesRow]{
		of:      ofDisks,
		name:    "disks",
		columns: diskColumns(),
		sorting: sorting{col: 0, ascending: true},
		id:      func(r *seriesRow) identity { return seriesIdentity(r.Series) },
		tie:     func(a, b *seriesRow) int { return compareFold(a.Name, b.Name) },
		usage:   func(r *seriesRow) *traffic.Usage { return &r.Usage },
		calm:    func(r *seriesRow) bool { return r.off },
		grave:   func(r *seriesRow) bool { return !r.off && r.state() != seriesFine },
		open:    k.openSeries,
		seats:   func(_ *scene, r *seriesRow) []int32 { return []int32{r.seat} },
		series:  func(r *seriesRow) *traffic.Series { return r.Series },
		plot:    plotSeries,
		about: func(sc *scene, r *seriesRow) *subject {
			s := aboutSeries(sc, r)
			s.series = traffic.Query{By: traffic.ByDisk, Name: r.Name}
			return s
		},
		find:  findSeries,
		finds: fields(queryAny, queryRead, queryWrite, querySeries, queryState),
	}
}

// plotSeries is the chart of a series.
func plotSeries(r *seriesRow) plotted { return gaugeOf(r.Series).plotted }

// findSeries finds a series by what is in no column.
func findSeries(r *seriesRow, f queryField, v *queryValues) {
	switch f {
	case queryAny, querySeries:
		v.word(r.ID())
		if f == queryAny {
			v.word(r.Detail)
		}
	case queryState:
		v.word(r.state())
	case queryRead, queryWrite:
		switch {
		case r.off: // it is not known
		case f == queryRead:
			v.amount(r.RxBytes, r.RxRate)
		default:
			v.amount(r.TxBytes, r.TxRate)
		}
	}
}

// openSeries leads to all figures of a series.
func (k *kinds) openSeries(r *seriesRow) page {
	if r.off {
		return nil
	}
	return k.metricsPage(r.Series)
}

// aboutSeries is what is known of a series beside its figures.
func aboutSeries(_ *scene, r *seriesRow) *subject {
	id := r.ID()
	s := &subject{title: id, thing: id, off: r.off, names: []ruled{{kind: "subject", name: id}}}
	if state := r.state(); state != seriesFine {
		s.add("state", state)
	}
	if r.Detail != "" {
		s.facts = append(s.facts, fact{"detail", r.Detail, true})
	}
	return s
}

// disksPage is the table of the block devices; Enter opens all figures of one.
func (k *kinds) disksPage() page {
	p := newPage("Disks", k.disks, func(sc *scene, rows []seriesRow) ([]seriesRow, string) {
		rows = sc.series(rows, true)
		return rows, "no disk is measured: the monitor vitals does that"
	})
	p.things = true
	return p
}

// series lists the disks, or all other series, with what is not measured of them.
func (sc *scene) series(rows []seriesRow, disks bool) []seriesRow {
	place := 0
	for i := range sc.Series {
		s := &sc.Series[i]
		if (s.Kind == traffic.SeriesDisk) != disks {
			continue
		}
		row := seriesRow{Series: s, units: sc.units, seat: sc.memory.seatOf(seriesIdentity(s).of, place)}
		if disks {
			row.Usage = sc.usage(row.seat, seriesUsage(s))
		}
		rows = append(rows, row)
		place++
	}
	for i := range sc.idle {
		t := &sc.idle[i]
		if !isSeries(t.Kind) || (t.Kind == traffic.SeriesDisk) != disks || sc.measured[measuredKey{t.Kind, t.Name}] {
			continue
		}
		rows = append(rows, seriesRow{Series: t.series, off: true, units: sc.units, seat: -1})
	}
	return rows
}

// isSeries reports whether something of a kind is a series; else it is a monitor.
func isSeries(kind string) bool {
	switch kind {
	case traffic.SeriesCPU, traffic.SeriesLoad, traffic.SeriesMemory, traffic.SeriesSwap, traffic.SeriesPressure, traffic.SeriesDisk,
		traffic.SeriesMount, traffic.SeriesInterface, traffic.SeriesSensor, traffic.SeriesContainer, traffic.SeriesUnit, traffic.SeriesProbe:
		return true
	}
	return false
}
