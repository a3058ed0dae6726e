package lab

import (
	"errors"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What is marked so is for the host itself, whatever its address: see
// Documentation/networking/tproxy.rst of the kernel.
const (
	divertMark  = 1
	divertTable = 100
)

// TProxy hands what arrives for the address and port at to the transparent
// socket that listens on port to of the host, and what belongs to any
// transparent socket to that socket. Where the kernel has no TPROXY the test is
// skipped.
func (h *Host) TProxy(proto string, at netip.AddrPort, to uint16) {
	h.lab.t.Helper()
	mark := []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(divertMark)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
	}
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	family := familyOf(at.Addr())
	sockets := append([]expr.Any{
		&expr.Socket{Key: expr.SocketKeyTransparent, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}},
	}, append(mark, accept)...)
	arrivals := append(append(h.towards(proto, at),
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(to)},
		&expr.TProxy{Family: byte(family), TableFamily: byte(nftables.TableFamilyINet), RegPort: 1},
	), append(mark, accept)...)
	for _, exprs := range [][]expr.Any{sockets, arrivals} {
		err := h.tryRule("divert", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle, exprs...)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
			h.lab.t.Skipf("this kernel has no TPROXY (CONFIG_NFT_TPROXY, CONFIG_NFT_SOCKET): %v", err)
		}
		if err != nil {
			h.lab.t.Fatalf("add a TPROXY rule on %s: %v", h.Name, err)
		}
	}
	h.deliverMarked(family)
}

// deliverMarked has what is marked delivered here.
func (h *Host) deliverMarked(family uint32) {
	h.lab.t.Helper()
	rule := netlink.NewRule()
	rule.Family, rule.Mark, rule.Table = int(family), divertMark, divertTable
	all := &net.IPNet{IP: make(net.IP, net.IPv6len), Mask: net.CIDRMask(0, 128)}
	if family == unix.NFPROTO_IPV4 {
		all = &net.IPNet{IP: make(net.IP, net.IPv4len), Mask: net.CIDRMask(0, 32)}
	}
	err := h.nl.RuleAdd(rule)
	if errors.Is(err, unix.EEXIST) {
		return
	}
	if err == nil {
		err = h.nl.RouteAdd(&netlink.Route{
			Dst: all, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Table: divertTable, LinkIndex: h.link("lo").Attrs().Index,
		})
	}
	if err != nil {
		h.lab.t.Fatalf("deliver what is marked to %s itself: %v", h.Name, err)
	}
}
