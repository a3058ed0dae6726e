package conntrack

import (
	"net/netip"

	"bwmon/traffic"
)

// place is where a flow belongs and how its ends are called.
type place struct {
	scope         traffic.Scope
	local, remote netip.AddrPort
	// responder: local is the end that answers; the counters swap sides.
	responder bool
	// bridged: the flow passes from port to port of a bridge, no interface of
	// ours, and is in nobody's books.
	bridged bool
}

// surroundings is what this network namespace calls its own: it decides
// between local, loopback and forwarded. It is replaced, never changed.
type surroundings struct {
	own    map[netip.Addr]bool
	toAll  map[netip.Addr]bool // the broadcast addresses of our networks
	inside []netip.Prefix      // networks that are connected, but not over an uplink

	// bridges are the networks connected over a bridge of which what is only
	// bridged is tracked, too.
	bridges []netip.Prefix

	// transparent: a flow without an end of ours may be a socket's here.
	transparent bool
}

func (s *surroundings) isOwn(a netip.Addr) bool { return s.own[a] || a.IsLoopback() }

// isForAll reports whether what is sent to a is meant for us among others.
func (s *surroundings) isForAll(a netip.Addr) bool {
	return s.toAll[a] || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (s *surroundings) isInside(a netip.Addr) bool {
	for _, p := range s.inside {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// isBridged reports whether two ends that are not ours are on one bridge that
// has what it bridges pass our rules. Where these send it to another port of the
// bridge (DNAT), it is still bridged (br_netfilter, which Docker loads).
func (s *surroundings) isBridged(a, b netip.Addr) bool {
	for _, p := range s.bridges {
		if p.Contains(a) && p.Contains(b) {
			return true
		}
	}
	return false
}

// place finds where a flow belongs. NAT is undone by looking at both tuples:
// the initiator is the original source; whoever really answers is the source
// of the reply. The original direction is that of the first packet seen, which
// is not always the initiator's (nf_conntrack_tcp_loose); nothing here depends
// on it.
func (s *surroundings) place(orig, reply tuple) place {
	initiator, responder := orig.from(), reply.from()
	ours, theirs := s.isOwn(initiator.Addr()), s.isOwn(responder.Addr())
	if !ours && s.isForAll(responder.Addr()) {
		theirs = true
	}
	switch {
	case ours && theirs:
		return place{scope: traffic.ScopeLoopback, local: initiator, remote: orig.to()}
	case ours:
		return place{scope: traffic.ScopeLocal, local: initiator, remote: orig.to()}
	case theirs:
		return place{scope: traffic.ScopeLocal, local: responder, remote: reply.to(), responder: true}
	}
	p := place{scope: traffic.ScopeForwarded, local: initiator, remote: orig.to()}
	if s.lanHostAnswers(orig, reply) {
		p.local, p.remote, p.responder = responder, initiator, true
	}
	p.bridged = s.isBridged(initiator.Addr(), responder.Addr())
	return p
}

// lanHostAnswers decides which end of a forwarded flow is the LAN host: the
// one on a network that is not an uplink's; else the one hidden behind NAT;
// else the initiator. Of two LAN hosts it is the initiator, so that a flow is
// booked once.
func (s *surroundings) lanHostAnswers(orig, reply tuple) bool {
	if s.isInside(orig.src.addr()) {
		return false
	}
	if s.isInside(reply.src.addr()) {
		return true
	}
	sourceHidden, targetHidden := orig.src != reply.dst, orig.dst != reply.src
	return targetHidden && !sourceHidden
}

// otherEnd is the second side of a loopback flow, as the answering socket
// sees it.
func otherEnd(reply tuple) place {
	return place{scope: traffic.ScopeLoopback, local: reply.from(), remote: reply.to(), responder: true}
}

// answeredByKernel reports whether the local end of the flow is the kernel
// itself, which answers ICMP without a socket.
func answeredByKernel(p place, orig tuple) bool {
	if !p.responder || !orig.isICMP() {
		return false
	}
	kind := uint8(orig.dport >> 8)
	return orig.proto == traffic.ICMP && (kind == icmpEcho || kind == icmpTimestamp) ||
		orig.proto == traffic.ICMPv6 && kind == icmpv6Echo
}

// Request types: RFC 792, RFC 4443.
const (
	icmpEcho      = 8
	icmpTimestamp = 13
	icmpv6Echo    = 128
)
