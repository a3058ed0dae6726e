package term

import (
	"bwmon/traffic"
)

// grouping is what the first view sums commands by.
type grouping uint8

const (
	byApp grouping = iota
	byCommand
	byUser
	byContainer
	byUnit
	byRemote
)

// groupings is the only list of them: for the chooser, the command line, the
// settings and the titles. Those without of have tables of their own.
var groupings = [...]struct {
	name, title, heading, nobody string
	short                        string // where there is little room
	key                          rune
	of                           func(*traffic.Command) string
	by                           string // the series of the history
	field                        queryField
}{
	byApp:       {name: "app", title: "app", key: 'a'},
	byCommand:   {name: "command", title: "command", key: 'c'},
	byUser:      {"user", "user", "USER", "(no user known)", "", 'u', func(c *traffic.Command) string { return c.User }, traffic.ByUser, queryUser},
	byContainer: {"container", "container", "CONTAINER", "(no container)", "", 'o', func(c *traffic.Command) string { return c.Container }, traffic.ByContainer, queryContainer},
	byUnit:      {"unit", "unit", "UNIT", "(no unit)", "", 'i', func(c *traffic.Command) string { return c.Unit }, traffic.ByUnit, queryUnit},
	byRemote:    {name: "remote", title: "remote host", short: "remote", key: 'r'},
}

// groupRow is an app, or all commands of one user, container or unit.
type groupRow struct {
	traffic.Usage // as it is shown
	resources     traffic.Resources
	moved         bool // it carried traffic, or has connections
	name          string
	by            grouping
	processes     int
	connections   int
	commands      int
	seat          int32  // of an app
	host          string // of a fleet, where the app is looked at there alone
}

func (k *kinds) groupKind(name string) *kind[groupRow] {
	title := words("app", "APP", 0, 14, 24, 40, func(g *groupRow) string { return g.name }, queryApp)
	if name != "apps" {
		title = words("name", "NAME", 0, 14, 24, 40, func(g *groupRow) string { return g.name })
	}
	columns := append([]column[groupRow]{title}, amounts(func(g *groupRow) *traffic.Usage { return &g.Usage })...)
	columns = append(columns, machineColumns(func(g *groupRow) *traffic.Resources { return &g.resources })...)
	columns = append(columns,
		number("processes", "PROCS", 5, 6, func(g *groupRow) uint64 { return uint64(g.processes) }, queryProcs),
		number("connections", "CONNS", 4, 6, func(g *groupRow) uint64 { return uint64(g.connections) }, queryConns),
		recently(6, func(g *groupRow) float64 { return totalRate(&g.Usage) }),
	)
	return &kind[groupRow]{
		of:      ofApps,
		name:    name,
		columns: columns,
		sorting: sorting{col: 1},
		id: func(g *groupRow) identity {
			if g.by == byApp {
				return identity{of: ofApps, app: g.name}
			}
			return identity{of: ofGroups, app: groupings[g.by].name, name: g.name}
		},
		tie:       func(a, b *groupRow) int { return compareFold(a.name, b.name) },
		usage:     func(g *groupRow) *traffic.Usage { return &g.Usage },
		resources: func(g *groupRow) *traffic.Resources { return &g.resources },
		moved:     func(g *groupRow) bool { return g.moved },
		calm:      func(g *groupRow) bool { return nobody(g.name) },
		open:      k.openGroup,
		seats:     seatsOfGroup,
		about:     aboutGroup,
		find: func(g *groupRow, f queryField, v *queryValues) {
			if f == groupings[g.by].field {
				v.word(g.name)
			}
		},
		finds: fields(queryUser, queryContainer, queryUnit),
	}
}

// has reports whether a command belongs to the group.
func (g *groupRow) has(app string, c *traffic.Command) bool {
	if g.by == byApp {
		return app == g.name && (g.host == "" || g.host == c.Host)
	}
	name := groupings[g.by].of(c)
	return name == g.name || name == "" && g.name == groupings[g.by].nobody
}

func (k *kinds) openGroup(g *groupRow) page {
	if g.by == byApp {
		return k.appCommands(g.name)
	}
	own := groupRow{name: g.name, by: g.by}
	return k.commandsPage(g.name, "this "+groupings[g.by].title+" is no longer listed", own.has).without(groupings[g.by].name)
}

func seatsOfGroup(sc *scene, g *groupRow) []int32 {
	if g.by == byApp {
		return []int32{g.seat}
	}
	var seats []int32
	sc.eachCommand(func(a *traffic.App, c *traffic.Command, place int) bool {
		if g.has(a.Name, c) {
			seats = append(seats, sc.memory.seatOf(ofCommands, place))
		}
		return true
	})
	return seats
}

func aboutGroup(sc *scene, g *groupRow) *subject {
	s := &subject{title: g.name, topsTitle: "top remotes"}
	if g.by == byApp {
		s.series = traffic.Query{By: traffic.ByApp, Name: g.name}
		if g.host != "" {
			s.series = traffic.Query{By: traffic.ByHost, Name: g.host, App: g.name}
		}
		s.names = []ruled{{kind: "app", name: g.name}, {kind: "pipe", name: g.name}}
	} else if g.name != groupings[g.by].nobody {
		s.series = traffic.Query{By: groupings[g.by].by, Name: g.name}
		s.names = []ruled{{kind: groupings[g.by].name, name: g.name}}
	}
	var users, containers, units, apps, hosts []string
	sc.eachCommand(func(a *traffic.App, c *traffic.Command, _ int) bool {
		if g.has(a.Name, c) {
			apps = append(apps, a.Name)
			users = append(users, c.User)
			containers = append(containers, c.Container)
			units = append(units, c.Unit)
			hosts = append(hosts, c.Host)
			if len(s.processes) < maxProcesses {
				s.processes = append(s.processes, processesOf(c)...)
			}
		}
		return true
	})
	s.tops = func() []top {
		return topRemotes(sc, func(f func(*traffic.FlowRow, int)) {
			sc.eachHolder(func(h holder, place int) {
				if h.command != nil && g.has(h.app, h.command) {
					for i := range h.command.Flows {
						f(&h.command.Flows[i], place+i)
					}
				}
			})
		})
	}
	if isFleet(sc.Snapshot) {
		s.topsTitle, s.tops = "top hosts", func() []top { return topHosts(sc, g) }
	}
	if g.commands > 1 && !isFleet(sc.Snapshot) {
		s.add("commands", count(uint64(g.commands)))
	}
	s.add("processes", processText(s.processes, g.processes))
	if g.by != byApp {
		s.words("app", "apps", apps)
	}
	s.words("host", "hosts", hosts)
	return s.words("user", "users", users).words("unit", "units", units).words("container", "containers", containers)
}

// appsPage is the table of applications; Enter opens an app's commands.
func (k *kinds) appsPage() page {
	return newPage("Apps", k.apps, func(sc *scene, rows []groupRow) ([]groupRow, string) {
		for i := range sc.Apps {
			a := &sc.Apps[i]
			seat := sc.memory.seatOf(ofApps, i)
			rows = append(rows, groupRow{name: a.Name, Usage: sc.usage(seat, a.Usage), seat: seat,
				resources: sc.resources(ofAppDisks, i, a.Resources), moved: moved(&a.Usage, a.Connections),
				processes: a.Processes, connections: a.Connections, commands: len(a.Commands)})
		}
		return rows, onlyForwarded(sc.Snapshot)
	})
}

// groupPage is the table of the sums of commands by user, container or unit.
func (k *kinds) groupPage(by grouping) page {
	g := &groupings[by]
	index := make(map[string]int)
	p := newPage("Apps by "+g.title, k.groups, func(sc *scene, rows []groupRow) ([]groupRow, string) {
		clear(index)
		sc.eachCommand(func(_ *traffic.App, c *traffic.Command, place int) bool {
			name := g.of(c)
			if name == "" {
				name = g.nobody
			}
			i, ok := index[name]
			if !ok {
				i = len(rows)
				index[name] = i
				rows = append(rows, groupRow{name: name, by: by, seat: -1})
			}
			row := &rows[i]
			row.Usage = plus(row.Usage, sc.usage(sc.memory.seatOf(ofCommands, place), c.Usage))
			row.resources = row.resources.Add(sc.resources(ofCommandDisks, place, c.Resources))
			row.moved = row.moved || moved(&c.Usage, c.Connections)
			row.processes += c.Processes
			row.connections += c.Connections
			row.commands++
			return true
		})
		return rows, onlyForwarded(sc.Snapshot)
	})
	p.shapes[0].title = g.heading
	return p
}

// groupedPage is the first view's table for a grouping.
func (k *kinds) groupedPage(by grouping) page {
	switch by {
	case byApp:
		return k.appsPage()
	case byCommand:
		return k.commandsPage("Apps by command", "", nil)
	case byRemote:
		return k.remotesPage("Apps by remote host")
	}
	return k.groupPage(by)
}
