package term

// shape is what the layout must know of a column.
type shape struct {
	name  string // in commands, settings and exports; one of the JSON document
	title string
	least int  // cells it needs to be shown at all
	full  int  // cells it must have before any extra column is shown
	want  int  // cells it should get before others get more than they want
	most  int  // cells it can use
	rank  int  // columns of the highest rank are left out first; 0 stays
	left  bool // text, set to the left; figures are set to the right
	role  role
	same  bool // it says the same in every row of this page
	off   bool // not to be shown now
	// aside: shown only where it was chosen; of the machine: also while such columns
	// are asked for all together.
	aside, machine bool
}

// role says of which part of the figures a column is, of which one may be left
// out.
type role uint8

const (
	roleOther role = iota
	roleRate
	roleTotal
)

// slot is where a column came to lie.
type slot struct {
	col  int // index of the column
	x, w int // relative to the table
}

// extra is the lowest rank of the columns that are shown only when all others
// are full.
const extra = 5

// The gaps between columns, in cells.
const (
	narrowGap = 1
	wideGap   = 2
	widestGap = 4
)

// layout places columns on w cells. What does not fit is left out by rank,
// the later column first. What is spare goes to the columns, in their order,
// up to what they want, then to the gaps, then to the columns up to what they
// can use, and to the gaps again.
func layout(shapes []shape, w int) []slot {
	var slots []slot
	for i := range shapes {
		if !shapes[i].off && !shapes[i].same {
			slots = append(slots, slot{col: i, w: shapes[i].least})
		}
	}
	for len(slots) > 1 {
		last, filling := 0, 0
		for i, s := range slots {
			if shapes[s.col].rank >= shapes[slots[last].col].rank {
				last = i
			}
			filling += max(shapes[s.col].full-shapes[s.col].least, 0)
		}
		if shapes[slots[last].col].rank < extra {
			filling = 0
		}
		if need(slots, narrowGap)+filling <= w {
			break
		}
		slots = append(slots[:last], slots[last+1:]...)
	}
	widen(slots, w-need(slots, narrowGap), func(col int) int { return max(shapes[col].full, shapes[col].want) })
	gap := widestOf(slots, w, narrowGap, wideGap)
	widen(slots, w-need(slots, gap), func(col int) int { return shapes[col].most })
	gap = widestOf(slots, w, gap, widestGap)
	x := 0
	for i := range slots {
		slots[i].x = x
		slots[i].w = max(min(slots[i].w, w-x), 0)
		x += slots[i].w + gap
	}
	return slots
}

// widen gives spare cells to the columns in turn, to each up to its limit.
func widen(slots []slot, spare int, limit func(col int) int) {
	for i := range slots {
		more := min(max(limit(slots[i].col)-slots[i].w, 0), max(spare, 0))
		slots[i].w += more
		spare -= more
	}
}

// widestOf is the widest gap from least to most that still fits.
func widestOf(slots []slot, w, least, most int) int {
	for gap := most; gap > least; gap-- {
		if need(slots, gap) <= w {
			return gap
		}
	}
	return least
}

// need is the cells slots take with gap cells between them.
func need(slots []slot, gap int) int {
	n := gap * (len(slots) - 1)
	for _, s := range slots {
		n += s.w
	}
	return n
}
