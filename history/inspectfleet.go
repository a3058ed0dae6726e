package history

import "database/sql"

// members looks whether what the file has of the hosts of a fleet, and the journal, is
// what was written.
func (i *Inspection) members(v *view) error {
	if v.single {
		return nil
	}
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, name, run, note, last, hash FROM host ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r hostRow
		if err := r.scan(rows); err != nil {
			return err
		}
		i.Hosts++
		if !r.whole() {
			i.problem("what was booked last of host %s is damaged", r.name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return i.journal(v)
}

func (i *Inspection) journal(v *view) error {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, data FROM journal")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		i.Pieces++
		if _, err := decodePart(data, everyKind, true); err != nil {
			i.problem("the journal of host %d has a damaged row", memberOf(key))
		}
	}
	return rows.Err()
}
