package term

import (
	"fmt"
	"slices"
	"strings"
)

// runColumns chooses the columns of all pages of the kind on screen.
func (u *UI) runColumns(args string) error {
	l := u.page().base()
	names, err := l.pick(u.columns[l.name], strings.Fields(args))
	if err != nil {
		return err
	}
	if names != nil && u.knowsMachine() && !l.namesMachine(names) {
		u.machine = false // these columns and no others
	}
	u.setColumns(l.name, names)
	u.enter()
	return nil
}

// setColumns keeps the columns chosen for a kind; nil are the usual ones.
func (u *UI) setColumns(kind string, names []string) {
	if u.columns == nil {
		u.columns = make(map[string][]string)
	}
	if u.columns[kind] = names; names == nil {
		delete(u.columns, kind)
	}
}

// pick is what words make of the columns chosen: they name all that is to be
// shown, or with + and - what more and what not; "default" is nil, as is no
// choice.
func (l *list) pick(chosen, words []string) ([]string, error) {
	if len(words) == 1 && words[0] == "default" {
		return nil, nil
	}
	change := strings.HasPrefix(words[0], "+") || strings.HasPrefix(words[0], "-")
	var out []string
	if change {
		out = slices.Clone(chosen)
		if chosen == nil {
			out = l.usualColumns()
		}
	}
	for _, word := range words {
		name := strings.TrimLeft(word, "+-")
		if change != (name != word) {
			return nil, fmt.Errorf("%q: either name the columns to be shown, or write + or - before each", word)
		}
		i := l.column(name)
		if i < 0 {
			return nil, l.noColumn(name)
		}
		name = l.shapes[i].name
		out = slices.DeleteFunc(out, func(n string) bool { return n == name })
		if !strings.HasPrefix(word, "-") {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("at least one column has to be left")
	}
	return out, nil
}

// usualColumns are those that are there when none were chosen.
func (l *list) usualColumns() []string {
	var names []string
	for i := range l.shapes {
		if s := &l.shapes[i]; !s.same && (!s.aside || s.machine && l.machine) {
			names = append(names, s.name)
		}
	}
	return names
}

func (u *UI) completeColumns(words []string) []string {
	l := u.page().base()
	out := l.columnNames()
	for _, n := range l.columnNames() {
		out = append(out, "-"+n, "+"+n)
	}
	return append(out, "default")
}

// shape decides which columns of a page may be shown, and in which order: what
// was chosen, in that order, else all.
func (u *UI) shape(l *list) {
	l.arranged, l.machine = nil, false
	chosen := u.columns[l.name]
	machine := u.machine && !l.namesMachine(chosen) // all of them
	for i := range l.shapes {
		s := &l.shapes[i]
		if s.role == roleRate {
			s.least = u.units.rateWidth()
			s.want, s.most = s.least, s.least
		}
		s.off = s.role == roleRate && u.amounts == showTotals || s.role == roleTotal && u.amounts == showRates
		switch {
		case s.machine && machine:
		case chosen == nil:
			s.off = s.off || s.aside && !(s.role == roleTotal && u.amounts == showTotals && !s.machine)
		case i > 0 && !slices.Contains(chosen, s.name): // the first names the row
			s.off = true
		}
		l.machine = l.machine || s.machine && !s.off
	}
	if chosen == nil {
		return
	}
	l.arranged = append(l.arranged, 0)
	for _, name := range chosen {
		if i := slices.IndexFunc(l.shapes, func(s shape) bool { return s.name == name }); i > 0 {
			l.arranged = append(l.arranged, i)
		}
	}
	l.chosen = len(l.arranged)
	for i := range l.shapes {
		if l.shapes[i].machine && machine {
			l.arranged = append(l.arranged, i)
		}
	}
}

// namesMachine reports whether any of the columns is one of the machine.
func (l *list) namesMachine(names []string) bool {
	for i := range l.shapes {
		if l.shapes[i].machine && slices.Contains(names, l.shapes[i].name) {
			return true
		}
	}
	return false
}

// toggleMachine shows the columns of the machine on all pages that have them, or
// hides them.
func (u *UI) toggleMachine() { u.showMachine(!u.page().base().machine && !u.machine) }

func (u *UI) showMachine(on bool) {
	u.machine = on
	if !on {
		u.forgetMachine()
	}
	u.enter()
	if u.knowsMachine() {
		return
	}
	u.said = "apps and commands show what they use of the machine" // which is not to be seen here
	if !on {
		u.said = "apps and commands show their traffic only"
	}
}

// forgetMachine takes the columns of the machine out of what was chosen, and sorts
// by none of them.
func (u *UI) forgetMachine() {
	for _, v := range u.views {
		for _, p := range v.stack {
			l := p.base()
			chosen := slices.DeleteFunc(slices.Clone(u.columns[l.name]), func(name string) bool { return l.namesMachine([]string{name}) })
			usual := slices.DeleteFunc(l.usualColumns(), func(name string) bool { return l.namesMachine([]string{name}) })
			if len(chosen) == 0 || slices.Equal(chosen, usual) {
				chosen = nil
			}
			u.setColumns(l.name, chosen)
			if l.shapes[l.sorting.col].machine {
				*l.sorting = *l.usual
			}
		}
	}
}

func (u *UI) runMachine(word string) error {
	i, err := oneOf("machine", word, onOff[:])
	if err == nil {
		u.showMachine(i == 0)
	}
	return err
}

var onOff = [...]string{"on", "off"}

// layout places the columns of the page on w cells.
func (l *list) layout(w int) []slot {
	if l.arranged == nil {
		return layout(l.shapes, w)
	}
	shapes := make([]shape, len(l.arranged))
	for i, col := range l.arranged {
		shapes[i] = l.shapes[col]
		switch {
		case i == 0:
			shapes[i].rank = 0
		case !shapes[i].machine || i < l.chosen: // else it was asked for with all of them
			shapes[i].rank = i // those chosen last are the first without room
		}
		shapes[i].rank = min(shapes[i].rank, extra-1) // and wait for nothing
	}
	slots := layout(shapes, w)
	for i := range slots {
		slots[i].col = l.arranged[slots[i].col]
	}
	return slots
}

// rated reports whether the rows of the page have rates, which are averaged, hidden
// where there are none and counted from a mark.
func (u *UI) rated() bool {
	for _, s := range u.page().base().shapes {
		if s.role == roleRate {
			return true
		}
	}
	return false
}
