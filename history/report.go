package history

import (
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
		Schema: reportSchema, Host: v.host, By: q.By, Of: kindOf(q).of(), Step: q.Step, Zone: zoneName(v.calendar.place),
		From: q.From.UTC(), To: v.until(q).UTC(), Rows: []traffic.ReportRow{},
	}
	a := asking{view: v, query: q, kind: kindOf(q), report: r}
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
	a.sayDamaged()
	r.Detail = strings.Join(a.details, "; ")
	return r, nil
}

// until is the end of the time asked about.
func (v *view) until(q traffic.Query) time.Time {
	if q.To.IsZero() {
		return v.now
	}
	return q.To
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

func (a *asking) sayDamaged() {
	if n := len(a.damaged); n > 0 {
		a.say("damaged pieces of the history are left out: %d", n)
	}
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
	ids, err := a.named(a.kind.names(), q.Name)
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

// Report answers a query: of what is in the file and of what is yet to be written.
// It is for any number of goroutines; four are answered at a time. What cannot be
// answered is an ErrQuestion. The text in it is as clean as it was in the Snapshots.
func (s *Store) Report(ctx context.Context, q traffic.Query) (r *traffic.Report, err error) {
	if err := check(q); err != nil {
		return nil, err
	}
	v, err := s.look(ctx, kindOf(q))
	if err == nil {
		r, err = v.answer(q)
	}
	if err != nil {
		return nil, s.cannotRead(err)
	}
	return r, nil
}

// cannotRead is what a reader is told; the next flush looks whether the file is damaged.
func (s *Store) cannotRead(err error) error {
	if errors.Is(asDamage(err), errDamaged) {
		s.mu.Lock()
		s.doubtful = true
		s.mu.Unlock()
	}
	return fmt.Errorf("read the history: %w", err)
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
