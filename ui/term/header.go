package term

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// header draws the lines above the tabs from y on and returns the line below
// them: who and when; the interfaces; the monitors and the balance; and what
// is wrong, when something is.
func (u *UI) header(c canvas, y, w, h int) int {
	u.titleLine(c, y, w)
	y++
	if s := u.shown; s != nil {
		c.line(1, y, w-2, u.interfaceLine(s, w-2))
		y++
		u.healthLine(c, y, w, s)
		y++
	}
	lines := 1
	if h >= 20 {
		lines = 3
	}
	for _, text := range u.trouble(w-4, lines) {
		mark := "! "
		if strings.HasPrefix(text, " ") { // goes on from the line above
			mark, text = "  ", text[1:]
		}
		c.text(1, y, w-2, mark+text, u.colors.alarm)
		y++
	}
	return y
}

func (u *UI) titleLine(c canvas, y, w int) {
	left := []piece{{"bwmon", u.colors.bold}}
	if u.opts.Version != "" {
		left = append(left, piece{" " + clean(u.opts.Version), u.colors.dim})
	}
	var right []piece
	if u.paused {
		right = append(right, piece{" PAUSED ", u.colors.flag}, piece{"  ", u.colors.plain})
	}
	if u.gone {
		right = append(right, piece{" ENGINE STOPPED ", u.colors.flag}, piece{"  ", u.colors.plain})
	}
	if u.late > 0 && u.shown != nil {
		right = append(right, piece{" NO NEWS FOR " + span(u.late) + " ", u.colors.flag}, piece{"  ", u.colors.plain})
	}
	room := w - 2 - widthOf(right)
	if s := u.shown; s != nil {
		host := piece{"  " + clean(s.Host), u.colors.bold}
		clock := piece{s.At.In(u.opts.Location).Format("15:04:05"), u.colors.plain}
		since := piece{"counting for " + span(time.Duration(s.Elapsed*float64(time.Second))) + "  ", u.colors.dim}
		room -= width(clock.text)
		// The host's name comes before how long it has been counted.
		if widthOf(left)+width(host.text)+2+width(since.text) <= room {
			right = append(right, since)
			room -= width(since.text)
		}
		right = append(right, clock)
		host.text = cutMiddle(host.text, room-widthOf(left)-2)
		left = append(left, host)
	}
	c.line(1, y, room, left)
	c.line(1+room, y, w-2-room, right)
}

// interfaceLine is the rates of as many interfaces as there is room for, those
// of the balance first. They keep their places while their rates change.
func (u *UI) interfaceLine(s *traffic.Snapshot, w int) []piece {
	var slots [][]piece
	for _, balanced := range [...]bool{true, false} {
		for i := range s.Interfaces {
			it := &s.Interfaces[i]
			if it.Balanced == balanced && (balanced || it.RxBytes+it.TxBytes > 0) {
				slots = append(slots, u.interfaceSlot(it))
			}
		}
	}
	if len(slots) == 0 {
		return []piece{{"no interface has been read", u.colors.dim}}
	}
	const between = "   "
	line, used := slots[0], widthOf(slots[0])
	for i, slot := range slots[1:] {
		room := w - used
		if i+2 < len(slots) {
			room -= len(" +999")
		}
		if len(between)+widthOf(slot) > room {
			left := " +" + strconv.Itoa(len(slots)-1-i)
			if more := left + " more"; used+len(more) <= w {
				left = more
			}
			return append(line, piece{left, u.colors.dim})
		}
		line = append(append(line, piece{between, u.colors.plain}), slot...)
		used += len(between) + widthOf(slot)
	}
	return line
}

func (u *UI) interfaceSlot(it *traffic.Interface) []piece {
	const longest = 15 // IFNAMSIZ less its zero, linux/if.h
	figure := func(rate float64) piece {
		text, style := u.units.rate(rate), u.colors.plain
		if text == none {
			style = u.colors.dim
		}
		return piece{alignRight(text, u.units.rateWidth()), style}
	}
	return []piece{
		{cutMiddle(clean(it.Name), longest), u.colors.bold},
		{" rx ", u.colors.dim}, figure(it.RxRate),
		{" tx ", u.colors.dim}, figure(it.TxRate),
	}
}

// healthLine names the monitors with their states at the left and says at the
// right how much of what the interfaces carried is accounted for.
func (u *UI) healthLine(c canvas, y, w int, s *traffic.Snapshot) {
	room := w - 2
	monitors := u.monitorPieces(s)
	balances := [][]piece{u.balanceLong(s), u.balanceShort(s)}
	for _, m := range monitors {
		for _, b := range balances {
			if widthOf(m)+2+widthOf(b) <= room {
				c.line(1, y, room, m)
				c.line(1+room-widthOf(b), y, widthOf(b), b)
				return
			}
		}
	}
	b := balances[1]
	c.line(1, y, room-widthOf(b)-2, monitors[len(monitors)-1])
	c.line(1+room-widthOf(b), y, widthOf(b), b)
}

// monitorPieces is the monitors' health, in full and ever shorter.
func (u *UI) monitorPieces(s *traffic.Snapshot) [][]piece {
	if len(s.Monitors) == 0 {
		return [][]piece{{{"no monitors", u.colors.alarm}}}
	}
	var full, wrong []piece
	var names []string
	running, lost := 0, uint64(0)
	for i, m := range s.Monitors {
		if i > 0 {
			full = append(full, piece{" · ", u.colors.dim})
		}
		p := piece{clean(m.Name) + " " + clean(m.State), u.colors.plain}
		names = append(names, clean(m.Name))
		lost += m.Lost
		if m.Lost > 0 {
			p.text += ", lost " + count(m.Lost)
			p.style = u.colors.alarm
		}
		switch m.State {
		case traffic.StateRunning:
			running++
		case traffic.StateFailed, traffic.StateStopped:
			p.style = u.colors.alarm
		}
		full = append(full, p)
		if m.State != traffic.StateRunning || m.Lost > 0 {
			wrong = append(wrong, piece{" · ", u.colors.dim}, p)
		}
	}
	share := strconv.Itoa(running)
	if running < len(s.Monitors) || running == 1 {
		share += " of " + strconv.Itoa(len(s.Monitors))
	}
	short := []piece{{share + " monitors run", u.colors.plain}}
	if len(wrong) == 0 {
		named := []piece{{strings.Join(names, ", ") + " " + traffic.StateRunning, u.colors.plain}}
		return [][]piece{full, named, short}
	}
	out := [][]piece{full, append(slices.Clone(short), wrong...), wrong[1:]}
	if running < len(s.Monitors) {
		return append(out, short, []piece{{share + " run", u.colors.plain}})
	}
	return append(out, []piece{{strconv.Itoa(running) + " run, lost " + count(lost), u.colors.alarm}})
}

// balanceShort is the unattributed and the unexplained share of the bytes the
// interfaces carried, both ways together. Errors of opposite sign in rx and tx
// do not cancel out.
func (u *UI) balanceShort(s *traffic.Snapshot) []piece {
	b := &s.Balance
	whole := float64(b.InterfaceRx) + float64(b.InterfaceTx)
	residual := math.Abs(float64(b.ResidualRx)) + math.Abs(float64(b.ResidualTx))
	share := func(part float64) piece {
		return piece{alignRight(percent(part, whole), percentWidth), u.colors.plain}
	}
	return []piece{
		{"unattributed ", u.colors.dim}, share(float64(b.UnattributedRx) + float64(b.UnattributedTx)),
		{"  residual ", u.colors.dim}, share(residual),
	}
}

// balanceLong is the same with the amounts and their directions, each in a
// fixed width so that nothing beside it moves.
func (u *UI) balanceLong(s *traffic.Snapshot) []piece {
	b := &s.Balance
	signed := func(n int64) string {
		text := strings.TrimSpace(unitsIEC.size(uint64(n)))
		if n < 0 {
			text = "-" + strings.TrimSpace(unitsIEC.size(uint64(-n)))
		}
		return alignRight(text, 1+sizeWidth)
	}
	short := u.balanceShort(s)
	amount := func(rx, tx int64) piece {
		return piece{" (rx " + signed(rx) + ", tx " + signed(tx) + ")", u.colors.dim}
	}
	return []piece{
		short[0], short[1], amount(int64(b.UnattributedRx), int64(b.UnattributedTx)),
		short[2], short[3], amount(b.ResidualRx, b.ResidualTx),
	}
}

// complaint is what is wrong with a monitor, and the cure as far as the
// monitor knows it.
func complaint(m traffic.MonitorStatus) string {
	text := clean(m.Name) + " " + clean(m.State)
	if m.Detail != "" {
		text += ": " + clean(m.Detail)
	}
	return text
}

// trouble says in at most so many lines what is wrong. A line that goes on
// from the one above begins with a space.
func (u *UI) trouble(w, lines int) []string {
	var out []string
	if u.gone {
		out = append(out, "the engine has stopped: these are its last figures")
	}
	if u.shown == nil {
		return out
	}
	if u.late > 0 {
		last := u.newest.At.In(u.opts.Location).Format("15:04:05")
		text := "no figures since " + last + ": the engine is stuck, or the machine too busy for it; if it lasts, quit and start anew"
		out = append(out, indent(wrap(text, w))...)
	}
	if l := u.page().base(); len(l.order) == 0 && l.filter == "" && l.why == "" {
		return out // the empty table says it, with more room
	}
	for _, m := range unhealthy(u.shown) {
		out = append(out, indent(wrap(complaint(m), w))...)
	}
	if len(out) > lines {
		out = out[:lines]
		out[lines-1] = cutEnd(out[lines-1], w-2) + " " + ellipsis
	}
	return out
}

// indent marks the lines that go on from the one above.
func indent(lines []string) []string {
	for i := 1; i < len(lines); i++ {
		lines[i] = " " + lines[i]
	}
	return lines
}
