package machine

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// link is what one RTM_NEWLINK or RTM_DELLINK message says. Its text points
// into the message.
type link struct {
	index     int
	hardware  uint16 // ARPHRD_*
	flags     uint32 // IFF_*
	name      []byte
	kind      []byte // "vlan", "bridge" …; empty for hardware
	slaveKind []byte // the kind of its master: "bridge", "bond" …; empty without
	master    int    // index; 0: none
	parent    int    // index of the interface it is stacked on; 0: none, or in another namespace
	counts    traffic.Counts
	counted   bool // the message carried counters
}

var errShortLink = errors.New("a link message from the kernel is malformed")

// parseLink reads the body of a link message: struct ifinfomsg and its
// attributes (rtnetlink(7), linux/if_link.h).
func parseLink(b []byte) (link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return link{}, errShortLink
	}
	l := link{
		hardware: binary.NativeEndian.Uint16(b[2:]),
		index:    int(int32(binary.NativeEndian.Uint32(b[4:]))),
		flags:    binary.NativeEndian.Uint32(b[8:]),
	}
	foreign := false
	err := eachAttr(b[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) error {
		switch kind {
		case unix.IFLA_IFNAME:
			l.name = text(v)
		case unix.IFLA_MASTER:
			return number(v, &l.master)
		case unix.IFLA_LINK:
			return number(v, &l.parent)
		case unix.IFLA_LINK_NETNSID:
			foreign = true
		case unix.IFLA_LINKINFO:
			return eachAttr(v, func(kind uint16, v []byte) error {
				switch kind {
				case unix.IFLA_INFO_KIND:
					l.kind = text(v)
				case unix.IFLA_INFO_SLAVE_KIND:
					l.slaveKind = text(v)
				}
				return nil
			})
		case unix.IFLA_STATS64:
			return parseStats(v, &l)
		}
		return nil
	})
	if foreign {
		l.parent = 0 // an index of another namespace means nothing here
	}
	return l, err
}

// parseStats reads the head of struct rtnl_link_stats64.
func parseStats(v []byte, l *link) error {
	if len(v) < 32 {
		return errShortLink
	}
	l.counts = traffic.Counts{
		RxPackets: binary.NativeEndian.Uint64(v),
		TxPackets: binary.NativeEndian.Uint64(v[8:]),
		RxBytes:   binary.NativeEndian.Uint64(v[16:]),
		TxBytes:   binary.NativeEndian.Uint64(v[24:]),
	}
	l.counted = true
	return nil
}

// eachAttr calls f for each netlink attribute in b (struct nlattr), with the
// attribute's type without its flags.
func eachAttr(b []byte, f func(kind uint16, value []byte) error) error {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if size < unix.SizeofNlAttr || size > len(b) {
			return errShortLink
		}
		if err := f(kind, b[unix.SizeofNlAttr:size]); err != nil {
			return err
		}
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// align rounds up to the alignment of netlink messages and attributes.
func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// text is a string attribute without its final NUL.
func text(v []byte) []byte {
	for i, c := range v {
		if c == 0 {
			return v[:i]
		}
	}
	return v
}

func number(v []byte, n *int) error {
	if len(v) < 4 {
		return errShortLink
	}
	*n = int(int32(binary.NativeEndian.Uint32(v)))
	return nil
}
