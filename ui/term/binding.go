package term

import (
	"strings"

	"github.com/gdamore/tcell/v2"
)

// binding is one entry of the only list of keys: it is what a key does, what
// the hint line says and what the help says.
type binding struct {
	mode  mode
	keys  []stroke
	label string // the keys as written on the screen
	hint  string // in the hint line; "" to be left out of it
	help  string
	do    func(u *UI)
	// useful reports whether the key does something now; the hint line leaves
	// it out when not. nil is always.
	useful func(u *UI) bool
}

// stroke is one key: a rune, or a key without one.
type stroke struct {
	key tcell.Key
	r   rune
}

func runes(s string) []stroke {
	var out []stroke
	for _, r := range s {
		out = append(out, stroke{tcell.KeyRune, r})
	}
	return out
}

func keys(ks ...tcell.Key) []stroke {
	var out []stroke
	for _, k := range ks {
		out = append(out, stroke{key: k})
	}
	return out
}

// newBindings lists all keys, in the order of the help and the hint line. A
// narrow hint line loses the later ones first.
func newBindings(views []*view) []binding {
	all := tableBindings()
	for i := range views {
		all = append(all, binding{keys: runes(viewKey(i)), do: func(u *UI) { u.switchTo(i) }})
	}
	return append(append(all, filterBindings()...), helpBindings()...)
}

func tableBindings() []binding {
	inside := func(u *UI) bool { return len(u.views[u.current].stack) > 1 || u.page().base().filter != "" }
	opens := func(u *UI) bool { return u.opens() }
	return []binding{
		{keys: keys(tcell.KeyEnter), label: "Enter", hint: "open", useful: opens,
			help: "open the selected row: app, its commands, their connections",
			do:   (*UI).descend},
		{keys: keys(tcell.KeyEscape, tcell.KeyBackspace, tcell.KeyBackspace2), label: "Esc", hint: "back", useful: inside,
			help: "clear the filter, then go back; Backspace too",
			do:   (*UI).back},
		{keys: keys(tcell.KeyTab), label: "Tab", hint: "view",
			help: "next view; Shift-Tab the one before; or its number",
			do:   func(u *UI) { u.cycle(1) }},
		{keys: keys(tcell.KeyBacktab), do: func(u *UI) { u.cycle(-1) }},
		{keys: runes("/"), label: "/", hint: "filter",
			help: "filter while you type: rows that have every word anywhere",
			do:   (*UI).startFilter},
		{keys: append(runes("<,"), keys(tcell.KeyLeft)...), label: "< >", hint: "sort",
			help: "sort by the column to the left, to the right; ← → too; or click its title",
			do:   func(u *UI) { u.sortNext(-1) }},
		{keys: append(runes(">."), keys(tcell.KeyRight)...), do: func(u *UI) { u.sortNext(1) }},
		{keys: runes("u"), label: "u", hint: "units",
			help: "rates in bytes (KiB/s, of 1024) or in bits (kbit/s, of 1000)",
			do:   func(u *UI) { u.units = u.units.next() }},
		{keys: runes("t"), label: "t", hint: "totals",
			help: "rates and totals, only rates, only totals",
			do: func(u *UI) {
				u.amounts = (u.amounts + 1) % amountsShown(len(amountNames))
				u.enter()
			}},
		{keys: runes("w"), label: "w", hint: "window",
			help: "rates of the last second, averaged over 10 s, over a minute",
			do:   (*UI).nextWindow},
		{keys: runes("i"), label: "i", hint: "idle",
			help: "hide rows without any traffic, show them",
			do: func(u *UI) {
				u.hideIdle = !u.hideIdle
				u.enter()
			}},
		{keys: runes("z"), label: "z", hint: "zero",
			help: "count totals from now on; again: since the start",
			do:   (*UI).toggleMark},
		{keys: runes("f"), label: "f", hint: "freeze",
			help: "keep the rows in their places while their figures change",
			do:   (*UI).toggleFreeze},
		{keys: runes("d "), label: "d", hint: "details",
			help: "show what is known of the selected row, hide it; Space too",
			do:   (*UI).toggleDetails},
		{keys: runes("g"), label: "g", hint: "group",
			help: "sum the first view by app, command, user, container, unit or remote host",
			do:   func(u *UI) { u.regroup((u.group + 1) % grouping(len(groupings))) }},
		{keys: runes("p"), label: "p", hint: "pause",
			help: "hold the figures still; counting goes on",
			do:   (*UI).togglePause},
		{keys: runes("r"), label: "r", hint: "reverse",
			help: "turn the order round",
			do:   func(u *UI) { u.sortBy(u.page().base().sorting.col) }},
		{keys: keys(tcell.KeyUp, tcell.KeyCtrlP), label: "↑ ↓",
			help: "select a row. The selection stays with its row",
			do:   func(u *UI) { u.move(-1) }},
		{keys: keys(tcell.KeyDown, tcell.KeyCtrlN), do: func(u *UI) { u.move(1) }},
		{keys: keys(tcell.KeyPgUp, tcell.KeyCtrlB), label: "PgUp PgDn",
			help: "a screenful up, down",
			do:   func(u *UI) { u.move(-u.screenful()) }},
		{keys: keys(tcell.KeyPgDn, tcell.KeyCtrlF), do: func(u *UI) { u.move(u.screenful()) }},
		{keys: keys(tcell.KeyHome), label: "Home End",
			help: "first row, last row",
			do:   func(u *UI) { u.goTo(0) }},
		{keys: append(runes("G"), keys(tcell.KeyEnd)...), do: func(u *UI) { u.goTo(len(u.page().base().order) - 1) }},
		{label: "Mouse",
			help: "click selects, twice opens, on a title sorts; the wheel scrolls; Shift-drag marks text in most terminals"},
		{keys: keys(tcell.KeyCtrlL), label: "Ctrl-L",
			help: "draw the screen anew",
			do:   func(u *UI) { u.sync = true }},
		{keys: keys(tcell.KeyCtrlZ), label: "Ctrl-Z",
			help: "back to the shell until \"fg\"; what ends meanwhile may be lost",
			do:   (*UI).rest},
		{keys: append(runes("?h"), keys(tcell.KeyF1)...), label: "?", hint: "help",
			help: "this page",
			do:   func(u *UI) { u.mode, u.help.top = modeHelp, 0 }},
		{keys: append(runes("q"), keys(tcell.KeyCtrlC)...), label: "q", hint: "quit",
			help: "quit; Ctrl-C too",
			do:   func(u *UI) { u.quit = true }},
	}
}

func filterBindings() []binding {
	bs := []binding{
		{keys: keys(tcell.KeyEnter, tcell.KeyTab), label: "Enter",
			help: "keep the filter",
			do:   func(u *UI) { u.mode = modeTable }},
		{keys: keys(tcell.KeyEscape), label: "Esc",
			help: "clear the filter",
			do: func(u *UI) {
				u.refilter("")
				u.mode = modeTable
			}},
		{keys: keys(tcell.KeyUp), do: func(u *UI) { u.move(-1) }},
		{keys: keys(tcell.KeyDown), do: func(u *UI) { u.move(1) }},
		{keys: keys(tcell.KeyPgUp), do: func(u *UI) { u.move(-u.screenful()) }},
		{keys: keys(tcell.KeyPgDn), do: func(u *UI) { u.move(u.screenful()) }},
		{keys: keys(tcell.KeyCtrlZ), do: (*UI).rest},
		{keys: keys(tcell.KeyCtrlC), do: func(u *UI) { u.quit = true }},
	}
	for i := range bs {
		bs[i].mode = modeFilter
	}
	return bs
}

func helpBindings() []binding {
	bs := []binding{
		{keys: append(runes("?hq"), keys(tcell.KeyEscape, tcell.KeyEnter, tcell.KeyF1)...), label: "Esc", hint: "close the help",
			do: func(u *UI) { u.mode = modeTable }},
		{keys: append(runes("k"), keys(tcell.KeyUp)...), label: "↑ ↓", hint: "scroll",
			do:     func(u *UI) { u.help.top-- },
			useful: func(u *UI) bool { return u.help.scrolls }},
		{keys: append(runes("j"), keys(tcell.KeyDown)...), do: func(u *UI) { u.help.top++ }},
		{keys: keys(tcell.KeyPgUp), do: func(u *UI) { u.help.top -= u.help.height }},
		{keys: append(runes(" "), keys(tcell.KeyPgDn)...), do: func(u *UI) { u.help.top += u.help.height }},
		{keys: keys(tcell.KeyCtrlZ), do: (*UI).rest},
		{keys: keys(tcell.KeyCtrlC), do: func(u *UI) { u.quit = true }},
	}
	for i := range bs {
		bs[i].mode = modeHelp
	}
	return bs
}

// key does what a key is bound to in the present mode; while the filter is
// typed all other keys are text.
func (u *UI) key(ev *tcell.EventKey) {
	if u.filter.paste {
		u.filter.collect(ev)
		return
	}
	pressed := stroke{key: ev.Key()}
	if pressed.key == tcell.KeyRune {
		pressed.r = ev.Rune()
	}
	for i := range u.bindings {
		b := &u.bindings[i]
		if b.mode != u.mode {
			continue
		}
		for _, k := range b.keys {
			if k == pressed {
				b.do(u)
				return
			}
		}
	}
	if u.mode == modeFilter {
		u.filter.key(ev)
		u.refilter(u.filter.text())
	}
}

// paste ends or begins a paste. Outside the filter pasted text is dropped.
func (u *UI) paste(ev *tcell.EventPaste) {
	u.filter.pasting(ev)
	if ev.End() && u.mode == modeFilter {
		u.filter.insert()
		u.refilter(u.filter.text())
	}
}

func (u *UI) startFilter() {
	u.filter.setText(u.page().base().filter)
	u.mode = modeFilter
}

// togglePause holds what is shown, or goes on with what came last.
func (u *UI) togglePause() {
	u.paused = !u.paused
	if !u.paused && u.newest != nil {
		u.show(u.newest)
	}
}

// rest asks the event loop to suspend.
func (u *UI) rest() { u.resting = true }

// screenful is how far PgUp and PgDn go: one row less than there are, so that
// the eye finds its place.
func (u *UI) screenful() int { return max(u.body.h-1, 1) }

// hints draws the keys that do something now, as many as there is room for;
// help and quit are kept to the end.
func (u *UI) hints(c canvas, y, w int) {
	var all []binding
	for _, b := range u.bindings {
		if b.mode == u.mode && b.hint != "" && (b.useful == nil || b.useful(u)) {
			all = append(all, b)
		}
	}
	const gap = 2
	need := func(bs []binding) int {
		n := 0
		for _, b := range bs {
			n += width(b.label) + 1 + width(b.hint) + gap
		}
		return n
	}
	const kept = 2 // help and quit, the last of the list
	for need(all) > w && len(all) > kept {
		all = append(all[:len(all)-kept-1], all[len(all)-kept:]...)
	}
	x := 1
	for _, b := range all {
		x += c.text(x, y, w-x, b.label, u.colors.key)
		x += c.text(x, y, w-x, " "+b.hint, u.colors.dim) + gap
	}
}

// keyHelp is the help's part on keys: label and text of every binding that has
// both.
func (u *UI) keyHelp(m mode) [][2]string {
	var out [][2]string
	for _, b := range u.bindings {
		if b.mode == m && b.label != "" && b.help != "" {
			out = append(out, [2]string{b.label, strings.TrimSpace(b.help)})
		}
	}
	return out
}
