package web

import (
	"net/netip"
	"sync"
)

// headcount lets in so many, and of one address a share of them. Addresses of IPv6
// count by /64, which is what one host has; loopback counts in the sum alone, since
// whoever relays to us comes from there.
type headcount struct {
	most, share int

	mu sync.Mutex // protects the fields below
	in int
	by map[netip.Addr]int
}

func newHeadcount(most int) *headcount {
	return &headcount{most: most, share: max(1, most/10), by: make(map[netip.Addr]int)}
}

// enter reports whether there was room. Who was let in calls leave once.
func (h *headcount) enter(from netip.Addr) (leave func(), ok bool) {
	key := house(from)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.in >= h.most || key.IsValid() && h.by[key] >= h.share {
		return nil, false
	}
	h.in++
	if key.IsValid() {
		h.by[key]++
	}
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.in--
		if !key.IsValid() {
			return
		}
		if h.by[key]--; h.by[key] == 0 {
			delete(h.by, key)
		}
	}), true
}

// present is how many are in.
func (h *headcount) present() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.in
}

// house is what counts as one address; not valid for loopback and unix sockets.
func house(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsLoopback() {
		return netip.Addr{}
	}
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 is in range
		return p.Addr()
	}
	return a
}
