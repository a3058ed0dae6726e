package term

import (
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
	flag := func(text string) {
		right = append(right, piece{" " + text + " ", u.colors.flag}, piece{"  ", u.colors.plain})
	}
	if u.paused {
		flag("PAUSED")
	}
	switch {
	case u.gone:
		flag("ENGINE STOPPED")
	case u.link.Lost:
		flag("CONNECTION LOST")
	case u.late > 0 && u.shown != nil:
		flag("NO NEWS FOR " + span(u.late))
	}
	room := w - 2 - widthOf(right)
	if s := u.shown; s != nil {
		host := piece{"  " + clean(s.Host), u.colors.bold}
		clock := piece{s.At.In(u.opts.Location).Format("15:04:05"), u.colors.plain}
		since := piece{"counting for " + span(time.Duration(s.Elapsed*float64(time.Second))) + "  ", u.colors.dim}
		room -= width(clock.text)
		// The host's name comes before what this is attached to, and that before
		// how long it has been counted.
		host.text = cutMiddle(host.text, room-widthOf(left)-2)
		left = append(left, host)
		if free := room - widthOf(left) - 2; u.opts.Attached != "" && free > 20 {
			left = append(left, piece{cutEnd("  attached to "+clean(u.opts.Attached), free), u.colors.dim})
		}
		if widthOf(left)+2+width(since.text) <= room {
			right = append(right, since)
			room -= width(since.text)
		}
		right = append(right, clock)
	}
	c.line(1, y, room, left)
	c.line(1+room, y, w-2-room, right)
}

const betweenInterfaces = "   "

// interfaceLine is the rates of as many interfaces as there is room for, those
// of the balance first, and where the speed of a link is known how much of it is
// used. They keep their places while their rates change.
func (u *UI) interfaceLine(s *traffic.Snapshot, w int) []piece {
	list := headedInterfaces(s)
	if len(list) == 0 && isFleet(s) {
		return u.fleetLine(s)
	}
	if len(list) == 0 {
		return []piece{{"no interface has been read", u.colors.dim}}
	}
	shown, cells := u.fitInterfaces(list, w)
	var line []piece
	for i, it := range list[:shown] {
		if i > 0 {
			line = append(line, piece{betweenInterfaces, u.colors.plain})
		}
		line = append(line, u.interfaceSlot(it, cells)...)
	}
	if more := len(list) - shown; more > 0 {
		left := " +" + strconv.Itoa(more)
		if widthOf(line)+len(left)+len(" more") <= w {
			left += " more"
		}
		line = append(line, piece{left, u.colors.dim})
	}
	return line
}

// headedInterfaces are those that the header may show, in its order.
func headedInterfaces(s *traffic.Snapshot) []*traffic.Interface {
	var list []*traffic.Interface
	for _, balanced := range [...]bool{true, false} {
		for i := range s.Interfaces {
			it := &s.Interfaces[i]
			if it.Balanced == balanced && (balanced || it.RxBytes+it.TxBytes > 0) {
				list = append(list, it)
			}
		}
	}
	return list
}

// fitInterfaces says how many of the interfaces have room in w cells, and how
// wide their meters are then.
func (u *UI) fitInterfaces(list []*traffic.Interface, w int) (shown, cells int) {
	const widest = 16 // cells that a meter may have more than it needs
	cells = u.meterWidth()
	used, meters := 0, 0
	for i, it := range list {
		n := widthOf(u.interfaceSlot(it, cells))
		room := w - used
		if i > 0 {
			n += len(betweenInterfaces)
		}
		if i < len(list)-1 {
			room -= len(" +999")
		}
		if n > room && i > 0 {
			break
		}
		used, shown = used+n, shown+1
		if it.SpeedBits > 0 {
			meters += 2
		}
	}
	spare := w - used
	if shown < len(list) {
		spare -= len(" +999 more")
	}
	if meters > 0 {
		cells += min(max(spare/meters, 0), widest)
	}
	return shown, cells
}

// meterWidth is the least that an interface's meter takes in the units chosen.
func (u *UI) meterWidth() int { return len("[rx ] 100 %") + u.units.rateWidth() }

// interfaceSlot is one interface, with two meters of some cells where its speed
// is known.
func (u *UI) interfaceSlot(it *traffic.Interface, cells int) []piece {
	const longest = 15 // IFNAMSIZ less its zero, linux/if.h
	line := []piece{{cutMiddle(clean(it.Name), longest), u.colors.bold}}
	rx, tx := it.RxRate, it.TxRate
	if i := u.interfaceSeat(it); i >= 0 && u.window > windows[0] {
		shown := u.memory.usage(i, it.Usage, u.window)
		rx, tx = shown.RxRate, shown.TxRate
	}
	for _, way := range [...]struct {
		name string
		rate float64
	}{{"rx", rx}, {"tx", tx}} {
		text := alignRight(u.units.rate(way.rate), u.units.rateWidth())
		if it.SpeedBits == 0 {
			style := u.colors.plain
			if strings.TrimSpace(text) == none {
				style = u.colors.dim
			}
			line = append(line, piece{" " + way.name + " ", u.colors.dim}, piece{text, style})
			continue
		}
		used := way.rate * 8 / float64(it.SpeedBits)
		look := meterLook{bar: u.colors.meter, text: u.colors.plain, ascii: u.plain}
		line = append(append(line, piece{" ", u.colors.plain}), meter(used, cells, way.name+" "+text, look)...)
	}
	return line
}

// interfaceSeat is what is remembered of an interface of the shown snapshot.
func (u *UI) interfaceSeat(it *traffic.Interface) int32 {
	for i := range u.shown.Interfaces {
		if &u.shown.Interfaces[i] == it {
			return u.memory.seatOf(ofInterfaces, i)
		}
	}
	return -1
}
