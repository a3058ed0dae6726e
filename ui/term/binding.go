package term

import (
	"strconv"
	"time"
)

// binding is one entry of the only list of keys and commands: it is what a key
// does, what the line of keys, the help and the manual say, and the command of
// that name on the command line.
type binding struct {
	mode    mode
	name    string   // of the command, and in the configuration; "" in modes of their own
	keys    []string // unless the configuration says otherwise
	always  []string // whatever the configuration says
	strokes []keyPress
	section section
	early   bool   // in the line of keys before all others
	hint    string // in the line of keys; "" to be left out of it
	help    string
	do      func(u *UI)
	// useful reports whether the key does something now; the line of keys leaves
	// it out when not. nil is always.
	useful func(u *UI) bool

	args     string // what the command takes, for people; "" for nothing
	run      func(u *UI, args string) error
	complete func(u *UI, words []string) []string
}

// section is a part of the help.
type section uint8

const (
	sectionMove section = iota
	sectionSee
	sectionDo
	sectionProgram
)

var sections = [...]string{
	sectionMove:    "Moving",
	sectionSee:     "Seeing",
	sectionDo:      "Doing",
	sectionProgram: "bwmon",
}

// newBindings lists all keys, in the order of the help and the line of keys. A
// narrow line loses the later ones first.
func newBindings(views []*view) []binding {
	all := moveBindings()
	for i, v := range views {
		all = append(all, binding{name: "view-" + v.name, keys: []string{viewKey(i)}, section: sectionMove,
			help: "the view " + v.title, do: func(u *UI) { u.switchTo(i) }})
	}
	all = append(all, seeBindings()...)
	all = append(all, doBindings()...)
	all = append(all, programBindings()...)
	all = append(all, promptBindings()...)
	all = append(all, chooseBindings()...)
	return append(all, helpBindings()...)
}

func moveBindings() []binding {
	inside := func(u *UI) bool { return len(u.views[u.current].stack) > 1 || u.page().base().filter != "" }
	list := []binding{
		{name: "open", keys: []string{"enter"}, hint: "open", useful: (*UI).opens,
			help: "open the selected row: an app's commands, their connections; of an alert, what it is about",
			do:   (*UI).descend},
		{name: "back", keys: []string{"esc", "backspace"}, hint: "back", useful: inside,
			help: "clear the filter, then go back",
			do:   (*UI).back},
		{name: "next-view", keys: []string{"tab"}, hint: "view",
			help: "next view",
			do:   func(u *UI) { u.cycle(1) }},
		{name: "previous-view", keys: []string{"shift-tab"},
			help: "the view before",
			do:   func(u *UI) { u.cycle(-1) }},
		{name: "view", args: "NAME",
			help:     "show a view",
			run:      (*UI).runView,
			complete: func(u *UI, _ []string) []string { return u.viewNames() }},
		{name: "up", keys: []string{"up", "ctrl-p"},
			help: "select the row above; the selection stays with its row",
			do:   func(u *UI) { u.move(-1) }},
		{name: "down", keys: []string{"down", "ctrl-n"},
			help: "select the row below",
			do:   func(u *UI) { u.move(1) }},
		{name: "page-up", keys: []string{"pgup", "ctrl-b"},
			help: "a screenful up",
			do:   func(u *UI) { u.move(-u.screenful()) }},
		{name: "page-down", keys: []string{"pgdn", "ctrl-f"},
			help: "a screenful down",
			do:   func(u *UI) { u.move(u.screenful()) }},
		{name: "first", keys: []string{"home"},
			help: "first row",
			do:   func(u *UI) { u.goTo(0) }},
		{name: "last", keys: []string{"end", "G"},
			help: "last row",
			do:   func(u *UI) { u.goTo(len(u.page().base().order) - 1) }},
	}
	return inSection(sectionMove, list)
}

func seeBindings() []binding {
	list := []binding{
		{name: "filter", keys: []string{"/"}, hint: "filter", args: "FILTER",
			help: "show only rows that match, while you type",
			do:   (*UI).startFilter, run: func(u *UI, text string) error { return u.refilter(text) },
			complete: func(*UI, []string) []string { return nil }},
		{name: "sort-right", keys: []string{">", ".", "right"}, hint: "sort",
			help: "sort by the column to the right; or click its title",
			do:   func(u *UI) { u.sortNext(1) }},
		{name: "sort-left", keys: []string{"<", ",", "left"},
			help: "sort by the column to the left",
			do:   func(u *UI) { u.sortNext(-1) }},
		{name: "group", keys: []string{"g"}, hint: "group", args: "BY",
			useful:   func(u *UI) bool { return u.current == 0 },
			help:     "sum the first view by app, command, user, container, unit or remote host",
			do:       (*UI).chooseGroup,
			run:      (*UI).runGroup,
			complete: func(*UI, []string) []string { return groupingNames() }},
		{name: "details", keys: []string{"d", "space"}, hint: "details", args: "[on|off|auto]",
			help:     "show what is known of the selected row, or hide it",
			do:       (*UI).toggleDetails,
			run:      (*UI).runDetails,
			complete: func(*UI, []string) []string { return detailsNames[:] }},
		{name: "window", keys: []string{"w"}, hint: "window", args: "[1s|10s|1m]",
			useful:   (*UI).rated,
			help:     "rates of the last second, averaged over 10 s, over a minute",
			do:       (*UI).nextWindow,
			run:      (*UI).runWindow,
			complete: func(*UI, []string) []string { return windowNames() }},
		{name: "totals", keys: []string{"t"}, hint: "totals", args: "[both|rates|totals]",
			useful:   (*UI).rated,
			help:     "rates and totals, only rates, only totals",
			do:       func(u *UI) { u.showAmounts((u.amounts + 1) % amountsShown(len(amountNames))) },
			run:      (*UI).runAmounts,
			complete: func(*UI, []string) []string { return amountNames[:] }},
		{name: "units", keys: []string{"u"}, hint: "units", args: "[iec|si|bits]",
			help:     "amounts in KiB (of 1024), in kB (of 1000), rates in kbit/s",
			do:       func(u *UI) { u.useUnits(u.units.next()) },
			run:      (*UI).runUnits,
			complete: func(*UI, []string) []string { return unitNames[:] }},
		{name: "pause", keys: []string{"p"}, hint: "pause",
			help: "hold the figures still; counting goes on",
			do:   (*UI).togglePause},
		{name: "freeze", keys: []string{"f"}, hint: "freeze",
			help: "keep the rows in their places while their figures change",
			do:   (*UI).toggleFreeze},
		{name: "idle", keys: []string{"i"}, hint: "idle",
			useful: (*UI).rated,
			help:   "hide rows without any traffic, or show them",
			do: func(u *UI) {
				u.hideIdle = !u.hideIdle
				u.enter()
			}},
		{name: "zero", keys: []string{"z"}, hint: "zero",
			useful: (*UI).rated,
			help:   "count totals from now on; again: since the start",
			do:     (*UI).toggleMark},
		{name: "reverse", keys: []string{"r"},
			help: "turn the order round",
			do:   func(u *UI) { u.sortBy(u.page().base().sorting.col) }},
		{name: "sort", keys: []string{"s"}, args: "COLUMN [asc|desc]",
			help:     "sort by a column, also by one without room",
			do:       func(u *UI) { u.startCommand("sort ") },
			run:      (*UI).runSort,
			complete: (*UI).completeSort},
		{name: "columns", keys: []string{"c"}, args: "[+|-]COLUMN… | default",
			help:     "show these columns; with + and - some more, some fewer",
			do:       func(u *UI) { u.startCommand("columns ") },
			run:      (*UI).runColumns,
			complete: (*UI).completeColumns},
		{name: "machine", keys: []string{"m"}, hint: "machine", args: "[on|off]",
			useful:   (*UI).knowsMachine,
			help:     "show what apps and commands use of disks, CPU and memory, also those without any traffic; again: traffic only",
			do:       (*UI).toggleMachine,
			run:      (*UI).runMachine,
			complete: func(*UI, []string) []string { return onOff[:] }},
		{name: "names", keys: []string{"n"},
			help: "look up the names of addresses in the DNS, or not",
			do:   (*UI).toggleNames},
		{name: "reset",
			help: "see everything as the configuration has it, and forget what was remembered",
			do:   (*UI).reset},
		{name: "theme", args: "auto|dark|light|mono",
			help:     "other colours",
			run:      (*UI).runTheme,
			complete: func(*UI, []string) []string { return []string{"auto", "dark", "light", "mono"} }},
	}
	return inSection(sectionSee, list)
}

func programBindings() []binding {
	list := []binding{
		{name: "command", keys: []string{":"},
			help: "the command line: everything here by its name, and what has no key; Tab completes",
			do:   func(u *UI) { u.startCommand("") }},
		{name: "redraw", keys: []string{"ctrl-l"},
			help: "draw the screen anew",
			do:   func(u *UI) { u.sync = true }},
		{name: "suspend", keys: []string{"ctrl-z"},
			help: `back to the shell until "fg"; what ends meanwhile may be lost`,
			do:   (*UI).rest},
		{name: "help", keys: []string{"?", "h", "f1"}, hint: "help",
			help: "this page",
			do:   func(u *UI) { u.mode, u.help.top = modeHelp, 0 }},
		{name: "quit", keys: []string{"q"}, always: []string{"ctrl-c"}, hint: "quit",
			help: "quit",
			do:   func(u *UI) { u.quit = true }},
	}
	return inSection(sectionProgram, list)
}

func inSection(s section, list []binding) []binding {
	for i := range list {
		list[i].section = s
	}
	return list
}

// inModes gives each of the modes the bindings.
func inModes(list []binding, modes ...mode) []binding {
	var out []binding
	for _, m := range modes {
		for _, b := range list {
			b.mode = m
			out = append(out, b)
		}
	}
	return out
}

// promptBindings are the keys of the line that is typed; all others are text.
func promptBindings() []binding {
	both := []binding{
		{keys: []string{"tab"}, hint: "complete", do: func(u *UI) { u.completeTyped(1) }},
		{keys: []string{"shift-tab"}, do: func(u *UI) { u.completeTyped(-1) }},
		{keys: []string{"pgup"}, do: func(u *UI) { u.move(-u.screenful()) }},
		{keys: []string{"pgdn"}, do: func(u *UI) { u.move(u.screenful()) }},
		{keys: []string{"ctrl-z"}, do: (*UI).rest},
		{keys: []string{"ctrl-c"}, do: func(u *UI) { u.quit = true }},
	}
	filter := []binding{
		{keys: []string{"enter"}, hint: "keep it", do: (*UI).keepFilter},
		{keys: []string{"esc"}, hint: "clear it", do: (*UI).dropFilter},
		{keys: []string{"up"}, do: func(u *UI) { u.move(-1) }},
		{keys: []string{"down"}, do: func(u *UI) { u.move(1) }},
	}
	command := []binding{
		{keys: []string{"enter"}, hint: "do it", do: (*UI).enterCommand},
		{keys: []string{"esc"}, hint: "leave", do: func(u *UI) { u.mode = modeTable }},
		{keys: []string{"up"}, do: func(u *UI) {
			u.prompt.recalled(-1)
			u.commandTyped()
		}},
		{keys: []string{"down"}, do: func(u *UI) {
			u.prompt.recalled(1)
			u.commandTyped()
		}},
	}
	out := inModes(filter, modeFilter)
	out = append(out, inModes(command, modeCommand)...)
	return append(out, inModes(both, modeFilter, modeCommand)...)
}

// chooseBindings are the keys of a question beside its answers.
func chooseBindings() []binding {
	return inModes([]binding{
		{keys: []string{"enter"}, do: func(u *UI) {
			u.mode = modeTable
			if u.choice.standard != nil {
				u.choice.standard(u)
			}
		}},
		{keys: []string{"esc"}, do: func(u *UI) { u.mode = modeTable }},
		{keys: []string{"ctrl-z"}, do: (*UI).rest},
		{keys: []string{"ctrl-c"}, do: func(u *UI) { u.quit = true }},
	}, modeChoose)
}

func helpBindings() []binding {
	return inModes([]binding{
		{keys: []string{"esc", "?", "h", "q", "enter", "f1"}, hint: "close the help",
			do: func(u *UI) { u.mode = modeTable }},
		{keys: []string{"down"}, hint: "scroll", do: func(u *UI) { u.help.top++ },
			useful: func(u *UI) bool { return u.help.scrolls }},
		{keys: []string{"up"}, do: func(u *UI) { u.help.top-- }},
		{keys: []string{"pgup", "ctrl-b"}, do: func(u *UI) { u.help.top -= u.help.height }},
		{keys: []string{"pgdn", "ctrl-f", "space"}, do: func(u *UI) { u.help.top += u.help.height }},
		{keys: []string{"home"}, do: func(u *UI) { u.help.top = 0 }},
		{keys: []string{"end"}, do: func(u *UI) { u.help.top = 1 << 20 }},
		{keys: []string{"ctrl-z"}, do: (*UI).rest},
		{keys: []string{"ctrl-c"}, do: func(u *UI) { u.quit = true }},
	}, modeHelp)
}

func windowNames() []string {
	var names []string
	for _, w := range windows {
		names = append(names, windowName(w))
	}
	return names
}

// windowName writes a window as it is typed.
func windowName(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

func groupingNames() []string {
	var names []string
	for i := range groupings {
		names = append(names, groupings[i].name)
	}
	return names
}
