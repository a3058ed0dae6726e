package conntrack

import (
	"time"

	"bwmon/thread"
	"bwmon/traffic"
)

// refresh reads the whole table once. Between two buffers it takes the events
// that have come, so that they never wait for a large dump to end.
func (m *Monitor) refresh(src *source, now time.Time) error {
	before := thread.CPUTime()
	if err := m.lookAround(src, now); err != nil {
		return err
	}
	m.resync = false
	// Entries whose events still wait look as if they had vanished.
	current := src.events.caughtUp()
	m.table.beginDump()
	if err := src.dump.request(); err != nil {
		return err
	}
	baseline := !m.baselined && !m.opts.Lookback
	changed := func(n uint32) { m.changed(n, m.pace.lastDump, now) }
	for done := false; !done; {
		buf, err := src.dump.receive()
		if err != nil {
			return err
		}
		if done, err = m.table.take(buf, baseline, changed); err != nil {
			return err
		}
		m.drainEvents(src)
	}
	m.table.endDump(current, func(n uint32) { m.vanished(n, now) })
	m.baselined = true
	m.pace.dumped(now, thread.CPUTime()-before)
	return nil
}

// lookAround learns this host's addresses anew, if they may have changed.
func (m *Monitor) lookAround(src *source, now time.Time) error {
	if !src.lookout.stale(now) && m.around.Load() != nil {
		return nil
	}
	around, err := src.lookout.look(now)
	if err != nil {
		return err
	}
	m.around.Store(around)
	m.sides.sockets = nil
	if around.transparent {
		m.sides.sockets = src.sockets
	}
	return nil
}

// changed notes that record n has news now. since is when the flow can have
// begun at the earliest, if this is the first news of it.
func (m *Monitor) changed(n uint32, since, now time.Time) {
	m.moved = true
	r := m.table.at(n)
	if r.side == 0 {
		e := &m.table.scratch
		m.sides.attach(m.table, n, m.sides.open(e, m.around.Load().place(e.key.tuple, e.reply), since, now))
	}
	if r.flags&flagDirty == 0 {
		r.flags |= flagDirty
		m.sides.dirty = append(m.sides.dirty, n)
	}
}

// drainEvents takes what events there are, without waiting.
func (m *Monitor) drainEvents(src *source) {
	for {
		select {
		case batch, ok := <-src.events.out:
			if !ok {
				return // work will see it
			}
			m.takeEvents(src, batch)
		default:
			return
		}
	}
}

func (m *Monitor) takeEvents(src *source, batch []event) {
	if err := m.lookAround(src, batch[0].at); err != nil && m.around.Load() == nil {
		src.events.recycle(batch) // the first dump will find what began
		return
	}
	for i := range batch {
		if batch[i].ended {
			m.ended(&batch[i])
		} else {
			m.began(&batch[i])
		}
	}
	src.events.recycle(batch)
	if n := src.events.overruns.Load(); n != m.health.overruns {
		m.health.overruns = n
		m.resync = true
	}
}

// want asks whose a flow is that just began, while its socket is open. It runs
// on the goroutine of the events: a look into the table may come too late.
func (m *Monitor) want(sockets *diagSocket, e *entry) {
	around := m.around.Load()
	if around == nil || m.opts.Inside != nil && !around.transparent {
		return // the first dump is not yet asked for, or sockets are not ours
	}
	at := around.place(e.key.tuple, e.reply)
	if at.scope == traffic.ScopeForwarded {
		if around.transparent && e.key.proto == traffic.TCP && !at.bridged {
			e.socket = sockets.between(at.local, at.remote)
		}
		return
	}
	if m.opts.Inside != nil || answeredByKernel(at, e.key.tuple) {
		return
	}
	f := traffic.Flow{Proto: e.key.proto, Zone: e.key.zone, Local: at.local, Remote: at.remote}
	m.opts.Owners.Want(f)
	if at.scope == traffic.ScopeLoopback {
		f.Local, f.Remote = e.reply.from(), e.reply.to()
		m.opts.Owners.Want(f)
	}
}

// began takes a NEW event. The flow's counters come later.
func (m *Monitor) began(ev *event) {
	m.moved = true
	e := &ev.entry
	if m.table.find(&e.key) != 0 {
		return // a dump was quicker
	}
	e.counted = true // events of new flows never carry counters
	n := m.table.insert(e, false)
	m.sides.attach(m.table, n, m.sides.open(e, m.around.Load().place(e.key.tuple, e.reply), ev.at, ev.at))
}

// ended takes a DESTROY event, which carries the flow's last counters.
func (m *Monitor) ended(ev *event) {
	e := &ev.entry
	n := m.table.find(&e.key)
	if n == 0 {
		m.endedUnmet(ev)
		return
	}
	r := m.table.at(n)
	if e.counted && m.table.update(r, e.counters) && r.side == 0 {
		m.table.scratch = *e
		m.changed(n, time.Time{}, ev.at)
	}
	m.table.bury(e.key, r.seen)
	m.conclude(n, ev.at)
}

// endedUnmet takes the end of a flow that is not in the table.
func (m *Monitor) endedUnmet(ev *event) {
	e := &ev.entry
	if m.table.isRepeated(e) {
		return
	}
	m.table.bury(e.key, e.counters)
	if e.counters == (counters{}) || !m.baselined && !m.opts.Lookback { // it may have been there before us
		return
	}
	sd := m.sides.open(e, m.around.Load().place(e.key.tuple, e.reply), ev.at.Add(-m.opts.Interval), ev.at)
	m.sides.ending = append(m.sides.ending, ending{sd, e.counters, ev.at})
}

// vanished takes the end of record n, which the last dumps did not hold.
func (m *Monitor) vanished(n uint32, at time.Time) {
	m.health.vanished++
	m.conclude(n, at)
}

// conclude removes record n; what it carried waits for its owner.
func (m *Monitor) conclude(n uint32, at time.Time) {
	r := m.table.at(n)
	total := r.total()
	sd := m.sides.detach(r)
	m.table.remove(n)
	if sd != nil && (sd.emitted || total != counters{}) {
		m.sides.ending = append(m.sides.ending, ending{sd, total, at})
	}
}
