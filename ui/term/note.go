package term

// noteLines is the text of the selected row that its column had to cut, in
// lines for below the table; nil as long as none was cut. It takes at most half
// of the rows, and keeps its height while its text changes from tick to tick,
// fits its column for once or is empty, so that the rows above it stay where
// they are.
func (u *UI) noteLines(p page, w, rows int) []string {
	l := p.base()
	if len(l.order) == 0 { // nothing is selected
		return nil
	}
	if same := (noteOf{p, l.selected, w, rows}); same != u.noted {
		u.noted, u.noteHeight = same, 0
	}
	text, col := p.whole(l.sel)
	cut := text != ""
	for _, s := range l.slots {
		if s.col == col && fits(text, s.w) {
			cut = false
		}
	}
	if !cut && u.noteHeight == 0 {
		return nil
	}
	lines := wrap(text, w)
	if most := max(rows/2-1, 1); len(lines) > most {
		lines = lines[:most]
		lines[most-1] = cutEnd(lines[most-1], w-2) + " " + ellipsis
	}
	u.noteHeight = max(u.noteHeight, len(lines))
	for len(lines) < u.noteHeight {
		lines = append(lines, "")
	}
	return lines
}

// noteOf is what a note was written of, and the room for it.
type noteOf struct {
	page     page
	selected identity
	w, rows  int
}

// drawNote draws the lines under a rule.
func (u *UI) drawNote(c canvas, y, w int, lines []string) {
	c.fill(0, y, w, u.colors.title)
	for i, line := range lines {
		if i == 0 && line != "" {
			c.text(0, y+1, 1, cursor, u.colors.bold)
		}
		c.text(1, y+1+i, w-2, line, u.colors.plain)
	}
}
