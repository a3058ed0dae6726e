package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// errAbsent: the kernel has no sock_diag for that family and protocol.
var errAbsent = errors.New("not known to this kernel's sock_diag")

// diagSocket is a NETLINK_SOCK_DIAG socket with the one buffer it reads into.
// It belongs to the network namespace of the thread that opened it and is
// used by one goroutine at a time.
type diagSocket struct {
	fd    int
	seq   uint32
	req   [sizeofNlmsghdr + sizeofInetDiagReq]byte
	buf   []byte
	reply diagReply
}

// openDiag opens a socket in the calling thread's network namespace.
func openDiag() (*diagSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	// The kernel answers within the call; the time-out is for a message that
	// was lost for want of memory.
	timeout := unix.Timeval{Sec: 1}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up sock_diag: %w", err)
	}
	// A dump comes in pieces of at most 32 KiB (net/netlink/af_netlink.c).
	return &diagSocket{fd: fd, buf: make([]byte, 64<<10)}, nil
}

func (d *diagSocket) close() { _ = unix.Close(d.fd) }

// dump hands every socket of one family and protocol whose state is in states
// to visit, a piece at a time; the slice is reused when visit returns. The
// error is errAbsent where the kernel cannot tell.
func (d *diagSocket) dump(family uint8, proto traffic.Proto, states uint32, visit func([]socket)) error {
	d.request(unix.NLM_F_DUMP, family, proto, states)
	if _, err := unix.Write(d.fd, d.req[:]); err != nil {
		return fmt.Errorf("ask sock_diag for a dump: %w", absent(err))
	}
	d.reply = diagReply{sockets: d.reply.sockets[:0], proto: proto}
	for !d.reply.done {
		d.reply.sockets = d.reply.sockets[:0]
		if err := d.receive(); err != nil {
			return err
		}
		if len(d.reply.sockets) > 0 {
			visit(d.reply.sockets)
		}
	}
	if d.reply.errno != 0 {
		return fmt.Errorf("dump %s sockets: %w", proto, absent(d.reply.errno))
	}
	return nil
}

// find looks up the socket that the kernel itself would give a packet of k
// to: the connected one, else one bound to the local address or to none, else
// TCP's listener. ok is false where there is none.
func (d *diagSocket) find(k key) (s socket, ok bool, err error) {
	local, remote := netip.AddrFrom16(k.local), netip.AddrFrom16(k.remote)
	family := uint8(unix.AF_INET6)
	if local.Is4In6() {
		family = unix.AF_INET
	}
	d.request(0, family, k.proto, ^uint32(0))
	lport, rport := k.lport, k.rport
	if k.proto == traffic.UDP || k.proto == traffic.UDPLite {
		// "src and dst are swapped for historical reasons" (net/ipv4/udp_diag.c)
		local, remote, lport, rport = remote, local, rport, lport
	}
	id := d.req[sizeofNlmsghdr+8:]
	binary.BigEndian.PutUint16(id[0:], lport)
	binary.BigEndian.PutUint16(id[2:], rport)
	putAddr(id[4:20], local, family)
	putAddr(id[20:36], remote, family)
	for i := range 8 { // INET_DIAG_NOCOOKIE
		id[40+i] = 0xff
	}
	if _, err := unix.Write(d.fd, d.req[:]); err != nil {
		return s, false, fmt.Errorf("ask sock_diag for a socket: %w", err)
	}
	d.reply = diagReply{sockets: d.reply.sockets[:0], proto: k.proto}
	for !d.reply.done && len(d.reply.sockets) == 0 {
		if err := d.receive(); err != nil {
			return s, false, err
		}
	}
	if len(d.reply.sockets) == 0 {
		return s, false, nil // ENOENT; whatever else it may be, it is no socket
	}
	return d.reply.sockets[0], true, nil
}

func putAddr(b []byte, a netip.Addr, family uint8) {
	clear(b)
	if family == unix.AF_INET {
		v4 := a.Unmap().As16() // an unspecified remote may be :: here
		copy(b, v4[12:])
		return
	}
	v6 := a.As16()
	copy(b, v6[:])
}

// request fills d.req with a fresh request without an address.
func (d *diagSocket) request(flags uint16, family uint8, proto traffic.Proto, states uint32) {
	d.seq++
	clear(d.req[:])
	h := d.req[:]
	binary.NativeEndian.PutUint32(h[0:], uint32(len(d.req)))
	binary.NativeEndian.PutUint16(h[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(h[6:], unix.NLM_F_REQUEST|flags)
	binary.NativeEndian.PutUint32(h[8:], d.seq)
	b := h[sizeofNlmsghdr:]
	b[0], b[1] = family, uint8(proto)
	binary.NativeEndian.PutUint32(b[4:], states)
}

// receive reads one buffer and parses it into d.reply.
func (d *diagSocket) receive() error {
	n, err := unix.Read(d.fd, d.buf)
	for err == unix.EINTR {
		n, err = unix.Read(d.fd, d.buf)
	}
	if err != nil {
		return fmt.Errorf("receive from sock_diag: %w", err)
	}
	return parseDiag(d.buf[:n], d.seq, &d.reply)
}

// absent turns the ways in which a kernel says that it has no such table into
// errAbsent.
func absent(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL),
		errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT):
		return errAbsent
	}
	return err
}
