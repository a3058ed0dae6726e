package engine

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"bwmon/traffic"
)

const (
	// remembered is how long a member is listed after it wrote last.
	remembered = 32 * 24 * time.Hour
	// pastPart is how much of that time one question is about: the seen samples of many
	// hosts over a month are too many for one.
	pastPart = 5 * 24 * time.Hour
	// maxGap bounds how seldom a member may write and not be missed, and paceWindow is the
	// time that tells.
	maxGap     = time.Hour
	paceWindow = 6 * time.Hour
	// maxOutages is how many are remembered.
	maxOutages = 64
)

// outage is a time in which nobody could write, or nobody looked.
type outage struct{ from, to time.Time }

// roll is what a Reader remembers of the members from one Snapshot to the next.
type roll struct {
	mu sync.Mutex
	// mu protects the fields below.
	runs      map[string]run       // of those that wrote within remembered
	asked     time.Duration        // how far back they were asked for
	forgotten map[string]time.Time // when they had written last
	outages   []outage
	looked    time.Time // last; zero: never
	failing   bool      // since
}

// Forget takes a member out of the list until it writes again. The engine keeps what it
// has of it, and another Reader lists it as before: to be rid of it, delete its series in
// the engine. The error says that there is none.
func (r *Reader) Forget(host string) error {
	l := &r.roll
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.runs[host]
	if !known {
		return fmt.Errorf("forget %q: the engine has none of that name", traffic.CleanText(host, traffic.MaxWord))
	}
	delete(l.runs, host)
	if l.forgotten == nil {
		l.forgotten = make(map[string]time.Time)
	}
	l.forgotten[host] = at.seen
	return nil
}

// listed are the present runs of all members.
func (r *Reader) listed(ctx context.Context, now time.Time) (map[string]run, error) {
	recent, err := r.runs(ctx, "", now)
	if err != nil {
		r.roll.fail()
		return nil, err
	}
	past := r.past(ctx, now)
	return r.roll.note(recent, past, now), nil
}

// past are the runs that ended before those of late, which are asked for once. Where the
// engine does not answer they are asked for another time: what is known of the others does
// not wait for them.
func (r *Reader) past(ctx context.Context, now time.Time) []map[string]run {
	l := &r.roll
	l.mu.Lock()
	asked := max(l.asked, recently)
	l.mu.Unlock()
	var list []map[string]run
	for most := min(remembered, r.opts.Reach); asked < most; asked += pastPart {
		window := min(pastPart, most-asked)
		runs, err := r.runsWithin(ctx, "", window, asked, now)
		if err != nil {
			break
		}
		list = append(list, runs)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = max(l.asked, asked)
	return list
}

func (l *roll) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = true
}

// note takes what was found, and returns all members' runs.
func (l *roll) note(recent map[string]run, past []map[string]run, now time.Time) map[string]run {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs == nil {
		l.runs = make(map[string]run)
	}
	var newest time.Time
	for _, found := range append(past, recent) {
		for host, at := range found {
			if at.seen.After(newest) {
				newest = at.seen
			}
			if at.seen.After(l.runs[host].seen) && at.seen.After(l.forgotten[host]) {
				l.runs[host] = at
				delete(l.forgotten, host)
			}
		}
	}
	maps.DeleteFunc(l.forgotten, func(_ string, seen time.Time) bool { return now.Sub(seen) > remembered })
	all := make(map[string]run, len(l.runs))
	for host, at := range l.runs {
		if now.Sub(at.seen) > remembered {
			delete(l.runs, host)
			continue
		}
		all[host] = at
	}
	switch {
	case l.looked.IsZero() && !newest.IsZero(): // before, somebody else looked or nobody
		l.miss(outage{newest, now})
	case l.failing:
		l.miss(outage{l.looked, now})
	}
	l.looked, l.failing = now, false
	return all
}

func (l *roll) miss(o outage) {
	if !o.from.Before(o.to) {
		return
	}
	if l.outages = append(l.outages, o); len(l.outages) > maxOutages {
		l.outages = l.outages[1:]
	}
}

// silent is for how long a member has not written, while it could.
func (l *roll) silent(seen, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	quiet := now.Sub(seen)
	for _, o := range l.outages {
		from := o.from
		if from.Before(seen) {
			from = seen
		}
		quiet -= max(0, o.to.Sub(from))
	}
	return max(0, quiet)
}

// paces are how far apart members' batches were of late, by host. They are asked for if
// one is quiet that may be one of those that write seldom.
func (r *Reader) paces(ctx context.Context, runs map[string]run, now time.Time) (map[string]time.Duration, error) {
	doubtful := false
	for _, at := range runs {
		quiet := r.roll.silent(at.seen, now)
		doubtful = doubtful || quiet > r.opts.SilentAfter && quiet <= 3*maxGap
	}
	if !doubtful {
		return nil, nil
	}
	spread := func(metric string) string {
		of := selector(metric) + span(paceWindow)
		return "(max_over_time(" + of + ") - min_over_time(" + of + "))"
	}
	v, err := r.vector(ctx, spread(metricSeen)+" / "+spread(metricPosition), now)
	if err != nil {
		return nil, err
	}
	list := make(map[string]time.Duration, len(v))
	for _, s := range v {
		host, seconds := string(s.Metric["host"]), float64(s.Value)
		if runs[host].name != string(s.Metric["run"]) || math.IsNaN(seconds) || seconds < 0 {
			continue
		}
		list[host] = time.Duration(min(seconds, maxGap.Seconds()) * float64(time.Second))
	}
	return list, nil
}
