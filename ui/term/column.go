package term

import (
	"cmp"

	"bwmon/traffic"
)

// column is one entry of the only list of a kind's columns: its name, title
// and place, its cell, its order and its part in the filter and the export. A
// column is of text or of figures.
type column[T any] struct {
	shape
	// text is the whole of a text column's cell; nil for figures.
	text func(*T) string
	// figure is the cell of a column of figures in w cells; nil for text.
	figure func(row *T, u units, w int) string
	// value is what figures are sorted by, the largest first.
	value func(*T) float64
	// order sorts a text column; nil is by its text.
	order func(a, b *T) int
	// finds are the fields of a filter that the column is looked at for, by
	// find; nil is by its text, or its value as a count.
	finds fieldSet
	find  func(row *T, v *queryValues)
	// exact is the cell of an export; nil is the text, or the value.
	exact func(*T) exportCell
	// prose: what is too long loses its end, not its middle.
	prose bool
	// whole: where the selected row's cell is cut, all of it is written out
	// below the table.
	whole bool
	// graph: the figure is a drawing, not a number. In the export it is left out.
	graph bool
	// share is how much of something the row uses, 1 for all of it, which is drawn
	// as a meter where there is room; nil where no row has any.
	share func(*T) (used float64, ok bool)
}

// fieldSet is a set of fields of a filter.
type fieldSet uint64

func fields(list ...queryField) fieldSet {
	var s fieldSet
	for _, f := range list {
		s |= 1 << f
	}
	return s
}

func (s fieldSet) has(f queryField) bool { return s>>f&1 != 0 }

// compare orders two rows by the column, ascending.
func (c *column[T]) compare(a, b *T) int {
	switch {
	case c.value != nil:
		return cmp.Compare(c.value(a), c.value(b))
	case c.order != nil:
		return c.order(a, b)
	}
	return compareFold(c.text(a), c.text(b))
}

// fill tells a filter what the column has for it.
func (c *column[T]) fill(row *T, v *queryValues) {
	switch {
	case c.find != nil:
		c.find(row, v)
	case c.text != nil:
		v.word(c.text(row))
	case c.value != nil:
		v.count(uint64(max(c.value(row), 0)))
	}
}

// words is a text column that takes least cells, wants want and can use most.
// Its name is that of the JSON document; the filter finds it as any text.
func words[T any](name, title string, rank, least, want, most int, text func(*T) string, finds ...queryField) column[T] {
	return column[T]{
		shape: shape{name: name, title: title, rank: rank, least: least, want: want, most: most, left: true},
		text:  text, finds: fields(append(finds, queryAny)...),
	}
}

func fixed(name, title string, rank, w int) shape {
	return shape{name: name, title: title, rank: rank, least: w, want: w, most: w}
}

// amounts are the four columns every row with traffic has. The totals may be
// left out before the rates.
func amounts[T any](usage func(*T) *traffic.Usage) []column[T] {
	return []column[T]{
		rateColumn("rx_rate", "RX/s", 1, func(row *T) float64 { return usage(row).RxRate }),
		rateColumn("tx_rate", "TX/s", 1, func(row *T) float64 { return usage(row).TxRate }),
		totalColumn("rx_bytes", "RX", 3, func(row *T) uint64 { return usage(row).RxBytes }),
		totalColumn("tx_bytes", "TX", 3, func(row *T) uint64 { return usage(row).TxBytes }),
	}
}

// rateColumn is a column of bytes per second.
func rateColumn[T any](name, title string, rank int, value func(*T) float64) column[T] {
	c := column[T]{
		shape:  fixed(name, title, rank, rateWidth),
		value:  value,
		figure: func(row *T, u units, _ int) string { return u.rate(value(row)) },
	}
	c.role = roleRate
	return c
}

// totalColumn is a column of bytes.
func totalColumn[T any](name, title string, rank int, value func(*T) uint64) column[T] {
	c := column[T]{
		shape:  fixed(name, title, rank, sizeWidth),
		value:  func(row *T) float64 { return float64(value(row)) },
		figure: func(row *T, u units, _ int) string { return u.size(value(row)) },
		exact:  func(row *T) exportCell { return wholeCell(value(row)) },
	}
	c.role = roleTotal
	return c
}

// number is a column of whole numbers.
func number[T any](name, title string, rank, w int, value func(*T) uint64, finds ...queryField) column[T] {
	return column[T]{
		shape:  fixed(name, title, rank, w),
		value:  func(row *T) float64 { return float64(value(row)) },
		figure: func(row *T, _ units, _ int) string { return count(value(row)) },
		exact:  func(row *T) exportCell { return wholeCell(value(row)) },
		finds:  fields(finds...),
	}
}

// recently is the column that draws the last minute, sorted by its mean. The
// page knows what to draw.
func recently[T any](rank int, total func(*T) float64) column[T] {
	return column[T]{
		shape: shape{name: "recent", title: "RECENT", rank: rank, least: 8, want: 20, most: 60, left: true},
		value: total,
		graph: true,
	}
}

// totalRate is what rows are sorted by where both ways count.
func totalRate(u *traffic.Usage) float64 { return u.RxRate + u.TxRate }

// list is the fields of the set in their order.
func (s fieldSet) list() []queryField {
	var list []queryField
	for f := range queryField(len(queryNames)) {
		if f != queryAny && s.has(f) {
			list = append(list, f)
		}
	}
	return list
}
