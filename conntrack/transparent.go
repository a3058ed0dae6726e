package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// A transparent proxy (Documentation/networking/tproxy.rst) has connections of
// which neither end is an address of this host: it takes its clients' in place
// of the server, and may make its own in the client's name. To conntrack they
// look forwarded. Where marked packets are delivered here, whatever their
// address, sock_diag is asked of each such flow whether it is a socket's: of
// TCP, as for UDP it does not know whom a socket talks to. A connection that is
// over before it is asked remains forwarded.

// deliversMarked reports whether a routing rule has packets with a mark, sent to
// the Internet at large, delivered here.
func deliversMarked(h *netlink.Handle) bool {
	rules, err := h.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return false
	}
	for _, r := range rules {
		if r.Mark == 0 {
			continue
		}
		for _, probe := range probes {
			routes, err := h.RouteGetWithOptions(probe.AsSlice(), &netlink.RouteGetOptions{Mark: r.Mark})
			if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
				return true
			}
		}
	}
	return false
}

// recognise finds out whether a flow that looks forwarded is that of a socket
// here, and if so makes it local, seen from that socket.
func (s *sides) recognise(sd *side) {
	if s.sockets != nil && sd.scope == traffic.ScopeForwarded && sd.flow.Proto == traffic.TCP && !sd.bridged {
		s.assign(sd, s.sockets.between(sd.flow.Local, sd.flow.Remote))
	}
}

// assign makes a flow local that is that of a socket here.
func (s *sides) assign(sd *side, has end) {
	switch has {
	case noEnd:
		return
	case remoteEnd:
		f := &sd.flow
		f.Local, f.Remote, sd.responder = f.Remote, f.Local, !sd.responder
	}
	sd.scope = traffic.ScopeLocal
	if s.inside == nil {
		s.owners.Want(sd.flow)
	}
}

// end is which end of a forwarded flow, as place calls them, has a socket here.
type end uint8

const (
	noEnd end = iota
	localEnd
	remoteEnd
)

// diagSocket asks the kernel for single TCP sockets of the namespace it was
// opened in.
type diagSocket struct {
	fd int

	mu       sync.Mutex // protects what follows
	req, buf []byte
}

// Sizes and offsets of linux/inet_diag.h and linux/sock_diag.h.
const (
	sockDiagByFamily = 20
	diagRequest      = nlmsgHeader + 56 // struct inet_diag_req_v2
	diagID           = 8                // struct inet_diag_sockid within the request,
	diagAnswerID     = 4                // and within struct inet_diag_msg
	diagAnswer       = 72
)

func openDiag() (*diagSocket, error) {
	fd, err := openNetlink(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		return nil, err
	}
	// The kernel answers within the call.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set receive time limit: %w", err)
	}
	return &diagSocket{fd: fd, req: make([]byte, diagRequest), buf: make([]byte, 4096)}, nil
}

func (d *diagSocket) close() { unix.Close(d.fd) }

// between finds the socket of a connection.
func (d *diagSocket) between(local, remote netip.AddrPort) end {
	switch {
	case d.has(local, remote):
		return localEnd
	case d.has(remote, local):
		return remoteEnd
	}
	return noEnd
}

// has reports whether there is a TCP socket between these two ends. A listener
// is none.
func (d *diagSocket) has(local, remote netip.AddrPort) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.req)
	binary.NativeEndian.PutUint32(d.req, diagRequest)
	binary.NativeEndian.PutUint16(d.req[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(d.req[6:], unix.NLM_F_REQUEST)
	body := d.req[nlmsgHeader:]
	body[0] = unix.AF_INET6
	if local.Addr().Is4() {
		body[0] = unix.AF_INET
	}
	body[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], ^uint32(0)) // in every state
	id := body[diagID:]
	binary.BigEndian.PutUint16(id, local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], local.Addr().AsSlice())
	copy(id[20:36], remote.Addr().AsSlice())
	for i := range 8 { // INET_DIAG_NOCOOKIE
		id[40+i] = 0xff
	}
	if err := unix.Sendto(d.fd, d.req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false
	}
	n, err := unix.Read(d.fd, d.buf)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(d.fd, d.buf)
	}
	if err != nil {
		return false
	}
	gotLocal, gotRemote, ok := diagEnds(d.buf[:n])
	return ok && gotLocal == local && gotRemote == remote
}

// diagEnds reads the ends of the socket in an answer; ok is false where it holds
// none (most often ENOENT).
func diagEnds(b []byte) (local, remote netip.AddrPort, ok bool) {
	m, _, err := nextMessage(b)
	if err != nil || m.kind != sockDiagByFamily || len(m.body) < diagAnswer {
		return local, remote, false
	}
	b = m.body
	id := b[diagAnswerID:]
	read := func(port, addr []byte) netip.AddrPort {
		if b[0] == unix.AF_INET {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr)), binary.BigEndian.Uint16(port))
		}
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(addr)).Unmap(), binary.BigEndian.Uint16(port))
	}
	return read(id, id[4:]), read(id[2:], id[20:]), true
}
