package history

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

// writeTrends adds parts of one time to the level's pieces of trends.
func (w *writer) writeTrends(member int64, l level, parts []part) error {
	if !l.hasTrends() {
		return nil
	}
	start := parts[0].span[l]
	for t := range themes {
		w.gauges = w.gauges[:0]
		for i := range parts {
			w.gauges = append(w.gauges, parts[i].gauges[t]...)
		}
		if len(w.gauges) == 0 {
			continue
		}
		if err := w.changeTrend(l, pieceKey(member, start, kind(t)), w.gauges); err != nil {
			return err
		}
	}
	return nil
}

// changeTrend adds a list to a piece. One that is damaged is begun anew.
func (w *writer) changeTrend(l level, key int64, list []gauge) error {
	data, err := w.db.trends[l].fetch(key)
	if err != nil {
		return err
	}
	var old []gauge
	if data != nil {
		if old, err = decodeTrend(nil, data); err != nil {
			w.damaged++
			old = nil
		}
	}
	list = tidyGauges(append(old, list...), maxGauges)
	w.markGauges(list)
	w.data = encodeTrend(w.data[:0], list, true)
	_, err = w.db.trends[l].putOpen.Exec(key, w.data)
	return err
}
