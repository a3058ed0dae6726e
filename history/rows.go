package history

import (
	"slices"
	"time"

	"bwmon/traffic"
)

// rows makes the rows of what was counted.
func (a *asking) rows(t *tally) error {
	named, others := t.top(a.query.Top, a.query.Top == 0 && !a.onlyGroup)
	n := len(named) + min(len(others), 1)
	if points := n * len(a.report.Times); points > maxPoints {
		return question("top: %d rows of %d steps are too many: want at most %d figures: ask for fewer rows, less time, or a coarser step",
			n, len(a.report.Times), maxPoints)
	}
	rest := tallied{label: label{name: traffic.Others}}
	if a.onlyGroup {
		rest.label.app = a.query.App
	}
	for _, o := range others {
		rest.octets = rest.add(o.octets)
	}
	if len(a.report.Times) > 0 && n > 0 {
		if err := a.step(named, &rest); err != nil {
			return err
		}
	}
	if err := a.label(named); err != nil {
		return err
	}
	if len(others) > 0 || rest.shown() != (octets{}) {
		named = append(named, rest)
	}
	for i := range named {
		a.report.Rows = append(a.report.Rows, named[i].row())
	}
	a.total()
	if a.query.Percentile > 0 {
		return a.percentiles(named)
	}
	return nil
}

// step divides the rows into steps, which are what they then have.
func (a *asking) step(named []tallied, rest *tallied) error {
	steps := stepsOf(a.stretches[0].level, a.report.Times)
	t := newTally()
	for _, r := range named {
		t.add(figure{group: r.group, id: r.id})
	}
	t.rows = append(t.rows, tallied{})
	last := len(t.rows) - 1
	for i := range t.rows {
		t.rows[i].steps = make([]octets, len(steps.starts))
	}
	if err := a.each(a.kind, a.stretches[0], func(start int64, list []figure) {
		i := steps.of(start)
		for _, f := range list {
			if !a.wants(f) {
				continue
			}
			row := t.find(f)
			if row < 0 {
				row = int32(last)
			}
			r := &t.rows[row]
			r.octets, r.steps[i] = r.add(f.octets), r.steps[i].add(f.octets)
		}
	}); err != nil {
		return err
	}
	rest.octets, rest.steps = t.rows[last].octets, t.rows[last].steps
	copy(named, t.rows[:last])
	rank(named)
	return nil
}

// steps says which step a piece belongs to.
type steps struct {
	starts []int64
	middle int64
}

func stepsOf(l level, times []time.Time) steps {
	s := steps{starts: make([]int64, len(times)), middle: int64(l.middle() / time.Second)}
	for i, t := range times {
		s.starts[i] = t.Unix()
	}
	return s
}

// of returns the step of a piece that begins then, which is within the time of all.
func (s steps) of(start int64) int {
	i, exact := slices.BinarySearch(s.starts, start+s.middle)
	if !exact {
		i--
	}
	return i
}

// label finds the names of rows.
func (a *asking) label(rows []tallied) error {
	names, err := a.namer()
	if err != nil {
		return err
	}
	defer names.close()
	for i := range rows {
		r := &rows[i]
		r.label.name = traffic.Others
		if r.id > 0 {
			if r.label.name, err = names.name(r.id); err != nil {
				return err
			}
		}
		if a.kind.grouped() {
			r.label.app = traffic.Others
			if r.group > 0 {
				if r.label.app, err = names.app(r.group); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// row is r as reports have it.
func (r *tallied) row() traffic.ReportRow {
	o := r.shown()
	row := traffic.ReportRow{Name: r.label.name, App: r.label.app, RxBytes: uint64(o.rx), TxBytes: uint64(o.tx)}
	if r.steps != nil {
		row.Rx = way(r.steps, func(o octets) int64 { return o.rx })
		row.Tx = way(r.steps, func(o octets) int64 { return o.tx })
	}
	return row
}

// way is what steps have of one direction.
func way(steps []octets, of func(octets) int64) []uint64 {
	list := make([]int64, len(steps))
	for i, o := range steps {
		list[i] = of(o)
	}
	settle(list)
	shown := make([]uint64, len(steps))
	for i, n := range list {
		shown[i] = uint64(n)
	}
	return shown
}

// total adds the rows up.
func (a *asking) total() {
	total := &a.report.Total
	if n := len(a.report.Times); n > 0 {
		total.Rx, total.Tx = make([]uint64, n), make([]uint64, n)
	}
	for i := range a.report.Rows {
		r := &a.report.Rows[i]
		total.RxBytes += r.RxBytes
		total.TxBytes += r.TxBytes
		for i := range r.Rx {
			total.Rx[i] += r.Rx[i]
			total.Tx[i] += r.Tx[i]
		}
	}
}
