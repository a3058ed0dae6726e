package term

import (
	"net/netip"

	"bwmon/traffic"
)

// hostsPage is the table of LAN hosts; Enter opens a host's connections.
func hostsPage(crumb string, connections *kind[connection]) page {
	host := words("HOST", 0, 15, 26, 40, func(h *traffic.LANHost) string { return h.Host.String() })
	host.order = func(a, b *traffic.LANHost) int { return a.Host.Compare(b.Host) }
	columns := append([]column[traffic.LANHost]{host}, amounts(func(h *traffic.LANHost) *traffic.Usage { return &h.Usage })...)
	columns = append(columns,
		number("CONNS", 4, 6, func(h *traffic.LANHost) uint64 { return uint64(h.Connections) }),
		words("NAME", 5, 10, 20, 40, func(h *traffic.LANHost) string { return h.Name }),
		history(6, func(h *traffic.LANHost) []traffic.Rate { return h.Recent }),
	)
	k := &kind[traffic.LANHost]{
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(h *traffic.LANHost) identity { return identity{local: netip.AddrPortFrom(h.Host, 0)} },
		tie:     func(a, b *traffic.LANHost) int { return a.Host.Compare(b.Host) },
		open: func(h *traffic.LANHost) page {
			addr, title := h.Host, h.Host.String()
			if h.Name != "" {
				title += " " + h.Name
			}
			return connectionsPage(title, connections, func(s *traffic.Snapshot) (holder, bool) {
				for i := range s.LANHosts {
					if h := &s.LANHosts[i]; h.Host == addr {
						return holder{h.Flows, h.Closed, h.Connections, h.Usage}, true
					}
				}
				return holder{}, false
			})
		},
	}
	return newPage(crumb, k, func(s *traffic.Snapshot, _ []traffic.LANHost) ([]traffic.LANHost, string) {
		if len(unhealthy(s)) > 0 {
			return s.LANHosts, ""
		}
		return s.LANHosts, "nothing has been forwarded for other hosts yet"
	})
}

// interfacesPage is the table of network interfaces.
func interfacesPage(crumb string) page {
	columns := []column[traffic.Interface]{
		words("INTERFACE", 0, 14, 14, 16, func(i *traffic.Interface) string { return i.Name }),
	}
	columns = append(columns, amounts(func(i *traffic.Interface) *traffic.Usage { return &i.Usage })...)
	columns = append(columns,
		number("RX-PKTS", 6, 8, func(i *traffic.Interface) uint64 { return i.RxPackets }),
		number("TX-PKTS", 6, 8, func(i *traffic.Interface) uint64 { return i.TxPackets }),
		column[traffic.Interface]{
			shape:  fixed("SPEED", 5, rateWidth),
			value:  func(i *traffic.Interface) float64 { return float64(i.SpeedBits) },
			figure: func(i *traffic.Interface, _ units, _ int) string { return speed(i.SpeedBits) },
		},
		words("BALANCED", 4, 9, 9, 9, func(i *traffic.Interface) string {
			if i.Balanced {
				return "yes"
			}
			return "no"
		}),
	)
	k := &kind[traffic.Interface]{
		columns: columns,
		sorting: sorting{col: 0, ascending: true},
		id:      func(i *traffic.Interface) identity { return identity{name: i.Name} },
		tie:     func(a, b *traffic.Interface) int { return compareFold(a.Name, b.Name) },
	}
	return newPage(crumb, k, func(s *traffic.Snapshot, _ []traffic.Interface) ([]traffic.Interface, string) {
		return s.Interfaces, ""
	})
}

// monitorsPage is the table of the monitors and their condition.
func monitorsPage(crumb string) page {
	detail := words("DETAIL", 1, 20, 60, 1000, func(m *traffic.MonitorStatus) string { return m.Detail })
	detail.prose, detail.whole = true, true
	k := &kind[traffic.MonitorStatus]{
		columns: []column[traffic.MonitorStatus]{
			words("MONITOR", 0, 12, 16, 24, func(m *traffic.MonitorStatus) string { return m.Name }),
			words("STATE", 0, 9, 9, 9, func(m *traffic.MonitorStatus) string { return m.State }),
			number("LOST", 2, 6, func(m *traffic.MonitorStatus) uint64 { return m.Lost }),
			detail,
		},
		sorting: sorting{col: 0, ascending: true},
		id:      func(m *traffic.MonitorStatus) identity { return identity{name: m.Name} },
		tie:     func(a, b *traffic.MonitorStatus) int { return compareFold(a.Name, b.Name) },
	}
	return newPage(crumb, k, func(s *traffic.Snapshot, _ []traffic.MonitorStatus) ([]traffic.MonitorStatus, string) {
		return s.Monitors, "no monitor is configured"
	})
}
