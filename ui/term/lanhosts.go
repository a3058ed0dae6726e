package term

import (
	"net/netip"

	"bwmon/traffic"
)

// lanRow is a host behind this router.
type lanRow struct {
	*traffic.LANHost
	traffic.Usage // as it is shown
	name          string
	seat          int32
}

func lanIdentity(h *traffic.LANHost) identity {
	id := identity{of: ofLANHosts, local: netip.AddrPortFrom(h.Host, 0)}
	if !h.Host.IsValid() {
		id.name = h.Name
	}
	return id
}

func (k *kinds) lanKind() *kind[lanRow] {
	host := words("host", "LAN HOST", 0, 15, 26, 40, func(h *lanRow) string { return addressText(h.Host, h.Name) }, queryHost, queryLocal)
	host.order = func(a, b *lanRow) int { return a.Host.Compare(b.Host) }
	host.find = func(h *lanRow, v *queryValues) { v.address(netip.AddrPortFrom(h.Host, 0)) }
	name := words("name", "NAME", 5, 10, 20, 40, func(h *lanRow) string { return h.name }, queryHost, queryLocal)
	columns := append([]column[lanRow]{host}, amounts(func(h *lanRow) *traffic.Usage { return &h.Usage })...)
	columns = append(columns,
		number("connections", "CONNS", 4, 6, func(h *lanRow) uint64 { return uint64(h.Connections) }, queryConns),
		name,
		recently(6, func(h *lanRow) float64 { return totalRate(&h.Usage) }),
	)
	return &kind[lanRow]{
		of:      ofLANHosts,
		name:    "hosts",
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(h *lanRow) identity { return lanIdentity(h.LANHost) },
		tie:     func(a, b *lanRow) int { return a.Host.Compare(b.Host) },
		usage:   func(h *lanRow) *traffic.Usage { return &h.Usage },
		calm:    func(h *lanRow) bool { return !h.Host.IsValid() },
		open: func(h *lanRow) page {
			id := lanIdentity(h.LANHost)
			return k.connectionsPage(hostText(h.Host, h.Name), func(o *holder) bool {
				return o.host != nil && lanIdentity(o.host) == id
			}).without("app")
		},
		seats:   func(_ *scene, h *lanRow) []int32 { return []int32{h.seat} },
		about:   aboutLAN,
		address: func(h *lanRow) netip.Addr { return h.Host },
	}
}

func aboutLAN(sc *scene, h *lanRow) *subject {
	name := addressText(h.Host, h.Name)
	s := &subject{
		title: hostText(h.Host, h.Name), addr: h.Host, topsTitle: "top remotes",
		series: traffic.Query{By: traffic.ByLANHost, Name: name},
		names:  []ruled{{kind: "lan_host", name: name, label: h.Name}},
		tops: func() []top {
			return topRemotes(sc, func(f func(*traffic.FlowRow, int)) {
				sc.eachHolder(func(o holder, place int) {
					if o.host == h.LANHost {
						for i := range h.Flows {
							f(&h.Flows[i], place+i)
						}
					}
				})
			})
		},
	}
	return s.add("connections", count(uint64(h.Connections)))
}

// lanPage is the table of LAN hosts; Enter opens a host's connections.
func (k *kinds) lanPage() page {
	return newPage("LAN hosts", k.lanHosts, func(sc *scene, rows []lanRow) ([]lanRow, string) {
		for i := range sc.LANHosts {
			h := &sc.LANHosts[i]
			seat := sc.memory.seatOf(ofLANHosts, i)
			rows = append(rows, lanRow{LANHost: h, Usage: sc.usage(seat, h.Usage), name: sc.name(h.Host, h.Name), seat: seat})
		}
		if len(unhealthy(sc.Snapshot)) > 0 {
			return rows, ""
		}
		return rows, "nothing has been forwarded for other hosts yet"
	})
}
