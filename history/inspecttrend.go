package history

import "database/sql"

// spans is how long all metrics of each theme were measured together, in milliseconds,
// by where pieces begin; -1 where a piece is full, and may lack some.
type spans map[site]*[themes]int64

// of is what a piece's are; nothing where there is none.
func (s spans) of(start site) [themes]int64 {
	if all := s[start]; all != nil {
		return *all
	}
	return [themes]int64{}
}

// trends reads all pieces of trends of a level.
func (i *Inspection) trends(v *view, l level) (spans, error) {
	rows, err := v.tx.QueryContext(v.ctx, v.pieces(l.trends(), ""))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(spans)
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return nil, err
		}
		i.Pieces++
		t, start := theme(kindIn(key)), siteOf(key)
		if key < 0 || t >= themes {
			i.problem("a piece of %s has an id that means nothing: %d", l.trends(), key)
			continue
		}
		if v.gauges, err = decodeTrend(v.gauges[:0], data); err != nil {
			i.problem("the trends by %s of %s have a damaged piece", l, start)
			continue
		}
		if all[start] == nil {
			all[start] = new([themes]int64)
		}
		for _, g := range v.gauges {
			all[start][t] += g.weight
		}
		if len(v.gauges) >= maxGauges {
			all[start][t] = -1
		}
	}
	return all, rows.Err()
}

// compareTrends looks whether pieces were measured as long as the finer ones of their
// time, where these are all there.
func (i *Inspection) compareTrends(coarse, fine level, of *[levels]sums, trends *[levels]spans) {
	home := homes(of[coarse])
	added, times := make(spans), make(map[site]int64)
	for start, figures := range of[fine] {
		at, ok := home(start, fine)
		if !ok {
			continue
		}
		times[at] += figures[kindTime].rx
		if added[at] == nil {
			added[at] = new([themes]int64)
		}
		for t, ms := range trends[fine].of(start) {
			if to := &added[at][t]; ms < 0 || *to < 0 {
				*to = -1
			} else {
				*to += ms
			}
		}
	}
	for start, got := range added {
		want := trends[coarse].of(start)
		if times[start] != of[coarse][start][kindTime].rx {
			continue
		}
		for t := range themes {
			if got[t] >= 0 && want[t] >= 0 && got[t] != want[t] {
				i.problem("the trends by %s of %s are not those of its pieces by %s: %q was measured for %d ms there, and %d here",
					coarse, start, fine, themeNames[t], want[t], got[t])
			}
		}
	}
}
