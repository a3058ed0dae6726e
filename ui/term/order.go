package term

import (
	"cmp"
	"slices"
)

// arrange costs one pass over all rows and one sort of those that pass.
func (p *rowsOf[T]) arrange() {
	p.total, p.resting = len(p.rows), 0
	p.order = p.order[:0]
	traffic := p.kind.moved != nil && !p.aboutMachine()
	for i := range p.rows {
		if traffic && !p.kind.moved(&p.rows[i]) {
			p.resting++
			continue
		}
		if p.passes(&p.rows[i]) {
			p.order = append(p.order, int32(i))
		}
	}
	p.total -= p.resting
	if p.places != nil {
		p.settle()
	} else {
		p.sort(p.order)
	}
	p.find()
}

// works reports whether a row uses the machine, though it has no traffic.
func (p *rowsOf[T]) works(row *T) bool {
	if p.kind.resources == nil {
		return false
	}
	r := p.kind.resources(row)
	return r.DiskReadRate > 0 || r.DiskWriteRate > 0 || r.CPUPercent > 0
}

// aboutMachine reports whether the machine is asked about: a column of it is shown,
// or sorted or filtered by. Rows that never had traffic are listed only then.
func (l *list) aboutMachine() bool {
	return l.machine || l.asked || l.shapes[l.sorting.col].machine
}

func (p *rowsOf[T]) passes(row *T) bool {
	if p.busy && p.kind.usage != nil {
		if u := p.kind.usage(row); u.RxRate == 0 && u.TxRate == 0 && !(p.aboutMachine() && p.works(row)) {
			return false
		}
	}
	if p.query == nil {
		return true
	}
	p.view.row = row
	return p.query.matches(&p.view)
}

// sort sorts places by the column chosen.
func (p *rowsOf[T]) sort(order []int32) {
	c := &p.kind.columns[p.sorting.col]
	if c.value != nil {
		p.sortBy(order, p.byValue(order, c.value))
	} else {
		p.sortBy(order, func(i, j int32) int { return c.compare(&p.rows[i], &p.rows[j]) })
	}
}

// byValue compares rows by a figure that is worked out once for each row, not
// once for each comparison.
func (p *rowsOf[T]) byValue(order []int32, value func(*T) float64) func(i, j int32) int {
	p.values = slices.Grow(p.values[:0], len(p.rows))[:len(p.rows)]
	for _, i := range order {
		p.values[i] = value(&p.rows[i])
	}
	return func(i, j int32) int { return cmp.Compare(p.values[i], p.values[j]) }
}

// sortBy orders rows. Equal ones stay in the order of their names whichever
// way the column is sorted, and so do not move from one tick to the next.
func (p *rowsOf[T]) sortBy(order []int32, compare func(i, j int32) int) {
	up := p.sorting.ascending
	slices.SortFunc(order, func(i, j int32) int {
		d := compare(i, j)
		switch {
		case d == 0:
			if d = p.kind.tie(&p.rows[i], &p.rows[j]); d == 0 {
				d = int(i - j)
			}
			return d
		case up:
			return d
		}
		return -d
	})
}

// freeze keeps the rows in the places they have now; those that come later go
// to the end.
func (p *rowsOf[T]) freeze(on bool) {
	p.places = nil
	if on {
		p.arrange() // by the column chosen
		p.places = make(map[identity]int32, len(p.order))
		for at, i := range p.order {
			p.places[p.kind.id(&p.rows[i])] = int32(at)
		}
	}
	p.arrange()
}

// settle puts the rows into their frozen places.
func (p *rowsOf[T]) settle() {
	p.ranks = slices.Grow(p.ranks[:0], len(p.rows))[:len(p.rows)]
	known := p.order[:0:cap(p.order)]
	var late []int32
	for _, i := range p.order {
		if rank, ok := p.places[p.kind.id(&p.rows[i])]; ok {
			p.ranks[i] = rank
			known = append(known, i)
		} else {
			late = append(late, i)
		}
	}
	slices.SortStableFunc(known, func(i, j int32) int { return cmp.Compare(p.ranks[i], p.ranks[j]) })
	p.sort(late)
	if len(p.places) > 2*len(p.rows)+maxSeats { // rows that came and went
		clear(p.places)
		for at, i := range known {
			p.places[p.kind.id(&p.rows[i])] = int32(at)
		}
	}
	for _, i := range late {
		p.places[p.kind.id(&p.rows[i])] = int32(len(p.places))
	}
	p.order = append(known, late...)
}

// find puts the selection back onto its datum, and reports whether it is
// there. Where it is gone the row that took its place is selected.
func (p *rowsOf[T]) find() bool {
	if !p.has {
		p.choose(p.sel)
		return false
	}
	if p.mine >= len(p.rows) || p.kind.id(&p.rows[p.mine]) != p.selected {
		p.mine = -1
		for i := range p.rows {
			if p.kind.id(&p.rows[i]) == p.selected {
				p.mine = i
				break
			}
		}
	}
	if at := slices.Index(p.order, int32(p.mine)); at >= 0 {
		p.sel = at
		return true
	}
	p.mine = max(p.mine, 0)
	p.choose(p.sel)
	return false
}

// rowView is a row as a filter sees it.
type rowView[T any] struct {
	kind *kind[T]
	row  *T
}

// fill implements queryRow.
func (r *rowView[T]) fill(f queryField, v *queryValues) {
	if r.kind.usage != nil {
		u := r.kind.usage(r.row)
		switch f {
		case queryRx:
			v.amount(u.RxBytes, u.RxRate)
			return
		case queryTx:
			v.amount(u.TxBytes, u.TxRate)
			return
		case queryTotal:
			v.amount(u.RxBytes+u.TxBytes, u.RxRate+u.TxRate)
			return
		}
	}
	if r.kind.resources != nil && machineFields().has(f) {
		fillResources(r.kind.resources(r.row), f, v)
		return
	}
	for i := range r.kind.columns {
		if c := &r.kind.columns[i]; c.finds.has(f) {
			c.fill(r.row, v)
		}
	}
	if r.kind.find != nil && r.kind.finds.has(f) {
		r.kind.find(r.row, f, v)
	}
}

// fields are those that rows of the kind have something of.
func (p *rowsOf[T]) fields() fieldSet {
	s := p.kind.finds
	for i := range p.kind.columns {
		s |= p.kind.columns[i].finds
	}
	if p.kind.usage != nil {
		s |= fields(queryRx, queryTx, queryTotal)
	}
	if p.kind.resources != nil {
		s |= machineFields()
	}
	return s | fields(queryAny)
}
