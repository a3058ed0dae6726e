package machine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// readerBuffer holds any batch of messages of a dump: the kernel makes
	// none larger than 32 KiB (net/netlink/af_netlink.c, netlink_recvmsg).
	readerBuffer = 64 << 10
	// farewellQueue is what the socket for notices may hold between two
	// readings: some 1,000 notices of about 2 KiB with their overhead.
	farewellQueue = 4 << 20
	// answerTimeout bounds the wait for an answer, in seconds. The kernel
	// answers at once; the bound is for what nobody has thought of.
	answerTimeout = 5
	// dumpTries is how often a dump that the kernel calls inconsistent
	// (an interface came or went meanwhile) is repeated.
	dumpTries = 4
)

// linkReader speaks rtnetlink, in the network namespace of the thread that
// made it. It walks the messages in place: a library's list of links costs
// hundreds of allocations a reading.
type linkReader struct {
	ask    int // requests and their answers
	listen int // notices
	seq    uint32
	buf    []byte
	lost   uint64 // how often notices were lost
}

func newLinkReader() (*linkReader, error) {
	ask, err := routeSocket(0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptTimeval(ask, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeout}); err != nil {
		unix.Close(ask)
		return nil, err
	}
	listen, err := routeSocket(unix.RTMGRP_LINK)
	if err != nil {
		unix.Close(ask)
		return nil, err
	}
	// Without CAP_NET_ADMIN the queue stays at the default; a loss is counted.
	_ = unix.SetsockoptInt(listen, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, farewellQueue)
	return &linkReader{ask: ask, listen: listen, buf: make([]byte, readerBuffer)}, nil
}

func routeSocket(groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (r *linkReader) close() {
	unix.Close(r.ask)
	unix.Close(r.listen)
}

// dump calls f for each interface. Where the list changed while it was read,
// f is called again for all; an interface may then be missing or twice.
func (r *linkReader) dump(f func(link)) error {
	for range dumpTries {
		consistent, err := r.dumpOnce(f)
		if err != nil || consistent {
			return err
		}
	}
	return nil // the next reading mends it
}

func (r *linkReader) dumpOnce(f func(link)) (consistent bool, err error) {
	r.seq++
	const size = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg
	var req [size]byte
	binary.NativeEndian.PutUint32(req[0:], size)
	binary.NativeEndian.PutUint16(req[4:], unix.RTM_GETLINK)
	binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(req[8:], r.seq)
	if _, err := unix.Write(r.ask, req[:]); err != nil {
		return false, err
	}
	consistent = true
	for {
		b, err := r.receive(r.ask, 0)
		if err != nil {
			return false, err
		}
		done := false
		err = eachMessage(b, func(m message) error {
			if m.seq != r.seq {
				return nil // of a dump given up earlier
			}
			consistent = consistent && m.flags&unix.NLM_F_DUMP_INTR == 0
			switch m.kind {
			case unix.NLMSG_DONE:
				done = true
			case unix.NLMSG_ERROR:
				return m.failure()
			case unix.RTM_NEWLINK:
				l, err := parseLink(m.body)
				if err != nil {
					return err
				}
				f(l)
			}
			return nil
		})
		if err != nil || done {
			return consistent, err
		}
	}
}

// farewells calls f for each interface removed since the last call, with its
// last counters.
func (r *linkReader) farewells(f func(link)) error {
	for {
		b, err := r.receive(r.listen, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.ENOBUFS):
			r.lost++ // and what is queued is still good
			continue
		case err != nil:
			return err
		}
		err = eachMessage(b, func(m message) error {
			if m.kind != unix.RTM_DELLINK || m.bridgePort() {
				return nil
			}
			l, err := parseLink(m.body)
			if err == nil {
				f(l)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
}

func (r *linkReader) receive(fd, flags int) ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(fd, r.buf, flags|unix.MSG_TRUNC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n > len(r.buf) {
			return nil, fmt.Errorf("a message of %d bytes does not fit the buffer of %d", n, len(r.buf))
		}
		return r.buf[:n], nil
	}
}

// message is one netlink message (struct nlmsghdr and what follows).
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// bridgePort tells that a notice is about an interface's leaving a bridge
// (family AF_BRIDGE), not about the interface's end.
func (m message) bridgePort() bool { return len(m.body) > 0 && m.body[0] == unix.AF_BRIDGE }

// failure is the error of an NLMSG_ERROR message.
func (m message) failure() error {
	if len(m.body) < 4 {
		return errShortLink
	}
	if code := int32(binary.NativeEndian.Uint32(m.body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

var errShortMessage = errors.New("a message from the kernel is malformed")

// eachMessage calls f for each netlink message in b.
func eachMessage(b []byte, f func(message) error) error {
	for len(b) >= unix.SizeofNlMsghdr {
		size := uint64(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > uint64(len(b)) {
			return errShortMessage
		}
		m := message{
			kind:  binary.NativeEndian.Uint16(b[4:]),
			flags: binary.NativeEndian.Uint16(b[6:]),
			seq:   binary.NativeEndian.Uint32(b[8:]),
			body:  b[unix.SizeofNlMsghdr:size],
		}
		if err := f(m); err != nil {
			return err
		}
		b = b[min(align(int(size)), len(b)):]
	}
	return nil
}
