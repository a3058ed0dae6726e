package history

import (
	"errors"
	"fmt"
	"slices"
)

// load makes the members that the file has, as they were when they were written last.
// What is damaged of one is set aside.
func (f *Fleet) load(d *database, list []hostRow) error {
	for i := range list {
		r := &list[i]
		m := f.newMember(r.name)
		s, b, err := r.snapshot(f.pack)
		if err != nil {
			if err := d.setAsideHost(r, f.store.opts.Now()); err != nil {
				return fmt.Errorf("set aside what is damaged of host %s: %w", r.name, err)
			}
			f.store.status.HostsAside = append(f.store.status.HostsAside, r.name)
			m.lostIn = r.run
		}
		if s != nil {
			m.intake.resume(s, b)
		} else if err == nil {
			m.lostIn = r.run // it was set aside before, and has booked nothing since
		}
		f.members[r.name] = m
		f.order = append(f.order, m)
	}
	return nil
}

// anew is called when a file was opened: it says which of the members are in it, and what
// of them in the journal.
func (f *Fleet) anew(d *database) error {
	if err := d.ofFleet(); err != nil {
		return err
	}
	list, err := d.hosts(background())
	if err != nil {
		return err
	}
	if !f.loaded {
		if err := f.load(d, list); err != nil {
			return err
		}
		f.loaded = true
	}
	rows, highest, err := d.journaled()
	if err != nil {
		return err
	}
	if _, err := d.conn.ExecContext(background(), "PRAGMA synchronous = full"); err != nil {
		return err
	}
	f.next = max(f.next, highest)
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	for _, m := range f.everybody() {
		m.id, m.rows = 0, 0
		m.forgetIDs()
	}
	f.whole.rows = rows[0]
	for i := range list {
		d.members = append(d.members, list[i].id)
		if m := f.members[list[i].name]; m != nil {
			m.id, m.rows = list[i].id, rows[list[i].id]
		}
	}
	for _, m := range f.order {
		if m.id == 0 && m.last != nil {
			m.version++ // it is another file
		}
	}
	return nil
}

// Kept lists what the file has of the hosts: what was booked before the last Flush. One
// that only noted figures, or of which that is damaged, has no Snapshot.
func (f *Fleet) Kept() ([]Kept, error) {
	f.work.Lock()
	defer f.work.Unlock()
	if f.store.db == nil {
		return nil, fmt.Errorf("read the hosts of the history: it cannot be read now: %s", f.Status().Detail)
	}
	list, err := f.store.db.hosts(background())
	if err != nil {
		return nil, f.store.cannotRead(err)
	}
	kept := make([]Kept, 0, len(list))
	for i := range list {
		s, _, err := list[i].snapshot(f.pack)
		if err != nil {
			return nil, fmt.Errorf("read host %s of the history: %w: it is set aside when the history is opened again", list[i].name, err)
		}
		if s != nil {
			kept = append(kept, Kept{Host: list[i].name, Note: list[i].note, Snapshot: s})
		}
	}
	return kept, nil
}

// Forget deletes all that is known of a host, what is not written yet too. What it
// carried stays part of what the whole fleet did. A later Book of that name begins anew.
func (f *Fleet) Forget(host string) error {
	f.work.Lock()
	defer f.work.Unlock()
	err := f.store.ready()
	if err != nil {
		return fmt.Errorf("forget host %s: %w", host, err)
	}
	f.store.mu.Lock()
	m := f.members[host]
	f.store.mu.Unlock()
	if m == nil {
		return nil
	}
	// What of it is pending the fleet has to have.
	if err := f.flush(); err != nil {
		return fmt.Errorf("forget host %s: %w", host, err)
	}
	d := f.store.db
	if m.id > 0 {
		if err := d.transact(func() error { return d.forget(m.id) }, plainly); err != nil {
			return fmt.Errorf("forget host %s: %w", host, err)
		}
	}
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	delete(f.members, host)
	f.order = slices.DeleteFunc(f.order, func(o *member) bool { return o == m })
	d.members = slices.DeleteFunc(d.members, func(id int64) bool { return id == m.id })
	f.waiting -= m.pending.n
	return nil
}

// forget deletes a member.
func (d *database) forget(id int64) error {
	from, to := pieceKey(id, 0, 0), pieceKey(id+1, 0, 0)
	var errs []error
	for _, t := range everyTable {
		errs = append(errs, d.dropBetween(t.name, from, to))
	}
	errs = append(errs, d.dropBetween("journal", from, to))
	_, err := d.conn.ExecContext(background(), "DELETE FROM host WHERE id = ?", id)
	return errors.Join(append(errs, err)...)
}
