package lab

import (
	"crypto/rand"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience is how long the lab waits for the kernel or a child to get ready.
const patience = 10 * time.Second

// End is one end of a veth pair.
type End struct {
	Host  *Host
	Name  string   // the interface, as in "eth0"
	Addrs []string // with prefix length, as in "198.18.0.1/24"; usable at once
	// Master is the bridge, bond or VRF of the same host that the interface
	// joins; "" for none.
	Master string
	// Plain turns segmentation and checksum offloads off, so that what this
	// end sends crosses the link in packets no longer than the MTU.
	Plain bool
	MTU   int // 0: 1500
}

// Link joins two hosts by a veth pair and returns when both ends carry.
func (l *Lab) Link(a, b End) {
	l.t.Helper()
	mtu := func(e End) int {
		if e.MTU == 0 {
			return 1500
		}
		return e.MTU
	}
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: a.Name, MTU: mtu(a)})
	veth.PeerName = b.Name
	veth.PeerMTU = uint32(mtu(b))
	veth.PeerNamespace = netlink.NsFd(b.Host.ns)
	if err := a.Host.nl.LinkAdd(veth); err != nil {
		l.t.Fatalf("link %s/%s to %s/%s: %v", a.Host.Name, a.Name, b.Host.Name, b.Name, err)
	}
	for _, e := range []End{a, b} {
		if e.Plain {
			e.Host.noOffload(e.Name)
		}
		if e.Master != "" {
			e.Host.Enslave(e.Name, e.Master)
		}
		e.Host.Up(e.Name, e.Addrs...)
	}
	a.Host.awaitCarrier(a.Name)
	b.Host.awaitCarrier(b.Name)
}

// Bridge adds a bridge without spanning tree or multicast snooping, up.
func (h *Host) Bridge(name string, addrs ...string) {
	h.lab.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	// Without an address of its own a bridge takes its ports' lowest, and
	// the neighbours' ARP entries go stale when one more port is added.
	attrs.HardwareAddr = randomMAC()
	snooping := false
	h.AddLink(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}, addrs...)
}

// AddLink adds any interface (dummy, VLAN, bond …), gives it addresses and
// sets it up.
func (h *Host) AddLink(link netlink.Link, addrs ...string) {
	h.lab.t.Helper()
	if err := h.nl.LinkAdd(link); err != nil {
		h.lab.t.Fatalf("add %s %s to %s: %v", link.Type(), link.Attrs().Name, h.Name, err)
	}
	h.Up(link.Attrs().Name, addrs...)
}

// Enslave makes an interface a port of a bridge, bond or VRF.
func (h *Host) Enslave(name, master string) {
	h.lab.t.Helper()
	if err := h.nl.LinkSetMaster(h.link(name), h.link(master)); err != nil {
		h.lab.t.Fatalf("put %s under %s on %s: %v", name, master, h.Name, err)
	}
}

// DelLink removes an interface, and with it the other end of a veth pair.
func (h *Host) DelLink(name string) {
	h.lab.t.Helper()
	if err := h.nl.LinkDel(h.link(name)); err != nil {
		h.lab.t.Fatalf("remove %s from %s: %v", name, h.Name, err)
	}
}

// Up sets an interface up and adds addresses to it.
func (h *Host) Up(name string, addrs ...string) {
	h.lab.t.Helper()
	link := h.link(name)
	for _, s := range addrs {
		p := h.prefix(s)
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // else it is tentative for a second
		}
		if err := h.nl.AddrAdd(link, a); err != nil {
			h.lab.t.Fatalf("add %s to %s on %s: %v", s, name, h.Name, err)
		}
	}
	if err := h.nl.LinkSetUp(link); err != nil {
		h.lab.t.Fatalf("set %s of %s up: %v", name, h.Name, err)
	}
}

// Route adds a route to dst (a prefix) through the gateway via.
func (h *Host) Route(dst, via string) {
	h.lab.t.Helper()
	gw, err := netip.ParseAddr(via)
	if err != nil {
		h.lab.t.Fatalf("route on %s: %v", h.Name, err)
	}
	r := &netlink.Route{Dst: ipNet(h.prefix(dst)), Gw: gw.AsSlice()}
	if err := h.nl.RouteAdd(r); err != nil {
		h.lab.t.Fatalf("route %s via %s on %s: %v", dst, via, h.Name, err)
	}
}

// DefaultRoute adds a default route through via, for via's address family.
func (h *Host) DefaultRoute(via string) {
	h.lab.t.Helper()
	dst := "0.0.0.0/0"
	if gw, err := netip.ParseAddr(via); err == nil && gw.Is6() {
		dst = "::/0"
	}
	h.Route(dst, via)
}

// awaitCarrier waits until the interface passes packets. The kernel starts a
// link's queue some time after both ends are up; before, it drops silently.
func (h *Host) awaitCarrier(name string) {
	h.lab.t.Helper()
	deadline := time.Now().Add(patience)
	for h.link(name).Attrs().OperState != netlink.OperUp {
		if time.Now().After(deadline) {
			h.lab.t.Fatalf("%s on %s has no carrier", name, h.Name)
		}
		time.Sleep(time.Millisecond)
	}
}

func (h *Host) link(name string) netlink.Link {
	h.lab.t.Helper()
	link, err := h.nl.LinkByName(name)
	if err != nil {
		h.lab.t.Fatalf("interface %s on %s: %v", name, h.Name, err)
	}
	return link
}

func (h *Host) prefix(s string) netip.Prefix {
	h.lab.t.Helper()
	p, err := netip.ParsePrefix(s)
	if err != nil {
		h.lab.t.Fatalf("on %s: %v", h.Name, err)
	}
	return p
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{
		IP:   p.Addr().AsSlice(),
		Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
	}
}

func randomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac)           // never fails (crypto/rand)
	mac[0] = mac[0]&^1 | 0x2 // unicast, locally administered
	return mac
}
