package pipe

import (
	"net"
	"net/netip"
	"time"
)

// localsEvery is how often the addresses of this host are listed at most.
const localsEvery = 5 * time.Second

// locals knows the addresses of this host. It belongs to one goroutine.
type locals struct {
	addrs  map[netip.Addr]bool
	listed time.Time
}

// has reports whether an address is one of this host's in this network namespace.
func (l *locals) has(a netip.Addr, now time.Time) bool {
	if a.IsLoopback() {
		return true
	}
	if l.addrs == nil || now.Sub(l.listed) >= localsEvery {
		l.list()
		l.listed = now
	}
	return l.addrs[a.WithZone("")]
}

func (l *locals) list() {
	l.addrs = make(map[netip.Addr]bool)
	list, err := net.InterfaceAddrs()
	if err != nil {
		return // the clients are booked by their addresses
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				l.addrs[ip.Unmap()] = true
			}
		}
	}
}
