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
	h.rule("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource,
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(out)},
		&expr.Masq{})
}

// DNAT sends what arrives for the address and port at (proto is "tcp" or
// "udp") to another host's address and port, of the same family.
func (h *Host) DNAT(proto string, at, to netip.AddrPort) {
	h.lab.t.Helper()
	h.rule("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest,
		h.sendTo(proto, at, to)...)
}

// DNATOutput does to what the host itself sends what DNAT does to what arrives.
func (h *Host) DNATOutput(proto string, at, to netip.AddrPort) {
	h.lab.t.Helper()
	h.rule("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest,
		h.sendTo(proto, at, to)...)
}

// Redirect has the host itself take, on port to, what arrives for the address
// and port at.
func (h *Host) Redirect(proto string, at netip.AddrPort, to uint16) {
	h.lab.t.Helper()
	h.rule("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest,
		append(h.towards(proto, at),
			&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(to)},
			&expr.Redir{RegisterProtoMin: 1})...)
}

func (h *Host) sendTo(proto string, at, to netip.AddrPort) []expr.Any {
	h.lab.t.Helper()
	if at.Addr().Is4() != to.Addr().Is4() {
		h.lab.t.Fatalf("on %s: cannot send %s %v to %v", h.Name, proto, at, to)
	}
	return append(h.towards(proto, at),
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: familyOf(at.Addr()), RegAddrMin: 1, RegProtoMin: 2, Specified: true})
}

// towards matches what is sent to an address and port.
func (h *Host) towards(proto string, at netip.AddrPort) []expr.Any {
	h.lab.t.Helper()
	l4, ok := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[proto]
	if !ok {
		h.lab.t.Fatalf("on %s: no rule for %s", h.Name, proto)
	}
	// Offsets of the destination address in the IPv4 (RFC 791) and IPv6
	// (RFC 8200) headers.
	offset, size := uint32(16), uint32(4)
	if at.Addr().Is6() {
		offset, size = 24, 16
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(familyOf(at.Addr()))}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: at.Addr().AsSlice()},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{l4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(at.Port())},
	}
}

func familyOf(a netip.Addr) uint32 {
	if a.Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

// interfaceName is a name as nftables compares it, filled up with zeros.
func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
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
	if err := h.tryRule(chain, kind, hook, prio, exprs...); err != nil {
		h.lab.t.Fatalf("add a rule to chain %s on %s: %v", chain, h.Name, err)
	}
}

func (h *Host) tryRule(chain string, kind nftables.ChainType, hook *nftables.ChainHook, prio *nftables.ChainPriority, exprs ...expr.Any) error {
	conn, err := nftables.New(nftables.WithNetNSFd(h.ns))
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	c := conn.AddChain(&nftables.Chain{Name: chain, Table: table, Type: kind, Hooknum: hook, Priority: prio})
	conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: exprs})
	return conn.Flush()
}
