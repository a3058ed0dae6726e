package term

import (
	"cmp"
	"net/netip"
	"strconv"

	"bwmon/traffic"
)

// connection is one row of a table of connections: a flow, or the sum of those
// that ended and are no longer listed.
type connection struct {
	traffic.FlowRow
	earlier uint64 // how many flows the row sums up; 0: it is a single one
}

// comesLater is why there are no connections yet: the engine lists them only
// when asked to, from its next tick on.
const comesLater = "the connections come with the next measurement…"

// holder is what has connections: a command or a LAN host.
type holder struct {
	flows  []traffic.FlowRow
	closed *traffic.Closed
	open   int
	usage  traffic.Usage
}

func connectionKind() *kind[connection] {
	remote := words("REMOTE", 0, 15, 24, 48, remoteText)
	remote.order = func(a, b *connection) int { return a.Remote.Compare(b.Remote) }
	remote.full = 24
	local := words("LOCAL", 5, 21, 21, 48, func(c *connection) string { return addrText(c.Local, c.earlier > 0) })
	local.order = func(a, b *connection) int { return a.Local.Compare(b.Local) }
	pid := words("PID", 6, 7, 7, 8, func(c *connection) string {
		if c.PID == 0 {
			return none
		}
		return strconv.Itoa(c.PID)
	})
	pid.order = func(a, b *connection) int { return cmp.Compare(a.PID, b.PID) }

	columns := append([]column[connection]{remote}, amounts(func(c *connection) *traffic.Usage { return &c.Usage })...)
	columns = append(columns,
		words("PROTO", 4, 6, 7, 7, func(c *connection) string { return c.Proto }),
		words("STATE", 4, 6, 6, 6, stateText),
		local, pid,
		words("SCOPE", 8, 9, 9, 9, func(c *connection) string { return c.Scope }),
	)
	return &kind[connection]{
		columns: columns,
		sorting: sorting{col: 1},
		id: func(c *connection) identity {
			return identity{name: c.Proto, local: c.Local, remote: c.Remote, id: c.ID, unit: stump(c)}
		},
		tie: func(a, b *connection) int {
			return cmp.Or(cmp.Compare(a.earlier, b.earlier), a.Remote.Compare(b.Remote),
				a.Local.Compare(b.Local), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.ID, b.ID))
		},
		calm: func(c *connection) bool { return c.Ended || c.earlier > 0 },
	}
}

// stump tells the row of earlier connections from a flow without addresses.
func stump(c *connection) string {
	if c.earlier > 0 {
		return "earlier"
	}
	return ""
}

func remoteText(c *connection) string {
	if c.earlier > 0 {
		return "(" + strconv.FormatUint(c.earlier, 10) + " earlier)"
	}
	return addrText(c.Remote, false)
}

// addrText writes an address; without a port where there is none.
func addrText(a netip.AddrPort, absent bool) string {
	switch {
	case absent || !a.IsValid():
		return none
	case a.Port() == 0:
		return a.Addr().String()
	}
	return a.String()
}

func stateText(c *connection) string {
	switch {
	case c.earlier > 0:
		return none
	case c.Ended:
		return "ended"
	}
	return "open"
}

// connectionsPage is the table of the connections of what find finds.
func connectionsPage(crumb string, k *kind[connection], find func(*traffic.Snapshot) (holder, bool)) page {
	p := newPage(crumb, k, func(s *traffic.Snapshot, rows []connection) ([]connection, string) {
		h, ok := find(s)
		if !ok {
			return rows, "this row is no longer listed"
		}
		for i := range h.flows {
			rows = append(rows, connection{FlowRow: h.flows[i]})
		}
		if c := h.closed; c != nil && c.Connections > 0 {
			row := connection{earlier: c.Connections}
			row.RxBytes, row.TxBytes = c.RxBytes, c.TxBytes
			rows = append(rows, row)
		}
		if h.flows == nil && h.closed == nil && (h.open > 0 || h.usage.RxBytes+h.usage.TxBytes > 0) {
			return rows, comesLater
		}
		return rows, "no connections"
	})
	p.single, p.own = true, true
	return p
}
