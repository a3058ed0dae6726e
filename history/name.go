package history

import (
	"errors"
	"hash/fnv"
	"math"
)

// errNames is that there are more series than ids.
var errNames = errors.New("the history has no more ids for names: set another path")

// nameHash is what a series is found by.
func nameHash(k kind, name string) int64 {
	h := fnv.New64a()
	h.Write([]byte{byte(k)})
	h.Write([]byte(name))
	return int64(h.Sum64())
}

// identify finds the id of a series in the file, or gives it one. The group is the
// id of a command's app; 0 of all else.
func (d *database) identify(s *series, group uint32) (uint32, error) {
	hash := nameHash(s.kind.names(), s.name)
	id, err := d.lookUp(s, group, hash)
	if id > 0 || err != nil {
		return id, err
	}
	added, err := d.addName.ExecContext(background(), int64(s.kind.names()), int64(group), s.name, hash)
	if err != nil {
		return 0, err
	}
	n, err := added.LastInsertId()
	if err == nil && n > math.MaxUint32 {
		err = errNames
	}
	return uint32(n), err
}

func (d *database) lookUp(s *series, group uint32, hash int64) (uint32, error) {
	rows, err := d.findName.QueryContext(background(), hash)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, k, app int64
		var name string
		if err := rows.Scan(&id, &k, &app, &name); err != nil {
			return 0, err
		}
		if kind(k) == s.kind.names() && app == int64(group) && name == s.name {
			return uint32(id), nil
		}
	}
	return 0, rows.Err()
}
