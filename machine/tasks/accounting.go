package tasks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// accounting receives a record of each thread that exits, on whatever processor
// (Documentation/accounting/taskstats.rst). One goroutine uses it.
type accounting struct {
	fd     int
	family uint16
	mask   []byte // the processors that are listened to
	buf    []byte
	lost   uint64 // times the kernel dropped records for want of room, and records that made no sense
}

// openAccounting listens in the calling thread's network namespace, to the processors
// that the file lists. Nothing is read before drain is called.
func openAccounting(possible string) (*accounting, error) {
	mask, err := os.ReadFile(possible)
	if err != nil {
		return nil, fmt.Errorf("list processors: %w", err)
	}
	family, err := familyOf("TASKSTATS")
	if errors.Is(err, unix.ENOENT) {
		return nil, errElsewhere
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the family: %w", err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	a := &accounting{fd: fd, family: family, mask: bytes.TrimSpace(mask), buf: make([]byte, receiveBuffer)}
	enlarge(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}), a.listen()); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ask for records: %w", err)
	}
	return a, nil
}

// familyOf asks for the number of a family of generic netlink messages. The library's
// own way reads two bytes that lie behind its message (netlink.GenlFamilyGet).
func familyOf(name string) (uint16, error) {
	request := nl.NewNetlinkRequest(nl.GENL_ID_CTRL, 0)
	request.AddRawData([]byte{nl.GENL_CTRL_CMD_GETFAMILY, nl.GENL_CTRL_VERSION, 0, 0})
	request.AddRawData(nl.NewRtAttr(nl.GENL_CTRL_ATTR_FAMILY_NAME, nl.ZeroTerminated(name)).Serialize())
	answers, err := request.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, err
	}
	for _, m := range answers {
		if len(m) < nl.SizeofGenlmsg {
			continue
		}
		attributes, err := nl.ParseRouteAttr(m[nl.SizeofGenlmsg:])
		if err != nil {
			return 0, err
		}
		for _, a := range attributes {
			if a.Attr.Type == nl.GENL_CTRL_ATTR_FAMILY_ID && len(a.Value) >= 2 {
				return nl.NativeEndian().Uint16(a.Value), nil
			}
		}
	}
	return 0, errNoAnswer
}

// listen asks for the records, and waits for the kernel to have heard.
func (a *accounting) listen() error {
	if err := a.ask(unix.TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, unix.NLM_F_ACK); err != nil {
		return err
	}
	for deadline := time.Now().Add(answerTime); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return errNoAnswer
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			return err
		}
		n, err := unix.Read(a.fd, a.buf)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		answered := false
		err = eachMessage(a.buf[:n], func(kind uint16, body []byte) error {
			if kind != unix.NLMSG_ERROR || len(body) < 4 {
				return nil // a record already
			}
			answered = true
			if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
				return unix.Errno(-code)
			}
			return nil
		})
		if answered || err != nil {
			return err
		}
	}
}

// ask sends a request with the mask: struct nlmsghdr, struct genlmsghdr and an attribute.
func (a *accounting) ask(attribute uint16, flags uint16) error {
	const start = unix.SizeofNlMsghdr + 4 + unix.SizeofNlAttr
	size := start + len(a.mask) + 1 // a NUL ends it
	b := make([]byte, (size+3)&^3)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], a.family)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|flags)
	b[16], b[17] = unix.TASKSTATS_CMD_GET, 1 // TASKSTATS_GENL_VERSION
	binary.NativeEndian.PutUint16(b[20:], uint16(size-unix.SizeofNlMsghdr-4))
	binary.NativeEndian.PutUint16(b[22:], attribute)
	copy(b[start:], a.mask)
	return unix.Sendto(a.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// drain appends the records that have come to list and does not wait for any.
func (a *accounting) drain(list []record) ([]record, error) {
	for {
		n, err := unix.Read(a.fd, a.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return list, nil
		case err == unix.ENOBUFS:
			a.lost++ // and what is queued is still good
			continue
		case err != nil:
			return list, fmt.Errorf("receive records of accounting: %w", err)
		}
		if eachMessage(a.buf[:n], func(kind uint16, body []byte) error {
			if kind != a.family {
				return nil
			}
			r, ok, err := parseRecord(body)
			if ok {
				list = append(list, r)
			}
			return err
		}) != nil {
			a.lost++
		}
	}
}

func (a *accounting) close() {
	_ = a.ask(unix.TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK, 0)
	unix.Close(a.fd)
}
