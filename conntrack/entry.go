// Package conntrack is the conntrack monitor: it reads the kernel's connection
// tracking table through ctnetlink, turns raw counters into running totals and
// emits them as samples of local, loopback and forwarded flows.
//
// One goroutine, Run's, owns the table; a second only receives events. The
// dump path is written for tables of a million flows: one reusable buffer,
// attributes walked in place, nothing allocated for a flow already known.
package conntrack

import (
	"encoding/binary"
	"net/netip"

	"bwmon/traffic"
)

// Flow status bits, enum ip_conntrack_status of
// include/uapi/linux/netfilter/nf_conntrack_common.h.
const (
	statusDying     = 1 << 9
	statusOffload   = 1 << 14
	statusHWOffload = 1 << 15
)

// address is an IPv6 address, or an IPv4 one mapped into IPv6.
type address [16]byte

func mapped4(b []byte) (a address) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b[:4])
	return a
}

func (a address) addr() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// tuple is one direction of an entry. ICMP has no ports: sport is the echo
// identifier and dport is type and code. GRE's keys stand in the ports, as the
// kernel reports them.
type tuple struct {
	src, dst     address
	sport, dport uint16
	proto        traffic.Proto
}

func (t tuple) isICMP() bool { return t.proto == traffic.ICMP || t.proto == traffic.ICMPv6 }

// from and to are the tuple's ends, with the ICMP identifier as both ports.
func (t tuple) from() netip.AddrPort { return netip.AddrPortFrom(t.src.addr(), t.sport) }

func (t tuple) to() netip.AddrPort {
	port := t.dport
	if t.isICMP() {
		port = t.sport
	}
	return netip.AddrPortFrom(t.dst.addr(), port)
}

// key names an entry. The id alone is not enough (it repeats), nor is the
// tuple (zones); a reuse of all three shows as counters that went down.
type key struct {
	tuple
	zone uint16
	id   uint32
}

// counters are an entry's raw counters.
type counters struct {
	origBytes, replyBytes     uint64
	origPackets, replyPackets uint64
}

func (c counters) sub(d counters) counters {
	return counters{
		c.origBytes - d.origBytes, c.replyBytes - d.replyBytes,
		c.origPackets - d.origPackets, c.replyPackets - d.replyPackets,
	}
}

func (c counters) atLeast(d counters) bool {
	return c.origBytes >= d.origBytes && c.replyBytes >= d.replyBytes &&
		c.origPackets >= d.origPackets && c.replyPackets >= d.replyPackets
}

// seenBy returns c from the initiator's or the responder's side.
func (c counters) seenBy(responder bool) traffic.Counts {
	i := traffic.Counts{
		RxBytes: c.replyBytes, TxBytes: c.origBytes,
		RxPackets: c.replyPackets, TxPackets: c.origPackets,
	}
	if responder {
		return i.Swap()
	}
	return i
}

// entry is one decoded message; the decoder overwrites it for the next.
type entry struct {
	key      key
	reply    tuple
	counters counters
	status   uint32
	counted  bool // the message had counters
	socket   end  // found as the flow began; noEnd where it was not looked for, too
}

// hash spreads a key over the table's index. The kernel's id is itself a
// keyed hash of the entry; without one the tuple has to do.
func (k *key) hash() uint64 {
	h := uint64(k.id)<<16 ^ uint64(k.zone)
	if k.id == 0 {
		h = binary.LittleEndian.Uint64(k.src[8:]) ^ binary.LittleEndian.Uint64(k.dst[8:])<<1 ^
			uint64(k.sport)<<48 ^ uint64(k.dport)<<32 ^ uint64(k.proto)
	}
	h ^= h >> 33
	h *= 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4)
	return h ^ h>>29
}
