package conntrack

import "time"

// refresh reads the whole table once. Between two buffers it takes the events
// that have come, so that they never wait for a large dump to end.
func (m *Monitor) refresh(src *source, now time.Time) error {
	before := threadTime()
	if err := m.lookAround(src, now); err != nil {
		return err
	}
	m.resync = false
	m.table.beginDump()
	if err := src.dump.request(); err != nil {
		return err
	}
	baseline := !m.baselined && !m.opts.Lookback
	changed := func(n uint32) { m.changed(n, m.pace.lastDump) }
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
	m.table.endDump(func(n uint32) {
		m.health.vanished++
		m.conclude(n, now)
	})
	m.baselined = true
	m.pace.dumped(now, threadTime()-before)
	return nil
}

// lookAround learns this host's addresses anew, if they may have changed.
func (m *Monitor) lookAround(src *source, now time.Time) error {
	if !src.lookout.stale(now) && m.around != nil {
		return nil
	}
	around, err := src.lookout.look(now)
	if err != nil {
		return err
	}
	m.around = around
	return nil
}

// changed notes that record n has news. since is when the flow can have begun
// at the earliest, if this is the first news of it.
func (m *Monitor) changed(n uint32, since time.Time) {
	r := m.table.at(n)
	if r.side == 0 {
		e := &m.table.scratch
		m.sides.attach(m.table, n, m.sides.open(e, m.around.place(e.key.tuple, e.reply), since))
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
	if err := m.lookAround(src, batch[0].at); err != nil && m.around == nil {
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

// began takes a NEW event: it makes the flow's owner findable while its socket
// is open. Its counters come later.
func (m *Monitor) began(ev *event) {
	e := &ev.entry
	if m.table.find(&e.key) != 0 {
		return
	}
	e.counted = true // events of new flows never carry counters
	n := m.table.insert(e, false)
	sd := m.sides.open(e, m.around.place(e.key.tuple, e.reply), ev.at)
	m.sides.attach(m.table, n, sd)
	m.sides.want(sd)
}

// ended takes a DESTROY event, which carries the flow's last counters.
func (m *Monitor) ended(ev *event) {
	e := &ev.entry
	n := m.table.find(&e.key)
	if n == 0 {
		if m.table.isRepeated(e) {
			return
		}
		m.table.end(e)
		if !m.baselined && !m.opts.Lookback {
			return // it may have been there before us
		}
		if e.counters != (counters{}) {
			sd := m.sides.open(e, m.around.place(e.key.tuple, e.reply), ev.at.Add(-m.opts.Interval))
			m.sides.want(sd)
			m.sides.ending = append(m.sides.ending, ending{sd, e.counters, ev.at})
		}
		return
	}
	if r := m.table.at(n); e.counted && m.table.update(r, e.counters) && r.side == 0 {
		m.table.scratch = *e
		m.changed(n, time.Time{})
	}
	m.conclude(n, ev.at)
	m.table.end(e)
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
