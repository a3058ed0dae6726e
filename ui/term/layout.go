package term

// shape is what the layout must know of a column.
type shape struct {
	title string
	least int  // cells it needs to be shown at all
	want  int  // cells it should get before others get more than they want
	most  int  // cells it can use
	rank  int  // columns of the highest rank are left out first; 0 stays
	left  bool // text, set to the left; figures are set to the right
}

// slot is where a column came to lie.
type slot struct {
	col  int // index of the column
	x, w int // relative to the table
}

// layout places columns on w cells. What does not fit is left out by rank,
// the later column first; what is spare goes to the columns, in their order,
// up to what they want, then up to what they can use.
func layout(shapes []shape, w int) []slot {
	var slots []slot
	for i := range shapes {
		slots = append(slots, slot{col: i, w: shapes[i].least})
	}
	const narrow, wide = 1, 2
	gap := wide
	for need(slots, narrow) > w && len(slots) > 1 {
		last := 0
		for i, s := range slots {
			if shapes[s.col].rank >= shapes[slots[last].col].rank {
				last = i
			}
		}
		slots = append(slots[:last], slots[last+1:]...)
		gap = narrow
	}
	if need(slots, wide) > w {
		gap = narrow
	}
	spare := max(w-need(slots, gap), 0)
	for _, upTo := range [...]func(shape) int{
		func(s shape) int { return s.want },
		func(s shape) int { return s.most },
	} {
		for i := range slots {
			more := min(max(upTo(shapes[slots[i].col])-slots[i].w, 0), spare)
			slots[i].w += more
			spare -= more
		}
	}
	x := 0
	for i := range slots {
		slots[i].x = x
		slots[i].w = max(min(slots[i].w, w-x), 0)
		x += slots[i].w + gap
	}
	return slots
}

// need is the cells slots take with gap cells between them.
func need(slots []slot, gap int) int {
	n := gap * (len(slots) - 1)
	for _, s := range slots {
		n += s.w
	}
	return n
}
