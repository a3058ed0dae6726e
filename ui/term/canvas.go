package term

import "github.com/gdamore/tcell/v2"

// canvas is the only way to the screen. It knows nothing of tags: text is
// drawn as it is, character by character, and never beyond its width.
type canvas struct {
	screen tcell.Screen // for the cursor
	sheet  *sheet
}

// area is a rectangle of cells.
type area struct{ x, y, w, h int }

func (a area) contains(x, y int) bool {
	return x >= a.x && x < a.x+a.w && y >= a.y && y < a.y+a.h
}

// text draws s from x in at most w cells and returns how many it took.
func (c canvas) text(x, y, w int, s string, style tcell.Style) int {
	used, at := 0, c.sheet.style(style)
	if isASCII(s) {
		used = max(min(len(s), w), 0)
		for i := range used {
			c.sheet.put(x+i, y, rune(s[i]), at)
		}
		return used
	}
	for s != "" {
		cluster, cw, rest := next(s)
		if used+cw > w {
			break
		}
		c.sheet.cluster(x+used, y, cluster, at)
		used += cw
		s = rest
	}
	return used
}

// right draws s so that it ends before x+w.
func (c canvas) right(x, y, w int, s string, style tcell.Style) {
	n := min(width(s), w)
	c.text(x+w-n, y, n, s, style)
}

// fill draws w blanks in style.
func (c canvas) fill(x, y, w int, style tcell.Style) {
	at := c.sheet.style(style)
	for i := range w {
		c.sheet.put(x+i, y, ' ', at)
	}
}

// piece is a stretch of a line in one style.
type piece struct {
	text  string
	style tcell.Style
}

// line draws pieces one after the other in at most w cells and returns how
// many they took.
func (c canvas) line(x, y, w int, pieces []piece) int {
	used := 0
	for _, p := range pieces {
		used += c.text(x+used, y, w-used, p.text, p.style)
	}
	return used
}

// widthOf is the number of cells pieces take.
func widthOf(pieces []piece) int {
	n := 0
	for _, p := range pieces {
		n += width(p.text)
	}
	return n
}
