package history

import (
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
	if w.open[l] != start {
		if err := w.closeTrends(l, w.open[l]); err != nil {
			return err
		}
	}
	for t := range themes {
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

// changeTrend adds a list to a piece.
func (w *writer) changeTrend(l level, t theme, start int64, list []gauge) error {
	old, err := w.trend(l, t, start)
	if err != nil {
		return err
	}
	return w.putTrend(l, t, start, tidyGauges(append(old, list...), maxGauges), true)
}

// trend reads a piece. One that is damaged is begun anew.
func (w *writer) trend(l level, t theme, start int64) (list []gauge, err error) {
	var data []byte
	err = w.db.getTrend[l].QueryRow(pieceKey(start, kind(t))).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if list, err = decodeTrend(nil, data); err != nil {
		w.damaged++
		return nil, nil
	}
	return list, nil
}

func (w *writer) putTrend(l level, t theme, start int64, list []gauge, open bool) error {
	w.data = encodeTrend(w.data[:0], list, open)
	_, err := w.db.putTrend[l].Exec(pieceKey(start, kind(t)), w.data)
	return err
}

// closeTrends writes the pieces of a time as they stay. They become shorter: only where
// they are written one after the other, with nothing there before, they leave no gaps.
func (w *writer) closeTrends(l level, start int64) error {
	var lists [themes][]gauge
	for t := range themes {
		var err error
		if lists[t], err = w.trend(l, t, start); err != nil {
			return err
		}
	}
	if _, err := w.db.dropTrend[l].Exec(pieceKey(start, 0), pieceKey(start+1, 0)); err != nil {
		return err
	}
	for t := range themes {
		if len(lists[t]) == 0 {
			continue
		}
		if err := w.putTrend(l, t, start, lists[t], false); err != nil {
			return err
		}
	}
	return nil
}
