package socket

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// round is what events told since the last reading.
type round struct {
	moved map[bpfFlowKey]bool
	ended []uint64
}

const (
	// sweepShare: where more than one flow in so many moved, all are read at
	// once, which costs a fifth of reading one by one.
	sweepShare = 4
	sweepLeast = 1000
	sweepBatch = 4096

	// idleLife is after how long without a packet a flow of a socket without
	// connections is closed: who was asked once is not asked for ever.
	idleLife = 2 * time.Minute
)

// note takes an event.
func (m *Monitor) note(e *bpfEvent) {
	switch bpfKind(e.Kind) {
	case bpfKindMOVED:
		m.round.moved[e.Flow] = true
	case bpfKindENDED:
		m.round.ended = append(m.round.ended, e.handed().cookie)
	case bpfKindHANDED:
		m.book.handed(e.handed().cookie, e.handed().who, e.handed().netns)
	case bpfKindRENAMED:
		m.owners.renamed(e.handed().who)
	case bpfKindGONE:
		m.owners.ended(e.handed().who)
	}
}

// drain takes the events between two readings. Where somebody wants to know, new
// flows are placed now.
func (m *Monitor) drain(k *kernel) error {
	if err := k.drain(m.note); err != nil || !m.asked.Load() {
		return err
	}
	var v bpfFlow
	for key := range m.round.moved {
		if m.book.flows[key] != nil || k.objs.Flows.Lookup(&key, &v) != nil {
			continue // known, or gone: the next reading sees to it
		}
		if f := m.book.open(&key, &v); v.Netns != 0 {
			m.book.place(f)
		}
	}
	return nil
}

// read brings the book up to date.
func (m *Monitor) read(k *kernel, now time.Time) error {
	// What moved in the tick that ends now may have moved again after it was
	// read in it, and is not told of twice: read it once more.
	again := m.recent
	if err := k.turn(); err != nil {
		return err
	}
	if err := k.drain(m.note); err != nil {
		return err
	}
	totals, err := k.totals()
	if err != nil {
		return err
	}
	before := m.totals
	m.totals = totals
	untold := func(kind bpfKind) bool {
		return totals[bpfTotalUNTOLD+bpfTotal(kind)] != before[bpfTotalUNTOLD+bpfTotal(kind)]
	}
	if untold(bpfKindRENAMED) {
		clear(m.owners.known)
	}
	if err := m.readFlows(k, again, untold(bpfKindMOVED), now); err != nil {
		return err
	}
	if untold(bpfKindENDED) {
		if err := m.collectEnded(k); err != nil {
			return err
		}
	}
	if untold(bpfKindHANDED) {
		if err := m.collectUsers(k); err != nil {
			return err
		}
	}
	if untold(bpfKindGONE) {
		if err := m.owners.sweep(); err != nil {
			return err
		}
	}
	if err := m.seek(k, now); err != nil {
		return err
	}
	if err := m.closeEnded(k, now); err != nil {
		return err
	}
	if err := m.closeIdle(k, now); err != nil {
		return err
	}
	return m.owners.turn()
}

// readFlows reads the counters of the flows that moved, or of all.
func (m *Monitor) readFlows(k *kernel, again []bpfFlowKey, all bool, now time.Time) error {
	m.recent = m.recent[:0:0]
	for key := range m.round.moved {
		m.recent = append(m.recent, key)
	}
	for _, key := range again {
		m.round.moved[key] = true
	}
	n := len(m.round.moved)
	if all || n > sweepLeast && n > len(m.book.flows)/sweepShare {
		clear(m.round.moved)
		return m.sweep(k, now)
	}
	var v bpfFlow
	for key := range m.round.moved {
		err := k.objs.Flows.Lookup(&key, &v)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			continue // it has been closed
		}
		if err != nil {
			return fmt.Errorf("read a flow: %w", err)
		}
		m.book.moved(&key, &v, now)
	}
	clear(m.round.moved)
	return nil
}

// sweep reads all flows.
func (m *Monitor) sweep(k *kernel, now time.Time) error {
	if m.keys == nil {
		m.keys, m.values = make([]bpfFlowKey, sweepBatch), make([]bpfFlow, sweepBatch)
	}
	var cursor ebpf.MapBatchCursor
	for {
		n, err := k.objs.Flows.BatchLookup(&cursor, m.keys, m.values, nil)
		for i := range n {
			m.book.moved(&m.keys[i], &m.values[i], now)
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil // that was the last
		}
		if err != nil {
			return fmt.Errorf("read flows: %w", err)
		}
	}
}

// collectEnded takes the ends of sockets that could not be told.
func (m *Monitor) collectEnded(k *kernel) error {
	cookies, ones := make([]uint64, sweepBatch), make([]uint8, sweepBatch)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := k.objs.Ended.BatchLookupAndDelete(&cursor, cookies, ones, nil)
		m.round.ended = append(m.round.ended, cookies[:n]...)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read ended sockets: %w", err)
		}
	}
}

// collectUsers learns all users of sockets anew.
func (m *Monitor) collectUsers(k *kernel) error {
	cookies, users := make([]uint64, sweepBatch), make([]bpfUser, sweepBatch)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := k.objs.Users.BatchLookup(&cursor, cookies, users, nil)
		for i := range n {
			m.book.handed(cookies[i], users[i].Who, users[i].Netns)
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read users of sockets: %w", err)
		}
	}
}

// closeEnded takes the flows of ended sockets out of the kernel.
func (m *Monitor) closeEnded(k *kernel, now time.Time) error {
	for _, cookie := range m.round.ended {
		s := m.book.sockets[cookie]
		for s != nil && s.first != nil {
			if err := m.take(k, s.first, now); err != nil {
				return err
			}
		}
		m.book.forget(cookie)
	}
	if err := remove(k.objs.Users, m.round.ended); err != nil {
		return fmt.Errorf("forget users of sockets: %w", err)
	}
	m.round.ended = m.round.ended[:0]
	return nil
}

// remove deletes those of the keys that a map has.
func remove[K any](from *ebpf.Map, keys []K) error {
	for len(keys) > 0 {
		n, err := from.BatchDelete(keys, nil)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ebpf.ErrKeyNotExist):
			n++
		case !errors.Is(err, unix.EBUSY):
			return err
		}
		keys = keys[min(n, len(keys)):]
	}
	return nil
}

// insist tries an operation on a map again while a program is at the same part
// of it on the same processor, which some kernels refuse (htab_lock_bucket).
func insist(op func() error) error {
	for range 1000 {
		if err := op(); !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return op()
}

// take closes a flow with what the kernel has of it last.
func (m *Monitor) take(k *kernel, f *flow, now time.Time) error {
	var v bpfFlow
	err := insist(func() error { return k.objs.Flows.LookupAndDelete(&f.key, &v) })
	if err == nil {
		m.book.moved(&f.key, &v, now)
	} else if !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("take out a flow: %w", err)
	}
	m.book.close(f, now)
	return nil
}

// closeIdle closes, from time to time, what has been silent for long.
func (m *Monitor) closeIdle(k *kernel, now time.Time) error {
	if now.Sub(m.idled) < idleLife/8 {
		return nil
	}
	m.idled = now
	m.book.inner.sweep(now)
	// A process whose first thread ends before the others does so without a word.
	if err := m.owners.sweep(); err != nil {
		return err
	}
	for _, f := range m.book.flows {
		if f.connectionless() && now.Sub(f.at) > idleLife {
			if err := m.take(k, f, now); err != nil {
				return err
			}
			// The end of a socket of the kernel's own is not told.
			if s := m.book.sockets[f.key.Cookie]; s.first == nil && s.user == (bpfWho{}) {
				m.book.forget(f.key.Cookie)
			}
		}
	}
	return nil
}
