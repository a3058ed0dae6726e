package term

import (
	"net/netip"
	"time"

	"bwmon/traffic"
)

// scene is what pages take their rows from: a snapshot, what is remembered of
// its rows, and how they are to be seen. A page that was loaded from a scene
// sorts, filters, shows and exports the same figures.
type scene struct {
	*traffic.Snapshot
	memory *memory
	window time.Duration // rates are averages over it
	names  *names        // nil where none are looked up
	units  units
	// idle is what could be measured and is not, as it was when it was asked for;
	// measured is what is, where there is anything idle.
	idle     []idleThing
	measured map[measuredKey]bool
}

// usage is the figures of a row to be shown.
func (sc *scene) usage(seat int32, u traffic.Usage) traffic.Usage {
	return sc.memory.usage(seat, u, sc.window)
}

// name is the name of a host as far as it is known.
func (sc *scene) name(addr netip.Addr, name string) string {
	if !addr.IsValid() {
		return "" // it stands where the address would
	}
	if name == "" && sc.names != nil {
		name = sc.names.peek(addr)
	}
	return name
}

// eachCommand calls f with every command and its place among those of all
// apps, until f returns false.
func (sc *scene) eachCommand(f func(a *traffic.App, c *traffic.Command, place int) bool) {
	place := 0
	for i := range sc.Apps {
		a := &sc.Apps[i]
		for j := range a.Commands {
			if !f(a, &a.Commands[j], place) {
				return
			}
			place++
		}
	}
}

// holder is whose connections are listed: a command or a LAN host.
type holder struct {
	app     string
	command *traffic.Command // nil for a LAN host
	host    *traffic.LANHost // nil for a command
}

func (h *holder) flows() ([]traffic.FlowRow, *traffic.Closed) {
	if h.command != nil {
		return h.command.Flows, h.command.Closed
	}
	return h.host.Flows, h.host.Closed
}

// busy reports whether there must be connections, were they listed.
func (h *holder) busy() bool {
	if h.command != nil {
		return h.command.Connections > 0 || h.command.RxBytes+h.command.TxBytes > 0
	}
	return h.host.Connections > 0 || h.host.RxBytes+h.host.TxBytes > 0
}

// eachHolder calls f with everything that has connections, in the order in
// which the memory takes them, with the place of its first one.
func (sc *scene) eachHolder(f func(h holder, place int)) {
	place := 0
	for i := range sc.Apps {
		a := &sc.Apps[i]
		for j := range a.Commands {
			f(holder{app: a.Name, command: &a.Commands[j]}, place)
			place += len(a.Commands[j].Flows)
		}
	}
	for i := range sc.LANHosts {
		f(holder{host: &sc.LANHosts[i]}, place)
		place += len(sc.LANHosts[i].Flows)
	}
}

// flowsOf counts the connections that a snapshot lists.
func flowsOf(s *traffic.Snapshot) int {
	n := 0
	for i := range s.Apps {
		for j := range s.Apps[i].Commands {
			n += len(s.Apps[i].Commands[j].Flows)
		}
	}
	for i := range s.LANHosts {
		n += len(s.LANHosts[i].Flows)
	}
	return n
}
