package term

import (
	"cmp"
	"strconv"

	"bwmon/traffic"
)

// commandRow is a command line of one user in one place.
type commandRow struct {
	*traffic.Command
	traffic.Usage // as it is shown
	resources     traffic.Resources
	app           string
	place         int
	seat          int32
}

func commandIdentity(app string, c *traffic.Command) identity {
	return identity{of: ofCommands, app: app, name: c.Command, user: c.User, container: c.Container, unit: c.Unit}
}

func (k *kinds) commandKind() *kind[commandRow] {
	command := words("command", "COMMAND", 0, 14, 40, 1000, func(c *commandRow) string { return c.Command.Command }, queryCommand)
	command.full, command.whole = 30, true
	pids := words("pids", "PID", 5, 9, 11, 11, pidText)
	pids.order = func(a, b *commandRow) int { return cmp.Compare(firstPID(a), firstPID(b)) }
	pids.finds = fields(queryPID, queryAny)
	pids.find = func(c *commandRow, v *queryValues) {
		for _, pid := range c.PIDs {
			v.number(int64(pid))
		}
	}
	pids.exact = func(c *commandRow) exportCell { return textCell(processList(c.PIDs)) }
	columns := append([]column[commandRow]{command}, amounts(func(c *commandRow) *traffic.Usage { return &c.Usage })...)
	columns = append(columns, machineColumns(func(c *commandRow) *traffic.Resources { return &c.resources })...)
	columns = append(columns,
		words("app", "APP", 4, 10, 16, 24, func(c *commandRow) string { return c.app }, queryApp),
		number("connections", "CONNS", 4, 6, func(c *commandRow) uint64 { return uint64(c.Connections) }, queryConns),
		pids,
		words("user", "USER", 6, 8, 10, 16, func(c *commandRow) string { return c.User }, queryUser),
		recently(7, func(c *commandRow) float64 { return totalRate(&c.Usage) }),
		words("container", "CONTAINER", 8, 12, 14, 20, func(c *commandRow) string { return c.Container }, queryContainer),
		words("unit", "UNIT", 8, 14, 20, 30, func(c *commandRow) string { return c.Unit }, queryUnit),
		words("host", "HOST", 8, 14, 20, 30, func(c *commandRow) string { return c.Host }, queryHost).hidden(),
	)
	return &kind[commandRow]{
		of:      ofCommands,
		name:    "commands",
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(c *commandRow) identity { return commandIdentity(c.app, c.Command) },
		tie: func(a, b *commandRow) int {
			return cmp.Or(compareFold(a.Command.Command, b.Command.Command), compareFold(a.app, b.app), compareFold(a.User, b.User),
				compareFold(a.Container, b.Container), compareFold(a.Unit, b.Unit))
		},
		usage:     func(c *commandRow) *traffic.Usage { return &c.Usage },
		resources: func(c *commandRow) *traffic.Resources { return &c.resources },
		moved:     func(c *commandRow) bool { return moved(&c.Command.Usage, c.Connections) },
		calm:      func(c *commandRow) bool { return nobody(c.Command.Command) },
		open:      func(c *commandRow) page { return k.openCommand(c) },
		seats:     func(_ *scene, c *commandRow) []int32 { return []int32{c.seat} },
		about:     aboutCommand,
		find:      func(c *commandRow, f queryField, v *queryValues) { v.count(uint64(c.Processes)) },
		finds:     fields(queryProcs),
	}
}

// openCommand leads to the command's connections; of a host of a fleet to its apps, since
// it does not publish connections.
func (k *kinds) openCommand(c *commandRow) page {
	if c.Host != "" {
		return k.memberApps(c.Host)
	}
	return k.commandConnections(c.app, c.Command)
}

func firstPID(c *commandRow) int {
	if len(c.PIDs) == 0 {
		return 0
	}
	return c.PIDs[0]
}

// pidText is the lowest pid and how many processes there are beside it.
func pidText(c *commandRow) string {
	if len(c.PIDs) == 0 {
		return none
	}
	text := strconv.Itoa(c.PIDs[0])
	if more := max(c.Processes, len(c.PIDs)) - 1; more > 0 {
		text += " +" + strconv.Itoa(more)
	}
	return text
}

// processList is all pids that are known, for an export.
func processList(pids []int) string {
	var b []byte
	for i, pid := range pids {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(pid), 10)
	}
	return string(b)
}

func aboutCommand(sc *scene, c *commandRow) *subject {
	s := &subject{
		title: c.Command.Command, processes: processesOf(c.Command),
		series: traffic.Query{By: traffic.ByCommand, Name: c.Command.Command, App: c.app},
		names: []ruled{{kind: "command", name: c.Command.Command}, {kind: "app", name: c.app},
			{kind: "user", name: c.User}, {kind: "container", name: c.Container}, {kind: "unit", name: c.Unit}},
		topsTitle: "top remotes",
		tops: func() []top {
			return topRemotes(sc, func(f func(*traffic.FlowRow, int)) {
				sc.eachHolder(func(h holder, place int) {
					if h.command == c.Command {
						for i := range c.Flows {
							f(&c.Flows[i], place+i)
						}
					}
				})
			})
		},
	}
	if c.Host != "" {
		s.series = traffic.Query{By: traffic.ByHost, Name: c.Host, App: c.app}
		s.names = append(s.names, ruled{kind: "host", name: c.Host})
		s.tops = nil // single connections are not published
	}
	s.add("app", c.app).add("processes", processText(s.processes, c.Processes)).add("user", c.User)
	return s.add("container", c.Container).add("unit", c.Unit)
}

// commandsPage is the table of the commands that holds picks, of all of them
// where it is nil; Enter opens a command's connections.
func (k *kinds) commandsPage(crumb, why string, holds func(app string, c *traffic.Command) bool) *rowsOf[commandRow] {
	var p *rowsOf[commandRow]
	p = newPage(crumb, k.commands, func(sc *scene, rows []commandRow) ([]commandRow, string) {
		ofFleet(p, isFleet(sc.Snapshot))
		place := 0
		for i := range sc.Apps {
			a := &sc.Apps[i]
			for j := range a.Commands {
				if c := &a.Commands[j]; holds == nil || holds(a.Name, c) {
					seat := sc.memory.seatOf(ofCommands, place)
					rows = append(rows, commandRow{Command: c, Usage: sc.usage(seat, c.Usage),
						resources: sc.resources(ofCommandDisks, place, c.Resources), app: a.Name, place: place, seat: seat})
				}
				place++
			}
		}
		if holds == nil {
			why = onlyForwarded(sc.Snapshot)
		}
		return rows, why
	})
	return p
}

// ofFleet shows the commands of a receiver, which are called as the hosts that run an
// app, and have nothing else to tell them apart.
func ofFleet(p *rowsOf[commandRow], is bool) {
	p.shapes[0].title = p.kind.columns[0].title
	if is {
		p.shapes[0].title = "HOST"
	}
	for i := range p.shapes {
		switch s := &p.shapes[i]; s.name {
		case "pids", "user", "container", "unit":
			s.same = is
		}
	}
}

// appCommands is the table of one app's commands.
func (k *kinds) appCommands(app string) page {
	return k.commandsPage(app, "this app is no longer listed",
		func(a string, _ *traffic.Command) bool { return a == app }).without("app")
}

// commandConnections is the table of one command's connections.
func (k *kinds) commandConnections(app string, c *traffic.Command) page {
	id := commandIdentity(app, c)
	return k.connectionsPage(c.Command, func(h *holder) bool {
		return h.command != nil && h.app == id.app && h.command.Command == id.name && commandIdentity(h.app, h.command) == id
	}).without("app")
}

// onlyForwarded is why a router's own table is empty; "" where it need not be.
func onlyForwarded(s *traffic.Snapshot) string {
	if n := len(s.LANHosts); n > 0 && len(unhealthy(s)) == 0 {
		return "no traffic of this host's own yet. What it forwards for " + plural(n, "LAN host") + " is in the view LAN hosts."
	}
	return ""
}
