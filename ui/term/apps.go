package term

import (
	"cmp"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// nobody reports whether a name stands for what no single application or
// command carried: "(unattributed)", "(kernel)", "(other commands)".
func nobody(name string) bool {
	return strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")")
}

// appsPage is the table of applications; Enter opens an app's commands.
func appsPage(crumb string, connections *kind[connection]) page {
	commands := commandKind()
	columns := []column[traffic.App]{
		words("APP", 0, 14, 24, 40, func(a *traffic.App) string { return a.Name }),
	}
	columns = append(columns, amounts(func(a *traffic.App) *traffic.Usage { return &a.Usage })...)
	columns = append(columns,
		number("PROCS", 5, 6, func(a *traffic.App) uint64 { return uint64(a.Processes) }),
		number("CONNS", 4, 6, func(a *traffic.App) uint64 { return uint64(a.Connections) }),
		history(6, func(a *traffic.App) []traffic.Rate { return a.Recent }),
	)
	k := &kind[traffic.App]{
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(a *traffic.App) identity { return identity{name: a.Name} },
		tie:     func(a, b *traffic.App) int { return compareFold(a.Name, b.Name) },
		calm:    func(a *traffic.App) bool { return nobody(a.Name) },
		open: func(a *traffic.App) page {
			return commandsPage(a.Name, commands, connections)
		},
	}
	return newPage(crumb, k, func(s *traffic.Snapshot, _ []traffic.App) ([]traffic.App, string) {
		return s.Apps, onlyForwarded(s)
	})
}

// onlyForwarded is why a router's own table is empty; "" where it need not be.
func onlyForwarded(s *traffic.Snapshot) string {
	if n := len(s.LANHosts); n > 0 && len(unhealthy(s)) == 0 {
		return "no traffic of this host's own yet. What it forwards for " + plural(n, "LAN host") + " is in the next view: Tab."
	}
	return ""
}

// findApp returns the app of that name, or nil.
func findApp(s *traffic.Snapshot, name string) *traffic.App {
	for i := range s.Apps {
		if s.Apps[i].Name == name {
			return &s.Apps[i]
		}
	}
	return nil
}

func commandKind() *kind[traffic.Command] {
	command := words("COMMAND", 0, 14, 40, 1000, func(c *traffic.Command) string { return c.Command })
	command.full, command.whole = 30, true
	columns := append([]column[traffic.Command]{command}, amounts(func(c *traffic.Command) *traffic.Usage { return &c.Usage })...)
	pids := words("PID", 5, 7, 11, 11, pidText)
	pids.order = func(a, b *traffic.Command) int { return cmp.Compare(firstPID(a), firstPID(b)) }
	columns = append(columns,
		number("CONNS", 4, 6, func(c *traffic.Command) uint64 { return uint64(c.Connections) }),
		pids,
		words("USER", 6, 8, 10, 16, func(c *traffic.Command) string { return c.User }),
		words("CONTAINER", 7, 12, 14, 20, func(c *traffic.Command) string { return c.Container }),
		words("UNIT", 7, 14, 20, 30, func(c *traffic.Command) string { return c.Unit }),
	)
	return &kind[traffic.Command]{
		columns: columns,
		sorting: sorting{col: 1},
		id:      commandIdentity,
		tie: func(a, b *traffic.Command) int {
			return cmp.Or(compareFold(a.Command, b.Command), compareFold(a.User, b.User),
				compareFold(a.Container, b.Container), compareFold(a.Unit, b.Unit))
		},
		calm: func(c *traffic.Command) bool { return nobody(c.Command) },
	}
}

func commandIdentity(c *traffic.Command) identity {
	return identity{name: c.Command, user: c.User, container: c.Container, unit: c.Unit}
}

func firstPID(c *traffic.Command) int {
	if len(c.PIDs) == 0 {
		return 0
	}
	return c.PIDs[0]
}

// pidText is the lowest pid and how many processes there are beside it.
func pidText(c *traffic.Command) string {
	if len(c.PIDs) == 0 {
		return none
	}
	text := strconv.Itoa(c.PIDs[0])
	if more := max(c.Processes, len(c.PIDs)) - 1; more > 0 {
		text += " +" + strconv.Itoa(more)
	}
	return text
}

// commandsPage is the table of one app's commands; Enter opens a command's
// connections. k is the kind all such pages share.
func commandsPage(app string, k *kind[traffic.Command], connections *kind[connection]) page {
	own := *k
	own.open = func(c *traffic.Command) page {
		return commandConnections(app, c.Command, commandIdentity(c), connections)
	}
	p := newPage(app, &own, func(s *traffic.Snapshot, _ []traffic.Command) ([]traffic.Command, string) {
		a := findApp(s, app)
		if a == nil {
			return nil, "this app is no longer listed"
		}
		return a.Commands, "no command is known for this app"
	})
	p.sorting = &k.sorting
	return p
}

// commandConnections is the table of one command's connections.
func commandConnections(app, crumb string, id identity, k *kind[connection]) page {
	return connectionsPage(crumb, k, func(s *traffic.Snapshot) (holder, bool) {
		if a := findApp(s, app); a != nil {
			for i := range a.Commands {
				c := &a.Commands[i]
				if commandIdentity(c) == id {
					return holder{c.Flows, c.Closed, c.Connections, c.Usage}, true
				}
			}
		}
		return holder{}, false
	})
}
