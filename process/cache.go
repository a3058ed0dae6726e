package process

import (
	"net/netip"
	"time"

	"bwmon/traffic"
)

// Bounds of the cache.
const (
	// lifetime is how long an owner is remembered after its socket was last
	// seen, at least.
	lifetime = 5 * time.Minute
	// slack is how much earlier than asked for a socket may have been seen:
	// who asks has the time of an event, which comes after the socket.
	slack = 50 * time.Millisecond

	maxTuples = 500_000
	maxSoles  = 200_000
	maxMisses = 100_000
)

// entry is one socket's owner and when the kernel last said that the socket
// is there.
type entry struct {
	owner *traffic.Owner
	at    int64 // nanoseconds since 1970
	only6 bool
}

// cache is what is known of sockets and their owners. Its user guards it.
type cache struct {
	tuples aging[key, entry]
	// soles has, by a key with fields left out, the one command that is
	// behind all sockets which agree in the rest: see portKey and rawKey.
	soles  aging[key, sole]
	misses aging[key, miss]
	turned int64
}

func newCache() cache {
	return cache{
		tuples: newAging[key, entry](maxTuples),
		soles:  newAging[key, sole](maxSoles),
		misses: newAging[key, miss](maxMisses),
	}
}

// age forgets what is older than lifetime.
func (c *cache) age(now int64) {
	if now-c.turned < int64(lifetime) {
		return
	}
	c.turned = now
	c.tuples.turn()
	c.soles.turn()
	c.misses.turn()
}

// record books socket s, seen at the time at, to o.
func (c *cache) record(s *socket, o *traffic.Owner, at int64) {
	switch {
	case s.raw:
		c.witness(rawKey(s.key), o, at)
	case s.key.connected():
		c.tuples.put(s.key, entry{owner: o, at: at})
	default:
		c.tuples.put(s.key, entry{owner: o, at: at, only6: s.only6})
		c.witness(portKey(s.key), o, at)
	}
}

// recordFlow books the flow that was asked for by the key k to o.
func (c *cache) recordFlow(k key, o *traffic.Owner, at int64) {
	c.tuples.put(k, entry{owner: o, at: at})
}

// find is the owner of k's socket among those seen at or after since.
func (c *cache) find(k key, since int64) *traffic.Owner {
	if o := c.findOwn(k, since); o != nil {
		return o
	}
	if k.lport != 0 {
		if o := c.findBound(k, since); o != nil {
			return o
		}
	}
	return c.findRaw(k, since)
}

// findOwn is the owner of the very socket k, or the one k was booked to as a
// flow.
func (c *cache) findOwn(k key, since int64) *traffic.Owner {
	if e, ok := c.tuples.get(k); ok && e.at >= since {
		return e.owner
	}
	return nil
}

// findBound is the owner of the unconnected socket, or of the listener, that
// would take k's packets.
func (c *cache) findBound(k key, since int64) *traffic.Owner {
	b := k.bound()
	if e, ok := c.tuples.get(b); ok && e.at >= since {
		return e.owner
	}
	is4 := k.is4()
	if is4 {
		b.local = any4
		if e, ok := c.tuples.get(b); ok && e.at >= since {
			return e.owner
		}
	}
	b.local = any6
	if e, ok := c.tuples.get(b); ok && e.at >= since && !(is4 && e.only6) {
		return e.owner
	}
	if local := netip.AddrFrom16(k.local).Unmap(); local.IsMulticast() || local == broadcast {
		// A member of the group may be bound to any address of the host.
		s, _ := c.soles.get(portKey(k))
		return s.owner(since)
	}
	return nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// findRaw is the owner of the raw sockets of k's protocol, when all are of one
// command: each of them gets every packet, so several cannot be told apart.
func (c *cache) findRaw(k key, since int64) *traffic.Owner {
	if s, ok := c.soles.get(rawKey(k)); ok {
		if o := s.owner(since); o != nil {
			return o
		}
	}
	if k.is4() {
		k.local = any4
	} else {
		k.local = any6
	}
	s, _ := c.soles.get(rawKey(k))
	return s.owner(since)
}

// rawKey leaves all but the protocol and the local address.
func rawKey(k key) key { return key{proto: k.proto, local: k.local} }

// portKey leaves all but the protocol and the local port.
func portKey(k key) key { return key{proto: k.proto, lport: k.lport} }
