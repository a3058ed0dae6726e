package process

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Sizes and attribute numbers of include/uapi/linux/inet_diag.h.
const (
	sizeofNlmsghdr    = 16
	sizeofInetDiagReq = 56 // struct inet_diag_req_v2
	sizeofInetDiagMsg = 72 // struct inet_diag_msg
	attrSKV6Only      = 11 // INET_DIAG_SKV6ONLY
	sockDiagByFamily  = 20 // SOCK_DIAG_BY_FAMILY
)

var errMalformed = errors.New("malformed sock_diag message")

// diagReply is what one buffer of netlink messages held.
type diagReply struct {
	sockets []socket
	done    bool          // the dump, or the answer, is complete
	errno   unix.Errno    // what the kernel refused with, 0 where it did not
	proto   traffic.Proto // what was asked for; the messages do not say
}

// parseDiag appends the sockets of the messages in b that answer request seq
// to r.sockets. Messages of other requests are skipped: they are the rest of
// one that was given up.
func parseDiag(b []byte, seq uint32, r *diagReply) error {
	for len(b) >= sizeofNlmsghdr {
		length := binary.NativeEndian.Uint32(b)
		if length < sizeofNlmsghdr || uint64(length) > uint64(len(b)) {
			return errMalformed
		}
		typ := binary.NativeEndian.Uint16(b[4:])
		ours := binary.NativeEndian.Uint32(b[8:]) == seq
		body := b[sizeofNlmsghdr:length]
		b = b[min(int(length+3)&^3, len(b)):]
		if !ours {
			continue
		}
		switch typ {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			r.done = true
			// NLMSG_DONE may come without a code.
			if len(body) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
					r.errno = unix.Errno(-int64(code))
				}
			}
		case sockDiagByFamily:
			s, err := parseInetDiag(body, r.proto)
			if err != nil {
				return err
			}
			r.sockets = append(r.sockets, s)
		}
	}
	if len(b) != 0 {
		return errMalformed
	}
	return nil
}

// parseInetDiag reads one struct inet_diag_msg and its attributes.
func parseInetDiag(b []byte, proto traffic.Proto) (socket, error) {
	if len(b) < sizeofInetDiagMsg {
		return socket{}, errMalformed
	}
	s := socket{
		state: b[1],
		uid:   binary.NativeEndian.Uint32(b[64:]),
		inode: binary.NativeEndian.Uint32(b[68:]),
		key: key{
			proto: proto,
			lport: binary.BigEndian.Uint16(b[4:]),
			rport: binary.BigEndian.Uint16(b[6:]),
		},
	}
	switch b[0] {
	case unix.AF_INET:
		s.key.local = netip.AddrFrom4([4]byte(b[8:12])).As16()
		s.key.remote = netip.AddrFrom4([4]byte(b[24:28])).As16()
	case unix.AF_INET6:
		s.key.local = [16]byte(b[8:24])
		s.key.remote = [16]byte(b[24:40])
	default:
		return socket{}, errMalformed
	}
	s.normalise()
	return s, s.parseAttributes(b[sizeofInetDiagMsg:])
}

// normalise gives a socket without a remote end the one form of it.
func (s *socket) normalise() {
	if s.state == stateListen || !s.key.connected() {
		s.key = s.key.bound()
	}
}

func (s *socket) parseAttributes(b []byte) error {
	for len(b) >= 4 {
		length := int(binary.NativeEndian.Uint16(b))
		if length < 4 || length > len(b) {
			return errMalformed
		}
		if binary.NativeEndian.Uint16(b[2:]) == attrSKV6Only && length >= 5 {
			s.only6 = b[4] != 0
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return nil
}
