package process

import "bwmon/traffic"

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
