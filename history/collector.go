package history

import "database/sql"

// marks says of each id up to a highest whether it is in use.
type marks struct{ words []uint64 }

func newMarks(highest int64) *marks { return &marks{words: make([]uint64, highest/64+1)} }

func (m *marks) add(id uint32) {
	if i := int(id / 64); i < len(m.words) {
		m.words[i] |= 1 << (id % 64)
	}
}

func (m *marks) has(id uint32) bool {
	i := int(id / 64)
	return i < len(m.words) && m.words[i]&(1<<(id%64)) != 0
}

func (m *marks) addFigures(list []figure) {
	for _, f := range list {
		m.add(f.id)
		m.add(f.group)
	}
}

func (m *marks) addGauges(list []gauge) {
	for _, g := range list {
		m.add(g.id)
		m.add(g.group)
	}
}

// collector finds the names that no piece has any more, and deletes them: after all
// pieces of a day old are gone, most of that day's names are nobody's. It goes
// through the file a little at a time; whatever is written meanwhile is marked by
// the writer.
type collector struct {
	marks   *marks // nil: it rests
	rested  int64  // since when, in seconds of measured time
	table   int    // of everyTable, that is read; then the journal, then the names
	key     int64  // of the piece, then of the name, that was read last
	highest int64  // id when it began; those given since are not its business
	passes  int    // finished since the file was opened
}

const (
	collectEvery = 6 * 3600 // seconds
	collectSoon  = 600      // where names may be what the file is full of
	collectBytes = 512 << 10
	collectNames = 2000
)

// collect does a little of the collector's work.
func (s *Store) collect() error {
	c := &s.collector
	s.mu.Lock()
	now := s.roster.now
	s.mu.Unlock()
	if c.marks == nil {
		rest := now - c.rested
		if soon := s.trimmed && (c.passes == 0 || rest >= collectSoon); !soon && rest < collectEvery {
			return nil
		}
		highest, err := number(background(), s.db.conn, "SELECT coalesce(max(id), 0) FROM series")
		if err != nil {
			return err
		}
		s.trimmed = false
		*c = collector{marks: newMarks(highest), highest: highest, key: -1, passes: c.passes}
		s.writer.marks = c.marks
	}
	switch {
	case c.table < len(everyTable):
		return c.mark(s.db)
	case c.table == len(everyTable):
		// After all others: what has left the journal since was marked where it went.
		return c.markJournal(s.db)
	}
	done, err := c.sweep(s)
	if done {
		s.writer.marks = nil
		*c = collector{rested: now, passes: c.passes + 1}
	}
	return err
}

// mark reads the next pieces and marks their series.
func (c *collector) mark(d *database) error {
	rows, err := d.conn.QueryContext(background(), "SELECT id, data FROM "+everyTable[c.table].name+" WHERE id > ? ORDER BY id", c.key)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []figure
	var gauges []gauge
	for read := 0; read < collectBytes*(1+len(d.members)/100); {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			c.table, c.key = c.table+1, -1
			return nil
		}
		var data []byte
		if err := rows.Scan(&c.key, &data); err != nil {
			return err
		}
		read += len(data) + 64
		// What a damaged piece named is lost anyway.
		if everyTable[c.table].trends {
			gauges, _ = decodeTrend(gauges[:0], data)
			c.marks.addGauges(gauges)
			continue
		}
		list, _ = decode(list[:0], kindIn(c.key), data)
		c.marks.addFigures(list)
	}
	return nil
}

// markJournal marks all that is in the journal.
func (c *collector) markJournal(d *database) error {
	rows, err := d.conn.QueryContext(background(), "SELECT data FROM journal")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return err
		}
		p, _ := decodePart(data, everyKind, true)
		for _, list := range p.figures {
			c.marks.addFigures(list)
		}
		for _, list := range p.gauges {
			c.marks.addGauges(list)
		}
	}
	c.table, c.key = c.table+1, -1
	return rows.Err()
}

// sweep deletes the next of the names that are not marked. What waits in memory may
// be of a name too.
func (c *collector) sweep(s *Store) (done bool, err error) {
	c.markBooked(s)
	ids, err := c.names(s.db)
	if err != nil || len(ids) == 0 {
		return err == nil, err
	}
	c.key = ids[len(ids)-1]
	return false, s.db.transact(func() error {
		for _, id := range ids {
			if c.marks.has(uint32(id)) {
				continue
			}
			if _, err := s.db.conn.ExecContext(background(), "DELETE FROM series WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	}, plainly)
}

// markBooked marks what is in memory.
func (c *collector) markBooked(s *Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buckets := s.pending.buckets
	if s.buckets != nil {
		buckets = s.buckets()
	}
	for _, b := range buckets {
		for to := range b.series() {
			c.marks.add(to.id)
			if to.app != nil {
				c.marks.add(to.app.id)
			}
		}
	}
	for _, to := range s.roster.byKey {
		c.marks.add(to.id)
	}
}

// names lists the next ids.
func (c *collector) names(d *database) (ids []int64, err error) {
	rows, err := d.conn.QueryContext(background(), "SELECT id FROM series WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
		c.key, c.highest, collectNames)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
