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
			out = l.columnNames()
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
	l.arranged = nil
	chosen := u.columns[l.name]
	for i := range l.shapes {
		s := &l.shapes[i]
		if s.role == roleRate {
			s.least = u.units.rateWidth()
			s.want, s.most = s.least, s.least
		}
		s.off = s.role == roleRate && u.amounts == showTotals || s.role == roleTotal && u.amounts == showRates
		if chosen != nil && i > 0 && !slices.Contains(chosen, s.name) { // the first names the row
			s.off = true
		}
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
}

// layout places the columns of the page on w cells.
func (l *list) layout(w int) []slot {
	if l.arranged == nil {
		return layout(l.shapes, w)
	}
	shapes := make([]shape, len(l.arranged))
	for i, col := range l.arranged {
		shapes[i] = l.shapes[col]
		if shapes[i].rank = 0; i > 0 {
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
