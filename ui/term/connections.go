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
	*traffic.FlowRow
	traffic.Usage        // as it is shown
	earlier       uint64 // how many flows that ended the row sums up
	more          uint64 // how many that found no room in the table; 0 and 0: it is a single one
	scene         *scene
	holder        holder
	seat          int32
}

// comesLater is why there are no connections yet: the engine lists them only
// when asked to, from its next tick on.
const comesLater = "the connections come with the next measurement…"

// noFlow is the flow of a row that is none.
var noFlow = &traffic.FlowRow{}

func flowIdentity(f *traffic.FlowRow) identity {
	return identity{of: ofConnections, name: f.Proto, local: f.Local, remote: f.Remote, id: f.ID}
}

func connectionKind() *kind[connection] {
	remote := words("remote", "REMOTE", 0, 15, 24, 48, remoteText, queryHost, queryRemote, queryPort)
	remote.order = func(a, b *connection) int { return a.Remote.Compare(b.Remote) }
	remote.find = func(c *connection, v *queryValues) { v.address(c.Remote) }
	remote.full = 24
	local := words("local", "LOCAL", 5, 21, 21, 48, func(c *connection) string { return addrText(c.Local, c.sum()) },
		queryHost, queryLocal, queryPort)
	local.order = func(a, b *connection) int { return a.Local.Compare(b.Local) }
	local.find = func(c *connection, v *queryValues) { v.address(c.Local) }
	pid := words("pid", "PID", 6, 7, 7, 8, flowPID, queryPID)
	pid.order = func(a, b *connection) int { return cmp.Compare(a.PID, b.PID) }
	pid.find = func(c *connection, v *queryValues) {
		if c.PID != 0 {
			v.number(int64(c.PID))
		}
	}
	columns := append([]column[connection]{remote}, amounts(func(c *connection) *traffic.Usage { return &c.Usage })...)
	columns = append(columns,
		words("app", "APP", 4, 10, 16, 30, holderName, queryApp),
		words("proto", "PROTO", 4, 6, 7, 7, func(c *connection) string { return c.Proto }, queryProto),
		words("state", "STATE", 6, 6, 6, 6, stateText, queryState),
		words("name", "NAME", 6, 12, 24, 48, remoteName, queryHost, queryRemote),
		local, pid,
		words("scope", "SCOPE", 8, 9, 9, 9, func(c *connection) string { return c.Scope }, queryScope),
	)
	return &kind[connection]{
		of:      ofConnections,
		name:    "connections",
		columns: columns,
		sorting: sorting{col: 1},
		id: func(c *connection) identity {
			id := flowIdentity(c.FlowRow)
			switch { // a flow without addresses is neither of these rows
			case c.earlier > 0:
				id.unit = "earlier"
			case c.more > 0:
				id.unit = "more"
			}
			return id
		},
		tie: func(a, b *connection) int {
			return cmp.Or(cmp.Compare(a.earlier+a.more, b.earlier+b.more), a.Remote.Compare(b.Remote),
				a.Local.Compare(b.Local), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.ID, b.ID))
		},
		usage:   func(c *connection) *traffic.Usage { return &c.Usage },
		calm:    func(c *connection) bool { return c.Ended || c.sum() },
		seats:   func(_ *scene, c *connection) []int32 { return []int32{c.seat} },
		about:   aboutConnection,
		address: func(c *connection) netip.Addr { return c.Remote.Addr() },
		find:    findHolder,
		finds:   fields(queryAny, queryCommand, queryUser, queryContainer, queryUnit, queryHost),
	}
}

// findHolder finds a connection by whose it is.
func findHolder(c *connection, f queryField, v *queryValues) {
	if h := c.holder.host; h != nil && (f == queryHost || f == queryAny) {
		v.word(h.Name)
	}
	owner := c.holder.command
	if owner == nil || f == queryHost {
		return
	}
	for _, t := range [...]struct {
		field queryField
		text  string
	}{{queryCommand, owner.Command}, {queryUser, owner.User}, {queryContainer, owner.Container}, {queryUnit, owner.Unit}} {
		if f == t.field || f == queryAny {
			v.word(t.text)
		}
	}
}

// sum reports whether the row stands for several flows.
func (c *connection) sum() bool { return c.earlier > 0 || c.more > 0 }

func remoteText(c *connection) string {
	switch {
	case c.earlier > 0:
		return "(" + strconv.FormatUint(c.earlier, 10) + " earlier)"
	case c.more > 0:
		return "(" + strconv.FormatUint(c.more, 10) + " more)"
	}
	return addrText(c.Remote, false)
}

// remoteName is the name of the other end, as far as it is known.
func remoteName(c *connection) string {
	if c.sum() {
		return ""
	}
	return c.scene.name(c.Remote.Addr(), "")
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

func flowPID(c *connection) string {
	if c.PID == 0 {
		return none
	}
	return strconv.Itoa(c.PID)
}

func stateText(c *connection) string {
	switch {
	case c.sum():
		return none
	case c.Ended:
		return "ended"
	}
	return "open"
}

// holderName is whose connection it is: an app's, or a LAN host's.
func holderName(c *connection) string {
	switch {
	case c.holder.command != nil:
		return c.holder.app
	case c.holder.host != nil:
		return hostText(c.holder.host.Host, c.holder.host.Name)
	}
	return none
}

func aboutConnection(_ *scene, c *connection) *subject {
	switch {
	case c.earlier > 0:
		s := &subject{title: "connections that ended earlier"}
		return s.add("number", strconv.FormatUint(c.earlier, 10))
	case c.more > 0:
		s := &subject{title: "connections that the table has no room for"}
		return s.add("number", strconv.FormatUint(c.more, 10))
	}
	s := &subject{title: c.Proto + "  " + addrText(c.Local, false) + " → " + addrText(c.Remote, false)}
	if c.PID != 0 {
		s.processes = []process{{pid: c.PID}}
	}
	if owner := c.holder.command; owner != nil {
		for i := range s.processes {
			s.processes[i].command = owner.Command
		}
		s.add("app", c.holder.app)
		s.facts = append(s.facts, fact{"command", owner.Command, true})
		s.add("process", flowPID(c)).add("user", owner.User).add("container", owner.Container).add("unit", owner.Unit)
	} else if c.holder.host != nil {
		s.add("LAN host", holderName(c))
	}
	s.add("state", stateText(c)).add("scope", c.Scope)
	if c.Remote.IsValid() {
		addr := c.Remote.Addr()
		s.topsTitle = "remote"
		s.tops = func() []top { return []top{{name: addr.String(), addr: addr, usage: c.Usage}} }
	}
	return s
}

// connectionsPage is the table of the connections of those whom holds picks.
func (k *kinds) connectionsPage(crumb string, holds func(*holder) bool) *rowsOf[connection] {
	return k.flowsPage(crumb, "this row is no longer listed", holds, nil)
}
