package history

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"bwmon/traffic"
)

// What is done at one time is bounded, so that no flush waits for it long.
const (
	tendBatches = 8   // of old pieces deleted
	vacuumPages = 512 // given back to the file system
	vacuumFrom  = 1024
	walPages    = 1000 // after which the write-ahead log is moved into the file
)

// batch is how much time of a level is deleted at once, in seconds: the less the more
// members there are, but one piece.
func (d *database) batch(l level) int64 {
	all := [levels]time.Duration{20 * time.Minute, aDay, 12 * time.Hour, 14 * aDay, 366 * aDay}[l]
	return max(1, int64(all/time.Second)/int64(1+len(d.members)/10))
}

// tend deletes what is too old or too much, and the names that nobody uses any more.
func (s *Store) tend() {
	err := s.prune()
	if err == nil {
		err = s.shrink()
	}
	if err == nil {
		err = s.collect()
	}
	// Whatever else went wrong: the log must not grow without end.
	err = errors.Join(err, s.checkpoint(walPages))
	if err == nil {
		err = s.survey(s.db)
	}
	if err = asDamage(err); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		// What was counted is written all the same, and what is damaged is seen to
		// with the next flush.
		s.doubt(err)
		s.status.State, s.status.Detail = traffic.StateFailed, fmt.Sprintf("tidy up %s: %v; what is counted is written", s.opts.Path, err)
	}
}

// doubt notes that the file may be damaged.
func (s *Store) doubt(err error) { s.doubtful = s.doubtful || errors.Is(err, errDamaged) }

// prune deletes pieces whose time is over for longer than they are kept, if the clock
// may be believed.
func (s *Store) prune() error {
	now, ok := s.trust.now()
	if !ok {
		return nil
	}
	batches := 0
	for _, l := range everyLevel {
		if s.keep[l] == 0 {
			continue
		}
		before := l.begin(s.calendar, now.Add(-s.keep[l])).Unix()
		for ; batches < tendBatches; batches++ {
			oldest, ok, err := s.db.edge(l, "min")
			if err != nil {
				return err
			}
			if !ok || oldest >= before {
				break
			}
			if err := s.db.drop(l, min(before, oldest+s.db.batch(l))); err != nil {
				return err
			}
		}
	}
	return nil
}

// edge returns where a level's oldest (min) or newest (max) piece begins.
func (d *database) edge(l level, which string) (start int64, ok bool, err error) {
	var key sql.NullInt64
	err = d.conn.QueryRowContext(background(), edgeQuery(l, which, false), edgeKeys(0)...).Scan(&key)
	return startOf(key.Int64), key.Valid, err
}

// edgeQuery asks for the id of the oldest or newest piece.
func edgeQuery(l level, which string, plain bool) string {
	const theirs = " WHERE id >= ?1 AND id < ?2"
	query := "SELECT " + which + "(id) AS id FROM " + l.String() + theirs
	if plain {
		return query
	}
	return "SELECT " + which + "(id) FROM (" + query + " UNION ALL SELECT " + which + "(id) FROM " + openOf(l.String()) + theirs + ")"
}

// edgeKeys are what edgeQuery is asked with.
func edgeKeys(member int64) []any { return []any{pieceKey(member, 0, 0), pieceKey(member+1, 0, 0)} }

// drop deletes a level's pieces of before a time, all kinds' and members' at once: reports
// and trends see by those of the time that was measured what is there.
func (d *database) drop(l level, before int64) error {
	return d.transact(func() error {
		for _, t := range everyTable {
			if t.level != l {
				continue
			}
			for _, member := range slices.Concat([]int64{0}, d.members) {
				if err := d.dropBetween(t.name, pieceKey(member, 0, 0), pieceKey(member, before, 0)); err != nil {
					return err
				}
			}
		}
		return nil
	}, plainly)
}

func (d *database) dropBetween(table string, from, to int64) error {
	_, err := d.conn.ExecContext(background(), "DELETE FROM "+table+" WHERE id >= ? AND id < ?", from, to)
	return err
}

// plainly commits where nobody has to be told.
func plainly(commit func() error) error { return commit() }

// shrink keeps the file below its bound. The oldest of the finest level goes first.
// Where the names of what is gone fill the file, deleting pieces does not help: the
// collector is given time before days are touched, and months stay.
func (s *Store) shrink() error {
	for range tendBatches {
		size, free, err := s.db.size()
		if err != nil {
			return err
		}
		if size-free <= s.opts.MaxSize {
			if size <= s.opts.MaxSize && free < max(vacuumFrom*pageSize, size/8) {
				return nil
			}
			return s.db.vacuum()
		}
		s.trimmed = true
		dropped, err := s.dropOldest(s.collector.passes > 0)
		if err != nil {
			return err
		}
		if !dropped {
			return s.db.vacuum()
		}
	}
	return s.db.vacuum()
}

// dropOldest deletes the oldest pieces of the finest level that has any but the
// newest: of days only where they may be, of months never.
func (s *Store) dropOldest(days bool) (bool, error) {
	for _, l := range everyLevel {
		if l == month || l == day && !days {
			continue
		}
		oldest, ok, err := s.db.edge(l, "min")
		if err != nil {
			return false, err
		}
		newest, _, err := s.db.edge(l, "max")
		if err != nil {
			return false, err
		}
		if ok && oldest < newest {
			return true, s.db.drop(l, min(newest, oldest+s.db.batch(l)))
		}
	}
	return false, nil
}

const pageSize = 4096 // SQLite's default

// size returns the size of the file and what of it is not used, in bytes.
func (d *database) size() (size, free int64, err error) {
	pages, err := number(background(), d.conn, "PRAGMA page_count")
	if err != nil {
		return 0, 0, err
	}
	unused, err := number(background(), d.conn, "PRAGMA freelist_count")
	return pages * pageSize, unused * pageSize, err
}

func (d *database) vacuum() error {
	_, err := d.conn.ExecContext(background(), fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	return err
}

// checkpoint moves the write-ahead log into the file if it has more pages than that.
// Where reports keep it from being begun anew for long, it waits for them.
func (s *Store) checkpoint(above int64) error {
	info, err := os.Stat(s.opts.Path + "-wal")
	if err != nil || info.Size() <= above*pageSize {
		return nil // not there: nothing was written
	}
	mode := "passive"
	if info.Size() > 16*walPages*pageSize {
		mode = "restart"
	}
	var busy, log, moved int64
	return s.db.conn.QueryRowContext(background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &moved)
}

// survey brings what Status says of the file up to date.
func (s *Store) survey(d *database) error {
	oldest := make(map[string]time.Time)
	for _, l := range everyLevel {
		start, ok, err := d.edge(l, "min")
		if err != nil {
			return err
		}
		if ok {
			oldest[l.String()] = time.Unix(start, 0).UTC()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Oldest, s.status.Size = oldest, sizeOnDisk(d.path)
	return nil
}

// sizeOnDisk is that of a file and what belongs to it.
func sizeOnDisk(path string) (size int64) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil {
			size += info.Size()
		}
	}
	return size
}
