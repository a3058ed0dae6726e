package term

import (
	"net/netip"

	"bwmon/traffic"
)

// remoteRow is a host that this one, or a LAN host, exchanged something with.
type remoteRow struct {
	*traffic.RemoteHost
	traffic.Usage // as it is shown
	name          string
	seat          int32
}

func remoteIdentity(h *traffic.RemoteHost) identity {
	id := identity{of: ofRemoteHosts, remote: netip.AddrPortFrom(h.Host, 0)}
	if !h.Host.IsValid() {
		id.name = h.Name
	}
	return id
}

// hostText is a host's address and name, as far as it has them.
func hostText(addr netip.Addr, name string) string {
	switch {
	case !addr.IsValid():
		return name
	case name == "":
		return addr.String()
	}
	return name + " " + addr.String()
}

// addressText is a host's address; its name where it stands for several.
func addressText(addr netip.Addr, name string) string {
	if !addr.IsValid() {
		return name
	}
	return addr.String()
}

func (k *kinds) remoteKind() *kind[remoteRow] {
	host := words("host", "REMOTE HOST", 0, 15, 26, 40, func(h *remoteRow) string { return addressText(h.Host, h.Name) }, queryHost, queryRemote)
	host.order = func(a, b *remoteRow) int { return a.Host.Compare(b.Host) }
	host.find = func(h *remoteRow, v *queryValues) { v.address(netip.AddrPortFrom(h.Host, 0)) }
	name := words("name", "NAME", 5, 10, 24, 60, func(h *remoteRow) string { return h.name }, queryHost, queryRemote)
	columns := append([]column[remoteRow]{host}, amounts(func(h *remoteRow) *traffic.Usage { return &h.Usage })...)
	columns = append(columns,
		number("connections", "CONNS", 4, 6, func(h *remoteRow) uint64 { return uint64(h.Connections) }, queryConns),
		name,
		recently(6, func(h *remoteRow) float64 { return totalRate(&h.Usage) }),
	)
	return &kind[remoteRow]{
		of:      ofRemoteHosts,
		name:    "remotes",
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(h *remoteRow) identity { return remoteIdentity(h.RemoteHost) },
		tie:     func(a, b *remoteRow) int { return a.Host.Compare(b.Host) },
		usage:   func(h *remoteRow) *traffic.Usage { return &h.Usage },
		calm:    func(h *remoteRow) bool { return !h.Host.IsValid() },
		open: func(h *remoteRow) page {
			addr := h.Host
			if !addr.IsValid() {
				return nil
			}
			return k.flowsPage(hostText(addr, h.Name), "", nil, func(f *traffic.FlowRow) bool { return f.Remote.Addr() == addr })
		},
		seats:   func(_ *scene, h *remoteRow) []int32 { return []int32{h.seat} },
		about:   aboutRemote,
		address: func(h *remoteRow) netip.Addr { return h.Host },
	}
}

func aboutRemote(sc *scene, h *remoteRow) *subject {
	s := &subject{title: hostText(h.Host, h.Name), topsTitle: "top apps"}
	if h.Host.IsValid() {
		s.series = traffic.Query{By: traffic.ByRemoteHost, Name: h.Host.String()}
	}
	s.addr = h.Host
	s.tops = func() []top {
		sums := make(map[string]int)
		var list []top
		sc.eachHolder(func(o holder, place int) {
			flows, _ := o.flows()
			for i := range flows {
				if flows[i].Remote.Addr() != h.Host {
					continue
				}
				name := holderName(&connection{holder: o})
				at, ok := sums[name]
				if !ok {
					at = len(list)
					sums[name] = at
					list = append(list, top{name: name})
				}
				list[at].usage = plus(list[at].usage, sc.usage(sc.memory.seatOf(ofConnections, place+i), flows[i].Usage))
			}
		})
		return busiest(list)
	}
	return s.add("connections", count(uint64(h.Connections)))
}

// remotesPage is the table of the hosts elsewhere; Enter opens the connections
// with one.
func (k *kinds) remotesPage(crumb string) page {
	p := newPage(crumb, k.remotes, func(sc *scene, rows []remoteRow) ([]remoteRow, string) {
		for i := range sc.RemoteHosts {
			h := &sc.RemoteHosts[i]
			seat := sc.memory.seatOf(ofRemoteHosts, i)
			rows = append(rows, remoteRow{RemoteHost: h, Usage: sc.usage(seat, h.Usage), name: sc.name(h.Host, h.Name), seat: seat})
		}
		if isMember(sc.Snapshot) {
			return rows, notPublished
		}
		if !sc.memory.rolls[ofRemoteHosts].listed && len(sc.Apps)+len(sc.LANHosts) > 0 {
			return rows, "the remote hosts come with the next measurement…"
		}
		return rows, "nothing was exchanged with a host elsewhere yet"
	})
	p.single = true
	return p
}
