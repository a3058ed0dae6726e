package term

import (
	"math"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// meterLook is how a meter is drawn.
type meterLook struct {
	bar, text tcell.Style
	ascii     bool // without block characters, see plainGlyphs
}

// shareWidth is the width of what meterShare writes.
const shareWidth = 5

// meterLeast is the least width in which a meter has a bar.
const meterLeast = shareWidth + 1 + 4

// meter draws how much of something is used in w cells: a bar between
// brackets and the share in figures. share is 1 for all of it; the bar stops
// there, the figures go on. inside is written into the bar where it fits.
func meter(used float64, w int, inside string, look meterLook) []piece {
	figures := meterShare(used)
	if w < meterLeast {
		return []piece{{head(strings.TrimLeft(figures, " "), max(w, 0)), look.text}}
	}
	cells := w - shareWidth - 1 - len("[]")
	out := []piece{{"[", look.text}}
	out = append(out, meterBar(used, cells, inside, look)...)
	return append(out, piece{"] " + figures, look.text})
}

// meterBar draws a share in w cells, in eighths of a cell. Under the text inside
// what is used is reversed, in whole cells.
func meterBar(used float64, w int, inside string, look meterLook) []piece {
	eighths := meterSteps(used, w*8)
	if look.ascii {
		eighths = meterSteps(used, w) * 8
	}
	text := ""
	if width(inside) <= w {
		text = inside
	}
	covered := width(text)
	under := head(text, eighths/8)
	out := []piece{{under, look.bar.Reverse(true)}, {text[len(under):], look.text}}
	return append(out, piece{meterBlocks(eighths, w, look.ascii)[covered:].String(), look.bar})
}

// meterSteps is the share in whole steps of all: none only for nothing, all only
// for everything.
func meterSteps(used float64, all int) int {
	switch {
	case !(used > 0) || all < 1: // NaN included
		return 0
	case used >= 1:
		return all
	}
	return min(max(int(math.Round(used*float64(all))), 1), max(all-1, 1))
}

// cellsOf is a line of one-cell characters.
type cellsOf []rune

func (c cellsOf) String() string { return string(c) }

// meterBlocks is a bar with a number of eighths filled in w cells.
func meterBlocks(eighths, w int, ascii bool) cellsOf {
	const full, empty = '█', ' '
	parts := [...]rune{empty, '▏', '▎', '▍', '▌', '▋', '▊', '▉'}
	line := make(cellsOf, w)
	for x := range line {
		switch left := eighths - 8*x; {
		case left >= 8 && ascii:
			line[x] = '#'
		case left >= 8:
			line[x] = full
		case left > 0:
			line[x] = parts[left]
		default:
			line[x] = empty
		}
	}
	return line
}

// meterShare writes a share in five cells: " 62 %", " <1 %", ">999%". Only
// nothing is 0 %, and only everything is 100 %.
func meterShare(used float64) string {
	text := ""
	switch p := used * 100; {
	case math.IsNaN(p):
		text = none
	case p <= 0:
		text = "0 %"
	case p < 1:
		text = "<1 %"
	case p < 100:
		text = strconv.Itoa(int(min(math.Round(p), 99))) + " %"
	case p < 999.5:
		text = strconv.Itoa(int(math.Round(p))) + " %"
	default:
		text = ">999%"
	}
	return alignRight(text, shareWidth)
}
