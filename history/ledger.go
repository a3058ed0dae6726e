package history

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bwmon/traffic"
)

// ledger has the statements about the members of a fleet and their journal.
type ledger struct {
	addHost, putHost      *sql.Stmt
	addRow, rows, dropRow *sql.Stmt
}

func newLedger(prepare func(string) *sql.Stmt) ledger {
	return ledger{
		addHost: prepare("INSERT INTO host (name, run, note, last, hash) VALUES (?, '', x'', x'', 0)"),
		putHost: prepare("UPDATE host SET run = ?2, note = ?3, last = ?4, hash = ?5 WHERE id = ?1"),
		addRow:  prepare("INSERT INTO journal (id, data) VALUES (?, ?)"),
		rows:    prepare("SELECT id, data FROM journal WHERE id >= ? AND id < ? ORDER BY id"),
		dropRow: prepare("DELETE FROM journal WHERE id >= ? AND id < ?"),
	}
}

func (l *ledger) all() []*sql.Stmt {
	return []*sql.Stmt{l.addHost, l.putHost, l.addRow, l.rows, l.dropRow}
}

// hostRow is what the file has of a member.
type hostRow struct {
	id         int64
	name, run  string
	note, last []byte
	hash       int64
}

func (r *hostRow) scan(rows *sql.Rows) error {
	return rows.Scan(&r.id, &r.name, &r.run, &r.note, &r.last, &r.hash)
}

// isEmpty reports whether nothing was booked of it.
func (r *hostRow) isEmpty() bool { return r.hash == 0 && len(r.last) == 0 && len(r.note) == 0 }

// whole reports whether it is what was written.
func (r *hostRow) whole() bool {
	return r.isEmpty() || hostHash(r.name, r.run, r.note, r.last) == r.hash
}

// snapshot is what was booked last. The error says what is wrong with the row.
func (r *hostRow) snapshot(p *packer) (s *traffic.Snapshot, b beside, err error) {
	if r.isEmpty() {
		return nil, b, nil
	}
	if !r.whole() {
		return nil, b, errors.New("it is not what was written")
	}
	return p.unpack(r.last)
}

// hosts reads all members.
func (d *database) hosts(ctx context.Context) (list []hostRow, err error) {
	rows, err := d.conn.QueryContext(ctx, "SELECT id, name, run, note, last, hash FROM host ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r hostRow
		if err := r.scan(rows); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// setAsideHost keeps what is damaged of a member for people to look at, and takes it from
// its row; its run stays: in that run its totals cannot be told from new ones.
func (d *database) setAsideHost(r *hostRow, at time.Time) error {
	return d.transact(func() error {
		if _, err := d.conn.ExecContext(background(), "INSERT INTO aside (host, at, note, last) VALUES (?, ?, ?, ?)",
			r.name, at.Unix(), r.note, r.last); err != nil {
			return err
		}
		_, err := d.conn.ExecContext(background(), "UPDATE host SET note = x'', last = x'', hash = 0 WHERE id = ?", r.id)
		return err
	}, plainly)
}

// journaled counts the rows of each member, and finds the highest number.
func (d *database) journaled() (rows map[int64]int, highest int64, err error) {
	list, err := d.conn.QueryContext(background(), "SELECT id FROM journal")
	if err != nil {
		return nil, 0, err
	}
	defer list.Close()
	rows = make(map[int64]int)
	for list.Next() {
		var key int64
		if err := list.Scan(&key); err != nil {
			return nil, 0, err
		}
		rows[memberOf(key)]++
		highest = max(highest, key&maxJournal)
	}
	return rows, highest, list.Err()
}
