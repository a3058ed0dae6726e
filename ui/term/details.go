package term

import (
	"net/netip"
	"strings"
	"time"

	"bwmon/traffic"
)

// detailsWish is whether the details pane is to be seen.
type detailsWish uint8

const (
	detailsAuto detailsWish = iota // where there is room
	detailsOn
	detailsOff
)

// detailsNames is the only list of them.
var detailsNames = [...]string{detailsAuto: "auto", detailsOn: "on", detailsOff: "off"}

// Where there is room for the pane: below the table in a high terminal, at its
// right in a wide one.
const (
	detailsHigh = 30
	detailsWide = 160
)

// split gives the pane its part of the area of table and pane: nothing, the
// lower lines or the right columns.
func (u *UI) split(a area, w, h int) (table, pane area) {
	if u.details == detailsOff || u.details == detailsAuto && w < detailsWide && h < detailsHigh {
		return a, area{}
	}
	if w >= detailsWide {
		n := min(max(w/3, 56), 90)
		return area{a.x, a.y, a.w - n, a.h}, area{a.x + a.w - n, a.y, n, a.h}
	}
	n := min(max(h/3, 9), 16) // and a rule above it
	n = min(n, a.h/2)
	return area{a.x, a.y, a.w, a.h - n - 1}, area{a.x, a.y + a.h - n, a.w, n}
}

// toggleDetails shows the pane, or hides it.
func (u *UI) toggleDetails() {
	if u.pane.h > 0 {
		u.details = detailsOff
	} else {
		u.details = detailsOn
	}
}

// detail is what the pane shows, made once for each row and scene.
type detail struct {
	scene    *scene
	page     page
	id       identity
	about    *subject
	tops     []top
	verdicts []verdict
}

// detailed is the detail of the selected row; about is nil where there is none.
func (u *UI) detailed() *detail {
	p := u.page()
	l := p.base()
	if len(l.order) == 0 || u.scene == nil {
		u.detail = detail{}
		return &u.detail
	}
	if d := &u.detail; d.scene == u.scene && d.page == p && d.id == l.selected {
		return d
	}
	u.detail = detail{scene: u.scene, page: p, id: l.selected, about: p.about(l.sel)}
	if about := u.detail.about; about != nil {
		if about.tops != nil {
			u.detail.tops = about.tops()
		}
		u.detail.verdicts = u.rules.judge(u.shown, about.names)
	}
	return &u.detail
}

// block is a part of the details: a heading and lines.
type block struct {
	heading string
	lines   [][]piece
}

// drawDetails draws the pane.
func (u *UI) drawDetails(c canvas, a area) {
	u.pane = a
	if a.h < 3 {
		return
	}
	d := u.detailed()
	beside := a.x > 0
	if beside { // a line of its own keeps it apart from the table
		for y := range a.h {
			c.text(a.x, a.y+y, 1, "│", u.colors.dim)
		}
		a = area{a.x + 2, a.y, a.w - 3, a.h}
	}
	title := "nothing is selected"
	if d.about != nil {
		title = clean(d.about.title)
	}
	if !beside {
		c.fill(a.x, a.y-1, a.w, u.colors.title)
		a = area{a.x + 1, a.y, a.w - 2, a.h}
	}
	const most = 3 // lines
	lines := wrap(title, a.w)
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = cutEnd(lines[most-1], a.w-2) + " " + ellipsis
	}
	for i, line := range lines {
		c.text(a.x, a.y+i, a.w, line, u.colors.bold)
	}
	a = area{a.x, a.y + len(lines), a.w, a.h - len(lines)}
	if beside {
		u.detailsBeside(c, a, d)
	} else {
		u.detailsBelow(c, a, d)
	}
}

// detailsBelow draws the chart at the left and the rest in one or two columns
// beside it.
func (u *UI) detailsBelow(c canvas, a area, d *detail) {
	if d.about == nil {
		return
	}
	const gap = 3
	p := u.page()
	chartWidth := 0
	if u.charted() {
		chartWidth = min(max(a.w/3, 24), 90)
		u.drawChart(c, area{a.x, a.y, chartWidth, a.h})
		chartWidth += gap
	}
	rest := area{a.x + chartWidth, a.y, a.w - chartWidth, a.h}
	half := (rest.w - gap) / 2
	if half >= 34 && len(p.metrics(p.base().sel)) == 0 && (d.about.tops != nil || len(d.verdicts) > 0) {
		u.drawBlocks(c, area{rest.x, rest.y, half, rest.h}, u.usageBlock(d), u.resourceBlock(), u.factBlock(d, half))
		u.drawBlocks(c, area{rest.x + half + gap, rest.y, rest.w - half - gap, rest.h}, u.ruleBlock(d, half), u.topBlock(d, half))
		return
	}
	if u.drawSeries(c, rest, half, d) {
		return
	}
	u.drawBlocks(c, rest, u.usageBlock(d), u.resourceBlock(), u.factBlock(d, rest.w), u.metricBlock(rest.w), u.ruleBlock(d, rest.w), u.topBlock(d, rest.w))
}

// detailsBeside draws everything one below the other.
func (u *UI) detailsBeside(c canvas, a area, d *detail) {
	if d.about == nil {
		return
	}
	y := a.y + 1
	if u.charted() {
		h := min(max(a.h/3, 6), 14)
		u.drawChart(c, area{a.x, y, a.w, h})
		y += h + 1
	}
	u.drawBlocks(c, area{a.x, y, a.w, a.y + a.h - y}, u.usageBlock(d), u.resourceBlock(), u.factBlock(d, a.w), u.ruleBlock(d, a.w), u.metricBlock(a.w), u.topBlock(d, a.w))
}

// drawBlocks draws blocks one below the other, as far as there is room.
func (u *UI) drawBlocks(c canvas, a area, blocks ...block) {
	y := a.y
	line := func(pieces []piece) {
		if y < a.y+a.h {
			c.line(a.x, y, a.w, pieces)
		}
		y++
	}
	for _, b := range blocks {
		if len(b.lines) == 0 {
			continue
		}
		if y > a.y && (a.h > 14 || b.heading != "") {
			if a.h > 12 {
				y++
			}
		}
		if b.heading != "" {
			line([]piece{{b.heading, u.colors.heading}})
		}
		for _, l := range b.lines {
			line(l)
		}
	}
}

// charted reports whether the selected row has anything to draw.
func (u *UI) charted() bool {
	_, ok := u.page().plot(u.page().base().sel)
	return ok
}

// drawChart draws the rates of the selected row.
func (u *UI) drawChart(c canvas, a area) {
	p := u.page()
	const least = 180 // seconds that it shows
	every := max(time.Second, u.opts.Interval.Round(time.Second), time.Duration((least+2*a.w-1)/(2*a.w))*time.Second)
	n := min(2*a.w, int(traceSpan/every.Seconds()))
	rates, known := p.series(p.base().sel, n, every.Seconds())
	plot, _ := p.plot(p.base().sel)
	look := chartLook{plot: plot, rx: u.colors.rx, tx: u.colors.tx, label: u.colors.dim, units: u.units, interval: every, ascii: u.plain}
	for i, line := range chart(rates[len(rates)-known:], a.w, a.h, look) {
		c.line(a.x, a.y+i, a.w, line)
	}
}

const factLabel = 12 // cells of the labels of the details

// usageBlock is what the row used since the start, today and this month.
func (u *UI) usageBlock(d *detail) block {
	usage := u.selectedUsage()
	if usage == nil {
		return block{}
	}
	amounts := func(label string, rx, tx uint64) []piece {
		return []piece{{padRight(label, factLabel+1), u.colors.dim},
			{alignRight(u.units.size(rx), sizeWidth), u.colors.plain},
			{alignRight(u.units.size(tx), sizeWidth+2), u.colors.plain}}
	}
	up, down := "rx", "tx"
	if u.page().base().of == ofDisks {
		up, down = "read", "written"
	}
	since := "since start"
	if at := u.memory.since(u.page().base().of); !at.IsZero() {
		since = at.In(u.opts.Location).Format("since 15:04")
	}
	b := block{lines: [][]piece{
		{{padRight("", factLabel+1) + alignRight(up, sizeWidth) + alignRight(down, sizeWidth+2), u.colors.dim}},
		amounts(since, usage.RxBytes, usage.TxBytes),
	}}
	if d.about.series.By == "" {
		return b
	}
	past := u.past.of(d.about.series)
	switch {
	case u.opts.History == nil:
		b.lines = append(b.lines, []piece{{padRight("today", factLabel+1), u.colors.dim}, {"no history is kept", u.colors.dim}})
	case past.err != nil:
		b.lines = append(b.lines, []piece{{padRight("history", factLabel+1), u.colors.dim}, {clean(past.err.Error()), u.colors.alarm}})
	case !past.known:
		b.lines = append(b.lines, []piece{{padRight("today", factLabel+1), u.colors.dim}, {"asking…", u.colors.dim}},
			[]piece{{padRight("this month", factLabel+1), u.colors.dim}})
	default:
		b.lines = append(b.lines, amounts("today", past.day.rx, past.day.tx), amounts("this month", past.month.rx, past.month.tx))
	}
	return b
}

// selectedUsage is the figures of the selected row as they are shown.
func (u *UI) selectedUsage() *traffic.Usage {
	p := u.page()
	if len(p.base().order) == 0 {
		return nil
	}
	return p.usage(p.base().sel)
}

// factBlock is what is known of the row beside its figures.
func (u *UI) factBlock(d *detail, w int) block {
	var b block
	for _, f := range d.about.facts {
		label := padRight(f.label, factLabel+1)
		text := clean(f.text)
		if !f.long {
			b.lines = append(b.lines, []piece{{label, u.colors.dim}, {cutEnd(text, w-factLabel-1), u.colors.plain}})
			continue
		}
		for _, line := range wrap(text, max(w-factLabel-1, 8)) {
			b.lines = append(b.lines, []piece{{label, u.colors.dim}, {line, u.colors.plain}})
			label = padRight("", factLabel+1)
		}
	}
	return b
}

// ruleBlock is what was agreed for the row, and whether it is kept.
func (u *UI) ruleBlock(d *detail, w int) block {
	b := block{heading: "rules"}
	states := 0 // their width
	for _, v := range d.verdicts {
		states = max(states, width(v.text(u.shown.At)))
	}
	for _, v := range d.verdicts {
		style := u.colors.plain
		switch v.state {
		case alertFiring:
			style = u.colors.alarm
		case alertPending:
			style = u.colors.warn
		}
		state := padRight(v.text(u.shown.At), min(states, w/2))
		room := max(w-1-width(state)-2, 8)
		name, text := clean(v.rule.Name), clean(v.rule.Text)
		line := []piece{{" ", u.colors.plain}, {state, style}, {"  " + cutEnd(name, room), u.colors.plain}}
		if width(name)+2+width(text) <= room {
			b.lines = append(b.lines, append(line, piece{": " + text, u.colors.plain}))
			continue
		}
		b.lines = append(b.lines, line)
		for _, more := range wrap(text, max(w-3, 8)) {
			b.lines = append(b.lines, []piece{{"   " + more, u.colors.dim}})
		}
	}
	return b
}

// topBlock is whom the row exchanges most with.
func (u *UI) topBlock(d *detail, w int) block {
	if d.about.tops == nil {
		return block{}
	}
	b := block{heading: d.about.topsTitle}
	if len(d.tops) == 0 {
		text := ""
		switch {
		case len(u.shown.Hosts) > 0: // which do not publish connections
			return block{}
		case !u.wanted:
			text = "too many connections to list them here"
		case !u.memory.rolls[ofConnections].listed:
			text = "with the next measurement…"
		default:
			return block{}
		}
		b.lines = append(b.lines, []piece{{" " + text, u.colors.dim}})
		return b
	}
	const most = 12
	figures := 1 + 2*(u.units.rateWidth()+1)
	both := w-figures >= 24 // else the sum
	if !both {
		figures -= u.units.rateWidth() + 1
	}
	for i, t := range d.tops {
		if i == most {
			break
		}
		name := clean(t.name)
		if t.addr.IsValid() {
			name = u.hostName(t.addr, w-figures)
		}
		name = cutMiddle(name, max(w-figures, 8))
		line := []piece{{" " + padRight(name, max(w-figures, 8)), u.colors.plain}}
		if both {
			line = append(line, u.figure(u.units.rate(t.usage.RxRate)), u.figure(u.units.rate(t.usage.TxRate)))
		} else {
			line = append(line, u.figure(u.units.rate(totalRate(&t.usage))))
		}
		b.lines = append(b.lines, line)
	}
	return b
}

// hostName is a host's name and address, or where both have no room its name.
func (u *UI) hostName(addr netip.Addr, w int) string {
	name := u.nameOf(addr)
	if both := hostText(addr, name); name == "" || width(both) <= w {
		return both
	}
	return name
}

// figure is a rate in its width.
func (u *UI) figure(text string) piece {
	style := u.colors.plain
	if text == none {
		style = u.colors.dim
	}
	return piece{" " + alignRight(text, u.units.rateWidth()), style}
}

// padRight fills s up to w cells; what is wider is cut.
func padRight(s string, w int) string {
	s = cutEnd(s, w)
	return s + strings.Repeat(" ", max(w-width(s), 0))
}
