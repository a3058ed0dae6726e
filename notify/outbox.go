package notify

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"bwmon/traffic"
)

// OutboxOptions says how an outbox keeps what it has to deliver. Zero values
// stand for the defaults given.
type OutboxOptions struct {
	Name string // of the delivery, for the log and Stats
	// Dir is the outbox's own directory; it is made if it is not there, and
	// locked. Without one alerts are kept in memory only.
	Dir      string
	MaxItems int           // 1000
	MaxBytes int64         // 64 MiB
	MaxAge   time.Duration // 24 h; then an alert is given up
	Grace    time.Duration // 5 s; for what is under way when Run is cancelled
	Log      *slog.Logger
}

// OutboxStats is an outbox's health. Counts are since it was opened.
type OutboxStats struct {
	Name          string
	Queued        int
	Unstored      int // of them, those that are in memory only; with a Dir: not on disk yet
	Delivered     uint64
	Failed        uint64 // attempts
	Dropped       uint64 // to keep the queue within its bounds, oldest first
	GivenUp       uint64 // too old, or of no use to try again
	Damaged       uint64 // stored alerts that could not be read
	LastError     string // clean text; of a Send or of the disk
	LastErrorAt   time.Time
	LastDelivered time.Time
}

// putPatience is how long Put waits for the disk.
const putPatience = 100 * time.Millisecond

// Outbox is the queue of one delivery. An alert stays in it until it has been
// delivered, is too old, or is of no use to try again, across restarts.
//
// How durable: when Put returns, an alert has been written to a file, so that
// killing the process does not lose it; a second later the file has been synced,
// so that a power failure does not either. Where the disk takes longer than 100 ms
// Put does not wait for it, and an alert the disk refuses is kept in memory and
// stored as soon as it can be.
type Outbox struct {
	o      OutboxOptions
	sender Sender
	pace   Pace
	spool  *spool        // nil: memory only
	due    chan struct{} // holds 1: there may be something to send
	store  chan struct{} // holds 1: there may be something to write or remove
	sync   chan struct{} // holds 1: something was written

	disk sync.Mutex // held while the directory is changed; taken before mu

	mu         sync.Mutex // protects the fields below
	queue      queue
	next       uint64
	lastPage   *page
	failures   int // Sends in a row that failed
	failedAt   time.Time
	pauseUntil time.Time
	stats      OutboxStats
	removals   []string      // files that are of no use any more
	unsynced   []string      // files that a power failure may take
	round      chan struct{} // closed when what is queued now has been stored
	keeping    bool          // Run's goroutine stores what is put
	stalled    bool          // the disk has not answered the last Put yet
}

// OpenOutbox returns the outbox of s with what an earlier process left in it.
// Nothing is sent before Run.
func OpenOutbox(s Sender, o OutboxOptions) (*Outbox, error) {
	if o.MaxItems <= 0 {
		o.MaxItems = 1000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("notify", o.Name)
	x := &Outbox{
		o: o, sender: s, pace: paceOf(s), next: 1,
		due: make(chan struct{}, 1), store: make(chan struct{}, 1), sync: make(chan struct{}, 1), round: make(chan struct{}),
		queue: queue{maxItems: o.MaxItems, maxBytes: o.MaxBytes},
	}
	if o.Dir == "" {
		return x, nil
	}
	var err error
	if x.spool, err = openSpool(o.Dir); err != nil {
		return nil, err
	}
	if err := x.takeOver(time.Now()); err != nil {
		x.spool.close()
		return nil, err
	}
	return x, nil
}

// takeOver queues what an earlier process left.
func (o *Outbox) takeOver(now time.Time) error {
	left, err := o.spool.load()
	if err != nil {
		return err
	}
	for _, path := range left.damaged {
		o.o.Log.Error("a stored alert cannot be read and was set aside", "file", path)
	}
	o.stats.Damaged = uint64(len(left.damaged))
	o.next = left.next
	pages := make(map[string]*page)
	for _, e := range left.entries {
		it := &queued{number: e.number, event: e.Event, put: e.Put, size: e.size, stored: true}
		if it.put.After(now) {
			it.put = now // the clock was set back
		}
		if size, found := left.snapshots[e.Snapshot]; found {
			if pages[e.Snapshot] == nil {
				pages[e.Snapshot] = &page{name: e.Snapshot, size: size, stored: true}
			}
			it.page = pages[e.Snapshot]
		}
		o.drop(o.queue.add(it))
	}
	return nil
}

// Put queues events for delivery. It is safe for concurrent use, and never waits
// for a delivery.
func (o *Outbox) Put(events ...Event) {
	if len(events) == 0 {
		return
	}
	now := time.Now()
	o.mu.Lock()
	if more := len(events) - o.o.MaxItems; more > 0 {
		o.stats.Dropped += uint64(more)
		events = events[more:]
	}
	for _, e := range events {
		o.drop(o.queue.add(o.newItem(e, now)))
	}
	round, keeping, stalled := o.round, o.keeping, o.stalled
	o.mu.Unlock()
	wake(o.due)
	switch {
	case o.spool == nil:
	case !keeping:
		o.flush()
	default:
		wake(o.store)
		if !stalled {
			o.awaitRound(round)
		}
	}
}

// awaitRound waits until what was put has been stored, for a while.
func (o *Outbox) awaitRound(round <-chan struct{}) {
	patience := time.NewTimer(putPatience)
	defer patience.Stop()
	select {
	case <-round:
	case <-patience.C:
		o.mu.Lock()
		o.stalled = true
		o.mu.Unlock()
	}
}

// newItem makes an item of an event. The caller holds mu.
func (o *Outbox) newItem(e Event, now time.Time) *queued {
	it := &queued{number: o.next, put: now}
	o.next++
	snapshot := e.Snapshot
	e.Snapshot = nil
	it.event, it.size = e, alertSize(e.Alert)
	if snapshot == nil || !o.pace.Snapshots {
		return it
	}
	if o.lastPage == nil || o.lastPage.snapshot != snapshot || o.lastPage.users == 0 {
		if o.lastPage != nil && o.lastPage.stored {
			o.lastPage.snapshot = nil
		}
		o.lastPage = &page{name: snapshotFile(it.number), snapshot: snapshot, size: snapshotSize(snapshot)}
	}
	it.page = o.lastPage
	return it
}

// drop counts and forgets items that the queue had no room for. The caller holds
// mu, or has the outbox for itself.
func (o *Outbox) drop(items []*queued) {
	o.stats.Dropped += uint64(len(items))
	for _, it := range items {
		o.forget(it)
	}
}

// forget has the files of an item that has left the queue removed. The caller
// holds mu.
func (o *Outbox) forget(it *queued) {
	if it.stored {
		o.removals = append(o.removals, alertFile(it.number))
	}
	if it.page != nil && it.page.users == 0 && it.page.stored {
		o.removals = append(o.removals, it.page.name)
	}
	wake(o.store)
}

// Stats returns the outbox's health.
func (o *Outbox) Stats() OutboxStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Name = o.o.Name
	s.Queued = len(o.queue.items)
	for _, it := range o.queue.items {
		if !it.stored {
			s.Unstored++
		}
	}
	return s
}

// noteError remembers an error for Stats. The caller holds mu.
func (o *Outbox) noteError(err error) {
	o.stats.LastError = clean(err)
	o.stats.LastErrorAt = time.Now()
}

// Close stores what is queued and gives the directory up. Run must have returned.
func (o *Outbox) Close() error {
	if o.spool == nil {
		return nil
	}
	o.flush()
	o.syncNow()
	if err := o.spool.close(); err != nil {
		return fmt.Errorf("close %s: %w", filepath.Base(o.spool.dir), err)
	}
	return nil
}

// wake tells whoever listens to c, who need not be told twice.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// alertSize is about what an alert takes.
func alertSize(a Alert) int64 {
	text := len(a.ID) + len(a.Host) + len(a.Rule) + len(a.Subject) + len(a.App) + len(a.Command) +
		len(a.User) + len(a.Container) + len(a.Unit) + len(a.Member)
	return int64(text) + 600
}

// snapshotSize is about what a snapshot takes as JSON.
func snapshotSize(s *traffic.Snapshot) int64 {
	n := 1000 + 200*(len(s.LANHosts)+len(s.Interfaces))
	for i := range s.Apps {
		n += 150
		for j := range s.Apps[i].Commands {
			n += 250 + len(s.Apps[i].Commands[j].Command)
		}
	}
	return int64(n)
}
