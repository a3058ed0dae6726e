package tasks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer is larger than any message of the two families.
	receiveBuffer = 16 << 10
	// eventQueue holds what happens between two readings, some 20,000 events. It takes
	// memory only when it is needed.
	eventQueue = 32 << 20
	// answerTime is how long an answer is waited for, which the kernel gives at once.
	answerTime = 500 * time.Millisecond
)

// Requests to the connector (enum proc_cn_mcast_op).
const (
	connectorListen = 1
	connectorIgnore = 2
)

// Our ways of asking the connector.
var (
	errElsewhere = errors.New("it is told in the initial network namespace only")
	errNoAnswer  = errors.New("the kernel does not answer, as in a PID or user namespace other than the initial one")
)

// connector hears of processes that begin, execute a program, or end (connector(4),
// drivers/connector/cn_proc.c). One goroutine at a time uses it.
type connector struct {
	fd   int
	buf  []byte
	lost uint64 // times the kernel dropped events for want of room, and events that made no sense
}

// openConnector listens in the calling thread's network namespace, to the events that
// the filter lets pass. Nothing is read before drain is called.
func openConnector(filter []unix.SockFilter) (*connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, errElsewhere
	}
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	c := &connector{fd: fd, buf: make([]byte, receiveBuffer)}
	if err := c.listen(filter); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

func (c *connector) listen(filter []unix.SockFilter) error {
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorIndex}); err != nil {
		return fmt.Errorf("join the group of events: %w", err)
	}
	err := c.ask(connectorListen)
	if errors.Is(err, unix.ECONNREFUSED) {
		return errElsewhere
	}
	if err != nil {
		return fmt.Errorf("ask for events: %w", err)
	}
	if err := c.awaitAnswer(); err != nil {
		return err
	}
	enlarge(c.fd)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("filter events: %w", err)
	}
	return nil
}

// enlarge gives a socket a large receive buffer. FORCE needs CAP_NET_ADMIN; the plain
// option is cut to net.core.rmem_max and better than nothing.
func enlarge(fd int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventQueue) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, eventQueue)
	}
}

// ask sends a request: struct nlmsghdr, struct cn_msg and its number.
func (c *connector) ask(operation uint32) error {
	const size = unix.SizeofNlMsghdr + eventStart + 4
	var b [size]byte
	binary.NativeEndian.PutUint32(b[0:], size)
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_DONE)
	binary.NativeEndian.PutUint32(b[16:], connectorIndex)
	binary.NativeEndian.PutUint32(b[20:], connectorIndex)
	binary.NativeEndian.PutUint16(b[32:], 4)
	binary.NativeEndian.PutUint32(b[36:], operation)
	return unix.Sendto(c.fd, b[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// awaitAnswer waits for what the kernel says of a request. What happened meanwhile is
// let go: nobody has been counted yet.
func (c *connector) awaitAnswer() error {
	for deadline := time.Now().Add(answerTime); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return errNoAnswer
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for an answer: %w", err)
		}
		answered, failure := false, unix.Errno(0)
		if err := c.drain(func(e event) {
			if e.kind == eventAnswer {
				answered, failure = true, e.failure
			}
		}); err != nil {
			return err
		}
		if answered && failure != 0 {
			return fmt.Errorf("ask for events: %w", failure)
		}
		if answered {
			return nil
		}
	}
}

// drain calls f for each event that has come and does not wait for any.
func (c *connector) drain(f func(event)) error {
	for {
		n, err := unix.Read(c.fd, c.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return nil
		case err == unix.ENOBUFS:
			c.lost++ // and what is queued is still good
			continue
		case err != nil:
			return fmt.Errorf("receive events of processes: %w", err)
		}
		if eachMessage(c.buf[:n], func(kind uint16, body []byte) error {
			e, ok, err := parseEvent(body)
			if ok {
				f(e)
			}
			return err
		}) != nil {
			c.lost++
		}
	}
}

func (c *connector) close() {
	_ = c.ask(connectorIgnore) // before 6.6 the kernel does not notice by itself
	unix.Close(c.fd)
}

// Offsets in a whole message, with struct nlmsghdr and struct cn_msg.
const (
	filterKind = unix.SizeofNlMsghdr + eventStart
	filterData = unix.SizeofNlMsghdr + eventData
)

// onlyExecs lets events of executed programs pass.
func onlyExecs() []unix.SockFilter {
	return []unix.SockFilter{
		load(filterKind),
		skipUnless(eventExec, 1),
		accept, refuse,
	}
}

// onlyLives lets pass: processes that begin, not threads; threads that end and are not
// what their process is called by, for kernels whose records do not say whose threads
// they were; and changes of users and names.
func onlyLives() []unix.SockFilter {
	const child, group = filterData + 8, filterData + 12
	const thread, process = filterData, filterData + 4
	return []unix.SockFilter{
		load(filterKind),
		skipUnless(eventUID, 1),
		accept,
		skipUnless(eventComm, 1),
		accept,
		skipUnless(eventFork, 5), // to the exit
		load(child), toX, load(group), skipUnlessX(1),
		accept,
		// A fork of a thread has come here, too; its kind is loaded again.
		load(filterKind), skipUnless(eventExit, 6),
		load(thread), toX, load(process), skipUnlessX(1),
		refuse,
		accept,
		refuse,
	}
}

// Instructions of the classic packet filter (Documentation/networking/filter.rst). It
// loads in network byte order.
var (
	accept = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff}
	refuse = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	toX    = unix.SockFilter{Code: unix.BPF_MISC | unix.BPF_TAX}
)

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func skipUnless(kind uint32, skip uint8) unix.SockFilter {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], kind)
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(b[:]), Jf: skip}
}

func skipUnlessX(skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X, Jf: skip}
}
