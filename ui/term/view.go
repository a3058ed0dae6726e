package term

import (
	"slices"

	"bwmon/traffic"
)

// view is one entry of the only list of views: a tab, a number key, and the
// pages opened from its first one.
type view struct {
	name  string // in commands and settings
	title string
	short string // where the terminal is narrow
	help  string
	stack []page // never empty; the last one is on screen
	// count is shown beside the title: what a user would not see was there.
	// nil is for none.
	count func(*traffic.Snapshot) int
	// fleet: there is something to show where the snapshot is of a fleet only; alone:
	// where it is of one host, since hosts do not publish it, or each has its own.
	fleet, alone bool
}

// newViews lists the views in the order of the tabs. The first is what
// grouping is about.
func newViews(k *kinds) []*view {
	return []*view{
		{name: "apps", help: "what each application used, by the rules of the configuration. Enter opens its commands; g sums by something else.",
			title: "Apps", short: "Apps", stack: []page{k.groupedPage(byApp)}},
		{name: "commands", help: "every command line, with its user, container and unit. Enter opens its connections.",
			title: "Commands", short: "Cmds", stack: []page{k.commandsPage("Commands", "", nil)}},
		{name: "connections", help: "every connection, of this host's processes and of LAN hosts. Listing them costs the engine time while they are on screen.",
			title: "Connections", short: "Conn", stack: []page{k.flowsPage("Connections", "no connections", nil, nil)}, alone: true},
		{name: "remotes", help: "whom this host and the LAN hosts exchanged something with. Enter opens the connections.",
			title: "Remote hosts", short: "Rem", stack: []page{k.remotesPage("Remote hosts")}, alone: true},
		{name: "hosts", help: "the hosts behind this router, by what was forwarded for them. Enter opens a host's connections.",
			title: "LAN hosts", short: "LAN", stack: []page{k.lanPage()}, alone: true},
		{name: "interfaces", help: "what the network interfaces carried. Those that are balanced are what the books are held against.",
			title: "Interfaces", short: "Ifs", stack: []page{k.interfacesPage()}, alone: true},
		{name: "pipes", help: "what went through named pipes and relays. Enter opens the commands that one carried for.",
			title: "Pipes", short: "Pipe", stack: []page{k.pipesPage()}, alone: true},
		{name: "alerts", help: "what was agreed and is not kept. Enter leads to the row that an alert is about.",
			title: "Alerts", short: "Alerts", stack: []page{k.alertsPage()}, count: firing},
		{name: "monitors", help: "what measures, and whether it works: where the figures come from.",
			title: "Monitors", short: "Mon", stack: []page{k.monitorsPage()},
			count: func(s *traffic.Snapshot) int { return len(unhealthy(s)) }},
		{name: "disks", help: "block devices, with the figures of iostat -x. Enter opens all figures of one. What is off is not measured: + starts it, - stops it.",
			title: "Disks", short: "Disk", stack: []page{k.disksPage()}, alone: true,
			count: func(s *traffic.Snapshot) int { return wrongSeries(s, true) }},
		{name: "machine", help: "the rest of the machine: processors, memory, mounts, pressure, errors of interfaces, sensors, probes, the I/O of containers and units. Enter opens all figures of one. What is off is not measured: + starts it, - stops it.",
			title: "Machine", short: "Mach", stack: []page{k.machinePage()},
			count: func(s *traffic.Snapshot) int { return wrongSeries(s, false) }},
		{name: "fleet", help: "the hosts of a fleet, where this is attached to a receiver. Enter opens a host's apps, and of an app the hosts that run it.",
			title: "Hosts", short: "Hosts", stack: []page{k.membersPage()}, fleet: true,
			count: func(s *traffic.Snapshot) int { return len(missing(s)) }},
	}
}

// viewKeys are the keys of the views, in their order.
const viewKeys = "1234567890MH"

// viewKey is the key of a view.
func viewKey(i int) string { return viewKeys[i : i+1] }

// viewNamed is the view of that name, -1 for none.
func (u *UI) viewNamed(name string) int {
	for i, v := range u.views {
		if v.name == name {
			return i
		}
	}
	return -1
}

// counted is how many there are of what the view counts.
func (v *view) counted(s *traffic.Snapshot) int {
	if v.count == nil || s == nil {
		return 0
	}
	return v.count(s)
}

func (v *view) page() page { return v.stack[len(v.stack)-1] }

// page is the table on screen.
func (u *UI) page() page { return u.views[u.current].page() }

// enter brings a page up to date that has just come on screen.
func (u *UI) enter() {
	l := u.page().base()
	l.busy = u.hideIdle
	u.shape(l)
	l.slots = l.layout(u.wide) // the next key may come before the next frame
	u.reload()
	if u.frozen != (l.places != nil) {
		u.page().freeze(u.frozen)
	}
}

// offers reports whether a view is among the tabs.
func (u *UI) offers(v *view) bool {
	if isFleet(u.shown) {
		return !v.alone
	}
	return !v.fleet
}

// switchTo shows the view n, counted from 0.
func (u *UI) switchTo(n int) {
	if n < 0 || n >= len(u.views) {
		return
	}
	if v := u.views[n]; !u.offers(v) {
		u.said = "this is one host: the view " + v.title + " is of a fleet, attached to its receiver"
		if v.alone {
			u.said = "this is a fleet: the view " + v.title + " is of one host, attached to it"
		}
		return
	}
	u.current = n
	u.enter()
}

// cycle shows the next view, or with by -1 the one before.
func (u *UI) cycle(by int) {
	n := u.current
	for range u.views {
		n = (n + by + len(u.views)) % len(u.views)
		if u.offers(u.views[n]) {
			break
		}
	}
	u.switchTo(n)
}

// settleView shows the hosts of a fleet when the first of its snapshots has come, unless
// another view was chosen, and leaves one that is no longer offered.
func (u *UI) settleView(first bool) {
	fleet := slices.IndexFunc(u.views, func(v *view) bool { return v.fleet })
	switch {
	case isFleet(u.shown) && first && u.current == 0:
		u.switchTo(fleet)
	case !u.offers(u.views[u.current]):
		u.switchTo(0)
	}
}

// descend opens the selected row.
func (u *UI) descend() {
	p := u.page()
	at := p.base().sel
	if next := p.open(at); next != nil {
		v := u.views[u.current]
		v.stack = append(v.stack, next)
		u.enter()
		return
	}
	if about := p.about(at); about != nil && about.alert != nil {
		u.jump(about.alert)
	}
}

// back leaves a filter first and then the page.
func (u *UI) back() {
	if l := u.page().base(); l.filter != "" {
		u.refilter("")
		return
	}
	u.ascend()
}

// ascend returns to the page this one was opened from.
func (u *UI) ascend() {
	if v := u.views[u.current]; len(v.stack) > 1 {
		v.stack = v.stack[:len(v.stack)-1]
		u.enter()
	}
}

// regroup sums the first view by something else.
func (u *UI) regroup(by grouping) {
	u.current = 0
	if v := u.views[0]; u.group != by || len(v.stack) > 1 {
		u.group = by
		v.stack = []page{u.kinds.groupedPage(by)}
	}
	u.enter()
}

// move selects the row by places further down.
func (u *UI) move(by int) {
	l := u.page().base()
	l.follow = true
	u.page().choose(l.sel + by)
}

// goTo selects the row at a place.
func (u *UI) goTo(at int) {
	u.page().choose(at)
	l := u.page().base()
	l.follow = at > 0 // at the top the window stays at the top
	if !l.follow {
		l.top = 0
	}
}

// unhealthy returns the monitors that are not running or starting.
func unhealthy(s *traffic.Snapshot) []traffic.MonitorStatus {
	var bad []traffic.MonitorStatus
	for _, m := range s.Monitors {
		if m.State == traffic.StateFailed || m.State == traffic.StateStopped {
			bad = append(bad, m)
		}
	}
	return bad
}

// firing counts the alerts that have fired.
func firing(s *traffic.Snapshot) int {
	n := 0
	for i := range s.Alerts {
		if s.Alerts[i].State == alertFiring {
			n++
		}
	}
	return n
}

// opens reports whether Enter leads anywhere.
func (u *UI) opens() bool {
	p := u.page()
	if p.open(p.base().sel) != nil {
		return true
	}
	about := p.about(p.base().sel)
	return about != nil && about.alert != nil
}
