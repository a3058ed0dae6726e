package notify

import (
	"time"

	"bwmon/traffic"
)

// member is one host of a fleet. It reports from time to time, mostly every 10 s, and
// between two reports nothing is known of it. So what its subjects carried is taken to
// have come evenly since the report before, and their rates are judged when it reports:
// while it is silent their alerts stay as they are. After an outage it has old batches to
// send first, and is waited for.
type member struct {
	ticks uint32    // the book's, when it was last listed
	since uint32    // the first of those in which it was listed without a break
	seen  time.Time // when it last published, by the receiver's clock
	told  bool      // in this tick it has reported, up to now

	from, until int64 // its last two reports on the book's clock; 0: none
	behind      int64 // since when it has had old batches to send; 0: it has none
	subjects    int32
}

// ofMember is what a subject has that is a member of a fleet, or of one.
type ofMember struct {
	*member
	waits octets // carried since the report before
}

// maxBehind is for how long a member with batches to send is waited for: there may be
// always some.
const maxBehind = 10 * time.Minute

// lateAfter is how old a report may be at most for which a sum is told of it as of others.
const lateAfter = 30 * time.Second

// aheadOfNow is how many batches a member may have to send and yet be up to date.
const aheadOfNow = 1

// heedMembers notes who is there, and who has reported.
func (b *Book) heedMembers(s *traffic.Snapshot) {
	for i := range s.Hosts {
		h := &s.Hosts[i]
		b.memberNamed(traffic.CleanText(h.Host, traffic.MaxCommand)).heed(h, &b.clock)
	}
}

func (b *Book) memberNamed(name string) *member {
	m := b.members[name]
	if m == nil {
		m = &member{}
		b.members[name] = m
	}
	return m
}

func (m *member) heed(h *traffic.Member, c *clock) {
	if m.ticks == c.ticks { // it is listed twice
		return
	}
	if m.ticks == 0 || m.ticks != c.ticks-1 {
		*m = member{since: c.ticks, subjects: m.subjects}
	}
	m.ticks = c.ticks
	reported := m.since == c.ticks || h.Seen.IsZero() || !h.Seen.Equal(m.seen)
	m.seen = h.Seen
	switch {
	case h.Waiting <= aheadOfNow:
		m.behind = 0
	case m.behind == 0:
		m.behind = c.now
	}
	m.told = reported && (m.behind == 0 || c.now-m.behind > int64(maxBehind))
	if m.told {
		m.from, m.until = m.until, c.now
	}
}

// joined reports whether a member of that name is new: who knows when its rows carried
// what they show.
func (b *Book) joined(name string) bool {
	m := b.members[traffic.CleanText(name, traffic.MaxCommand)]
	return m != nil && m.since == b.clock.ticks
}

// elapsed is the time in which a row carried what is new of it in this tick.
func (b *Book) elapsed(k *rowKey) time.Duration {
	if k.of == "" {
		return b.clock.elapsed
	}
	m := b.members[traffic.CleanText(k.of, traffic.MaxCommand)]
	if m == nil || !m.told || m.from == 0 {
		return b.clock.elapsed
	}
	return max(b.clock.elapsed, time.Duration(m.until-m.from))
}

// takeLate sets aside what a member that was silent for longer than usual had carried
// of a sum over all members: it is told of the time in which it was carried.
func (b *Book) takeLate(r *row, carried octets) {
	m := b.members[traffic.CleanText(r.key.of, traffic.MaxCommand)]
	if m == nil {
		return
	}
	from := m.until
	if m.told {
		from = m.from
	}
	if from == 0 || b.clock.now-from <= int64(lateAfter) {
		return
	}
	for _, i := range r.feeds {
		w := &b.watched[i]
		if w.ticks != b.clock.ticks || w.fresh || len(w.plan.windows) == 0 {
			continue
		}
		rest := w.carried.sub(b.late[i])
		old := octets{min(carried.rx, rest.rx), min(carried.tx, rest.tx)}
		b.late[i] = b.late[i].add(old)
		w.ring.spread(from, b.clock.now, old, w.plan.longest())
	}
}

// tendMember is what record and askRates are for other subjects.
func (b *Book) tendMember(i int32, w *watched) (quiet bool) {
	m := w.of
	m.waits = m.waits.add(w.carried)
	switch {
	case m.ticks != b.clock.ticks:
		b.holdRates(i, w, true)
		w.ring, w.fresh, m.waits = ring{}, true, octets{}
		return true
	case !m.told:
		b.holdRates(i, w, false)
		return false
	}
	quiet = w.report(&b.clock)
	b.askRates(i, w)
	return quiet
}

// report adds to the ring what was carried from one report to the next. It returns what
// record does.
func (w *watched) report(c *clock) (quiet bool) {
	m, longest := w.of, w.plan.longest()
	carried := m.waits
	m.waits = octets{}
	total := w.steady.total.add(carried)
	switch {
	case w.fresh:
		if m.from != 0 { // what it shows beyond its rate came before that
			since := carried.atMost(w.rate, time.Duration(m.until-m.from))
			w.ring.push(m.from, total.sub(since), longest)
		}
		w.fresh = false
	case w.ring.last().at < m.from: // it was quiet
		w.ring.push(m.from, w.ring.last().total, longest)
	}
	w.ring.push(m.until, total, longest)
	w.steady.total, w.steady.told = total, total
	return w.ring.flatSince() <= c.now-longest
}

// holdRates is what becomes of the alarms of rates that nothing is known of: they stay
// as they are, until what they are about is gone for good.
func (b *Book) holdRates(i int32, w *watched, gone bool) {
	for k := 0; w.alarms > 0 && k < len(w.plan.rates); k++ {
		b.hold(b.alarmOf(i, k), gone)
	}
}

// hold lets an alarm be, if there is one.
func (b *Book) hold(a *alarm, gone bool) {
	switch {
	case a == nil:
	case gone || !b.rules[a.rule].open:
		b.end(a)
	case a.firing:
		b.say(a)
	}
}
