package machine

import (
	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// ethernetHeader is ETH_HLEN of linux/if_ether.h.
const ethernetHeader = 14

// header is how many bytes of link header an interface counts with each
// packet, each way.
type header struct{ rx, tx uint64 }

// headerOf tells what an interface of that kind and hardware type counts.
//
// Ethernet drivers count the frame with its header and without its checksum.
// The software devices differ, also between the ways: a device that gets its
// packets from another one's receive path counts them after eth_type_trans
// has taken the header off, one that hands them to an IP tunnel counts them
// from the inner network header on (iptunnel_xmit). Where a kernel function
// is named the figure is from its source; those without were also measured
// (TestHeaders).
//
// A VLAN tag is four bytes more where the driver puts it into the frame, and
// none where the hardware does; we take none.
func headerOf(kind string, hardware uint16) header {
	switch kind {
	case "bridge": // br_pass_frame_up, br_dev_xmit; measured
		return header{rx: 0, tx: ethernetHeader}
	case "vlan", // vlan_do_receive, vlan_dev_hard_start_xmit
		"team": // team_handle_frame, team_xmit
		return header{rx: 0, tx: ethernetHeader}
	case "vxlan": // measured
		return header{}
	case "geneve", // geneve_rx
		"ip6gretap", "ip6erspan": // __ip6_tnl_rcv
		return header{}
	case "gretap", "erspan": // ip_tunnel_rcv
		return header{rx: ethernetHeader, tx: 0}
	case "wireguard":
		// update_rx_stats adds message_data_len (16 of header, 16 of
		// authentication), iptunnel_xmit the latter only. The padding
		// to a multiple of 16 is counted too and cannot be told apart.
		return header{rx: 32, tx: 16}
	}
	if hardware == unix.ARPHRD_ETHER {
		return header{rx: ethernetHeader, tx: ethernetHeader}
	}
	// lo counts after eth_type_trans (loopback_xmit; measured), PPP without
	// its protocol field (ppp_receive_nonmp_frame), tun and the IP tunnels
	// have no link header (tun measured).
	return header{}
}

// layer3 takes the headers off the counters. Packets and bytes of a driver
// are not always read at one moment: a negative figure is zero.
func (h header) layer3(c traffic.Counts) traffic.Counts {
	c.RxBytes -= min(c.RxBytes, h.rx*c.RxPackets)
	c.TxBytes -= min(c.TxBytes, h.tx*c.TxPackets)
	return c
}

// meter turns a driver's counters into a running total that never falls.
type meter struct {
	raw   traffic.Counts // the last reading
	base  traffic.Counts // the total when the counters last restarted
	total traffic.Counts
}

// read enters a reading. Counters that fell have restarted from zero: what
// they show now is new. Where only the layer-3 figure fell, packets were
// counted ahead of their bytes, and the total waits for these.
func (m *meter) read(raw traffic.Counts, h header) {
	if !raw.AtLeast(m.raw) {
		m.base = m.total
	}
	m.raw = raw
	now := m.base.Add(h.layer3(raw))
	m.total = highest(m.total, now)
}

// highest is the larger of each field.
func highest(a, b traffic.Counts) traffic.Counts {
	return traffic.Counts{
		RxBytes: max(a.RxBytes, b.RxBytes), TxBytes: max(a.TxBytes, b.TxBytes),
		RxPackets: max(a.RxPackets, b.RxPackets), TxPackets: max(a.TxPackets, b.TxPackets),
	}
}
