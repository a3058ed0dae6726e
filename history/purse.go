package history

// purse bounds how many names are kept apart because of one member of a fleet, so that
// none takes them all. A name that was there already costs nothing. That of a machine by
// itself is nil and has no bottom.
type purse struct {
	names int // of each kind
	used  map[kind]int
}

func newPurse(names int) *purse {
	return &purse{names: names, used: make(map[kind]int)}
}

func (q *purse) spent(k kind) bool { return q != nil && q.used[k] >= q.limit(k) }

func (q *purse) limit(k kind) int {
	switch k {
	case kindSeries:
		return maxSeries
	case kindMetric:
		return maxMetrics
	}
	return q.names
}

func (q *purse) pay(k kind, n int) {
	if q != nil {
		q.used[k] += n
	}
}
