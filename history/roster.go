package history

import "bwmon/traffic"

// series is one name that figures are booked under.
type series struct {
	kind   kind
	app    *series // of a command; of a metric its series
	name   string
	others bool  // stands for what has no name; its id is 0
	theme  theme // of a kindSeries

	id   uint32 // in the file; 0: not known yet
	used int64  // when it was last booked to, in seconds of measured time
	gone bool   // from the roster, which may have another of this name by now

	payer *purse // whose it is that it has a name
}

// stale reports whether the series has to be looked up again.
func (s *series) stale() bool { return s.gone || s.app != nil && s.app.gone }

// appName is that of an app and of its commands; "" of other kinds.
func (s *series) appName() string {
	switch {
	case s.kind.names() == kindApp:
		return s.name
	case s.app != nil:
		return s.app.name
	}
	return ""
}

type seriesKey struct {
	kind      kind
	app, name string
}

// roster has the series in use, at most max of each kind by name. Metrics are counted
// in all series together.
type roster struct {
	max    int
	trends map[kind]int // max of what has trends
	byKey  map[seriesKey]*series
	counts map[kind]int
	now    int64 // seconds of measured time
	swept  int64
}

func newRoster(max int) *roster {
	return &roster{
		max: max, trends: map[kind]int{kindSeries: maxSeries, kindMetric: maxMetrics},
		byKey: make(map[seriesKey]*series), counts: make(map[kind]int),
	}
}

// room reports whether one more of a kind may have a name, for q.
func (r *roster) room(q *purse, k kind) bool {
	if q.spent(k) {
		return false
	}
	if most, ok := r.trends[k]; ok {
		return r.counts[k] < most
	}
	return r.counts[k] < r.max
}

// What trends are kept of at one time.
const (
	maxSeries  = 500
	maxMetrics = 4000
)

// A series that is in nobody's mouth is forgotten after idleKept, and where there
// are too many, after idleCrowded. In seconds of measured time.
const (
	idleKept    = 24 * 3600
	idleCrowded = 3600
	sweepEvery  = 60
)

// find returns the series of a name, or that of traffic.Others where there are too
// many. The names that the ledger has for others are no names.
func (r *roster) find(k kind, app *series, name string) *series { return r.findFor(nil, k, app, name) }

// findFor is find for one of many, whose purse bounds how many names there are because
// of it.
func (r *roster) findFor(q *purse, k kind, app *series, name string) *series {
	if isFolded(k, name) {
		return r.others(k, app)
	}
	if app != nil && app.others { // a command of no app in particular
		return r.others(k, app)
	}
	key := seriesKey{kind: k, name: name}
	if app != nil {
		key.app = app.name
	}
	s := r.byKey[key]
	if s == nil {
		if !r.room(q, k) && !r.makeRoom(q, k) {
			return r.others(k, app)
		}
		s = &series{kind: k, app: app, name: name, theme: themeIn(k, name), payer: q}
		q.pay(k, 1)
		r.byKey[key] = s
		r.counts[k]++
	}
	s.used = r.now
	return s
}

// isFolded reports whether a name stands for others.
func isFolded(k kind, name string) bool {
	k = k.names()
	switch name {
	case traffic.Others:
		return true
	case traffic.AppOther:
		return k == kindApp
	case traffic.CommandsFolded:
		return k == kindCommand
	case traffic.HostsFolded:
		return k == kindLANHost || k == kindRemoteHost
	case traffic.PipesFolded:
		return k == kindPipe
	}
	return false
}

// others returns the series of what has no name; of commands each app has one.
func (r *roster) others(k kind, app *series) *series {
	key := seriesKey{kind: k, name: traffic.Others}
	if app != nil {
		key.app = app.name
	}
	s := r.byKey[key]
	if s == nil {
		s = &series{kind: k, app: app, name: traffic.Others, others: true}
		r.byKey[key] = s
	}
	s.used = r.now
	return s
}

// makeRoom forgets what was not used of late, and reports whether that helped. It
// looks at everything, and so not for each name that is turned away.
func (r *roster) makeRoom(q *purse, k kind) bool {
	if r.now-r.swept < sweepEvery {
		return false
	}
	r.sweep(idleCrowded)
	return r.room(q, k)
}

// sweep forgets what was not used for so many seconds. An app is used whenever one
// of its commands is, and a series whenever one of its metrics: none is forgotten
// without them.
func (r *roster) sweep(idle int64) {
	r.swept = r.now
	for key, s := range r.byKey {
		if r.now-s.used < idle {
			continue
		}
		s.gone = true
		delete(r.byKey, key)
		if !s.others {
			r.counts[s.kind]--
			s.payer.pay(s.kind, -1)
		}
	}
}

// forgetIDs makes all ids unknown: they were those of another file.
func (r *roster) forgetIDs() {
	for _, s := range r.byKey {
		s.id = 0
	}
}
