package term

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"bwmon/traffic"
)

// identity is what a row is about, whatever its figures and its place. The
// selection is an identity, never a row number.
type identity struct {
	name, user, container, unit string
	local, remote               netip.AddrPort
	id                          uint64
}

// sorting is the order of one kind of row; all its pages share it.
type sorting struct {
	col       int
	ascending bool
}

// kind is one kind of row and how a table of it looks.
type kind[T any] struct {
	columns []column[T] // the first one names the row
	sorting sorting
	id      func(*T) identity
	tie     func(a, b *T) int // by name: the order of rows that are otherwise equal
	calm    func(*T) bool     // not a datum of its own: drawn dim; nil for none
	open    func(*T) page     // what Enter leads to; nil for nothing
}

// page is one table the user can be on.
type page interface {
	base() *list
	// load takes the page's rows out of s and arranges them.
	load(s *traffic.Snapshot)
	// arrange filters and sorts again and finds the selected row.
	arrange()
	// choose selects the row at a place in order, or the nearest.
	choose(at int)
	// cell is what stands at a place in order, in w cells.
	cell(at, col int, u units, w int) string
	// whole is the cell at a place in order whose column is to be written out
	// where it is cut, and that column; "" for none.
	whole(at int) (text string, col int)
	graph(col int) bool // the column is drawn, not written
	calm(at int) bool
	// open is the page of the row at a place in order; nil if there is none.
	open(at int) page
	// text says whether a column is one, so that it sorts ascending at first.
	text(col int) bool
	// flows reports whether its rows are single connections.
	flows() bool
}

// list is what every page is, whatever its rows: an order, a selection, a
// filter and a window onto it.
type list struct {
	crumb   string // its part of the breadcrumb
	shapes  []shape
	sorting *sorting
	filter  string
	terms   [][]byte // the filter's words in lower case

	order []int32 // rows that pass the filter, sorted, as indices
	total int     // rows before the filter
	why   string  // why there are no rows; "" to be judged by the monitors' health

	sel      int // place in order; meaningless while order is empty
	selected identity
	has      bool // selected is set
	follow   bool // the window goes along with the selected row
	top      int  // place in order of the window's first row
	slots    []slot
}

// rowsOf is a page of rows of one kind.
type rowsOf[T any] struct {
	list
	kind   *kind[T]
	source func(s *traffic.Snapshot, buf []T) (rows []T, why string)
	single bool // rows are connections
	// own: rows are written into the page's own memory, not borrowed from
	// the snapshot.
	own  bool
	rows []T

	values   []float64 // scratch of byValue, by row
	haystack []byte    // scratch of passes
}

func newPage[T any](crumb string, k *kind[T], source func(s *traffic.Snapshot, buf []T) ([]T, string)) *rowsOf[T] {
	p := &rowsOf[T]{kind: k, source: source}
	p.crumb = clean(crumb)
	p.sorting = &k.sorting
	for _, c := range k.columns {
		p.shapes = append(p.shapes, c.shape)
	}
	return p
}

func (p *rowsOf[T]) base() *list { return &p.list }

func (p *rowsOf[T]) flows() bool { return p.single }

func (p *rowsOf[T]) load(s *traffic.Snapshot) {
	var buf []T
	if p.own {
		buf = p.rows[:0]
	}
	p.rows, p.why = p.source(s, buf)
	p.arrange()
}

// arrange costs one pass over all rows and one sort of those that pass.
func (p *rowsOf[T]) arrange() {
	p.total = len(p.rows)
	p.order = p.order[:0]
	for i := range p.rows {
		if p.passes(&p.rows[i]) {
			p.order = append(p.order, int32(i))
		}
	}
	c := &p.kind.columns[p.sorting.col]
	if c.value != nil {
		p.sort(p.byValue(c.value))
	} else {
		p.sort(func(i, j int32) int { return c.compare(&p.rows[i], &p.rows[j]) })
	}
	p.find()
}

// byValue compares rows by a figure that is worked out once for each row, not
// once for each comparison.
func (p *rowsOf[T]) byValue(value func(*T) float64) func(i, j int32) int {
	p.values = slices.Grow(p.values[:0], len(p.rows))[:len(p.rows)]
	for _, i := range p.order {
		p.values[i] = value(&p.rows[i])
	}
	return func(i, j int32) int { return cmp.Compare(p.values[i], p.values[j]) }
}

// sort orders the rows. Equal ones stay in the order of their names whichever
// way the column is sorted, and so do not move from one tick to the next.
func (p *rowsOf[T]) sort(compare func(i, j int32) int) {
	up := p.sorting.ascending
	slices.SortFunc(p.order, func(i, j int32) int {
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

// passes reports whether every word of the filter is somewhere in the row.
func (p *rowsOf[T]) passes(row *T) bool {
	if len(p.terms) == 0 {
		return true
	}
	p.haystack = p.haystack[:0]
	for i := range p.kind.columns {
		if text := p.kind.columns[i].text; text != nil {
			p.haystack = append(appendLower(p.haystack, text(row)), '\n')
		}
	}
	for _, term := range p.terms {
		if !bytes.Contains(p.haystack, term) {
			return false
		}
	}
	return true
}

// find puts the selection back onto its datum. Where that is gone the row
// that took its place is selected.
func (p *rowsOf[T]) find() {
	if p.has {
		for at, i := range p.order {
			if p.kind.id(&p.rows[i]) == p.selected {
				p.sel = at
				return
			}
		}
	}
	p.choose(p.sel)
}

func (p *rowsOf[T]) choose(at int) {
	if len(p.order) == 0 {
		return // what was selected may come back
	}
	p.sel = min(max(at, 0), len(p.order)-1)
	p.selected, p.has = p.kind.id(&p.rows[p.order[p.sel]]), true
}

func (p *rowsOf[T]) cell(at, col int, u units, w int) string {
	row, c := &p.rows[p.order[at]], &p.kind.columns[col]
	switch {
	case c.text == nil:
	case c.prose:
		return cutEnd(clean(c.text(row)), w)
	default:
		return cutMiddle(clean(c.text(row)), w)
	}
	return c.figure(row, u, w)
}

func (p *rowsOf[T]) whole(at int) (string, int) {
	if at < 0 || at >= len(p.order) {
		return "", 0
	}
	for i := range p.kind.columns {
		if c := &p.kind.columns[i]; c.whole {
			return clean(c.text(&p.rows[p.order[at]])), i
		}
	}
	return "", 0
}

func (p *rowsOf[T]) graph(col int) bool { return p.kind.columns[col].graph }

func (p *rowsOf[T]) text(col int) bool { return p.kind.columns[col].text != nil }

func (p *rowsOf[T]) calm(at int) bool {
	return p.kind.calm != nil && p.kind.calm(&p.rows[p.order[at]])
}

func (p *rowsOf[T]) open(at int) page {
	if p.kind.open == nil || at < 0 || at >= len(p.order) {
		return nil
	}
	return p.kind.open(&p.rows[p.order[at]])
}

// setFilter takes new filter text; arrange applies it.
func (l *list) setFilter(text string) {
	l.filter = text
	l.terms = bytes.Fields([]byte(strings.ToLower(text)))
}

// window keeps the rows on screen within the list and, when the selection is
// followed, the selected row within the window of h rows.
func (l *list) window(h int) {
	if l.follow {
		l.top = min(l.top, l.sel)
		l.top = max(l.top, l.sel-h+1)
	}
	l.top = max(min(l.top, len(l.order)-h), 0)
}
