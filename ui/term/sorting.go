package term

// sortBy sorts by a column: figures the largest first, text from A to Z; the
// same column again turns the order round.
func (u *UI) sortBy(col int) {
	s := u.page().base().sorting
	if s.col == col {
		u.sortAs(sorting{col: col, ascending: !s.ascending})
	} else {
		u.sortAs(sorting{col: col, ascending: u.page().text(col)})
	}
}

// sortAs gives the page another order. A frozen one is frozen as it is then:
// it was asked for.
func (u *UI) sortAs(s sorting) {
	l := u.page().base()
	*l.sorting = s
	if u.frozen {
		u.page().freeze(true)
		return
	}
	u.page().arrange()
}

// sortNext sorts by the column on screen that is by places further right.
func (u *UI) sortNext(by int) {
	l := u.page().base()
	for i, s := range l.slots {
		if s.col == l.sorting.col {
			u.sortBy(l.slots[(i+by+len(l.slots))%len(l.slots)].col)
			return
		}
	}
	if len(l.slots) > 0 { // the column sorted by had no room
		u.sortBy(l.slots[0].col)
	}
}

// toggleFreeze keeps the rows where they are, or lets them go.
func (u *UI) toggleFreeze() {
	u.frozen = !u.frozen
	u.page().freeze(u.frozen)
}

// amountsShown says which of rates and totals the tables show.
type amountsShown uint8

const (
	showBoth amountsShown = iota
	showRates
	showTotals
)

// amountNames is the only list of them.
var amountNames = [...]string{showBoth: "both", showRates: "rates", showTotals: "totals"}
