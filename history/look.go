package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// waiting is one figure that is not in the file yet, as it was when a look began.
type waiting struct {
	bucket   int
	kind     kind
	of       label
	series   string // of a kindMetric
	id, app  uint32 // in the file; 0: not known, see others
	others   bool
	inOthers bool // a command of no app in particular
	octets
	gauge measure // of a kindMetric
	theme theme
}

// look begins a look at the file and at what is pending of a kind; of trends that is
// kindMetric.
func (s *Store) look(ctx context.Context, k kind) (v *view, err error) {
	return s.lookBy(ctx, k, func(v *view) []waiting { return v.copy(s.pending.buckets, k) })
}

// lookBy begins a look at the file and at what is copied, under mu, of what is pending.
func (s *Store) lookBy(ctx context.Context, k kind, copied func(*view) []waiting) (v *view, err error) {
	s.mu.Lock()
	db, detail := s.db, s.status.Detail
	s.mu.Unlock()
	if db == nil {
		return nil, fmt.Errorf("it cannot be read now: %s", detail)
	}
	if v, err = see(ctx, db.read); err != nil {
		return nil, err
	}
	v.calendar, v.host, v.now = s.calendar, s.opts.Host, s.opts.Now()
	list, err := s.fix(v, copied)
	if err == nil {
		err = v.take(list)
	}
	if err == nil {
		err = v.readJournal(k)
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// fix begins the look at the file and copies what is pending at that moment.
func (s *Store) fix(v *view, copied func(*view) []waiting) (list []waiting, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := v.begin(); err != nil {
		return nil, err
	}
	return copied(v), nil
}

// copy copies what buckets have of a kind; of trends that is kindMetric.
func (v *view) copy(buckets []*bucket, k kind) (list []waiting) {
	for _, b := range buckets {
		if b.undated() {
			continue
		}
		i := len(v.pending)
		v.pending = append(v.pending, part{span: b.span})
		for to, o := range b.figures {
			if to.kind == k || to.kind == kindTime {
				list = append(list, waitingOf(i, to, o))
			}
		}
		if k != kindMetric {
			continue
		}
		for to, m := range b.gauges {
			list = append(list, waiting{
				bucket: i, kind: kindMetric, of: label{kind: kindMetric, name: to.name}, id: to.id,
				series: to.app.name, app: to.app.id, gauge: *m, theme: to.app.theme,
			})
		}
	}
	return list
}

func waitingOf(bucket int, to *series, o octets) waiting {
	w := waiting{bucket: bucket, kind: to.kind, of: label{kind: to.kind.names(), name: to.name}, id: to.id, others: to.others, octets: o}
	if to.app != nil {
		w.of.app, w.app, w.inOthers = to.app.name, to.app.id, to.app.others
	}
	return w
}

// readJournal takes what the journal has of a kind as if it were pending.
func (v *view) readJournal(k kind) error {
	if v.single {
		return nil
	}
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, data FROM journal WHERE id >= ? AND id < ?", journalKey(v.member, 0), journalKey(v.member+1, 0))
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
		p, err := decodePart(data, func(of kind) bool { return of == k || of == kindTime }, k == kindMetric)
		if err != nil {
			v.noteDamage("journal", key)
			continue
		}
		v.pending = append(v.pending, p)
	}
	return rows.Err()
}

// take gives ids to what was copied: those in the file or, if that has none, such as
// mean something in this look only.
func (v *view) take(list []waiting) (err error) {
	given := make(map[label]uint32)
	for _, w := range list {
		if w.kind == kindMetric {
			if err := v.takeGauge(w, given); err != nil {
				return err
			}
			continue
		}
		f := figure{octets: w.octets}
		if w.of.app != "" && !w.inOthers {
			app := label{kind: kindApp, name: w.of.app}
			if f.group, err = v.idOf(app, w.app, 0, given); err != nil {
				return err
			}
		}
		if !w.others {
			group := f.group
			if w.kind == kindAppHost {
				group = 0 // hosts are called the same in all apps
			}
			if f.id, err = v.idOf(w.of, w.id, group, given); err != nil {
				return err
			}
		}
		p := &v.pending[w.bucket]
		p.figures[w.kind] = append(p.figures[w.kind], f)
	}
	return nil
}

func (v *view) takeGauge(w waiting, given map[label]uint32) (err error) {
	g := gauge{measure: w.gauge}
	if g.group, err = v.idOf(label{kind: kindSeries, name: w.series}, w.app, 0, given); err != nil {
		return err
	}
	if g.id, err = v.idOf(w.of, w.id, 0, given); err != nil {
		return err
	}
	p := &v.pending[w.bucket]
	p.gauges[w.theme] = append(p.gauges[w.theme], g)
	return nil
}

func (v *view) idOf(l label, id, group uint32, given map[label]uint32) (uint32, error) {
	if id > 0 {
		return id, nil
	}
	if id := given[l]; id > 0 {
		return id, nil
	}
	ids, err := v.identify(l.kind, l.name, group)
	if err != nil {
		return 0, err
	}
	if len(ids) > 0 {
		id = ids[0]
	} else {
		id = v.unnamed(l)
	}
	given[l] = id
	return id, nil
}
