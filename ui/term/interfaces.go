package term

import (
	"bwmon/traffic"
)

// interfaceRow is a network interface of this host.
type interfaceRow struct {
	*traffic.Interface
	traffic.Usage // as it is shown
	seat          int32
}

func interfaceKind() *kind[interfaceRow] {
	columns := append([]column[interfaceRow]{
		words("interface", "INTERFACE", 0, 12, 16, 24, func(i *interfaceRow) string { return i.Name }, queryInterface),
	}, amounts(func(i *interfaceRow) *traffic.Usage { return &i.Usage })...)
	columns = append(columns,
		number("rx_packets", "RX PKTS", 6, 8, func(i *interfaceRow) uint64 { return i.RxPackets }),
		number("tx_packets", "TX PKTS", 6, 8, func(i *interfaceRow) uint64 { return i.TxPackets }),
		column[interfaceRow]{
			shape:  fixed("speed_bits", "SPEED", 5, rateWidth),
			value:  func(i *interfaceRow) float64 { return float64(i.SpeedBits) },
			figure: func(i *interfaceRow, _ units, _ int) string { return speed(i.SpeedBits) },
			exact:  func(i *interfaceRow) exportCell { return wholeCell(i.SpeedBits) },
		},
		words("balanced", "BALANCED", 4, 9, 9, 9, func(i *interfaceRow) string {
			if i.Balanced {
				return "yes"
			}
			return "no"
		}),
		recently(7, func(i *interfaceRow) float64 { return totalRate(&i.Usage) }),
	)
	return &kind[interfaceRow]{
		of:      ofInterfaces,
		name:    "interfaces",
		columns: columns,
		sorting: sorting{col: 0, ascending: true},
		id:      func(i *interfaceRow) identity { return identity{of: ofInterfaces, name: i.Name} },
		tie:     func(a, b *interfaceRow) int { return compareFold(a.Name, b.Name) },
		usage:   func(i *interfaceRow) *traffic.Usage { return &i.Usage },
		seats:   func(_ *scene, i *interfaceRow) []int32 { return []int32{i.seat} },
		about: func(_ *scene, i *interfaceRow) *subject {
			s := &subject{
				title:  i.Name,
				series: traffic.Query{By: traffic.ByInterface, Name: i.Name},
				names:  []ruled{{kind: "interface", name: i.Name}},
			}
			if i.SpeedBits > 0 {
				s.add("speed", speed(i.SpeedBits))
			}
			s.add("packets", "rx "+count(i.RxPackets)+", tx "+count(i.TxPackets))
			balance := "not counted: another interface has the same bytes, or it is no way out"
			if i.Balanced {
				balance = "its bytes enter the balance"
			}
			s.facts = append(s.facts, fact{"balance", balance, true})
			return s
		},
	}
}

// interfacesPage is the table of the interfaces.
func (k *kinds) interfacesPage() page {
	return newPage("Interfaces", k.interfaces, func(sc *scene, rows []interfaceRow) ([]interfaceRow, string) {
		for i := range sc.Interfaces {
			n := &sc.Interfaces[i]
			seat := sc.memory.seatOf(ofInterfaces, i)
			rows = append(rows, interfaceRow{Interface: n, Usage: sc.usage(seat, n.Usage), seat: seat})
		}
		return rows, ""
	})
}
