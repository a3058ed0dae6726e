package history

import (
	"context"
	"errors"
	"maps"
	"slices"

	"bwmon/traffic"
)

// errClosed is that a Fleet was closed.
var errClosed = errors.New("the history is closed")

// Flush writes what was booked, of all hosts in one transaction: the differences, what the
// whole fleet's are of that, and where each host stands. When it returns nil all of that
// survives a crash of the program and of the machine. After an error all stays in memory,
// coarser the longer that lasts and as exact, and the next Flush writes it.
//
// It waits for what Run does, some 100 ms, not for reports. It is not broken off by ctx.
func (f *Fleet) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.work.Lock()
	defer f.work.Unlock()
	return f.flush()
}

func (f *Fleet) flush() error {
	if f.closed {
		return errClosed
	}
	return f.store.flushBy(f.write)
}

// outgoing is what is written of a member.
type outgoing struct {
	*member
	id      int64
	host    *series
	last    *traffic.Snapshot
	note    []byte
	beside  beside
	version uint64
	rows    int
}

// write is one transaction of all that is pending, if there is anything.
func (f *Fleet) write() error {
	s := f.store
	if err := s.ready(); err != nil {
		return err
	}
	list := f.hand()
	if len(list) == 0 {
		return nil
	}
	w := s.writer
	w.begin()
	err := s.db.transact(
		func() error { return f.writeAll(list) },
		func(commit func() error) error {
			// Whoever reads sees this either in the file or pending.
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := commit(); err != nil {
				return err
			}
			for to, id := range w.fresh {
				to.id = id
			}
			for i := range list {
				f.written(&list[i])
			}
			return nil
		})
	if err != nil {
		w.failed()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, o := range list {
			f.waiting += o.takeBack()
		}
	}
	return err
}

// hand takes from all members what is to be written. The fleet itself is the last.
func (f *Fleet) hand() (list []outgoing) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	for _, m := range append(f.order[:len(f.order):len(f.order)], f.whole) {
		idle := len(m.pending.buckets) == 0 && m.version == m.written
		if idle && (m != f.whole || len(list) == 0) {
			continue
		}
		f.waiting -= m.hand()
		list = append(list, outgoing{
			member: m, id: m.id, host: m.host, last: m.last, note: m.note, beside: m.intake.beside(), version: m.version,
		})
	}
	return list
}

// written notes that a member is in the file.
func (f *Fleet) written(o *outgoing) {
	m := o.member
	if m.id == 0 && m != f.whole {
		f.store.db.members = append(f.store.db.members, o.id)
	}
	m.id, m.writing, m.written = o.id, nil, o.version
	m.rows += o.rows
}

func (f *Fleet) writeAll(list []outgoing) error {
	all := make(map[span]*part) // of the whole fleet
	for i := range list {
		o := &list[i]
		if o.member != f.whole {
			if err := f.writeHost(o); err != nil {
				return err
			}
		}
		for _, b := range o.writing {
			p, err := f.store.writer.part(b)
			if err == nil && o.member != f.whole {
				err = f.writeRow(o, &p)
			}
			if err == nil {
				err = f.addUp(all, o, &p)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(all), span.compare) {
		p := all[at]
		for k := range p.figures {
			p.figures[k] = tidy(p.figures[k])
		}
		if err := f.writeRow(&list[len(list)-1], p); err != nil {
			return err
		}
	}
	return nil
}

// writeHost writes where a member stands, and gives it a number if it has none.
func (f *Fleet) writeHost(o *outgoing) error {
	l := &f.store.db.ledger
	if o.id == 0 {
		added, err := l.addHost.Exec(o.name)
		if err != nil {
			return err
		}
		if o.id, err = added.LastInsertId(); err != nil {
			return err
		}
		if o.id > maxMember {
			return errNames
		}
	}
	if o.last == nil || o.version == o.written && o.member.id != 0 {
		return nil // as it is there
	}
	packed, err := f.pack.pack(o.last, o.beside)
	if err != nil {
		return err
	}
	note := o.note
	if note == nil {
		note = []byte{}
	}
	_, err = l.putHost.Exec(o.id, o.last.Run, note, packed, hostHash(o.name, o.last.Run, note, packed))
	return err
}

// writeRow writes a part to the journal.
func (f *Fleet) writeRow(o *outgoing, p *part) error {
	f.next++
	for t := range p.gauges {
		p.gauges[t] = tidyGauges(p.gauges[t], maxGauges)
	}
	w := f.store.writer
	w.data = encodePart(w.data[:0], p)
	_, err := f.store.db.ledger.addRow.Exec(journalKey(o.id, f.next), w.data)
	o.rows++
	return err
}

// addUp adds a member's part to the whole fleet's of its time.
func (f *Fleet) addUp(all map[span]*part, o *outgoing, p *part) (err error) {
	to := all[p.span]
	if to == nil {
		to = &part{span: p.span}
		all[p.span] = to
	}
	if o.member == f.whole {
		to.figures[kindTime] = append(to.figures[kindTime], p.figures[kindTime]...)
		for t, list := range p.gauges {
			to.gauges[t] = append(to.gauges[t], list...)
		}
		return nil
	}
	for _, k := range []kind{kindTime, kindApp, kindDiskApp, kindHost} {
		to.figures[k] = append(to.figures[k], p.figures[k]...)
	}
	if len(p.figures[kindApp]) == 0 || o.host == nil {
		return nil
	}
	id, err := f.store.writer.id(o.host)
	for _, g := range p.figures[kindApp] {
		to.figures[kindAppHost] = append(to.figures[kindAppHost], figure{group: g.id, id: id, octets: g.octets})
	}
	return err
}
