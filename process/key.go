package process

import (
	"net/netip"

	"bwmon/traffic"
)

// key names a socket, or the socket a flow looks for. IPv4 addresses are held
// in their IPv4-mapped form, which makes the IPv4 traffic of a dual-stack IPv6
// socket the same key as that of an IPv4 socket, while 0.0.0.0 and :: stay
// apart. It holds no pointer, so that a large table costs the garbage
// collector little.
//
// A socket that is not connected has no remote end: remote and rport are zero.
// A ping socket has its echo identifier for local port; a raw socket has no
// port at all.
type key struct {
	local, remote [16]byte
	lport, rport  uint16
	proto         traffic.Proto
}

// The two wildcard addresses as a key holds them.
var (
	any4 = netip.IPv4Unspecified().As16()
	any6 = netip.IPv6Unspecified().As16()
)

// keyOf is the key of the socket that would carry f.
func keyOf(f traffic.Flow) key {
	return key{
		local: f.Local.Addr().As16(), remote: f.Remote.Addr().As16(),
		lport: f.Local.Port(), rport: f.Remote.Port(),
		proto: f.Proto,
	}
}

// is4 reports whether the local address is an IPv4 one, mapped or not.
func (k key) is4() bool { return netip.AddrFrom16(k.local).Is4In6() }

// bound is the key of an unconnected socket on k's local address and port.
func (k key) bound() key {
	k.remote, k.rport = any6, 0
	return k
}

// connected reports whether k names a remote end.
func (k key) connected() bool {
	return k.rport != 0 || k.remote != any6 && k.remote != any4
}

// socket is one row of a dump, or the answer to an exact look-up.
type socket struct {
	key   key
	inode uint32 // 0: no process holds it (time-wait, not yet accepted, orphaned)
	uid   uint32
	state uint8
	only6 bool // bound to :: and deaf to IPv4
	raw   bool // a raw socket: takes every packet of its protocol
}

// The socket states that matter here (include/net/tcp_states.h). Unconnected
// UDP sockets are in stateClose, connected ones in stateEstablished.
const (
	stateEstablished = 1
	stateSynRecv     = 3
	stateTimeWait    = 6
	stateClose       = 7
	stateListen      = 10
	stateNewSynRecv  = 12
)
