package term

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The commands that change how rows are seen, with what they take.

func (u *UI) runView(name string) error {
	i, err := oneOf("view", name, u.viewNames())
	if err == nil {
		u.switchTo(i)
	}
	return err
}

// chooseGroup asks what the first view is to be summed by.
func (u *UI) chooseGroup() {
	c := choice{question: "group by:"}
	for i := range groupings {
		g := &groupings[i]
		c.options = append(c.options, option{g.key, cmp.Or(g.short, g.title), func(u *UI) { u.regroup(grouping(i)) }})
	}
	u.ask(c)
}

func (u *UI) runGroup(name string) error {
	i, err := oneOf("group by", name, groupingNames())
	if err == nil {
		u.regroup(grouping(i))
	}
	return err
}

func (u *UI) runDetails(word string) error {
	i, err := oneOf("details", word, detailsNames[:])
	if err == nil {
		u.details = detailsWish(i)
	}
	return err
}

func (u *UI) runWindow(word string) error {
	i, err := oneOf("window", word, windowNames())
	if err == nil {
		u.window = windows[i]
		u.reload()
	}
	return err
}

func (u *UI) showAmounts(a amountsShown) {
	u.amounts = a
	u.enter()
}

func (u *UI) runAmounts(word string) error {
	i, err := oneOf("totals", word, amountNames[:])
	if err == nil {
		u.showAmounts(amountsShown(i))
	}
	return err
}

func (u *UI) useUnits(n units) {
	u.units = n
	u.enter()
	u.said = "amounts in " + [...]string{unitsIEC: "KiB, MiB, … of 1024", unitsSI: "kB, MB, … of 1000", unitsBits: "kbit/s, Mbit/s, …"}[n]
}

func (u *UI) runUnits(word string) error {
	i, err := oneOf("units", word, unitNames[:])
	if err == nil {
		u.useUnits(units(i))
	}
	return err
}

// toggleNames looks names up, or no longer.
func (u *UI) toggleNames() {
	if u.names == nil {
		u.said = "names are not looked up here"
		if why := u.opts.Refused["names"]; why != "" {
			u.said += ": " + clean(why)
		}
		return
	}
	u.namesOff = !u.namesOff
	u.names.enable(!u.namesOff)
	u.said = "names of addresses are looked up in the DNS"
	if u.namesOff {
		u.said = "names are no longer looked up"
	}
	u.reload()
}

func (u *UI) runTheme(name string) error {
	t := u.theme
	t.Name = name
	p, err := newPalette(t)
	if err == nil {
		u.theme, u.colors = t, p
	}
	return err
}

// columnNames lists the columns of a page, those that are not shown by themselves too.
func (l *list) columnNames() []string {
	var names []string
	for i := range l.shapes {
		if !l.shapes[i].same {
			names = append(names, l.shapes[i].name)
		}
	}
	return names
}

// column finds a column by its name, its title or how its name begins, which
// makes "rx" the rate; -1 is none.
func (l *list) column(word string) int {
	for _, is := range [...]func(s *shape) bool{
		func(s *shape) bool { return s.name == word || s.title == word },
		func(s *shape) bool { return word != "" && strings.HasPrefix(s.name, word) },
		func(s *shape) bool { return strings.EqualFold(s.title, word) },
	} {
		for i := range l.shapes {
			if s := &l.shapes[i]; !s.same && is(s) {
				return i
			}
		}
	}
	return -1
}

func (l *list) noColumn(word string) error {
	return fmt.Errorf("there is no column %q%s: want one of %s", word, didYouMean(word, l.columnNames()), strings.Join(l.columnNames(), ", "))
}

func (u *UI) runSort(args string) error {
	s, err := sortingOf(u.page(), args)
	if err == nil {
		u.sortAs(s)
	}
	return err
}

// sortingOf reads a column and, where it is given, the order.
func sortingOf(p page, text string) (sorting, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return sorting{}, fmt.Errorf(`want a column, and "asc" or "desc" if you like, got %q`, text)
	}
	col := p.base().column(words[0])
	if col < 0 {
		return sorting{}, p.base().noColumn(words[0])
	}
	s := sorting{col: col, ascending: p.text(col)}
	if len(words) > 1 {
		i, err := oneOf("order", words[1], []string{"asc", "desc"})
		if err != nil {
			return sorting{}, err
		}
		s.ascending = i == 0
	}
	return s, nil
}

func (u *UI) completeSort(words []string) []string {
	l := u.page().base()
	if len(words) > 0 && slices.Contains(l.columnNames(), words[0]) {
		return []string{"asc", "desc"}
	}
	return l.columnNames()
}
