package socket

import (
	"net/netip"
	"sync"
	"time"
)

// addresses is those that sockets have. Any goroutine may ask; one changes it.
type addresses struct {
	mu sync.RWMutex // protects the map
	by map[netip.Addr]*address
}

type address struct {
	flows   int
	left    time.Time // when the last flow closed
	forEver bool
}

// addressLife is how long an address is known after its last flow: what
// forwards for it may tell of that late.
const addressLife = time.Minute

func newAddresses() *addresses { return &addresses{by: make(map[netip.Addr]*address)} }

// Has reports whether a socket has the address, or lately had it.
func (a *addresses) Has(ip netip.Addr) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.by[ip] != nil
}

func (a *addresses) opened(ip netip.Addr) {
	if known := a.enter(ip); known != nil {
		known.flows++
	}
}

// known enters an address that stays.
func (a *addresses) known(ip netip.Addr) {
	if known := a.enter(ip); known != nil {
		known.forEver = true
	}
}

// enter returns what is noted of an address; nil where that is one that many
// have.
func (a *addresses) enter(ip netip.Addr) *address {
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() {
		return nil
	}
	known := a.by[ip] // only we write
	if known == nil {
		known = &address{}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.by[ip] = known
	}
	return known
}

func (a *addresses) closed(ip netip.Addr, now time.Time) {
	if known := a.by[ip]; known != nil {
		known.flows--
		known.left = now
	}
}

// sweep forgets addresses that nobody has had for long.
func (a *addresses) sweep(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ip, known := range a.by {
		if !known.forEver && known.flows == 0 && now.Sub(known.left) > addressLife {
			delete(a.by, ip)
		}
	}
}
