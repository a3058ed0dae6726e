package machine

import "golang.org/x/sys/unix"

// stack is what an interface's place among the others makes of it.
type stack struct {
	// silent: it carries no layer-3 traffic of this host that is not
	// counted elsewhere, whatever it is stacked on or under.
	silent bool
	// trunk: what it carries belongs to bridges or sessions above it, or is
	// counted by the interfaces that share it.
	trunk bool
}

// maxDepth bounds the walk down a stack of interfaces. The kernel's own bound
// is eight (MAX_NEST_DEV in linux/netdevice.h).
const maxDepth = 8

// classify decides which interfaces enter the balance, so that each byte of
// the host's own layer-3 traffic, forwarded traffic included, is counted at
// exactly one interface for each time it passes.
//
//   - A bond or team counts for its ports, a bridge for its own: what is only
//     bridged never reaches layer 3. A VRF counts what its ports count, so
//     there the ports stay and the VRF is left out.
//   - VLANs, macvlans and the like are counted by the interface they are
//     stacked on. Where that is a bridge port or a trunk they count themselves.
//   - An interface is a trunk when a VLAN of it is a bridge port or carries
//     PPPoE, when it carries PPPoE itself, or when it is the conduit of a
//     switch (DSA): its bytes are counted by the bridge, the ppp interface or
//     the switch's ports. Its untagged bytes are in no book then.
//   - lo, copies (ifb, monitors) and links that carry no IP are left out.
//   - Tunnels are interfaces of their own: their packets pass twice, once
//     inside and once outside, and conntrack sees both.
func (t *table) classify() {
	for _, d := range t.devices {
		d.stack = stack{silent: d.isSilent()}
	}
	for _, d := range t.devices {
		if d.pppoe || d.kind == "vlan" && d.isBridgePort() {
			t.markTrunk(d)
		}
		if p := t.below(d); p != nil && d.kind == "dsa" {
			t.markTrunk(p)
		}
	}
	for _, d := range t.devices {
		d.balanced = !d.silent && !d.trunk && !d.isPort() && !t.coveredBelow(d, maxDepth)
	}
}

// markTrunk marks d, and what it is stacked on, as trunks.
func (t *table) markTrunk(d *device) {
	for depth := 0; d != nil && depth < maxDepth; depth++ {
		d.trunk = true
		d = t.below(d)
	}
}

// coveredBelow tells whether what d is stacked on counts d's bytes in the
// balance.
func (t *table) coveredBelow(d *device, depth int) bool {
	p := t.below(d)
	switch {
	case p == nil || depth == 0 || p.trunk || p.silent:
		return false
	case p.isPort():
		return !p.isBridgePort() // then the bond counts them
	}
	return true // p counts, or what p is stacked on
}

// below is the interface whose frames d's are; nil where d has its own.
// Other kinds (veth, tunnels) also name a parent, but do not share its frames.
func (t *table) below(d *device) *device {
	switch d.kind {
	case "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec", "rmnet", "dsa":
		if d.parent != d.index {
			return t.byIndex[d.parent]
		}
	}
	return nil
}

// isPort tells whether d's bytes are its master's affair.
func (d *device) isPort() bool { return d.master != 0 && d.slaveKind != "vrf" }

// isBridgePort tells whether d only passes frames on. An unknown kind of
// master is taken for one that counts, like a bond.
func (d *device) isBridgePort() bool {
	return d.master != 0 && (d.slaveKind == "bridge" || d.slaveKind == "openvswitch")
}

func (d *device) isSilent() bool {
	if d.flags&unix.IFF_LOOPBACK != 0 {
		return true
	}
	switch d.kind {
	case "ifb", "nlmon", "vsockmon", "vrf":
		return true
	}
	switch d.hardware {
	case unix.ARPHRD_CAN, unix.ARPHRD_NETLINK, unix.ARPHRD_VSOCKMON, unix.ARPHRD_MCTP,
		unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP,
		unix.ARPHRD_IEEE802154, unix.ARPHRD_IEEE802154_MONITOR, unix.ARPHRD_PHONET:
		return true
	}
	return false
}
