package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// otherSeries sums what has no counter of its own.
const otherSeries = "(other)"

// A series that has not moved for idleSeries makes room for one that does.
const idleSeries = time.Hour

// maxLabel is how long a label's value is at most, in bytes.
const maxLabel = 256

// figures are totals in bytes as a counter has them: while the books move bytes from
// one row to another they may be below zero. What was read and written is of storage.
type figures struct{ rx, tx, read, written int64 }

func (f figures) add(g figures) figures {
	return figures{f.rx + g.rx, f.tx + g.tx, f.read + g.read, f.written + g.written}
}

func (f figures) sub(g figures) figures {
	return figures{f.rx - g.rx, f.tx - g.tx, f.read - g.read, f.written - g.written}
}

func (f figures) atLeast(g figures) figures {
	return figures{max(f.rx, g.rx), max(f.tx, g.tx), max(f.read, g.read), max(f.written, g.written)}
}

// isSilent: nothing of it went over the network.
func (f figures) isSilent() bool { return f.rx+f.tx == 0 }

// smaller orders by what went over the network, then by what storage had to do.
func (f figures) smaller(g figures) int {
	return cmp.Or(cmp.Compare(f.rx+f.tx, g.rx+g.tx), cmp.Compare(f.read+f.written, g.read+g.written))
}

// row is what a snapshot says of one name. Rows of one name are summed.
type row struct {
	bytes                  figures
	processes, connections int
	cpu                    float64 // of one processor
	memory                 float64 // bytes
	gauges                 traffic.Metrics
}

func (r row) add(o row) row {
	r.bytes = r.bytes.add(o.bytes)
	r.processes += o.processes
	r.connections += o.connections
	r.cpu += o.cpu
	r.memory += o.memory
	if o.gauges != nil {
		r.gauges = o.gauges
	}
	return r
}

// family is the counters of one kind of rows, such as apps. None ever falls:
//
// Rows come and go (the books fold the longest idle ones into one to bound memory),
// and bytes move between them (when it is found out whose they are). A series goes on
// where its row ended; a row that shrinks holds its series still until it has made
// up for it. What is left of the sum of all rows is otherSeries, so that all series
// together are what was booked.
type family struct {
	most  int // series of their own
	fixed []string
	held  map[string]*series
	// others are the names without a series, with what was counted of them as
	// otherSeries. retired is what is in the sum of all rows and was that of series
	// that are no more, less what series have and the sum no longer.
	others  map[string]figures
	retired figures
	other   series
}

// series is one counter, rx and tx.
type series struct {
	name  string
	base  figures // of rows of this name that ended
	start figures // of the row there is, what was counted as otherSeries
	last  figures // of the row there is
	shown figures // what was exported: the highest value so far
	moved time.Time
	row   row
	seen  bool
}

func (s *series) value() figures { return s.all().sub(s.start) }

// all is what rows of this name had, however it was counted.
func (s *series) all() figures { return s.base.add(s.last) }

// show notes the value. At its first time it is new, not moving.
func (s *series) show(v figures, now time.Time) {
	if next := s.shown.atLeast(v); next != s.shown {
		s.shown = next
		s.moved = now
	}
}

// newFamily makes room for most series. Those that are fixed are let in first.
func newFamily(most int, fixed ...string) *family {
	return &family{most: most, fixed: fixed, held: make(map[string]*series)}
}

// label makes a name a label's value: some text, and never that of otherSeries.
func label(name string) string {
	name = strings.ToValidUTF8(traffic.CleanText(name, maxLabel), "�")
	if name == otherSeries {
		return otherSeries + " "
	}
	return name
}

// update takes in what a snapshot says of all names at now.
func (f *family) update(rows map[string]row, now time.Time) {
	var total figures
	for _, s := range f.held {
		s.seen = false
	}
	var rest []string
	for name, r := range rows {
		total = total.add(r.bytes)
		if s := f.held[name]; s != nil {
			s.seen, s.row, s.last = true, r, r.bytes
		} else {
			rest = append(rest, name)
		}
	}
	f.notice(rows)
	for _, s := range f.held {
		s.show(s.value(), now) // who moves now is not idle
	}
	f.admit(rows, rest, now)
	var own figures
	for _, s := range f.held {
		v := s.value()
		s.show(v, now)
		own = own.add(v)
	}
	f.other.show(total.sub(own).sub(f.retired), now)
	f.sumOthers(rows)
}

// notice sees to rows that are gone. Where there is one of what was folded together,
// their bytes stand there; else they are no longer in the sum.
func (f *family) notice(rows map[string]row) {
	folds := false
	for name := range rows {
		folds = folds || isFolded(name)
	}
	for _, s := range f.held {
		if s.seen {
			continue
		}
		if !folds {
			f.retired = f.retired.sub(s.last)
		}
		s.base = s.value()
		s.start, s.last, s.row = figures{}, figures{}, row{}
	}
	for name, before := range f.others {
		if _, ok := rows[name]; !ok && !folds {
			f.retired = f.retired.sub(before)
		}
	}
}

func isFolded(name string) bool {
	return name == traffic.AppOther || name == traffic.HostsFolded || name == traffic.PipesFolded
}

// admit gives series to those of the names that had none, the biggest first, as far
// as there is room.
func (f *family) admit(rows map[string]row, names []string, now time.Time) {
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(f.rank(a), f.rank(b)), rows[b].bytes.smaller(rows[a].bytes), strings.Compare(a, b))
	})
	var leave []*series // who makes room first
	for _, name := range names {
		if isFolded(name) {
			continue // its bytes may be those of names that are held
		}
		if len(f.held) >= f.most {
			if leave == nil {
				leave = f.leaving(now)
			}
			bytes := rows[name].bytes
			before, known := f.others[name]
			i := slices.IndexFunc(leave, func(s *series) bool { return f.yields(s, bytes, now) })
			if i < 0 || known && before == bytes {
				continue
			}
			f.retired = f.retired.add(leave[i].value())
			delete(f.held, leave[i].name)
			leave = slices.Delete(leave, i, i+1)
		}
		f.held[name] = &series{
			name: name, start: f.others[name], last: rows[name].bytes, row: rows[name], seen: true, moved: now,
		}
	}
}

// rank is 0 for names that are fixed.
func (f *family) rank(name string) int {
	if slices.Contains(f.fixed, name) {
		return 0
	}
	return 1
}

// leaving lists the series that may have to make room: those without traffic, from the
// smallest, then those that have not moved for long, from the longest.
func (f *family) leaving(now time.Time) []*series {
	list := []*series{}
	for _, s := range f.held {
		if f.rank(s.name) > 0 && (s.all().isSilent() || f.isIdle(s, now)) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *series) int {
		if a.all().isSilent() && b.all().isSilent() {
			return cmp.Or(a.all().smaller(b.all()), strings.Compare(a.name, b.name))
		}
		if a.all().isSilent() != b.all().isSilent() {
			return a.all().smaller(b.all())
		}
		return cmp.Or(a.moved.Compare(b.moved), strings.Compare(a.name, b.name))
	})
	return list
}

func (f *family) isIdle(s *series, now time.Time) bool { return now.Sub(s.moved) >= idleSeries }

// yields reports whether s makes room for a name with these bytes: an idle one for all,
// one without traffic for those that have some.
func (f *family) yields(s *series, to figures, now time.Time) bool {
	return f.isIdle(s, now) || s.all().isSilent() && !to.isSilent()
}

// sumOthers notes who has no series.
func (f *family) sumOthers(rows map[string]row) {
	f.others = make(map[string]figures)
	f.other.row = row{}
	for name, r := range rows {
		if f.held[name] != nil {
			continue
		}
		f.others[name] = r.bytes
		f.other.row = f.other.row.add(r)
	}
	f.other.row.gauges = nil // no sum of these says anything
}
