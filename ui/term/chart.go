package term

import (
	"math"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// chartFloor is the least rate, in bytes per second, that the whole height of
// a chart stands for: below it a trickle would look like a flood.
const chartFloor = 1024

// chartLook is how a chart is drawn.
type chartLook struct {
	rx, tx, label tcell.Style
	units         units
	plot          plotted       // its zero value is traffic
	interval      time.Duration // between two samples; 0: 1 s
	ascii         bool          // without braille, see plainGlyphs
}

// every is the time between two samples, within reason.
func (l chartLook) every() time.Duration {
	if l.interval <= 0 {
		return time.Second
	}
	return min(l.interval, 24*time.Hour)
}

// plainGlyphs reports whether a terminal with this character set, as its
// Screen names it, cannot draw braille, blocks and lines in one cell each, so
// that charts and meters do without.
func plainGlyphs(charset string) bool {
	for _, r := range "⣿█▏─" {
		if width(string(r)) != 1 {
			return true
		}
	}
	return charset != "UTF-8"
}

// chart draws rates over time in h lines of w cells: rx from an axis up, tx
// from it down, the newest at the right, each to its own scale. Two samples
// take one cell. The axis says when it was; a label above and one below say
// the highest rate shown. What is not finite is not drawn, any traffic at all
// is. Where h is small the axis goes first, then the labels.
func chart(samples []traffic.Rate, w, h int, look chartLook) [][]piece {
	if w < 1 || h < 1 {
		return nil
	}
	const perCell = 2
	if n := len(samples) - perCell*w; n > 0 {
		samples = samples[n:]
	}
	labels, axis := h >= 4, h >= 5
	rows := h
	if labels {
		rows -= 2
	}
	if axis {
		rows--
	}
	if look.plot.up == "" {
		look.plot = traded
	}
	rx, tx := make([]float64, len(samples)), make([]float64, len(samples))
	for i, s := range samples {
		rx[i], tx[i] = drawable(s.Rx), drawable(s.Tx)
	}
	up := (rows + 1) / 2
	if look.plot.down == "" { // the label that is not needed is a line more
		if up = rows; labels {
			up++
		}
		rows = up
	}
	var out [][]piece
	if labels {
		out = append(out, []piece{{chartLabel(look.plot.up, rx, w, look), look.label}})
	}
	for _, line := range plotBars(rx, w, up, look.plot.floor, false, look.ascii) {
		out = append(out, []piece{{line, look.rx}})
	}
	if axis {
		out = append(out, []piece{{timeAxis(w, perCell*look.every(), look.ascii), look.label}})
	}
	for _, line := range plotBars(tx, w, rows-up, look.plot.floor, true, look.ascii) {
		out = append(out, []piece{{line, look.tx}})
	}
	if labels && look.plot.down != "" {
		out = append(out, []piece{{chartLabel(look.plot.down, tx, w, look), look.label}})
	}
	return out
}

// drawable is v, or 0 where it is nothing to draw.
func drawable(v float64) float64 {
	if v > 0 && !math.IsInf(v, 1) { // NaN is not
		return v
	}
	return 0
}

// highestOf is the largest of values, and 0 of none.
func highestOf(values []float64) float64 {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	return top
}

// chartLabel says the highest rate shown and the newest.
func chartLabel(name string, values []float64, w int, look chartLook) string {
	figure := func(v float64) string { return squeeze(look.units.rate(v)) }
	if look.plot != traded {
		name = metricWords(name)
		figure = func(v float64) string { return look.units.figure(look.plot.unit, v) }
	}
	text := name + " max " + figure(highestOf(values))
	if width(text) > w {
		text = name + " " + figure(highestOf(values))
	}
	if len(values) > 0 {
		now := "now " + figure(values[len(values)-1])
		if gap := w - width(text) - width(now); gap >= 2 {
			text += strings.Repeat(" ", gap) + now
		}
	}
	return cutEnd(text, w)
}

// plotBars draws values as bars in h lines of w cells; down turns it upside down.
func plotBars(values []float64, w, h int, floor float64, down, ascii bool) []string {
	if h < 1 {
		return nil
	}
	const perCell, dotsHigh = 2, 4
	top := max(highestOf(values), floor)
	steps := dotsHigh * h
	bars := make([]int, perCell*w) // in dots, right-aligned
	from := len(bars) - len(values)
	for i, v := range values {
		if v > 0 {
			bars[from+i] = min(max(int(math.Round(v/top*float64(steps))), 1), steps)
		}
	}
	lines := make([]string, h)
	for row := range lines {
		below := (h - 1 - row) * dotsHigh // dots
		var b strings.Builder
		for x := range w {
			left := min(max(bars[perCell*x]-below, 0), dotsHigh)
			right := min(max(bars[perCell*x+1]-below, 0), dotsHigh)
			if ascii {
				b.WriteByte(asciiBar(max(left, right)))
			} else {
				b.WriteRune(braille(left, right, down))
			}
		}
		line := b.String()
		if down {
			lines[h-1-row] = line
		} else {
			lines[row] = line
		}
	}
	return lines
}

// braille is the character with two bars of 0 to 4 dots, standing on the
// ground or hanging down (Unicode, Braille Patterns: dots 1237 are the left
// column from above, 4568 the right one, a bit each from the lowest).
func braille(left, right int, down bool) rune {
	if left == 0 && right == 0 {
		return ' ' // U+2800 has faint circles in some fonts
	}
	dots := [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}
	r := rune(0x2800)
	for col, n := range [2]int{left, right} {
		for i := range n {
			if down {
				r |= dots[col][i]
			} else {
				r |= dots[col][3-i]
			}
		}
	}
	return r
}

func asciiBar(dots int) byte {
	switch {
	case dots == 0:
		return ' '
	case dots < 3:
		return '.'
	}
	return '#'
}

// timeAxis is the line between rx and tx: how long ago a place is, "now" at
// its right end. A mark begins at the time that it names.
func timeAxis(w int, perCell time.Duration, ascii bool) string {
	const now, apart = "now", 12 // cells
	rule := "─"
	if ascii {
		rule = " "
	}
	if w < len(now) {
		return strings.Repeat(rule, w)
	}
	line, end := now, w-len(now) // what stands from end on
	step := markStep(apart * perCell)
	for ago := step; ; ago += step {
		at := w - int((ago+perCell-1)/perCell)
		if at < 0 {
			break
		}
		// Blanks keep a mark apart from the rule.
		if mark := "-" + markText(ago) + " "; at+len(mark) < end {
			line = mark + strings.Repeat(rule, end-at-len(mark)-1) + " " + line
			end = at
		}
	}
	if end > 0 {
		line = strings.Repeat(rule, end-1) + " " + line
	}
	return line
}

// markStep is the least round time that is not below d.
func markStep(d time.Duration) time.Duration {
	for _, unit := range [...]struct {
		of    time.Duration
		times []time.Duration
	}{
		{time.Second, []time.Duration{1, 2, 5, 10, 15, 30}},
		{time.Minute, []time.Duration{1, 2, 5, 10, 15, 30}},
		{time.Hour, []time.Duration{1, 2, 3, 6, 12}},
	} {
		for _, n := range unit.times {
			if step := n * unit.of; step >= d {
				return step
			}
		}
	}
	const day = 24 * time.Hour
	return (d + day - 1) / day * day
}

// markText writes a time in its one unit or two: 30s, 2m, 1m30s, 2h, 3d.
func markText(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return count(uint64(d/day)) + "d"
	}
	text := d.Round(time.Second).String() // "1h30m0s"
	if s, ok := strings.CutSuffix(text, "m0s"); ok {
		text = s + "m"
	}
	if s, ok := strings.CutSuffix(text, "h0m"); ok {
		text = s + "h"
	}
	return text
}
