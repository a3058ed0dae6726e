package traffic

import (
	"net/netip"
	"strconv"
)

// Proto is an IP protocol number (IANA "Assigned Internet Protocol Numbers").
type Proto uint8

// The protocols that bwmon has a word for.
const (
	ICMP    Proto = 1
	TCP     Proto = 6
	UDP     Proto = 17
	GRE     Proto = 47
	ICMPv6  Proto = 58
	SCTP    Proto = 132
	UDPLite Proto = 136
	// Pipe stands for no protocol: bytes that went through a pipe. IANA has
	// reserved the number, so that it is on no wire.
	Pipe Proto = 255
)

// String is the name used on every surface; a protocol without one is its
// number.
func (p Proto) String() string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case GRE:
		return "gre"
	case ICMPv6:
		return "icmpv6"
	case SCTP:
		return "sctp"
	case UDPLite:
		return "udplite"
	case Pipe:
		return "pipe"
	}
	return strconv.Itoa(int(p))
}

// Scope says in which book a flow belongs.
type Scope uint8

const (
	// ScopeLocal: one end is this host, the other is not.
	ScopeLocal Scope = iota
	// ScopeLoopback: both ends are this host. Kept apart; never in the balance.
	ScopeLoopback
	// ScopeForwarded: neither end is this host; it only passes through.
	ScopeForwarded
	// ScopeInner: one end is a socket of this kernel in another network
	// namespace, as a container has one. It is booked to its owner, and in the
	// balance of that namespace, not of this one.
	ScopeInner
	// ScopePassing: forwarded for such a socket. It is in the balance, and
	// nobody's row here.
	ScopePassing
	// ScopePipe: what a pipe or a relay of ours carried, in payload bytes. Where
	// that went over a network, its sockets stand in the other books; this is
	// never in the balance.
	ScopePipe
	// ScopeRelay: carried by a socket of a relay of ours, whose row is that of
	// ScopePipe. It is in the balance as local, and nobody's row.
	ScopeRelay
)

// String is the word used in JSON.
func (s Scope) String() string {
	switch s {
	case ScopeLoopback:
		return "loopback"
	case ScopeForwarded:
		return "forwarded"
	case ScopeInner:
		return "inner"
	case ScopePassing:
		return "passing"
	case ScopePipe:
		return "pipe"
	case ScopeRelay:
		return "relay"
	}
	return "local"
}

// Flow names one conversation from one end. It is a comparable key; the two
// ends of a loopback conversation are two Flows.
//
// For a local flow Local and Remote are what the application's socket sees,
// whatever NAT does further out. For a forwarded one Local is the LAN host.
// Protocols without ports have port 0 (ICMP echo: the identifier, both sides).
type Flow struct {
	Proto  Proto
	Zone   uint16 // conntrack zone, 0 where there is none
	Local  netip.AddrPort
	Remote netip.AddrPort
	// ID separates two lives of one tuple. It is given by the monitor and
	// means something only within that monitor.
	ID uint64
}
