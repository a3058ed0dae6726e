package history

import (
	"bytes"
	"database/sql"
	"errors"
)

// partGauges gives the metrics of a bucket their ids.
func (w *writer) partGauges(p *part, b *bucket) (err error) {
	for s, m := range b.gauges {
		g := gauge{measure: *m}
		if g.group, err = w.id(s.app); err != nil {
			return err
		}
		if g.id, err = w.id(s); err != nil {
			return err
		}
		p.gauges[s.app.theme] = append(p.gauges[s.app.theme], g)
	}
	return nil
}

// writeTrends adds parts of one time to the level's pieces of trends. Those of another
// time that were open are written as they stay.
func (w *writer) writeTrends(l level, parts []part) error {
	if !l.hasTrends() {
		return nil
	}
	start := parts[0].span[l]
	for t := range themes {
		if w.open[l] != start {
			if err := w.changeTrend(l, t, w.open[l], nil); err != nil {
				return err
			}
		}
		w.gauges = w.gauges[:0]
		for i := range parts {
			w.gauges = append(w.gauges, parts[i].gauges[t]...)
		}
		if len(w.gauges) == 0 {
			continue
		}
		if err := w.changeTrend(l, t, start, w.gauges); err != nil {
			return err
		}
	}
	return nil
}

// changeTrend adds a list to a piece; an empty one closes it.
func (w *writer) changeTrend(l level, t theme, start int64, list []gauge) error {
	key := pieceKey(start, kind(t))
	var data []byte
	err := w.db.getTrend[l].QueryRow(key).Scan(&data)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	open := len(list) > 0
	var old []gauge
	if err == nil {
		if old, err = decodeTrend(nil, data); err != nil {
			w.damaged++
			old, data = nil, nil
		}
	}
	merged := tidyGauges(append(old, list...), maxGauges)
	if len(merged) == 0 {
		return nil
	}
	w.data = encodeTrend(w.data[:0], merged, open)
	if bytes.Equal(w.data, data) {
		return nil // nothing to change
	}
	_, err = w.db.putTrend[l].Exec(key, w.data)
	return err
}
