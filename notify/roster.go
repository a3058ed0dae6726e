package notify

import (
	"encoding/binary"
	"maps"
	"time"
)

// A subject that no row feeds any more is forgotten when it has carried nothing
// and kept all its rules for forgetAfter; where there is no room for others, for
// forgetSoon.
const (
	forgetAfter = 10 * time.Minute
	forgetSoon  = time.Minute
)

// subject finds who is watched, or begins to watch. It returns -1 where no rule
// is about it, and full where there is no room.
func (b *Book) subject(who identity, label string) (i int32, full bool) {
	if i, ok := b.known[who]; ok {
		return i, false
	}
	p := b.planFor(&who, label)
	if p == nil {
		return -1, false
	}
	if len(b.known) >= b.maxSubjects {
		return -1, true
	}
	i = int32(len(b.watched))
	if n := len(b.spareWatched); n > 0 {
		i, b.spareWatched = b.spareWatched[n-1], b.spareWatched[:n-1]
	} else {
		b.watched = append(b.watched, watched{})
		b.names = append(b.names, identity{})
	}
	b.watched[i] = watched{plan: p, fresh: true, moved: b.clock.now}
	b.names[i] = who
	b.known[who] = i
	w := &b.watched[i]
	if name := who.member(); name != "" {
		w.of = &ofMember{member: b.memberNamed(name)}
		w.of.subjects++
	}
	if len(p.meters) > 0 {
		w.levels = &levels{gauges: make([]gauge, len(p.meters))}
	}
	for _, rule := range p.quotas {
		u := b.usageOf(rule, who)
		u.held = true
		w.usages = append(w.usages, u)
	}
	for k := range w.usages {
		b.recall(i, k)
	}
	return i, false
}

// planFor returns the plan of the rules that are about who; nil: none is.
func (b *Book) planFor(who *identity, label string) *plan {
	var matched []int32
	var key []byte
	for i := range b.rules {
		s := &b.rules[i].Subject
		if s.about(who, label) {
			matched = append(matched, int32(i))
			key = binary.AppendUvarint(key, uint64(i))
		}
	}
	if len(matched) == 0 {
		return nil
	}
	p := b.plans[string(key)]
	if p == nil {
		p = newPlan(b.rules, matched)
		b.plans[string(key)] = p
	}
	return p
}

// sweep forgets what is gone. What had no room is tried again.
func (b *Book) sweep() {
	now := b.clock.now
	b.sweptAt = now
	after, keep := forgetAfter, keepGone
	if len(b.known) >= b.maxSubjects {
		after, keep = forgetSoon, 0
	}
	for _, in := range b.intakes {
		if len(in.byKey) > 2*len(in.order)+1000 {
			keep = 0
		}
		in.forget(now - int64(keep))
	}
	for i := range b.watched {
		w := &b.watched[i]
		gone := w.plan != nil && w.rows == 0 && w.alarms == 0 && now-w.moved > int64(after)
		if gone && (w.quiet || len(w.plan.windows) == 0) {
			b.forget(int32(i))
		}
	}
	maps.DeleteFunc(b.members, func(_ string, m *member) bool { return m.subjects == 0 && m.ticks != b.clock.ticks })
	for _, in := range b.intakes {
		in.retry()
	}
	b.sweepUsage()
	b.seekLacking()
}

func (b *Book) forget(i int32) {
	w := &b.watched[i]
	for _, u := range w.usages {
		u.held = false
	}
	if w.of != nil {
		w.of.subjects--
	}
	delete(b.known, b.names[i])
	*w = watched{}
	b.names[i] = identity{}
	b.spareWatched = append(b.spareWatched, i)
}
