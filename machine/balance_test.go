package machine

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// iface describes an interface as the kernel would list it. Indexes follow
// the order of the list, from 1.
type iface struct {
	name, kind    string
	master, slave string // name of the master and the kind of port
	parent        string
	hardware      uint16 // 0: Ethernet
	loopback      bool
	pppoe         bool
}

func TestClassify(t *testing.T) {
	lo := iface{name: "lo", hardware: unix.ARPHRD_LOOPBACK, loopback: true}
	eth0 := iface{name: "eth0"}
	for _, tc := range []struct {
		name string
		list []iface
		want []string // those in the balance
	}{
		{"plain host", []iface{lo, eth0}, []string{"eth0"}},
		{"bond", []iface{
			{name: "eth0", master: "bond0", slave: "bond"}, {name: "eth1", master: "bond0", slave: "bond"},
			{name: "bond0", kind: "bond"},
		}, []string{"bond0"}},
		{"VLAN on a bond", []iface{
			{name: "eth0", master: "bond0", slave: "bond"}, {name: "bond0", kind: "bond"},
			{name: "bond0.5", kind: "vlan", parent: "bond0"},
		}, []string{"bond0"}},
		{"VLAN on a bond's port", []iface{
			{name: "eth0", master: "bond0", slave: "bond"}, {name: "bond0", kind: "bond"},
			{name: "eth0.5", kind: "vlan", parent: "eth0"},
		}, []string{"bond0"}},
		{"bridge", []iface{
			{name: "eth0", master: "br0", slave: "bridge"}, {name: "veth1", kind: "veth", master: "br0", slave: "bridge"},
			{name: "br0", kind: "bridge"},
		}, []string{"br0"}},
		{"bridge beside an uplink", []iface{
			eth0, {name: "docker0", kind: "bridge"}, {name: "veth1", kind: "veth", master: "docker0", slave: "bridge"},
		}, []string{"docker0", "eth0"}},
		{"VLAN", []iface{eth0, {name: "eth0.5", kind: "vlan", parent: "eth0"}}, []string{"eth0"}},
		{"QinQ", []iface{
			eth0, {name: "eth0.5", kind: "vlan", parent: "eth0"}, {name: "eth0.5.6", kind: "vlan", parent: "eth0.5"},
		}, []string{"eth0"}},
		{"VLAN whose parent is in another namespace", []iface{{name: "eth0.5", kind: "vlan"}}, []string{"eth0.5"}},
		{"VLAN on a bridge port", []iface{
			{name: "eth0", master: "br0", slave: "bridge"}, {name: "br0", kind: "bridge"},
			{name: "eth0.5", kind: "vlan", parent: "eth0"},
		}, []string{"br0", "eth0.5"}},
		{"VLAN that is a bridge port", []iface{
			eth0,
			{name: "eth0.5", kind: "vlan", parent: "eth0", master: "br5", slave: "bridge"},
			{name: "eth0.6", kind: "vlan", parent: "eth0"},
			{name: "br5", kind: "bridge"},
		}, []string{"br5", "eth0.6"}},
		{"VLAN on a bridge", []iface{
			{name: "br0", kind: "bridge"}, {name: "br0.5", kind: "vlan", parent: "br0"},
		}, []string{"br0"}},
		{"macvlan and ipvlan", []iface{
			eth0, {name: "mv0", kind: "macvlan", parent: "eth0"}, {name: "iv0", kind: "ipvlan", parent: "eth0"},
		}, []string{"eth0"}},
		{"veth with both ends here", []iface{
			{name: "v0", kind: "veth", parent: "v1"}, {name: "v1", kind: "veth", parent: "v0"},
		}, []string{"v0", "v1"}},
		{"VRF", []iface{
			{name: "eth0", master: "vrf0", slave: "vrf"}, {name: "vrf0", kind: "vrf"},
		}, []string{"eth0"}},
		{"Open vSwitch", []iface{
			{name: "eth0", master: "ovs-system", slave: "openvswitch"}, {name: "ovs-system", kind: "openvswitch"},
			{name: "br-int", kind: "openvswitch"},
		}, []string{"br-int", "ovs-system"}},
		{"switch ports of a router", []iface{
			eth0, {name: "wan", kind: "dsa", parent: "eth0"},
			{name: "lan1", kind: "dsa", parent: "eth0", master: "br-lan", slave: "bridge"},
			{name: "br-lan", kind: "bridge"},
		}, []string{"br-lan", "wan"}},
		{"PPPoE", []iface{
			{name: "eth0", pppoe: true}, {name: "ppp0", hardware: unix.ARPHRD_PPP},
		}, []string{"ppp0"}},
		{"PPPoE in a VLAN", []iface{
			eth0, {name: "eth0.7", kind: "vlan", parent: "eth0", pppoe: true}, {name: "ppp0", hardware: unix.ARPHRD_PPP},
		}, []string{"ppp0"}},
		{"tunnels", []iface{
			eth0, {name: "wg0", kind: "wireguard", hardware: unix.ARPHRD_NONE},
			{name: "gre1", kind: "gre", parent: "eth0", hardware: unix.ARPHRD_IPGRE},
		}, []string{"eth0", "gre1", "wg0"}},
		{"copies and other links", []iface{
			eth0, {name: "ifb0", kind: "ifb"}, {name: "can0", hardware: unix.ARPHRD_CAN},
			{name: "nlmon0", kind: "nlmon", hardware: unix.ARPHRD_NETLINK},
		}, []string{"eth0"}},
		{"circle of parents", []iface{
			{name: "a", kind: "vlan", parent: "b"}, {name: "b", kind: "vlan", parent: "a", master: "br0", slave: "bridge"},
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := tableOf(tc.list)
			table.classify()
			var got []string
			for _, i := range table.finish() {
				if i.Balanced {
					got = append(got, i.Name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("in the balance (-want +got):\n%s", diff)
			}
		})
	}
}

func tableOf(list []iface) *table {
	index := func(name string) int {
		return slices.IndexFunc(list, func(i iface) bool { return i.name == name }) + 1
	}
	table := newTable()
	table.begin()
	for _, i := range list {
		l := link{
			index: index(i.name), name: []byte(i.name), kind: []byte(i.kind), slaveKind: []byte(i.slave),
			master: index(i.master), parent: index(i.parent), hardware: i.hardware, counted: true,
		}
		if l.hardware == 0 {
			l.hardware = unix.ARPHRD_ETHER
		}
		if i.loopback {
			l.flags = unix.IFF_LOOPBACK
		}
		table.update(l)
		table.byName(i.name).pppoe = i.pppoe
	}
	return &table
}

// TestClassifyReal builds the stacks this kernel has and reads them.
func TestClassifyReal(t *testing.T) {
	bond := netlink.NewLinkBond(netlink.LinkAttrs{Name: "bond0"})
	bond.Mode = netlink.BOND_MODE_ACTIVE_BACKUP
	for _, tc := range []struct {
		name  string
		build func(t *testing.T, p pair)
		want  map[string]bool
	}{
		{"plain", func(t *testing.T, p pair) { p.wire([]string{addrA}, []string{addrB}) },
			map[string]bool{"lo": false, "eth0": true}},
		{"bridge", func(t *testing.T, p pair) {
			p.a.Bridge("br0", addrA)
			p.wire(nil, []string{addrB})
			p.a.Enslave("eth0", "br0")
		}, map[string]bool{"lo": false, "eth0": false, "br0": true}},
		{"macvlan", func(t *testing.T, p pair) {
			p.wire(nil, []string{addrB})
			add(t, p.a, &netlink.Macvlan{LinkAttrs: attrs(p.a, "mv0", t), Mode: netlink.MACVLAN_MODE_BRIDGE}, addrA)
		}, map[string]bool{"lo": false, "eth0": true, "mv0": false}},
		{"VLAN", func(t *testing.T, p pair) {
			p.wire(nil, nil)
			add(t, p.a, &netlink.Vlan{LinkAttrs: attrs(p.a, "vlan5", t), VlanId: 5}, addrA)
		}, map[string]bool{"lo": false, "eth0": true, "vlan5": false}},
		{"bond", func(t *testing.T, p pair) {
			add(t, p.a, bond, addrA) // first: a port must be down to join
			p.lab.Link(lab.End{Host: p.a, Name: "eth0", Master: "bond0"}, lab.End{Host: p.b, Name: "eth0"})
		}, map[string]bool{"lo": false, "eth0": false, "bond0": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lab.New(t)
			p := pair{l, l.Host("a"), l.Host("b")}
			tc.build(t, p)
			b, err := openSource(t, p.a).read()
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]bool)
			for _, i := range b.Interfaces {
				// A kernel may give every namespace tunnels of its own.
				if _, ok := tc.want[i.Name]; ok {
					got[i.Name] = i.Balanced
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("balanced (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRemoved: what an interface carried between the last reading and its
// end is not lost, and it keeps its place in the balance.
func TestRemoved(t *testing.T) {
	table := newTable()
	eth := func(bytes uint64) link {
		return link{
			index: 7, name: []byte("eth7"), kind: []byte("veth"), slaveKind: []byte("bond"), master: 3,
			hardware: unix.ARPHRD_ETHER, counted: true,
			counts: traffic.Counts{RxBytes: bytes, RxPackets: 1},
		}
	}
	table.begin()
	table.update(eth(100))
	table.classify()
	table.finish()

	table.begin()
	last := eth(500)
	last.master, last.slaveKind = 0, nil // it left its master first
	table.remove(last)
	stranger := eth(1)
	stranger.index = 8
	table.remove(stranger) // never listed: of no use
	table.classify()
	want := []traffic.InterfaceTotal{{
		Name: "eth7", Index: 7, Counts: traffic.Counts{RxBytes: 486, RxPackets: 1},
	}}
	if diff := cmp.Diff(want, table.finish()); diff != "" {
		t.Errorf("last totals (-want +got):\n%s", diff)
	}
	table.begin()
	table.classify()
	if got := table.finish(); len(got) != 0 || len(table.devices) != 0 || len(table.byIndex) != 0 {
		t.Errorf("a removed interface is still there: %v", got)
	}
}
