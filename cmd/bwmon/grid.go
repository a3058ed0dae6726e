package main

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// grid prints cells in aligned columns, by the width they have on a screen.
// A column whose heading begins with ">" is aligned to the right.
type grid struct {
	heading []string
	rows    [][]string
}

func newGrid(heading ...string) *grid { return &grid{heading: heading} }

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) print(w io.Writer) {
	right := make([]bool, len(g.heading))
	heading := make([]string, len(g.heading))
	for i, h := range g.heading {
		heading[i], right[i] = strings.CutPrefix(h, ">")
	}
	rows := append([][]string{heading}, g.rows...)
	widths := make([]int, len(heading))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	var line strings.Builder
	for _, row := range rows {
		line.Reset()
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell)
		}
		io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n")
	}
}

// cut shortens s to a width of at most n columns, ending in "…" where
// something is left out.
func cut(s string, n int) string {
	if uniseg.StringWidth(s) <= n {
		return s
	}
	var b strings.Builder
	width := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if width += g.Width(); width > n-1 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}
