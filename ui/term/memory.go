package term

import (
	"math"
	"time"

	"bwmon/traffic"
)

// Bounds on what is remembered. A seat takes about 260 bytes, a step 12, so
// that at the worst all of it is 20,000 × 90 × 12 bytes = 22 MB of steps and
// 100,000 seats of 26 MB; a few hundred rows take a few hundred kilobytes.
const (
	maxSeats  = 100_000
	maxTraces = 20_000
	maxSteps  = 1_500_000 // of all traces together
	leastKept = 90        // steps of each trace, whatever their number
)

// memory is what the surface itself remembers of the rows it was shown: the
// engine may be another process, whose snapshots have no past. It gives rates
// averaged over a window, charts of the last minutes, and totals since a mark.
//
// A rate is taken for the time from one snapshot to the next, which is steady
// whatever the rhythm of the monitors; totals grow in steps.
type memory struct {
	late   float64 // seconds between two snapshots that are a gap
	run    string  // of the engine; "" where it does not say
	tick   uint32
	now    float64 // the engine's clock, in seconds
	before float64 // at the tick before

	seats  []seat
	live   int // seats of rows that the last snapshot had
	free   []int32
	index  map[identity]int32
	traces int
	rolls  [rosters]roll

	marked time.Time // when totals were set back; zero: they are since the start
}

// seat is what is remembered of one row.
type seat struct {
	id     identity
	next   int32   // the seat that followed in the list, as likely as not
	seen   uint32  // the tick; 0 is an empty seat
	until  float64 // the clock then
	last   octets  // totals then
	base   octets  // totals at the mark
	trace  trace
	traced bool // else nothing has moved since the roll began, or there was no room
}

// octets is bytes both ways.
type octets struct{ rx, tx uint64 }

// roll is a list as the last snapshot had it: the seats of its rows, in its
// order.
type roll struct {
	seats  []int32   // -1: there was no room
	first  int32     // the seat of the first row
	prev   int32     // that of the row taken last; -1: of none yet
	listed bool      // the last snapshot had the list
	fresh  bool      // and it was the first to have it
	since  float64   // since when it is listed without a break
	marked time.Time // since when its totals are, where they were set back
}

func newMemory(interval time.Duration) *memory {
	m := &memory{late: max(lateAfter, lateTicks*interval).Seconds()}
	m.forget()
	return m
}

// forget begins anew: the engine did.
func (m *memory) forget() {
	*m = memory{late: m.late, index: make(map[identity]int32)}
}

// another reports whether a snapshot is of another run of the engine than the one
// before. Where either does not say, a clock that went back does.
func (m *memory) another(s *traffic.Snapshot) bool {
	if s.Run != "" && m.run != "" {
		return s.Run != m.run
	}
	return s.Elapsed < m.now
}

// observe takes what a snapshot says of every row. It is called once for each.
// wanted says whether connections are on screen: many that somebody else asked
// for are not looked at.
func (m *memory) observe(s *traffic.Snapshot, wanted bool) {
	if s.Interval > 0 {
		m.late = max(lateAfter.Seconds(), lateTicks*s.Interval)
	}
	if m.tick > 0 && m.another(s) {
		m.forget()
	}
	m.run = s.Run
	m.before, m.now = m.now, s.Elapsed
	if m.tick == 0 {
		m.before = m.now
	}
	m.tick++
	m.live = 0
	flows := s.HasFlows()
	for of := range m.rolls {
		r := &m.rolls[of]
		listed := flows || roster(of) != ofConnections && roster(of) != ofRemoteHosts
		r.fresh = listed && !r.listed
		r.listed = listed
		r.seats, r.prev = r.seats[:0], -1
		if r.fresh {
			r.since = m.now
			r.marked = time.Time{}
			if !m.marked.IsZero() {
				r.marked = s.At
			}
		}
	}
	flows = flows && (wanted || flowsOf(s) <= stillListed)
	m.apps(s, flows)
	m.others(s, flows)
	m.sweep()
}

func (m *memory) apps(s *traffic.Snapshot, flows bool) {
	for i := range s.Apps {
		a := &s.Apps[i]
		m.take(identity{of: ofApps, app: a.Name}, &a.Usage)
		m.storage(identity{of: ofAppDisks, app: a.Name}, &a.Resources)
		for j := range a.Commands {
			c := &a.Commands[j]
			id := commandIdentity(a.Name, c)
			m.take(id, &c.Usage)
			id.of = ofCommandDisks
			m.storage(id, &c.Resources)
			if flows {
				m.flows(c.Flows)
			}
		}
	}
}

// storage books what a row read and wrote. Most rows did neither: they take no seat.
func (m *memory) storage(id identity, r *traffic.Resources) {
	if r.DiskReadBytes|r.DiskWriteBytes == 0 {
		m.rolls[id.of].seats = append(m.rolls[id.of].seats, -1)
		return
	}
	u := storageUsage(r)
	m.take(id, &u)
}

func (m *memory) flows(flows []traffic.FlowRow) {
	for i := range flows {
		m.take(flowIdentity(&flows[i]), &flows[i].Usage)
	}
}

func (m *memory) others(s *traffic.Snapshot, flows bool) {
	for i := range s.LANHosts {
		h := &s.LANHosts[i]
		m.take(lanIdentity(h), &h.Usage)
		if flows {
			m.flows(h.Flows)
		}
	}
	for i := range s.RemoteHosts {
		m.take(remoteIdentity(&s.RemoteHosts[i]), &s.RemoteHosts[i].Usage)
	}
	for i := range s.Interfaces {
		m.take(identity{of: ofInterfaces, name: s.Interfaces[i].Name}, &s.Interfaces[i].Usage)
	}
	for i := range s.Pipes {
		m.take(identity{of: ofPipes, name: s.Pipes[i].Name}, &s.Pipes[i].Usage)
	}
	for i := range s.Hosts {
		m.take(memberIdentity(s.Hosts[i].Host), &s.Hosts[i].Usage)
	}
	for i := range s.Series {
		u := seriesUsage(&s.Series[i])
		m.take(seriesIdentity(&s.Series[i]), &u)
	}
}

// take books one row.
func (m *memory) take(id identity, u *traffic.Usage) {
	r := &m.rolls[id.of]
	if id.of == ofConnections && len(r.seats) >= maxSeats && u.RxRate == 0 && u.TxRate == 0 {
		r.seats = append(r.seats, -1) // there are too many to look each up
		return
	}
	i := m.find(r, &id)
	known := i >= 0
	switch {
	case !known && len(m.index) >= maxSeats,
		known && m.seats[i].seen == m.tick: // rows that are alike in all we know of them
		r.seats = append(r.seats, -1)
		return
	case !known:
		i = m.add(&id)
	}
	r.seats = append(r.seats, i)
	m.live++
	if r.prev < 0 {
		r.first = i
	} else {
		m.seats[r.prev].next = i
	}
	r.prev = i
	st := &m.seats[i]
	now := octets{u.RxBytes, u.TxBytes}
	if !known {
		st.until = m.before // it carried nothing before it came
		if r.fresh {
			st.last, st.base = now, now
		}
	}
	m.move(st, r, u, now)
	st.seen, st.until, st.last = m.tick, m.now, now
	if now.rx < st.base.rx || now.tx < st.base.tx { // it began anew
		st.base = octets{}
	}
}

// move lets the trace of a row reach to now.
func (m *memory) move(st *seat, r *roll, u *traffic.Usage, now octets) {
	rate := traffic.Rate{Rx: u.RxRate, Tx: u.TxRate}
	elapsed := m.now - m.before
	if elapsed > m.late && st.until == m.before && st.id.of != ofSeries && now.rx >= st.last.rx && now.tx >= st.last.tx {
		// What the rate of a last second says of a gap is nothing.
		rate = traffic.Rate{Rx: float64(now.rx-st.last.rx) / elapsed, Tx: float64(now.tx-st.last.tx) / elapsed}
	}
	if !st.traced {
		if rate == (traffic.Rate{}) || m.traces >= maxTraces || r.fresh {
			return
		}
		st.traced = true
		st.until = r.since // idle until now
		m.traces++
	}
	st.trace.push(m.before-st.until, traffic.Rate{}, m.limit()) // where it was away
	st.trace.push(elapsed, rate, m.limit())
	if st.trace.idle() {
		m.untrace(st)
	}
}

// limit is how many steps each trace may have.
func (m *memory) limit() int {
	return min(max(maxSteps/max(m.traces, 1), leastKept), traceSpan)
}

func (m *memory) untrace(st *seat) {
	st.trace, st.traced = trace{}, false
	m.traces--
}

// find looks first where the row before it leads to: lists hardly change.
func (m *memory) find(r *roll, id *identity) int32 {
	hint := r.first
	if r.prev >= 0 {
		hint = m.seats[r.prev].next
	}
	if int(hint) < len(m.seats) {
		if st := &m.seats[hint]; st.seen != 0 && st.id == *id {
			return hint
		}
	}
	if i, ok := m.index[*id]; ok {
		return i
	}
	return -1
}

func (m *memory) add(id *identity) int32 {
	var i int32
	if n := len(m.free); n > 0 {
		i, m.free = m.free[n-1], m.free[:n-1]
	} else {
		i = int32(len(m.seats))
		m.seats = append(m.seats, seat{})
	}
	m.seats[i] = seat{id: *id}
	m.index[*id] = i
	return i
}

// sweep gives up the seats of rows that are gone: at once where nothing is
// known of them, else when their trace has nothing more to say.
func (m *memory) sweep() {
	if m.live == len(m.index) {
		return
	}
	crowded := m.traces > maxTraces*9/10 || len(m.index) > maxSeats*9/10
	for i := range m.seats {
		st := &m.seats[i]
		if st.seen == 0 || st.seen == m.tick {
			continue
		}
		if st.traced && m.rolls[st.id.of].listed && !crowded && m.now-st.until < traceSpan {
			continue
		}
		if st.traced {
			m.untrace(st)
		}
		delete(m.index, st.id)
		*st = seat{}
		m.free = append(m.free, int32(i))
	}
}

// seatOf is the seat of a row by its place in its list; -1 for none.
func (m *memory) seatOf(of roster, place int) int32 {
	if r := &m.rolls[of]; place < len(r.seats) {
		return r.seats[place]
	}
	return -1
}

// usage is a row's figures as they are to be shown: rates averaged over the
// window, as far back as it is known, and totals since the mark.
func (m *memory) usage(i int32, u traffic.Usage, window time.Duration) traffic.Usage {
	if i < 0 {
		if !m.marked.IsZero() {
			u.RxBytes, u.TxBytes = 0, 0 // nobody knows since when
		}
		return u
	}
	st := &m.seats[i]
	if window > time.Second && st.traced {
		r := st.trace.mean(window.Seconds())
		u.RxRate, u.TxRate = r.Rx, r.Tx
	}
	if !m.marked.IsZero() {
		u.RxBytes -= st.base.rx
		u.TxBytes -= st.base.tx
	}
	return u
}

// span is for how many seconds a list has been watched, as far as traces
// reach.
func (m *memory) span(of roster) float64 {
	r := &m.rolls[of]
	if !r.listed {
		return 0
	}
	return min(m.now-r.since, traceSpan)
}

// chart adds up the rates of rows in the last len(into) stretches of seconds
// each. Stretches longer than a second begin at whole multiples of their length,
// and the last one is not over yet: else each tick would give them all other
// means, and a chart would shimmer.
func (m *memory) chart(seats []int32, into []traffic.Rate, seconds float64) {
	phase := seconds
	if over := math.Mod(m.now, seconds); seconds > 1 && over > 0 {
		phase = over
	}
	for _, i := range seats {
		if i >= 0 && m.seats[i].traced {
			m.seats[i].trace.addTo(into, seconds, phase)
		}
	}
}
