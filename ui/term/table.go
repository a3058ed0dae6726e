package term

import (
	"bwmon/traffic"
)

const cursor = "›" // marks the selected row beside its being reversed

// table draws the column titles and the rows of the page into a.
func (u *UI) table(c canvas, a area) {
	p := u.page()
	l := p.base()
	u.titles(c, a, l)
	u.body = area{a.x, a.y + 1, a.w, a.h - 1}
	if len(l.order) == 0 || u.shown == nil {
		u.empty(c, u.body, l)
		return
	}
	for i := range u.body.h {
		at := l.top + i
		if at >= len(l.order) {
			break
		}
		u.row(c, a, u.body.y+i, p, at)
	}
}

func (u *UI) titles(c canvas, a area, l *list) {
	c.fill(a.x, a.y, a.w, u.colors.title)
	for _, s := range l.slots {
		shape := l.shapes[s.col]
		style, mark := u.colors.title, ""
		if s.col == l.sorting.col {
			style, mark = u.colors.sorted, "▼"
			if l.sorting.ascending {
				mark = "▲"
			}
		}
		if shape.left {
			c.text(a.x+1+s.x, a.y, s.w, shape.title+mark, style)
		} else { // the mark before it, so that the title stays in place
			c.right(a.x+1+s.x, a.y, s.w, mark+shape.title, style)
		}
	}
}

func (u *UI) row(c canvas, a area, y int, p page, at int) {
	l := p.base()
	base := u.colors.plain
	if p.calm(at) {
		base = u.colors.dim
	}
	selected := at == l.sel
	if selected {
		base = u.colors.selected
		c.fill(a.x, y, a.w, base)
		c.text(a.x, y, 1, cursor, base)
	}
	u.nameOf(p.address(at)) // it is asked for, where it is not known
	for _, s := range l.slots {
		if used, ok := p.share(at, s.col); ok && s.w >= meterLeast {
			look := meterLook{bar: u.colors.meter, text: base, ascii: u.plain}
			if selected || p.calm(at) {
				look.bar = base
			}
			c.line(a.x+1+s.x, y, s.w, meter(used, s.w, "", look))
			continue
		}
		text := p.cell(at, s.col, u.units, s.w)
		style := base
		switch {
		case selected:
		case p.grave(at) && s.col == 0:
			style = u.colors.alarm
		case text == none:
			style = u.colors.dim
		case p.graph(s.col):
			style = u.colors.spark
		}
		if l.shapes[s.col].left {
			c.text(a.x+1+s.x, y, s.w, text, style)
		} else {
			c.right(a.x+1+s.x, y, s.w, text, style)
		}
	}
}

// empty says why there is nothing to see, and the cure where one is known.
func (u *UI) empty(c canvas, a area, l *list) {
	y := a.y + 1
	for _, p := range u.emptyText(l) {
		for _, line := range wrap(p.text, min(a.w-4, 76)) {
			if y < a.y+a.h {
				c.text(a.x+2, y, a.w-4, line, p.style)
				y++
			}
		}
	}
}

func (u *UI) emptyText(l *list) []piece {
	plain, alarm := u.colors.plain, u.colors.alarm
	switch {
	case u.shown == nil && u.gone:
		return []piece{{"the engine stopped before its first measurement", alarm}}
	case u.shown == nil && u.late > 0:
		return []piece{{"waiting for the first measurement, for " + span(u.late) + " now…", plain}}
	case u.shown == nil:
		return []piece{{"waiting for the first measurement…", plain}}
	case l.filter != "" && l.total > 0:
		return []piece{
			{"no row matches the filter: " + clean(l.filter), plain},
			{"Esc clears it.", u.colors.dim},
		}
	case l.why == comesLater && u.paused:
		return []piece{
			{"paused before these connections were asked for", plain},
			{"p goes on and shows them.", u.colors.dim},
		}
	case l.resting > 0:
		return []piece{
			{"no traffic yet", plain},
			{u.command("machine").label() + " or :machine shows " + plural(l.resting, "row") + " of what uses disks, CPU and memory.", u.colors.dim},
		}
	case l.why != "":
		return []piece{{l.why, plain}}
	}
	bad := unhealthy(u.shown)
	if len(bad) == 0 {
		for _, m := range u.shown.Monitors {
			if m.State == traffic.StateStarting {
				return []piece{{clean(m.Name) + " is starting…", plain}}
			}
		}
		return []piece{{"no traffic yet", plain}}
	}
	out := []piece{{"nothing measured:", plain}}
	for _, m := range bad {
		out = append(out, piece{complaint(m), alarm})
	}
	return out
}
