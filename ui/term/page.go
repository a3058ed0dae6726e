package term

import (
	"net/netip"

	"bwmon/traffic"
)

// sorting is the order of one kind of row; all its pages share it.
type sorting struct {
	col       int
	ascending bool
}

// kind is one kind of row and how a table of it looks.
type kind[T any] struct {
	of        roster      // whose totals they are
	name      string      // of its columns in the settings; of its view, where it has one
	columns   []column[T] // the first one names the row
	sorting   sorting
	usual     sorting                  // before anybody chose another
	plot      func(*T) plotted         // what its chart shows; nil: what it received and sent
	series    func(*T) *traffic.Series // whose figures the details list; nil for none
	id        func(*T) identity
	tie       func(a, b *T) int                  // by name: the order of rows that are otherwise equal
	usage     func(*T) *traffic.Usage            // its figures; nil for a row without traffic
	resources func(*T) *traffic.Resources        // what it uses of the machine; nil for a row of no processes
	moved     func(*T) bool                      // it carries traffic, or did; nil: that does not matter
	calm      func(*T) bool                      // not a datum of its own: drawn dim; nil for none
	grave     func(*T) bool                      // something is wrong: drawn to be noticed; nil for none
	open      func(*T) page                      // what Enter leads to; nil for nothing
	seats     func(*scene, *T) []int32           // whose traces add up to the row's; nil for none
	about     func(*scene, *T) *subject          // what the details say
	address   func(*T) netip.Addr                // of the host it is about; nil for none
	find      func(*T, queryField, *queryValues) // what a filter finds beside the columns; nil for nothing
	finds     fieldSet                           // and in which fields
}

// page is one table the user can be on.
type page interface {
	base() *list
	// load takes the page's rows out of a scene and arranges them.
	load(sc *scene)
	// arrange filters and sorts again and finds the selected row.
	arrange()
	// choose selects the row at a place in order, or the nearest.
	choose(at int)
	// chooseID selects a row by its identity; false if it is not in order.
	chooseID(id identity) bool
	// cell is what stands at a place in order, in w cells.
	cell(at, col int, u units, w int) string
	// exact is the same for an export, neither rounded nor cut.
	exact(at, col int) exportCell
	// whole is the cell at a place in order whose column is to be written out
	// where it is cut, and that column; "" for none.
	whole(at int) (text string, col int)
	graph(col int) bool // the column is drawn, not written
	calm(at int) bool
	grave(at int) bool
	// open is the page of the row at a place in order; nil if there is none.
	open(at int) page
	// about is what is known of the row at a place in order; nil for none.
	about(at int) *subject
	// series is the rates of the row at a place in order in the last n
	// stretches of seconds each, the newest last, and how many of these are
	// known; valid until the next call.
	series(at, n int, seconds float64) (rates []traffic.Rate, known int)
	// usage is the figures of the row at a place in order; nil where it has none.
	usage(at int) *traffic.Usage
	// resources is what the row at a place in order uses of the machine; nil where
	// that is not known.
	resources(at int) *traffic.Resources
	// metrics are all figures of the series at a place in order; nil where it is none.
	metrics(at int) traffic.Metrics
	// plot says what the chart of the row at a place in order shows; false where
	// there is nothing to chart.
	plot(at int) (plotted, bool)
	// share is what a meter shows at a place in order; false where there is none.
	share(at, col int) (float64, bool)
	// address is the host that the row at a place in order is about, for its
	// name; not valid where it is about none.
	address(at int) netip.Addr
	// text says whether a column is one, so that it sorts ascending at first.
	text(col int) bool
	// flows reports whether its rows are single connections, or made of them.
	flows() bool
	// fields are those that a filter finds something in.
	fields() fieldSet
	// freeze keeps the rows in their places, or lets them go.
	freeze(on bool)
}

// list is what every page is, whatever its rows: an order, a selection, a
// filter and a window onto it.
type list struct {
	of      roster // what its rows are, where their totals can be set back
	crumb   string // its part of the breadcrumb
	name    string // of its kind
	shapes  []shape
	sorting *sorting
	filter  string // as typed
	query   *query // of the filter; nil for none
	usual   *sorting
	busy    bool // rows without any traffic are left out
	machine bool // columns of the machine are shown
	asked   bool // the filter is about the machine
	resting int  // rows left out since they never carried traffic
	things  bool // what is not measured is listed too
	crowded bool // there are too many rows: those that pass the filter are taken

	order []int32 // rows that pass the filter, sorted, as indices
	total int     // rows before the filter
	why   string  // why there are no rows; "" to be judged by the monitors' health

	sel      int // place in order; meaningless while order is empty
	selected identity
	has      bool  // selected is set
	arranged []int // the columns chosen, in their order; nil are all
	chosen   int   // how many of them were named
	follow   bool  // the window goes along with the selected row
	top      int   // place in order of the window's first row
	slots    []slot
	places   map[identity]int32 // of rows, while the order is frozen; else nil
}

// rowsOf is a page of rows of one kind.
type rowsOf[T any] struct {
	list
	kind   *kind[T]
	source func(sc *scene, buf []T) (rows []T, why string)
	single bool // rows are connections, or made of them
	scene  *scene
	rows   []T
	mine   int // the row that is selected, where it was last

	trial  T         // scratch: a row that may become one
	values []float64 // scratch of byValue, by row
	ranks  []int32   // scratch of a frozen order, by row
	view   rowView[T]
	rates  []traffic.Rate // scratch of series
}

func newPage[T any](crumb string, k *kind[T], source func(sc *scene, buf []T) ([]T, string)) *rowsOf[T] {
	p := &rowsOf[T]{kind: k, source: source}
	p.of, p.crumb, p.name = k.of, clean(crumb), k.name
	if p.sorting, p.usual = &k.sorting, &k.usual; k.usual == (sorting{}) {
		k.usual = k.sorting // nobody has seen it yet
	}
	p.view.kind = k
	for _, c := range k.columns {
		p.shapes = append(p.shapes, c.shape)
	}
	return p
}

// without leaves a column out that says the same in every row.
func (p *rowsOf[T]) without(names ...string) *rowsOf[T] {
	for _, name := range names {
		for i := range p.shapes {
			if p.shapes[i].name == name {
				p.shapes[i].same = true
			}
		}
	}
	return p
}

func (p *rowsOf[T]) base() *list { return &p.list }

func (p *rowsOf[T]) flows() bool { return p.single }

// load writes the rows into the memory of the rows before.
func (p *rowsOf[T]) load(sc *scene) {
	p.scene = sc
	p.rows, p.why = p.source(sc, p.rows[:0])
	p.arrange()
}

func (p *rowsOf[T]) choose(at int) {
	if len(p.order) == 0 {
		return // what was selected may come back
	}
	p.sel = min(max(at, 0), len(p.order)-1)
	p.mine = int(p.order[p.sel])
	p.selected, p.has = p.kind.id(&p.rows[p.mine]), true
}

func (p *rowsOf[T]) chooseID(id identity) bool {
	p.selected, p.has = id, true
	return p.find()
}

// row is the row at a place in order; nil where there is none.
func (p *rowsOf[T]) row(at int) *T {
	if at < 0 || at >= len(p.order) {
		return nil
	}
	return &p.rows[p.order[at]]
}

func (p *rowsOf[T]) cell(at, col int, u units, w int) string {
	row, c := &p.rows[p.order[at]], &p.kind.columns[col]
	switch {
	case c.graph:
		rates, known := p.series(at, sparkTicks(w), 1)
		return spark(rates[len(rates)-known:], w)
	case c.text == nil:
		return c.figure(row, u, w)
	case c.prose:
		return cutEnd(clean(c.text(row)), w)
	}
	return cutMiddle(clean(c.text(row)), w)
}

func (p *rowsOf[T]) exact(at, col int) exportCell {
	row, c := &p.rows[p.order[at]], &p.kind.columns[col]
	switch {
	case c.exact != nil:
		return c.exact(row)
	case c.text != nil:
		if text := clean(c.text(row)); text != none && text != "" {
			return textCell(text)
		}
		return exportCell{}
	}
	return rateCell(c.value(row))
}

func (p *rowsOf[T]) whole(at int) (string, int) {
	if row := p.row(at); row != nil {
		for i := range p.kind.columns {
			if c := &p.kind.columns[i]; c.whole {
				return clean(c.text(row)), i
			}
		}
	}
	return "", 0
}

func (p *rowsOf[T]) series(at, n int, seconds float64) ([]traffic.Rate, int) {
	p.rates = append(p.rates[:0], make([]traffic.Rate, n)...)
	row := p.row(at)
	if row == nil || p.kind.seats == nil {
		return p.rates, 0
	}
	m := p.scene.memory
	m.chart(p.kind.seats(p.scene, row), p.rates, seconds)
	return p.rates, min(int(m.span(p.kind.id(row).of)/seconds), n)
}

func (p *rowsOf[T]) graph(col int) bool { return p.kind.columns[col].graph }

func (p *rowsOf[T]) text(col int) bool { return p.kind.columns[col].text != nil }

func (p *rowsOf[T]) calm(at int) bool {
	return p.kind.calm != nil && p.kind.calm(&p.rows[p.order[at]])
}

func (p *rowsOf[T]) grave(at int) bool {
	return p.kind.grave != nil && p.kind.grave(&p.rows[p.order[at]])
}

func (p *rowsOf[T]) open(at int) page {
	if row := p.row(at); row != nil && p.kind.open != nil {
		return p.kind.open(row)
	}
	return nil
}

func (p *rowsOf[T]) usage(at int) *traffic.Usage {
	if row := p.row(at); row != nil && p.kind.usage != nil {
		return p.kind.usage(row)
	}
	return nil
}

func (p *rowsOf[T]) resources(at int) *traffic.Resources {
	if row := p.row(at); row != nil && p.kind.resources != nil {
		return p.kind.resources(row)
	}
	return nil
}

func (p *rowsOf[T]) metrics(at int) traffic.Metrics {
	if row := p.row(at); row != nil && p.kind.series != nil {
		return p.kind.series(row).Metrics
	}
	return nil
}

func (p *rowsOf[T]) plot(at int) (plotted, bool) {
	row := p.row(at)
	switch {
	case row == nil || p.kind.seats == nil:
		return plotted{}, false
	case p.kind.plot == nil:
		return traded, true
	}
	plot := p.kind.plot(row)
	return plot, plot.up != ""
}

func (p *rowsOf[T]) share(at, col int) (float64, bool) {
	if c := &p.kind.columns[col]; c.share != nil {
		return c.share(&p.rows[p.order[at]])
	}
	return 0, false
}

func (p *rowsOf[T]) address(at int) netip.Addr {
	if row := p.row(at); row != nil && p.kind.address != nil {
		return p.kind.address(row)
	}
	return netip.Addr{}
}

func (p *rowsOf[T]) about(at int) *subject {
	if row := p.row(at); row != nil && p.kind.about != nil {
		return p.kind.about(p.scene, row)
	}
	return nil
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
