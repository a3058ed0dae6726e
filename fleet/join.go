package fleet

import (
	"slices"

	"bwmon/traffic"
)

// Join makes one batch of two, of which b follows a in the same run: it leads from where
// a does to where b does. It is false where b does not. It changes neither.
func Join(a, b *Batch) (*Batch, bool) {
	if a.Host != b.Host || a.Run != b.Run || b.Seq <= a.Seq || b.Since > a.Seq && !b.Gap {
		return nil, false
	}
	if b.Since == 0 { // it needs nothing before it
		return b, true
	}
	j := *b
	j.Since, j.Former, j.From, j.Gap = a.Since, a.Former, a.From, a.Gap
	changes := *a.Changes
	overlayAll(&changes, b.Changes, setOf(b.Gone))
	of := func(has bool) *traffic.Snapshot {
		if has {
			return b.Changes
		}
		return a.Changes
	}
	changes.Balance, j.HasBalance = of(b.HasBalance).Balance, a.HasBalance || b.HasBalance
	changes.Monitors, j.HasMonitors = of(b.HasMonitors).Monitors, a.HasMonitors || b.HasMonitors
	changes.Rules, j.HasRules = of(b.HasRules).Rules, a.HasRules || b.HasRules
	changes.Alerts, j.HasAlerts = of(b.HasAlerts).Alerts, a.HasAlerts || b.HasAlerts
	changes.At, changes.Elapsed, changes.Interval = b.Changes.At, b.Changes.Elapsed, b.Changes.Interval
	j.Changes = &changes
	j.joinKeys(a, b)
	return &j, true
}

// joinKeys says of the rows of two batches what is gone, fresh and was moved.
func (j *Batch) joinKeys(a, b *Batch) {
	back := setOf(rowKeys(b.Changes))
	was := setOf(a.Gone) // before what came after
	fresh := setOf(a.Fresh)
	j.Gone = slices.Clone(b.Gone)
	for _, k := range a.Gone {
		if !back[k] {
			j.Gone = append(j.Gone, k)
		}
	}
	j.Fresh = slices.Clone(a.Fresh)
	for _, k := range b.Fresh {
		if !fresh[k] && !was[k] {
			j.Fresh = append(j.Fresh, k)
		}
	}
	moved := make(map[Key]Moved, len(a.Moved)+len(b.Moved))
	for _, m := range slices.Concat(a.Moved, b.Moved) { // totals: the later ones hold
		moved[m.Key] = m
	}
	j.Gone, j.Fresh, j.Moved = distinct(j.Gone), distinct(j.Fresh), make([]Moved, 0, len(moved))
	for _, m := range moved {
		j.Moved = append(j.Moved, m)
	}
	slices.SortFunc(j.Moved, func(a, b Moved) int { return a.Compare(b.Key) })
}

func distinct(keys []Key) []Key {
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}

// rowKeys are those of all rows of s, with a total or not.
func rowKeys(s *traffic.Snapshot) []Key {
	var keys []Key
	Rows(s, func(k Key, _ *traffic.Usage, _ *traffic.Resources) { keys = append(keys, k) })
	for i := range s.Series {
		keys = append(keys, SeriesKey(&s.Series[i]))
	}
	return keys
}
