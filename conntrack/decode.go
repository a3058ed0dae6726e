package conntrack

import (
	"encoding/binary"
	"errors"

	"bwmon/traffic"
)

// Message and attribute numbers: include/uapi/linux/netlink.h,
// .../netfilter/nfnetlink.h and .../netfilter/nfnetlink_conntrack.h.
const (
	nlmsgHeader  = 16
	nfgenHeader  = 4
	messageStart = nlmsgHeader + nfgenHeader
	attrHeader   = 4
	attrTypeMask = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

	nlmsgError = 2
	nlmsgDone  = 3

	subsysCtnetlink = 1
	msgNew          = subsysCtnetlink << 8
	msgGet          = subsysCtnetlink<<8 | 1
	msgDelete       = subsysCtnetlink<<8 | 2

	ctaTupleOrig     = 1
	ctaTupleReply    = 2
	ctaStatus        = 3
	ctaCountersOrig  = 9
	ctaCountersReply = 10
	ctaID            = 12
	ctaZone          = 18

	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaTupleZone  = 3

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum   = 1
	ctaProtoSport = 2
	ctaProtoDport = 3
	ctaICMPID     = 4
	ctaICMPType   = 5
	ctaICMPCode   = 6
	ctaICMPv6ID   = 7
	ctaICMPv6Type = 8
	ctaICMPv6Code = 9

	ctaCountersPackets = 1
	ctaCountersBytes   = 2
)

var (
	errTruncated = errors.New("message is cut short")
	errNoTuple   = errors.New("entry has no original tuple")
)

// message is one netlink message within a receive buffer; body is what follows
// the netlink header and aliases the buffer.
type message struct {
	kind  uint16
	flags uint16
	body  []byte
}

// nextMessage splits the first message off buf. It returns errTruncated where
// the length in the header cannot be right.
func nextMessage(buf []byte) (message, []byte, error) {
	if len(buf) < nlmsgHeader {
		return message{}, nil, errTruncated
	}
	n := int(binary.NativeEndian.Uint32(buf))
	if n < nlmsgHeader || n > len(buf) {
		return message{}, nil, errTruncated
	}
	m := message{
		kind:  binary.NativeEndian.Uint16(buf[4:]),
		flags: binary.NativeEndian.Uint16(buf[6:]),
		body:  buf[nlmsgHeader:n],
	}
	return m, buf[min((n+3)&^3, len(buf)):], nil
}

// decode reads the entry of one ctnetlink message's body (nfgenmsg and
// attributes) into e. It keeps nothing of body. Unknown attributes are passed
// over, as newer kernels add some.
func (e *entry) decode(body []byte) error {
	*e = entry{}
	if len(body) < nfgenHeader {
		return errTruncated
	}
	var hasTuple bool
	for b := body[nfgenHeader:]; len(b) >= attrHeader; {
		n, kind, ok := attr(b)
		if !ok || !e.attribute(kind, b[attrHeader:n]) {
			return errTruncated
		}
		hasTuple = hasTuple || kind == ctaTupleOrig
		b = b[min((n+3)&^3, len(b)):]
	}
	if !hasTuple {
		return errNoTuple
	}
	return nil
}

// attribute takes the value of one attribute, and reports whether all of it
// is there. Kinds that nobody asked for pass.
func (e *entry) attribute(kind uint16, v []byte) bool {
	switch kind {
	case ctaTupleOrig:
		return e.key.decode(v, &e.key.zone)
	case ctaTupleReply:
		var zone uint16 // the reply direction's own; the entry is named by the original one
		return e.reply.decode(v, &zone)
	case ctaCountersOrig:
		e.counted = true
		return decodeCounters(v, &e.counters.origPackets, &e.counters.origBytes)
	case ctaCountersReply:
		return decodeCounters(v, &e.counters.replyPackets, &e.counters.replyBytes)
	case ctaStatus:
		return decodeUint32(v, &e.status)
	case ctaID:
		return decodeUint32(v, &e.key.id)
	case ctaZone:
		if len(v) < 2 {
			return false
		}
		e.key.zone = binary.BigEndian.Uint16(v)
	}
	return true
}

func decodeUint32(b []byte, to *uint32) bool {
	if len(b) < 4 {
		return false
	}
	*to = binary.BigEndian.Uint32(b)
	return true
}

// attr reads the header of the attribute at the start of b: its length with
// the header, and its type without flags.
func attr(b []byte) (n int, kind uint16, ok bool) {
	n = int(binary.NativeEndian.Uint16(b))
	return n, binary.NativeEndian.Uint16(b[2:]) & attrTypeMask, n >= attrHeader && n <= len(b)
}

func (t *tuple) decode(b []byte, zone *uint16) bool {
	for len(b) >= attrHeader {
		n, kind, ok := attr(b)
		if !ok {
			return false
		}
		v := b[attrHeader:n]
		switch kind {
		case ctaTupleIP:
			ok = t.decodeIP(v)
		case ctaTupleProto:
			ok = t.decodeProto(v)
		case ctaTupleZone:
			if ok = len(v) >= 2; ok {
				*zone = binary.BigEndian.Uint16(v)
			}
		}
		if !ok {
			return false
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return true
}

func (t *tuple) decodeIP(b []byte) bool {
	for len(b) >= attrHeader {
		n, kind, ok := attr(b)
		if !ok {
			return false
		}
		v := b[attrHeader:n]
		switch kind {
		case ctaIPv4Src, ctaIPv4Dst:
			if len(v) < 4 {
				return false
			}
			if kind == ctaIPv4Src {
				t.src = mapped4(v)
			} else {
				t.dst = mapped4(v)
			}
		case ctaIPv6Src, ctaIPv6Dst:
			if len(v) < 16 {
				return false
			}
			if kind == ctaIPv6Src {
				t.src = address(v[:16])
			} else {
				t.dst = address(v[:16])
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return true
}

func (t *tuple) decodeProto(b []byte) bool {
	for len(b) >= attrHeader {
		n, kind, ok := attr(b)
		if !ok || n == attrHeader {
			return false
		}
		v := b[attrHeader:n]
		switch kind {
		case ctaProtoNum:
			t.proto = traffic.Proto(v[0])
		case ctaICMPType, ctaICMPv6Type:
			t.dport |= uint16(v[0]) << 8
		case ctaICMPCode, ctaICMPv6Code:
			t.dport |= uint16(v[0])
		case ctaProtoSport, ctaICMPID, ctaICMPv6ID:
			if len(v) < 2 {
				return false
			}
			t.sport = binary.BigEndian.Uint16(v)
		case ctaProtoDport:
			if len(v) < 2 {
				return false
			}
			t.dport = binary.BigEndian.Uint16(v)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return true
}

func decodeCounters(b []byte, packets, bytes *uint64) bool {
	for len(b) >= attrHeader {
		n, kind, ok := attr(b)
		if !ok {
			return false
		}
		if kind == ctaCountersPackets || kind == ctaCountersBytes {
			if n < attrHeader+8 {
				return false
			}
			v := binary.BigEndian.Uint64(b[attrHeader:])
			if kind == ctaCountersBytes {
				*bytes = v
			} else {
				*packets = v
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return true
}
