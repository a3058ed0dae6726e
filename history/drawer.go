package history

import (
	"database/sql"
	"errors"
)

// openOf is the table of a table's open pieces, those whose time is not over. They are
// written again with each flush, and grow: among the others, which stay as they are and
// lie one after the other, they would leave pages half empty.
func openOf(table string) string { return "open_" + table }

// drawer has the statements about a table of pieces and that of its open ones.
type drawer struct {
	get, put, drop       *sql.Stmt
	getOpen, putOpen     *sql.Stmt
	listOthers, dropThem *sql.Stmt // open ones between two keys, or two others
}

func newDrawer(table string, prepare func(string) *sql.Stmt) *drawer {
	open := openOf(table)
	const others = "id >= ?1 AND id < ?2 OR id >= ?3 AND id < ?4"
	return &drawer{
		get:        prepare("SELECT data FROM " + table + " WHERE id = ?"),
		put:        prepare("INSERT OR REPLACE INTO " + table + " (id, data) VALUES (?, ?)"),
		drop:       prepare("DELETE FROM " + table + " WHERE id = ?"),
		getOpen:    prepare("SELECT data FROM " + open + " WHERE id = ?"),
		putOpen:    prepare("INSERT OR REPLACE INTO " + open + " (id, data) VALUES (?, ?)"),
		listOthers: prepare("SELECT id, data FROM " + open + " WHERE " + others + " ORDER BY id"),
		dropThem:   prepare("DELETE FROM " + open + " WHERE " + others),
	}
}

func (d *drawer) close() error {
	if d == nil {
		return nil
	}
	var errs []error
	for _, s := range []*sql.Stmt{d.get, d.put, d.drop, d.getOpen, d.putOpen, d.listOthers, d.dropThem} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// fetch returns what an open piece has, nil if there is none. One that was closed, before
// the clock was set back, is open again.
func (d *drawer) fetch(key int64) (data []byte, err error) {
	err = d.getOpen.QueryRow(key).Scan(&data)
	if !errors.Is(err, sql.ErrNoRows) {
		return data, err
	}
	err = d.get.QueryRow(key).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		_, err = d.drop.Exec(key)
	}
	return data, err
}

// shut moves all open pieces of a member to the others, but for those of a time; as they
// stay, which last returns.
func (d *drawer) shut(member, start int64, last func(key int64, data []byte) []byte) error {
	around := []any{pieceKey(member, 0, 0), pieceKey(member, start, 0), pieceKey(member, start+1, 0), pieceKey(member+1, 0, 0)}
	type row struct {
		key  int64
		data []byte
	}
	var all []row
	rows, err := d.listOthers.Query(around...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.key, &r.data); err != nil {
			return err
		}
		all = append(all, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(all) == 0 {
		return err
	}
	if _, err := d.dropThem.Exec(around...); err != nil {
		return err
	}
	for _, r := range all {
		if _, err := d.put.Exec(r.key, last(r.key, r.data)); err != nil {
			return err
		}
	}
	return nil
}
