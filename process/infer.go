package process

import (
	"time"

	"bwmon/traffic"
)

// inferWithin is how long one command's use of a remote end says something
// about another flow to it.
const inferWithin = time.Minute

// sole remembers, for a group of sockets, the last owner seen and when an
// owner of another command was last seen.
type sole struct {
	last        *traffic.Owner
	at, otherAt int64 // nanoseconds since 1970; 0 never
}

// owner is the last owner seen when it was seen at or after since and no
// other command was; else nil.
func (s sole) owner(since int64) *traffic.Owner {
	if s.last == nil || s.at < since || s.otherAt >= since && s.otherAt != 0 {
		return nil
	}
	return s.last
}

// witness adds that o was seen with a socket of group k.
func (c *cache) witness(k key, o *traffic.Owner, at int64) {
	s, _ := c.soles.get(k)
	if s.last != nil && !sameCommand(s.last, o) {
		s.otherAt = s.at
	}
	s.last, s.at = o, at
	c.soles.put(k, s)
}

// sameCommand reports whether a and b are booked to one row.
func sameCommand(a, b *traffic.Owner) bool {
	return a == b || a.Command == b.Command && a.UID == b.UID &&
		a.Container == b.Container && a.Unit == b.Unit
}

// infer guesses the owner of an outbound flow whose socket nobody saw: if all
// sockets seen within the last minute with the same remote end were of one
// command, this one was too. It is a guess: a second program that talks to the
// same server in connections too short to see is booked to the first. Stats
// counts the flows it was made for.
func (c *cache) infer(k key, now int64) *traffic.Owner {
	if k.rport == 0 || k.proto == traffic.ICMP || k.proto == traffic.ICMPv6 || c.listens(k) {
		return nil
	}
	s, _ := c.soles.get(remoteKey(k))
	return s.owner(now - int64(inferWithin))
}

// miss is what is known of a flow that has no known owner.
type miss struct {
	since  int64 // which life of the tuple it is about
	next   int64 // when asking for a look is worth while again
	looked int64 // when a look for this flow last ended in vain; 0 never
	tries  uint8
}

// backOff is how long to wait with the next look for a flow that tries looks
// did not find: 1, 2, 4 … 32 intervals.
func backOff(interval time.Duration, tries uint8) int64 {
	return int64(interval) << min(tries, 5)
}
