package term

import (
	"cmp"

	"bwmon/traffic"
)

// column is one entry of the only list of a kind's columns: its title, place
// and width, its cell, its order and its part in the filter. A column is of
// text or of figures.
type column[T any] struct {
	shape
	// text is the whole of a text column's cell, and what the filter
	// searches; nil for figures.
	text func(*T) string
	// figure is the cell of a column of figures in w cells; nil for text.
	figure func(row *T, u units, w int) string
	// value is what figures are sorted by, the largest first.
	value func(*T) float64
	// order sorts a text column; nil is by its text.
	order func(a, b *T) int
	// prose: what is too long loses its end, not its middle.
	prose bool
	// whole: where the selected row's cell is cut, all of it is written out
	// below the table.
	whole bool
	// graph: the figure is a drawing, not a number.
	graph bool
}

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

// words is a text column that takes least cells, wants want and can use most.
func words[T any](title string, rank, least, want, most int, text func(*T) string) column[T] {
	return column[T]{shape: shape{title: title, rank: rank, least: least, want: want, most: most, left: true}, text: text}
}

func fixed(title string, rank, w int) shape {
	return shape{title: title, rank: rank, least: w, want: w, most: w}
}

// amounts are the four columns every row with traffic has. The totals may be
// left out before the rates.
func amounts[T any](usage func(*T) *traffic.Usage) []column[T] {
	rate := func(title string, value func(*T) float64) column[T] {
		return column[T]{
			shape:  fixed(title, 1, rateWidth),
			value:  value,
			figure: func(row *T, u units, _ int) string { return u.rate(value(row)) },
		}
	}
	total := func(title string, value func(*T) uint64) column[T] {
		return column[T]{
			shape:  fixed(title, 3, sizeWidth),
			value:  func(row *T) float64 { return float64(value(row)) },
			figure: func(row *T, _ units, _ int) string { return size(value(row)) },
		}
	}
	return []column[T]{
		rate("RX/s", func(r *T) float64 { return usage(r).RxRate }),
		rate("TX/s", func(r *T) float64 { return usage(r).TxRate }),
		total("RX", func(r *T) uint64 { return usage(r).RxBytes }),
		total("TX", func(r *T) uint64 { return usage(r).TxBytes }),
	}
}

// number is a column of whole numbers.
func number[T any](title string, rank, w int, value func(*T) uint64) column[T] {
	return column[T]{
		shape:  fixed(title, rank, w),
		value:  func(row *T) float64 { return float64(value(row)) },
		figure: func(row *T, _ units, _ int) string { return count(value(row)) },
	}
}

// history is the column with the sparkline, sorted by the mean it draws.
func history[T any](rank int, recent func(*T) []traffic.Rate) column[T] {
	return column[T]{
		shape:  shape{title: "RECENT", rank: rank, least: 8, want: 20, most: 60, left: true},
		value:  func(row *T) float64 { return mean(recent(row)) },
		figure: func(row *T, _ units, w int) string { return spark(recent(row), w) },
		graph:  true,
	}
}
