package probe

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Of include/uapi/linux/inet_diag.h.
const (
	sizeofInetDiagReq = 56 // struct inet_diag_req_v2
	sizeofInetDiagMsg = 72 // struct inet_diag_msg
	attrSKV6Only      = 11 // INET_DIAG_SKV6ONLY
)

// Of include/net/tcp_states.h; UDP and unix sockets borrow them. TCP_CLOSE is a UDP
// socket that is bound and not connected.
const (
	stateEstablished = 1
	stateClose       = 7
	stateListen      = 10
)

// inetSocket is what of a socket says for whom it listens.
type inetSocket struct {
	six, only6 bool // of IPv6; and takes no IPv4
	local      netip.Addr
	port       uint16
}

// countInet counts the TCP listeners or bound UDP sockets at p. The kernel goes through
// its listeners (of UDP: through all sockets) and hands out those of the port.
func countInet(p place, timeout time.Duration) (count int, err error) {
	state := uint32(stateListen)
	if p.proto == traffic.UDP {
		state = stateClose
	}
	visit := func(message []byte) error {
		s, err := parseInetSocket(message)
		if err == nil && s.port == p.port && p.takes(s.local, s.six, s.only6) {
			count++
		}
		return err
	}
	// What comes to an IPv4 address may be for a socket of IPv6 that is bound to a
	// v4-mapped address, or to :: and not to IPv6 only.
	families := []uint8{unix.AF_INET6, unix.AF_INET}
	if p.addr.Is6() {
		families = families[:1]
	}
	for _, family := range families {
		body := make([]byte, sizeofInetDiagReq)
		body[0], body[1] = family, uint8(p.proto)
		binary.NativeEndian.PutUint32(body[4:], 1<<state)
		binary.BigEndian.PutUint16(body[8:], p.port) // the filter is the id's idiag_sport
		if err := dumpSockets(body, timeout, visit); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// parseInetSocket reads one struct inet_diag_msg and its attributes.
func parseInetSocket(b []byte) (inetSocket, error) {
	if len(b) < sizeofInetDiagMsg {
		return inetSocket{}, errMalformed
	}
	s := inetSocket{port: binary.BigEndian.Uint16(b[4:])}
	switch b[0] {
	case unix.AF_INET:
		s.local = netip.AddrFrom4([4]byte(b[8:12]))
	case unix.AF_INET6:
		s.six, s.local = true, netip.AddrFrom16([16]byte(b[8:24]))
	default:
		return inetSocket{}, errMalformed
	}
	err := attributes(b[sizeofInetDiagMsg:], func(typ uint16, value []byte) {
		if typ == attrSKV6Only && len(value) > 0 {
			s.only6 = value[0] != 0
		}
	})
	return s, err
}
