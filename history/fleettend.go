package history

import (
	"fmt"
	"slices"
	"time"

	"bwmon/traffic"
)

// What the journal has of a member moves to its pieces once in rollEvery, of the whole
// fleet once in rollWhole; of so many members in one transaction.
const (
	rollEvery = 5 * time.Minute
	rollWhole = time.Minute
	rollAtOne = 25
)

// tend does what Run does at a time.
func (f *Fleet) tend() {
	f.store.mu.Lock()
	f.setClock()
	r := f.store.roster
	if r.now-r.swept > idleCrowded {
		r.sweep(idleKept)
	}
	n := len(f.order)
	f.store.mu.Unlock()
	share := int((time.Duration(n)*f.store.opts.FlushEvery + rollEvery - 1) / rollEvery)
	for left := min(n, share); left > 0; left -= rollAtOne {
		f.rollSome(min(left, rollAtOne))
	}
	f.work.Lock()
	defer f.work.Unlock()
	if f.closed || f.store.db == nil {
		return
	}
	if now := f.store.opts.Now(); now.Sub(f.turned).Abs() >= rollWhole {
		f.turned = now
		f.roll([]*member{f.whole})
	}
	now := f.store.opts.Now()
	f.store.trust.see(now, now.Sub(f.began).Seconds())
	f.store.tend()
}

// rollSome moves the journal of the next members.
func (f *Fleet) rollSome(n int) {
	f.work.Lock()
	defer f.work.Unlock()
	if f.closed || f.store.db == nil {
		return
	}
	f.store.mu.Lock()
	list := make([]*member, 0, n)
	for range n {
		if len(f.order) == 0 {
			break
		}
		f.turn++
		list = append(list, f.order[f.turn%len(f.order)])
	}
	f.store.mu.Unlock()
	f.roll(list)
}

// roll moves what members have in the journal to their pieces.
func (f *Fleet) roll(list []*member) {
	list = slices.DeleteFunc(list, func(m *member) bool { return m.rows == 0 })
	if len(list) == 0 {
		return
	}
	s := f.store
	w := s.writer
	w.begin()
	err := s.db.transact(func() error {
		for _, m := range list {
			if err := f.rollOne(m.id); err != nil {
				return err
			}
		}
		return nil
	}, plainly)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = asDamage(err); err != nil {
		w.failed()
		s.status.State, s.status.Detail = traffic.StateFailed, fmt.Sprintf("tidy up %s: %v; what is counted is written", s.opts.Path, err)
		s.doubt(err)
		return
	}
	s.status.Damaged += w.damaged
	for _, m := range list {
		m.rows = 0
	}
}

func (f *Fleet) rollOne(member int64) error {
	d, w := f.store.db, f.store.writer
	rows, err := d.ledger.rows.Query(journalKey(member, 0), journalKey(member+1, 0))
	if err != nil {
		return err
	}
	defer rows.Close()
	var parts []part
	for rows.Next() {
		var key int64
		var data []byte
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		p, err := decodePart(data, everyKind, true)
		if err != nil {
			w.damaged++
			continue
		}
		parts = append(parts, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	slices.SortStableFunc(parts, func(a, b part) int { return a.span.compare(b.span) })
	if err := w.add(member, parts); err != nil {
		return err
	}
	_, err = d.ledger.dropRow.Exec(journalKey(member, 0), journalKey(member+1, 0))
	return err
}
