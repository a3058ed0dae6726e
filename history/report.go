package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// reportSchema is traffic.Report.Schema.
const reportSchema = 1

// report answers a checked query.
func (v *view) report(q traffic.Query) (*traffic.Report, error) {
	r := &traffic.Report{
		Schema: reportSchema, Host: v.host, By: q.By, Step: q.Step, Zone: zoneName(v.calendar.place),
		From: q.From.UTC(), To: cmp.Or(q.To, v.now).UTC(), Rows: []traffic.ReportRow{},
	}
	a := asking{view: v, query: q, kind: kindOf(q.By), report: r}
	found, err := a.time()
	if err != nil || !found {
		return r, err
	}
	if err := a.filter(); err != nil {
		return nil, err
	}
	t, err := a.count()
	if err != nil {
		return nil, err
	}
	if err := a.rows(t); err != nil {
		return nil, err
	}
	if n := len(v.damaged); n > 0 {
		a.say("damaged pieces of the history are left out: %d", n)
	}
	r.Detail = strings.Join(a.details, "; ")
	return r, nil
}

// asking is a report in the making.
type asking struct {
	*view
	query     traffic.Query
	kind      kind
	report    *traffic.Report
	stretches []stretch
	details   []string

	// What is asked for, where it is not all: ids of series, and the group of an app.
	onlyIDs   bool
	ids       []uint32
	onlyGroup bool
	group     uint32
	none      bool // there is no such series
}

func (a *asking) say(format string, args ...any) {
	a.details = append(a.details, fmt.Sprintf(format, args...))
}

// time finds the pieces to read. It reports whether there are any.
func (a *asking) time() (found bool, err error) {
	from, to := a.query.From, cmp.Or(a.query.To, a.now)
	first, ok, err := a.beginning()
	if err != nil {
		return false, err
	}
	newest, _, err := a.edge(minute, true)
	if err != nil {
		return false, err
	}
	if last := minute.next(a.calendar, newest); ok && last.After(a.now) { // a clock was ahead
		if !a.query.To.IsZero() {
			a.now = last
		}
	}
	if !to.Before(a.now) {
		to = a.now.Add(1) // the piece that begins now is there too
	}
	switch {
	case !ok || !first.Before(to):
		a.report.Detail = "the history has nothing of that time"
		return false, nil
	case from.IsZero():
		from = first
	case from.Before(first):
		a.say("the history begins at %s", rfc(first))
		from = first
	}
	if !from.Before(to) {
		a.report.Detail = "the time asked about is yet to come"
		return false, nil
	}
	if a.query.Step == "" {
		a.stretches, err = a.cover(from, to)
	} else {
		err = a.divideBySteps(from, to)
	}
	if err != nil || len(a.stretches) == 0 {
		a.report.Detail = strings.Join(a.details, "; ")
		return false, err
	}
	a.report.From, a.report.To = a.stretches[0].from.UTC(), a.stretches[len(a.stretches)-1].to.UTC()
	if a.report.To.After(a.now) {
		a.report.To = a.now.UTC()
	}
	return true, a.sayMissing(first)
}

// divideBySteps takes all from the step's level, as far as that has it.
func (a *asking) divideBySteps(from, to time.Time) error {
	l := levelOf(a.query.Step)
	all := stretch{l, l.begin(a.calendar, from), l.ceil(a.calendar, to)}
	stretches, err := a.cover(all.from, all.to)
	if err != nil {
		return err
	}
	var want, got int64
	for _, s := range stretches {
		n, err := a.measured(s)
		if err != nil {
			return err
		}
		want += n
	}
	var first time.Time
	if err := a.each(kindTime, all, func(start int64, list []figure) {
		if begin := time.Unix(start, 0); first.IsZero() || begin.Before(first) {
			first = begin
		}
		for _, f := range list {
			got += f.rx
		}
	}); err != nil {
		return err
	}
	switch {
	case got == want:
	case first.IsZero():
		a.say("what was used then is no longer known by %s", l)
		return nil
	case !a.home(l, first).from.After(all.from):
		a.say("some of it is no longer known by %s", l)
	default:
		all.from = a.home(l, first).from
		a.say("by %s it is known from %s on", l, rfc(all.from))
	}
	a.stretches = []stretch{all}
	a.report.Times, err = a.steps(all)
	return err
}

// sayMissing says how long nothing was measured, where that is worth it.
func (a *asking) sayMissing(first time.Time) error {
	var measured int64
	for _, s := range a.stretches {
		n, err := a.measured(s)
		if err != nil {
			return err
		}
		measured += n
	}
	from := a.report.From
	if from.Before(first) {
		from = first
	}
	missing := a.report.To.Sub(from) - time.Duration(measured)*time.Millisecond
	if missing > time.Minute {
		a.say("for %s of it nothing was measured", missing.Round(time.Minute))
	}
	return nil
}

// filter finds the series that are asked for by name.
func (a *asking) filter() error {
	q := &a.query
	if q.App != "" {
		a.onlyGroup = true
		if q.App != traffic.Others {
			apps, err := a.named(kindApp, q.App)
			if err != nil {
				return err
			}
			if len(apps) == 0 {
				a.none = true
				return nil
			}
			a.group = apps[0]
		}
	}
	if q.Name == "" {
		return nil
	}
	a.onlyIDs = true
	if isFolded(a.kind, q.Name) {
		a.ids = []uint32{0}
		return nil
	}
	ids, err := a.named(a.kind, q.Name)
	a.ids = ids
	a.none = len(ids) == 0
	return err
}

// named returns all ids that a name has.
func (a *asking) named(k kind, name string) ([]uint32, error) {
	ids, err := a.identify(k, name, anyGroup)
	for id, l := range a.names {
		if l.kind == k && l.name == name {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func (a *asking) wants(f figure) bool {
	return (!a.onlyGroup || f.group == a.group) && (!a.onlyIDs || slices.Contains(a.ids, f.id))
}

// count adds up all that is asked for.
func (a *asking) count() (*tally, error) {
	t := newTally()
	if a.none {
		return t, nil
	}
	stretches := a.stretches
	if a.query.Step != "" && a.query.Top > 0 {
		// Who has most is seen as well by coarser pieces, of which there are fewer.
		var err error
		if stretches, err = a.cover(stretches[0].from, stretches[0].to); err != nil {
			return nil, err
		}
	}
	for _, s := range stretches {
		if err := a.each(a.kind, s, func(_ int64, list []figure) {
			for _, f := range list {
				if a.wants(f) {
					t.add(f)
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// rows makes the rows of what was counted.
func (a *asking) rows(t *tally) error {
	named, others := t.top(a.query.Top, a.query.Top == 0 && !a.onlyGroup)
	n := len(named) + min(len(others), 1)
	if points := n * len(a.report.Times); points > maxPoints {
		return question("top: %d rows of %d steps are too many: want at most %d figures: ask for fewer rows, less time, or a coarser step",
			n, len(a.report.Times), maxPoints)
	}
	rest := tallied{label: label{name: traffic.Others}}
	if a.onlyGroup {
		rest.label.app = a.query.App
	}
	for _, o := range others {
		rest.octets = rest.add(o.octets)
	}
	if len(a.report.Times) > 0 && n > 0 {
		if err := a.step(named, &rest); err != nil {
			return err
		}
	}
	if err := a.label(named); err != nil {
		return err
	}
	if len(others) > 0 || rest.shown() != (octets{}) {
		named = append(named, rest)
	}
	for i := range named {
		a.report.Rows = append(a.report.Rows, named[i].row())
	}
	a.total()
	if a.query.Percentile > 0 {
		return a.percentiles(named)
	}
	return nil
}

// step divides the rows into steps, which are what they then have.
func (a *asking) step(named []tallied, rest *tallied) error {
	starts := make([]int64, len(a.report.Times))
	for i, t := range a.report.Times {
		starts[i] = t.Unix()
	}
	t := newTally()
	for _, r := range named {
		t.add(figure{group: r.group, id: r.id})
	}
	t.rows = append(t.rows, tallied{})
	last := len(t.rows) - 1
	for i := range t.rows {
		t.rows[i].steps = make([]octets, len(starts))
	}
	s := a.stretches[0]
	middle := int64(s.level.middle() / time.Second)
	if err := a.each(a.kind, s, func(start int64, list []figure) {
		i, exact := slices.BinarySearch(starts, start+middle)
		if !exact {
			i--
		}
		for _, f := range list {
			if !a.wants(f) {
				continue
			}
			row := t.find(f)
			if row < 0 {
				row = int32(last)
			}
			r := &t.rows[row]
			r.octets, r.steps[i] = r.add(f.octets), r.steps[i].add(f.octets)
		}
	}); err != nil {
		return err
	}
	rest.octets, rest.steps = t.rows[last].octets, t.rows[last].steps
	copy(named, t.rows[:last])
	rank(named)
	return nil
}

// label finds the names of rows.
func (a *asking) label(rows []tallied) error {
	names, err := a.namer()
	if err != nil {
		return err
	}
	defer names.close()
	for i := range rows {
		r := &rows[i]
		r.label.name = traffic.Others
		if r.id > 0 {
			if r.label.name, err = names.name(r.id); err != nil {
				return err
			}
		}
		if a.kind.grouped() {
			r.label.app = traffic.Others
			if r.group > 0 {
				if r.label.app, err = names.app(r.group); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// row is r as reports have it.
func (r *tallied) row() traffic.ReportRow {
	o := r.shown()
	row := traffic.ReportRow{Name: r.label.name, App: r.label.app, RxBytes: uint64(o.rx), TxBytes: uint64(o.tx)}
	if r.steps != nil {
		row.Rx = way(r.steps, func(o octets) int64 { return o.rx })
		row.Tx = way(r.steps, func(o octets) int64 { return o.tx })
	}
	return row
}

// way is what steps have of one direction.
func way(steps []octets, of func(octets) int64) []uint64 {
	list := make([]int64, len(steps))
	for i, o := range steps {
		list[i] = of(o)
	}
	settle(list)
	shown := make([]uint64, len(steps))
	for i, n := range list {
		shown[i] = uint64(n)
	}
	return shown
}

// total adds the rows up.
func (a *asking) total() {
	total := &a.report.Total
	if n := len(a.report.Times); n > 0 {
		total.Rx, total.Tx = make([]uint64, n), make([]uint64, n)
	}
	for i := range a.report.Rows {
		r := &a.report.Rows[i]
		total.RxBytes += r.RxBytes
		total.TxBytes += r.TxBytes
		for i := range r.Rx {
			total.Rx[i] += r.Rx[i]
			total.Tx[i] += r.Tx[i]
		}
	}
}

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Report answers a query: of what is in the file and of what is yet to be written.
// It is for any number of goroutines; four are answered at a time. What cannot be
// answered is an ErrQuestion. The text in it is as clean as it was in the Snapshots.
func (s *Store) Report(ctx context.Context, q traffic.Query) (r *traffic.Report, err error) {
	if err := check(q); err != nil {
		return nil, err
	}
	v, err := s.look(ctx, kindOf(q.By))
	if err == nil {
		r, err = v.answer(q)
	}
	if err != nil {
		if errors.Is(asDamage(err), errDamaged) {
			s.mu.Lock()
			s.doubtful = true
			s.mu.Unlock()
		}
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return r, nil
}

// answer makes the report and ends the look.
func (v *view) answer(q traffic.Query) (*traffic.Report, error) {
	r, err := v.report(q)
	if closed := v.close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}
