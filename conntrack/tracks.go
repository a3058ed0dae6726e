package conntrack

import (
	"errors"
	"fmt"
	"net/netip"

	ti "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// tracks reports whether the kernel tracks connections in the calling thread's
// network namespace. It finds out by trying, which holds for nftables, both
// kinds of iptables and whatever comes next: a datagram of one byte over
// loopback from a socket to itself either makes an entry or does not. The
// entry is removed again. A family without loopback is passed over.
func tracks() (bool, error) {
	c, err := ti.Dial(nil)
	if err != nil {
		return false, fmt.Errorf("open conntrack socket: %w", err)
	}
	defer c.Close()
	tried := false
	for _, loopback := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		port, err := sendToSelf(loopback)
		if err != nil {
			continue
		}
		tried = true
		probe := ti.NewFlow(unix.IPPROTO_UDP, 0, loopback, loopback, port, port, 0, 0)
		switch _, err := c.Get(probe); {
		case errors.Is(err, unix.ENOENT):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("ask for a conntrack entry: %w", err)
		}
		if err := c.Delete(probe); err != nil && !errors.Is(err, unix.ENOENT) {
			return false, fmt.Errorf("remove a conntrack entry: %w", err)
		}
	}
	return tried, nil
}

// sendToSelf sends one byte from a fresh UDP socket on addr to itself and
// returns the port it used.
func sendToSelf(addr netip.Addr) (uint16, error) {
	family, local := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: addr.As16()})
	if addr.Is4() {
		family, local = unix.AF_INET, &unix.SockaddrInet4{Addr: addr.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, local); err != nil {
		return 0, err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	if err := unix.Sendto(fd, []byte{0}, 0, bound); err != nil {
		return 0, err
	}
	if b, ok := bound.(*unix.SockaddrInet4); ok {
		return uint16(b.Port), nil
	}
	return uint16(bound.(*unix.SockaddrInet6).Port), nil
}
