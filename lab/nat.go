package lab

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tableName is the nftables table that holds all rules of the lab.
const tableName = "lab"

// Masquerade hides what leaves through out behind that interface's address,
// IPv4 and IPv6.
func (h *Host) Masquerade(out string) {
	h.lab.t.Helper()
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, out)
	h.rule("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource,
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Masq{})
}

// DNAT sends what arrives for the address and port at (proto is "tcp" or
// "udp") to another host's address and port, of the same family.
func (h *Host) DNAT(proto string, at, to netip.AddrPort) {
	h.lab.t.Helper()
	l4, ok := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[proto]
	if !ok || at.Addr().Is4() != to.Addr().Is4() {
		h.lab.t.Fatalf("DNAT on %s: cannot send %s %v to %v", h.Name, proto, at, to)
	}
	// Offsets of the destination address in the IPv4 (RFC 791) and IPv6
	// (RFC 8200) headers.
	family, offset, size := uint32(unix.NFPROTO_IPV4), uint32(16), uint32(4)
	if at.Addr().Is6() {
		family, offset, size = unix.NFPROTO_IPV6, 24, 16
	}
	h.rule("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest,
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(family)}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: at.Addr().AsSlice()},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{l4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(at.Port())},
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2, Specified: true})
}

// Track makes conntrack follow every flow of the host, IPv4 and IPv6: it does
// so from the moment a rule refers to it. Counters of flows are another
// matter: Sysctl("net/netfilter/nf_conntrack_acct", "1"), before they start.
func (h *Host) Track() {
	h.lab.t.Helper()
	h.rule("track", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter,
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED),
			Xor:  binaryutil.NativeEndian.PutUint32(0),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
		&expr.Counter{})
}

// rule appends a rule to one base chain of the lab's table, making both where
// they do not exist yet.
func (h *Host) rule(chain string, kind nftables.ChainType, hook *nftables.ChainHook, prio *nftables.ChainPriority, exprs ...expr.Any) {
	h.lab.t.Helper()
	conn, err := nftables.New(nftables.WithNetNSFd(h.ns))
	if err != nil {
		h.lab.t.Fatalf("open nftables on %s: %v", h.Name, err)
	}
	table := conn.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	c := conn.AddChain(&nftables.Chain{Name: chain, Table: table, Type: kind, Hooknum: hook, Priority: prio})
	conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: exprs})
	if err := conn.Flush(); err != nil {
		h.lab.t.Fatalf("add a rule to chain %s on %s: %v", chain, h.Name, err)
	}
}
