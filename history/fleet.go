package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"bwmon/traffic"
)

// Fleet keeps the history of many hosts in one file: of each what a Store has of its
// machine, but for remote hosts, and of all together what their apps carried, what each
// host's interfaces in the balance did, and what each host used of an app.
//
// All its methods may be called by any goroutine. Book and Note work in memory, Flush
// writes; Run has to be running meanwhile, for what is written to be tidied up.
type Fleet struct {
	names       int    // that one member may have
	mostPending int    // figures
	store       *Store // has the file and the names
	began       time.Time

	work   sync.Mutex // held by who writes the file; protects the fields below
	pack   *packer
	loaded bool
	turn   int       // in order: whose journal moves to the pieces next
	turned time.Time // when the whole fleet's did
	next   int64     // number in the journal
	closed bool

	// store.mu protects the fields below, and all of the members.
	members map[string]*member
	whole   *member // the fleet itself, which has trends only
	order   []*member
	waiting int       // figures that are pending
	moment  time.Time // whose span this is
	span    span
	beat    time.Time // of the fleet's own last Snapshot
}

// The defaults of a Fleet's Options, where they are not a Store's.
const (
	DefaultFleetMaxSize    = 8 << 30
	DefaultFleetMaxNames   = 200_000
	DefaultMaxNamesPerHost = 2000
)

// maxFleetPending bounds what is kept in memory where the file cannot be written, in
// series of a minute: some 150 MiB.
const maxFleetPending = 2_000_000

// Kept is what the file has of a host.
type Kept struct {
	Host string
	// Note and Snapshot are those of the last Book before the last Flush.
	Note     []byte
	Snapshot *traffic.Snapshot
}

// OpenFleet opens the history of a fleet, or begins one. It starts nothing. A damaged file
// is set aside, see Status, and a new one begun; so is what the file has of a single host
// where only that is damaged.
//
// Options are those of a Store. FlushEvery is how often Run tidies up; MaxNames is of all
// hosts together.
//
// A host with 50 busy apps of one command, user and unit each, and 10 series, takes some
// 2 KB for a minute, an hour, a day and a month each, its part in the whole fleet's
// included. So 1,000 of them need 3 GB for the minutes of 25 hours (of 3 hours 360 MB),
// 1.5 GB for the hours of 32 days, and 700 MB for each year of days: with many hosts it is
// Keep.Minute that is worth being shortened. Beyond MaxSize, 8 GiB by default, the oldest
// minutes of all hosts go first.
func OpenFleet(o Options) (*Fleet, error) {
	o.MaxSize = cmp.Or(o.MaxSize, DefaultFleetMaxSize)
	o.MaxNames = cmp.Or(o.MaxNames, DefaultFleetMaxNames)
	o.MaxNamesPerHost = cmp.Or(max(o.MaxNamesPerHost, 0), DefaultMaxNamesPerHost)
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	s.roster.trends = map[kind]int{kindSeries: fleetTrends * maxSeries, kindMetric: fleetTrends * maxMetrics}
	f := &Fleet{names: o.MaxNamesPerHost, mostPending: maxFleetPending, store: s, pack: p, members: make(map[string]*member)}
	f.whole = &member{intake: newIntake(s.roster)}
	f.began = s.opts.Now()
	f.turned = f.began
	s.buckets, s.anew = f.buckets, f.anew
	err = s.start()
	if err == nil && s.db == nil { // what it has of the hosts has to be known
		err = fmt.Errorf("open the history: %s", s.Status().Detail)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// fleetTrends is how many times a machine's trends a fleet may have names for.
const fleetTrends = 25

// Close closes the file. What was booked since the last Flush is lost.
func (f *Fleet) Close() error {
	f.work.Lock()
	defer f.work.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	f.pack.close()
	return f.store.Close()
}

// Book books what a host carried since the Snapshot before, at the time of this one. It is
// in memory only; s is the host's whole books, which nobody changes any more, and note is
// given back by Kept. A Snapshot of another Run counts from zero. Of the host "", the
// fleet itself, only the trends of its Series are kept.
func (f *Fleet) Book(host string, s *traffic.Snapshot, note []byte) error {
	bare := s.WithoutFlows()
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	m, b := f.bucket(host, s.At)
	before := m.pending.n
	if m == f.whole {
		m.pending.add(b, m.intake.clock, octets{}) // so that the time is one that is known
		m.intake.gauges.take(bare.Series, f.sinceBeat(s.At), func(to *series, n measure) { m.pending.note(b, to, n) })
	} else {
		m.book(b, bare, f.store.roster)
		m.last, m.note = bare, note
		m.version++
	}
	f.waiting += m.pending.n - before
	return nil
}

// sinceBeat is for how long the fleet's figures were so, in milliseconds.
func (f *Fleet) sinceBeat(at time.Time) int64 {
	const longest = 5 * time.Minute
	d := at.Sub(f.beat)
	if f.beat.IsZero() || d < time.Millisecond || d > longest {
		d = time.Second
	}
	f.beat = at
	return d.Milliseconds()
}

// ErrTooManyFigures is in an error of Fleet.Note where a host has no room for another name.
var ErrTooManyFigures = errors.New("it has too many names for figures")

// Note keeps a figure that a host measured by itself: the metric name of its series
// traffic.SeriesPerf, whose mean in each minute, hour and so on is that of the figures
// noted. The host "" is the fleet itself. It is in memory only. The error says why a figure
// is left out: it is not finite, or, with ErrTooManyFigures, there is no room for one more
// name.
func (f *Fleet) Note(host string, at time.Time, name string, value float64) error {
	if !(value >= -maxValue && value <= maxValue) {
		return fmt.Errorf("note %s: %v is no figure", name, value)
	}
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	m, b := f.bucket(host, at)
	before := m.pending.n
	r := f.store.roster
	metric := r.findFor(m.purse, kindMetric, r.findFor(m.purse, kindSeries, nil, traffic.SeriesPerf), name)
	if metric.others {
		return fmt.Errorf("note %s: host %q: %w: use fewer", name, host, ErrTooManyFigures)
	}
	metric.app.used = r.now
	m.pending.note(b, metric, measured(value, noteWeight))
	m.pending.add(b, m.intake.clock, octets{rx: 1}) // so that the time is one that is known
	f.waiting += m.pending.n - before
	return nil
}

// noteWeight is what a figure counts for in means, in milliseconds.
const noteWeight = 1000

// bucket returns where a host's figures of a time belong.
func (f *Fleet) bucket(host string, at time.Time) (*member, *bucket) {
	f.setClock()
	at = f.believed(at)
	if minute := at.Truncate(time.Minute); !minute.Equal(f.moment) {
		f.moment, f.span = minute, spanOf(f.store.calendar, at)
	}
	m := f.whole
	if host != "" {
		if m = f.members[host]; m == nil {
			m = f.newMember(host)
			f.members[host] = m
			f.order = append(f.order, m)
		}
	}
	m.pending.max = math.MaxInt
	if f.waiting > f.mostPending { // to each its share
		m.pending.max = f.mostPending / max(1, len(f.members))
	}
	before := m.pending.n
	b := m.pending.at(f.span)
	f.waiting += m.pending.n - before
	return m, b
}

// ahead is how far a Snapshot may be ahead of the clock here before that is believed.
const ahead = 10 * time.Minute

// believed is a time that figures can be booked at.
func (f *Fleet) believed(at time.Time) time.Time {
	now := f.store.opts.Now()
	if !plausible(at) || plausible(now) && at.Sub(now) > ahead {
		at = now
	}
	if !plausible(at) {
		at = time.Date(firstYear, 1, 2, 0, 0, 0, 0, time.UTC)
	}
	return at.UTC()
}

// setClock makes the roster's time that since the fleet was opened.
func (f *Fleet) setClock() {
	if s := int64(f.store.opts.Now().Sub(f.began) / time.Second); s > f.store.roster.now {
		f.store.roster.now = s
	}
}

// Status may be called by any goroutine.
func (f *Fleet) Status() Status {
	status := f.store.Status()
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	status.Waiting, status.Hosts = 0, len(f.members)
	for _, b := range f.buckets() {
		status.Waiting += b.size()
	}
	return status
}

// everybody is the fleet itself and its members.
func (f *Fleet) everybody() []*member { return append([]*member{f.whole}, f.order...) }

// buckets are all that is not in the file.
func (f *Fleet) buckets() (all []*bucket) {
	for _, m := range f.everybody() {
		all = append(all, m.buckets()...)
	}
	return all
}

// Run tidies up every Options.FlushEvery until ctx is cancelled, and returns nil: what
// the journal has moves to the pieces, what is too old or too much is deleted. Status tells
// of errors.
func (f *Fleet) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.store.opts.FlushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f.tend()
		}
	}
}
