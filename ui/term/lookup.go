package term

import (
	"net/netip"
)

// peek is the name of an address as far as it is known; it asks for none. So
// all rows can be filtered and sorted by names, and only those on screen are
// asked for.
func (n *names) peek(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.off {
		return ""
	}
	if e, ok := n.cache[addr]; ok {
		return e.Value.(nameAnswer).name
	}
	return ""
}

// nameOf is the name of an address on screen; where it is not known it is
// asked for.
func (u *UI) nameOf(addr netip.Addr) string {
	if u.names == nil || !addr.IsValid() {
		return ""
	}
	name, _ := u.names.get(addr)
	return clean(name)
}
