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

// figures are rx and tx bytes as a counter has them: while the books move bytes
// from one row to another they may be below zero.
type figures struct{ rx, tx int64 }

func (f figures) add(g figures) figures { return figures{f.rx + g.rx, f.tx + g.tx} }
func (f figures) sub(g figures) figures { return figures{f.rx - g.rx, f.tx - g.tx} }
func (f figures) atLeast(g figures) figures {
	return figures{max(f.rx, g.rx), max(f.tx, g.tx)}
}

// row is what a snapshot says of one name. Rows of one name are summed.
type row struct {
	bytes                  figures
	processes, connections int
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

func (s *series) value() figures { return s.base.add(s.last).sub(s.start) }

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
		return cmp.Or(
			cmp.Compare(f.rank(a), f.rank(b)),
			cmp.Compare(rows[b].bytes.rx+rows[b].bytes.tx, rows[a].bytes.rx+rows[a].bytes.tx),
			strings.Compare(a, b))
	})
	var idle []*series // longest first
	for _, name := range names {
		if isFolded(name) {
			continue // its bytes may be those of names that are held
		}
		if len(f.held) >= f.most {
			if idle == nil {
				idle = f.idle(now)
			}
			before, known := f.others[name]
			if len(idle) == 0 || known && before == rows[name].bytes {
				continue
			}
			f.retired = f.retired.add(idle[0].value())
			delete(f.held, idle[0].name)
			idle = idle[1:]
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

// idle lists the series that have not moved for long, the longest first.
func (f *family) idle(now time.Time) []*series {
	list := []*series{}
	for _, s := range f.held {
		if now.Sub(s.moved) >= idleSeries && f.rank(s.name) > 0 {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *series) int {
		return cmp.Or(a.moved.Compare(b.moved), strings.Compare(a.name, b.name))
	})
	return list
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
		f.other.row.processes += r.processes
		f.other.row.connections += r.connections
	}
}
