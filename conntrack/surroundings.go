package conntrack

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lookout watches the namespace it was opened in for changes of what it calls
// its own.
type lookout struct {
	proc   string // where procfs is mounted
	routes *netlink.Handle
	fd     int // receives a message for every address that comes or goes
	buf    []byte
	at     time.Time // of the last look
}

// maxLists is how often the addresses are listed when they change meanwhile.
const maxLists = 3

// maxStale is how old a look may be: no message comes when an uplink moves.
const maxStale = time.Minute

func openLookout(proc string) (*lookout, error) {
	fd, err := openNetlink(unix.NETLINK_ROUTE, unix.SOCK_NONBLOCK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, err
	}
	routes, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	return &lookout{proc: proc, routes: routes, fd: fd, buf: make([]byte, 4096)}, nil
}

func (l *lookout) close() {
	unix.Close(l.fd)
	l.routes.Close()
}

// stale reports whether an address came or went since the last call, or the
// last look is old. It costs one system call.
func (l *lookout) stale(now time.Time) bool {
	changed := now.Sub(l.at) > maxStale
	for {
		switch _, _, err := unix.Recvfrom(l.fd, l.buf, 0); {
		case err == nil, errors.Is(err, unix.ENOBUFS):
			changed = true
		case errors.Is(err, unix.EINTR):
		default:
			return changed
		}
	}
}

// probes are documentation addresses (RFC 5737, RFC 3849): the route to them
// is the one to the Internet at large, where there is one. Nothing is sent.
var probes = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}

// look learns this host's addresses and networks.
func (l *lookout) look(now time.Time) (*surroundings, error) {
	h := l.routes
	l.at = time.Time{} // unless this goes well, look again at the next occasion
	addrs, err := h.AddrList(nil, netlink.FAMILY_ALL)
	for tries := 1; errors.Is(err, netlink.ErrDumpInterrupted) && tries < maxLists; tries++ {
		addrs, err = h.AddrList(nil, netlink.FAMILY_ALL)
	}
	switch {
	case err == nil:
		l.at = now
	case errors.Is(err, netlink.ErrDumpInterrupted):
		// It changes all the time. Most of what it holds is good.
	default:
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	uplinks := map[int]bool{}
	for _, p := range probes {
		routes, err := h.RouteGet(p.AsSlice())
		if err != nil {
			continue // no route there: no uplink of this family
		}
		for _, r := range routes {
			uplinks[r.LinkIndex] = true
		}
	}
	bridges := l.trackedBridges(addrs)
	s := &surroundings{own: make(map[netip.Addr]bool, len(addrs)), toAll: map[netip.Addr]bool{}, transparent: deliversMarked(h)}
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		s.own[ip] = true
		if bits, _ := a.Mask.Size(); !uplinks[a.LinkIndex] && !ip.IsLoopback() {
			s.inside = append(s.inside, netip.PrefixFrom(ip, bits).Masked())
		}
		if bits, _ := a.Mask.Size(); bridges[linkOf{a.LinkIndex, ip.Is6()}] {
			s.bridges = append(s.bridges, netip.PrefixFrom(ip, bits).Masked())
		}
		if b, ok := netip.AddrFromSlice(a.Broadcast); ok && a.Broadcast != nil {
			s.toAll[b.Unmap()] = true
		}
	}
	return s, nil
}

// linkOf is an interface as one address family sees it.
type linkOf struct {
	index int
	is6   bool
}

// trackedBridges finds, among the interfaces that have addresses, the bridges of
// which the kernel tracks also what they only bridge.
func (l *lookout) trackedBridges(addrs []netlink.Addr) map[linkOf]bool {
	tracked := make(map[linkOf]bool)
	for name, is6 := range map[string]bool{"iptables": false, "ip6tables": true} {
		b, err := os.ReadFile(filepath.Join(l.proc, "sys/net/bridge/bridge-nf-call-"+name))
		if err != nil || string(bytes.TrimSpace(b)) == "0" {
			continue // br_netfilter is not loaded, or does not
		}
		seen := make(map[int]bool)
		for _, a := range addrs {
			if (a.IP.To4() == nil) != is6 || seen[a.LinkIndex] {
				continue
			}
			seen[a.LinkIndex] = true
			found, err := l.routes.LinkByIndex(a.LinkIndex)
			tracked[linkOf{a.LinkIndex, is6}] = err == nil && found.Type() == "bridge"
		}
	}
	return tracked
}
