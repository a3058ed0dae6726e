package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/netlink.h and sock_diag.h.
const (
	sizeofNlmsghdr   = 16
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
)

// errMalformed: the kernel does not speak as its headers say.
var errMalformed = errors.New("malformed sock_diag message")

// dumpSockets asks sock_diag for a dump and hands each message of it to visit, which
// may keep nothing of it. body is the request without its header; the sequence number
// tells it from all others. The sockets are those of the calling thread's network
// namespace. It needs no privileges.
func dumpSockets(body []byte, timeout time.Duration, visit func([]byte) error) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return fmt.Errorf("open sock_diag: %w", err)
	}
	defer unix.Close(fd)
	// The kernel answers within the call; the time-out is for a message that was lost
	// for want of memory.
	limit := unix.NsecToTimeval(max(timeout, time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return fmt.Errorf("set up sock_diag: %w", err)
	}
	const seq = 1 // the socket is used once
	if err := unix.Sendto(fd, dumpRequest(body, seq), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", absent(err))
	}
	buf := make([]byte, 32<<10) // the largest piece of a dump (net/netlink/af_netlink.c)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from sock_diag: %w", err)
		}
		done, err := parseDump(buf[:n], seq, visit)
		if err != nil {
			return fmt.Errorf("list sockets: %w", absent(err))
		}
		if done {
			return nil
		}
	}
}

// dumpRequest is the request with its header.
func dumpRequest(body []byte, seq uint32) []byte {
	b := make([]byte, sizeofNlmsghdr, sizeofNlmsghdr+len(body))
	binary.NativeEndian.PutUint32(b[0:], uint32(cap(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(b[8:], seq)
	return append(b, body...)
}

// parseDump hands the messages in b that answer request seq to visit, and reports
// whether they were the last. What the kernel refused with is a unix.Errno.
func parseDump(b []byte, seq uint32, visit func([]byte) error) (done bool, err error) {
	for len(b) >= sizeofNlmsghdr {
		length := binary.NativeEndian.Uint32(b)
		if length < sizeofNlmsghdr || uint64(length) > uint64(len(b)) {
			return false, errMalformed
		}
		typ := binary.NativeEndian.Uint16(b[4:])
		ours := binary.NativeEndian.Uint32(b[8:]) == seq
		body := b[sizeofNlmsghdr:length]
		b = b[min(int(length+3)&^3, len(b)):]
		switch {
		case !ours:
		case typ == unix.NLMSG_DONE, typ == unix.NLMSG_ERROR:
			done = true
			if len(body) >= 4 { // NLMSG_DONE may come without a code
				if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
					return true, unix.Errno(-int64(code))
				}
			}
		case typ == sockDiagByFamily:
			if err := visit(body); err != nil {
				return false, err
			}
		}
	}
	if len(b) != 0 {
		return false, errMalformed
	}
	return done, nil
}

// attributes hands the attributes in b to visit.
func attributes(b []byte, visit func(typ uint16, value []byte)) error {
	for len(b) >= 4 {
		length := int(binary.NativeEndian.Uint16(b))
		if length < 4 || length > len(b) {
			return errMalformed
		}
		visit(binary.NativeEndian.Uint16(b[2:]), b[4:length])
		b = b[min((length+3)&^3, len(b)):]
	}
	return nil
}

// absent adds the cure to the ways in which a kernel says that it lacks a part of
// sock_diag.
func absent(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL),
		errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf(`the kernel cannot tell (%w): run "modprobe -a tcp_diag udp_diag unix_diag"`, err)
	}
	return err
}
