package engine

import (
	"cmp"
	"slices"
	"strings"

	"bwmon/traffic"
)

// rowName is a row of a report.
type rowName struct{ name, app string }

// sum adds up courses as rows of a report.
type sum struct {
	steps   int
	divided bool
	rows    map[rowName]*summed
}

// summed is one row. Its bytes may be negative while the books move them.
type summed struct {
	rowName
	rx, tx []int64 // by step
}

func newSum(steps int, divided bool) *sum {
	return &sum{steps, divided, make(map[rowName]*summed)}
}

func (s *sum) at(n rowName) *summed {
	r := s.rows[n]
	if r == nil {
		r = &summed{n, make([]int64, s.steps), make([]int64, s.steps)}
		s.rows[n] = r
	}
	return r
}

// put adds what was carried in each interval, from 1, to a row.
func (s *sum) put(n rowName, carried func(w way, i int) int64, p plan) {
	r := s.at(n)
	for i := range s.steps {
		r.rx[i] += carried(p.rx, i+1)
		r.tx[i] += carried(p.tx, i+1)
	}
}

func (r *summed) join(o *summed) {
	for i := range r.rx {
		r.rx[i] += o.rx[i]
		r.tx[i] += o.tx[i]
	}
}

func total(steps []int64) (n int64) {
	for _, s := range steps {
		n += s
	}
	return max(n, 0)
}

func (r *summed) size() int64 { return total(r.rx) + total(r.tx) }

// report makes the rows and the total.
func (s *sum) report(to *traffic.Report, q *traffic.Query) {
	var named []*summed
	rest := &summed{rowName{name: traffic.Others}, make([]int64, s.steps), make([]int64, s.steps)}
	if q.App != "" && q.By == traffic.ByCommand {
		rest.app = q.App
	}
	others := false
	for _, r := range s.rows {
		switch {
		case isNameless(q.By, r.name):
		case isFolded(q.By, r.name) && (q.By != traffic.ByCommand || q.App != "" || q.Top > 0):
			rest.join(r)
			others = true
		default:
			if isFolded(q.By, r.name) {
				r.name = traffic.Others
			}
			named = append(named, r)
		}
	}
	slices.SortFunc(named, func(a, b *summed) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), strings.Compare(a.app, b.app), strings.Compare(a.name, b.name))
	})
	if q.Top > 0 && len(named) > q.Top {
		for _, r := range named[q.Top:] {
			rest.join(r)
		}
		named, others = named[:q.Top], true
	}
	if others {
		named = append(named, rest)
	}
	for _, r := range named {
		if q.Name == "" || r.name == q.Name || r.name == cut(q.Name) {
			to.Rows = append(to.Rows, r.row(s.divided))
		}
	}
	order(to.Rows)
	s.total(to)
}

func (r *summed) row(divided bool) traffic.ReportRow {
	row := traffic.ReportRow{Name: r.name, App: r.app, RxBytes: uint64(total(r.rx)), TxBytes: uint64(total(r.tx))}
	if divided {
		row.Rx, row.Tx = settled(r.rx), settled(r.tx)
	}
	return row
}

// settled are steps as they can be shown. What is below 0, because bytes were moved to
// another row, is taken from the steps before it, where they were booked, or else from
// those after it. They then add up to their sum, or to 0 where that is below it.
func settled(steps []int64) []uint64 {
	shown := make([]uint64, len(steps))
	left := slices.Clone(steps)
	var owed int64
	settle := func(i int) {
		left[i] -= owed
		owed = max(-left[i], 0)
		left[i] = max(left[i], 0)
	}
	for i := range left {
		settle(len(left) - 1 - i)
	}
	for i := range left {
		settle(i)
		shown[i] = uint64(left[i])
	}
	return shown
}

func (s *sum) total(to *traffic.Report) {
	t := &to.Total
	if s.divided {
		t.Rx, t.Tx = make([]uint64, s.steps), make([]uint64, s.steps)
	}
	for i := range to.Rows {
		r := &to.Rows[i]
		t.RxBytes += r.RxBytes
		t.TxBytes += r.TxBytes
		for i := range r.Rx {
			t.Rx[i] += r.Rx[i]
			t.Tx[i] += r.Tx[i]
		}
	}
}
