package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer is larger than any message the kernel makes of a dump
	// (32 KiB, netlink_recvmsg in net/netlink/af_netlink.c).
	receiveBuffer = 64 << 10
	// dumpTimeout bounds the wait for one buffer of a dump; the kernel fills
	// one in well under a millisecond.
	dumpTimeout = 10 * time.Second
)

// dumpSocket asks for and receives whole dumps. It blocks, in the kernel, on
// the goroutine that reads; it never receives events.
type dumpSocket struct {
	fd  int
	seq uint32
	buf []byte
}

// openDump opens the socket in the calling thread's network namespace.
func openDump() (*dumpSocket, error) {
	fd, err := openNetlink(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return nil, err
	}
	s := &dumpSocket{fd: fd, buf: make([]byte, receiveBuffer)}
	timeout := unix.NsecToTimeval(int64(dumpTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		s.close()
		return nil, fmt.Errorf("set receive time limit: %w", err)
	}
	return s, nil
}

// openNetlink opens and binds a socket of one netlink family, subscribed to
// the multicast groups.
func openNetlink(family, flags int, groups ...int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|flags, family)
	if err != nil {
		return -1, fmt.Errorf("open netlink socket (family %d): %w", family, err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for _, group := range groups {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("subscribe netlink socket (family %d): %w", family, err)
	}
	return fd, nil
}

func (s *dumpSocket) close() { unix.Close(s.fd) }

// request asks for a dump of the namespace's whole table, IPv4 and IPv6.
func (s *dumpSocket) request() error {
	s.seq++
	req := make([]byte, messageStart)
	binary.NativeEndian.PutUint32(req, messageStart)
	binary.NativeEndian.PutUint16(req[4:], msgGet)
	binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(req[8:], s.seq)
	if err := unix.Sendto(s.fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask for conntrack dump: %w", err)
	}
	return nil
}

// receive returns the next buffer of the dump last asked for. It is valid
// until the next call.
func (s *dumpSocket) receive() ([]byte, error) {
	for {
		n, err := unix.Read(s.fd, s.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("receive conntrack dump: %w", err)
		}
		if n < nlmsgHeader {
			return nil, fmt.Errorf("receive conntrack dump: %w", errTruncated)
		}
		if binary.NativeEndian.Uint32(s.buf[8:]) == s.seq { // else left behind by a dump that failed
			return s.buf[:n], nil
		}
	}
}

// errno reads the error of an NLMSG_ERROR's or NLMSG_DONE's body, 0 for none.
func errno(body []byte) unix.Errno {
	if len(body) < 4 {
		return 0
	}
	if n := int32(binary.NativeEndian.Uint32(body)); n < 0 {
		return unix.Errno(-n)
	}
	return 0
}
