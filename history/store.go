package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bwmon/traffic"
)

// Store keeps the history in a file.
type Store struct {
	opts     Options
	calendar calendar
	keep     [levels]time.Duration

	// Run's goroutine has these.
	intake    *intake
	trust     trust
	writer    *writer
	collector collector
	last      span // of the last Snapshot with a time
	asides    int
	trimmed   bool // the size was above its bound since the collector ran

	mu sync.Mutex // protects the fields below; the roster's and pending's too
	// db is nil as long as the file cannot be opened. It is changed by Run.
	db      *database
	roster  *roster
	pending *pending
	status  Status
	// anew is asked whether a file that was opened is the right one, and learns of it.
	anew func(*database) error
	// buckets is, of a Fleet, what else is not in the file, asked for under mu; else nil.
	buckets func() []*bucket

	// doubtful: a reader found the file damaged, which the writer, who has pages of
	// it in memory, may not see.
	doubtful bool
}

// Open opens the history, or begins one. It starts nothing. A damaged file is set
// aside, see Status, and a new one begun. Where the file cannot be written for now,
// because the disk is full, that is no error: Run tries again.
//
// It reads all of the file to see that it is whole.
func Open(o Options) (*Store, error) {
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	s.anew = (*database).ofMachine
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	o.Path = realPath(o.Path)
	s := &Store{
		opts: o, calendar: calendar{o.Location}, keep: o.Keep.keep(),
		roster: newRoster(o.MaxNames), pending: &pending{max: maxPending},
		status: Status{State: traffic.StateStarting, Path: o.Path, MaxSize: o.MaxSize},
	}
	s.intake = newIntake(s.roster)
	return s, nil
}

// start opens the file. That it cannot be written for now is no error.
func (s *Store) start() error {
	err := s.open()
	if err == nil {
		return nil
	}
	if !passes(err) {
		s.letGo()
		return fmt.Errorf("open the history: %w", err)
	}
	s.status.fail(err)
	return nil
}

// maxAsides is how many damaged files are set aside before it looks as if the disk
// were to blame.
const maxAsides = 3

// open opens the file; what is damaged is set aside.
func (s *Store) open() error {
	db, err := openDatabase(s.opts.Path)
	var aside string
	if errors.Is(err, errDamaged) && s.asides < maxAsides {
		s.asides++
		var moved error
		if aside, moved = setAside(s.opts.Path, s.opts.Now()); moved != nil {
			return errors.Join(err, moved)
		}
		db, err = openDatabase(s.opts.Path)
	}
	if err == nil {
		err = db.describe(s.opts.Host, s.opts.Location)
		if err != nil {
			err = errors.Join(err, db.close())
		}
	}
	if err == nil {
		if err = s.anew(db); err != nil {
			err = errors.Join(err, db.close())
		}
	}
	s.mu.Lock()
	if aside != "" {
		s.status.SetAside = aside
	}
	if err == nil {
		s.roster.forgetIDs()
		s.pending.forgetIDs()
		s.db, s.writer, s.collector = db, newWriter(db, &s.opts), collector{}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.survey(db)
}

// letGo closes the file; a Report that reads it fails.
func (s *Store) letGo() error {
	s.mu.Lock()
	db := s.db
	s.db, s.writer = nil, nil
	s.mu.Unlock()
	if db == nil {
		return nil
	}
	return db.close()
}

// Close closes the file. It is called after Run has returned.
func (s *Store) Close() error { return s.letGo() }

// lastWait is how long after its end Run waits for the last Snapshot.
const lastWait = 10 * time.Second

// Run books Snapshots and writes what was booked every Options.FlushEvery, until the
// channel is closed; after ctx is cancelled it waits for that for ten seconds. It
// returns nil then, or what could not be written. It may be called again: it goes on
// where it was.
//
// Snapshots may be left out: what they would have said, the next one says.
func (s *Store) Run(ctx context.Context, snapshots <-chan *traffic.Snapshot) error {
	ticker := time.NewTicker(s.opts.FlushEvery)
	defer ticker.Stop()
	cancelled := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case snapshot, ok := <-snapshots:
			if !ok {
				return s.finish()
			}
			s.take(snapshot)
		case <-ticker.C:
			if s.flush() == nil { // Status tells of errors
				s.tend()
			}
		case <-cancelled:
			cancelled, late = nil, time.After(lastWait)
		case <-late:
			return s.finish()
		}
	}
}

// finish writes all there is.
func (s *Store) finish() error {
	s.mu.Lock()
	s.pending.date(spanOf(s.calendar, time.Date(firstYear, 1, 2, 0, 0, 0, 0, time.UTC)))
	s.mu.Unlock()
	err := s.flush()
	if err != nil {
		return fmt.Errorf("write the history: %w: what was counted since %s is lost", err, s.Status().since())
	}
	return s.checkpoint(0)
}

// take books what happened since the former Snapshot, at the Snapshot's time. As
// long as nobody has set the clock, that is the last time that was known, or comes.
func (s *Store) take(snapshot *traffic.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if plausible(snapshot.At) {
		s.last = spanOf(s.calendar, snapshot.At)
		s.pending.date(s.last)
	}
	b := s.pending.at(s.last)
	s.intake.take(snapshot, func(to *series, o octets) {
		to.used = s.roster.now
		s.pending.add(b, to, o)
	})
	s.intake.gauges.take(snapshot.Series, s.intake.said, func(to *series, m measure) { s.pending.note(b, to, m) })
	s.status.Left = s.intake.gauges.left
	if plausible(snapshot.At) {
		s.trust.see(snapshot.At, float64(s.intake.measured)/1000)
	}
	if s.roster.now-s.roster.swept > idleCrowded {
		s.roster.sweep(idleKept)
	}
}

// flush writes what was booked, and says in Status how that went.
func (s *Store) flush() error { return s.flushBy(s.write) }

func (s *Store) flushBy(write func() error) error {
	err := write()
	if errors.Is(asDamage(err), errDamaged) {
		s.letGo() // what it says of a damaged file is nothing new
		err = write()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Waiting = s.pending.n
	if err != nil {
		s.status.fail(err)
		return err
	}
	s.status.State, s.status.Detail, s.status.LastFlush = traffic.StateRunning, "", s.opts.Now()
	return nil
}

// ready makes sure that there is a file to write to.
func (s *Store) ready() error {
	s.mu.Lock()
	doubtful := s.doubtful
	s.doubtful = false
	s.mu.Unlock()
	if s.db != nil && (doubtful || s.db.moved()) {
		s.letGo() // opening it again is what looks whether it is whole
	}
	if s.db == nil {
		return s.open()
	}
	return nil
}

// write is one transaction of all that is pending, if there is anything.
func (s *Store) write() error {
	if err := s.ready(); err != nil {
		return err
	}
	if len(s.pending.buckets) == 0 || s.pending.buckets[0].undated() {
		return nil
	}
	err := s.db.transact(
		func() error { return s.writer.write(s.pending.buckets) },
		func(commit func() error) error {
			// Whoever reads sees this either in the file or pending.
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := commit(); err != nil {
				return err
			}
			for to, id := range s.writer.fresh {
				to.id = id
			}
			s.pending.clear()
			s.status.Damaged += s.writer.damaged
			return nil
		})
	if err != nil {
		s.writer.failed()
	}
	return err
}
