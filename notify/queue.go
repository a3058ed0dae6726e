package notify

import (
	"slices"
	"time"

	"bwmon/traffic"
)

// queued is one event that has not been delivered.
type queued struct {
	number uint64
	event  Event // without the snapshot
	page   *page // which is here
	put    time.Time
	size   int64

	attempts  int
	notBefore time.Time
	busy      bool // under way
	gone      bool // no longer in the queue
	stored    bool // its file is there
}

// page is a snapshot that the events of one tick share. It is in memory until it
// has been stored.
type page struct {
	name     string
	snapshot *traffic.Snapshot
	size     int64 // in bytes as JSON; estimated until it is stored
	users    int
	stored   bool
}

// queue is what an outbox still has to deliver, oldest first. It is not safe for
// concurrent use.
type queue struct {
	items    []*queued
	bytes    int64
	maxItems int
	maxBytes int64
}

// add appends an item and returns those that had to make room for it, oldest
// first. What is under way is never among them, nor is the new one.
func (q *queue) add(it *queued) []*queued {
	q.items = append(q.items, it)
	q.bytes += it.size
	if it.page != nil {
		if it.page.users++; it.page.users == 1 {
			q.bytes += it.page.size
		}
	}
	return q.trim()
}

// trim drops what is beyond the bounds.
func (q *queue) trim() []*queued {
	var dropped []*queued
	for len(q.items) > 1 && (len(q.items) > q.maxItems || q.bytes > q.maxBytes) {
		i := slices.IndexFunc(q.items[:len(q.items)-1], func(it *queued) bool { return !it.busy })
		if i < 0 {
			break
		}
		dropped = append(dropped, q.items[i])
		q.remove(q.items[i])
	}
	return dropped
}

// remove takes an item out.
func (q *queue) remove(it *queued) {
	i := slices.Index(q.items, it)
	if i < 0 {
		return
	}
	q.items = slices.Delete(q.items, i, i+1)
	it.gone = true
	q.bytes -= it.size
	if it.page != nil {
		if it.page.users--; it.page.users == 0 {
			q.bytes -= it.page.size
		}
	}
}

// resize corrects the size of a page that has users.
func (q *queue) resize(p *page, size int64) {
	if p.users > 0 {
		q.bytes += size - p.size
	}
	p.size = size
}

// expired takes out what was put more than age ago and is not under way.
func (q *queue) expired(now time.Time, age time.Duration) []*queued {
	var old []*queued
	for _, it := range q.items {
		if !it.busy && now.Sub(it.put) >= age {
			old = append(old, it)
		}
	}
	for _, it := range old {
		q.remove(it)
	}
	return old
}

// due returns what is to be sent now, or else when something may be (zero: not
// before something changes). Of each alert the oldest event goes first.
func (q *queue) due(now time.Time, p Pace) ([]*queued, time.Time) {
	if p.Batch > 1 {
		return q.dueTogether(now, p)
	}
	var best *queued
	var next time.Time
	seen := make(map[string]bool)
	for _, it := range q.items {
		if seen[it.event.Alert.ID] {
			continue
		}
		seen[it.event.Alert.ID] = true
		if it.busy {
			continue
		}
		if at := it.readyAt(p.Gather); at.After(now) {
			next = earlier(next, at)
			continue
		}
		// Those not tried yet go before those that failed, lest one that
		// always fails keep the others waiting.
		if best == nil || it.notBefore.Before(best.notBefore) {
			best = it
		}
	}
	if best != nil {
		return []*queued{best}, time.Time{}
	}
	return nil, next
}

// dueTogether returns all there is, as soon as one of them has waited enough.
func (q *queue) dueTogether(now time.Time, p Pace) ([]*queued, time.Time) {
	var batch []*queued
	var next time.Time
	ready := false
	underWay := make(map[string]bool)
	for _, it := range q.items {
		switch {
		case it.busy:
			underWay[it.event.Alert.ID] = true
		case underWay[it.event.Alert.ID]:
		default:
			at := it.readyAt(p.Gather)
			ready = ready || !at.After(now)
			next = earlier(next, at)
			if len(batch) < p.Batch {
				batch = append(batch, it)
			}
		}
	}
	if !ready {
		return nil, next
	}
	return batch, time.Time{}
}

// readyAt is when the item may be sent, gathering included. A test does not wait.
func (it *queued) readyAt(gather time.Duration) time.Time {
	if it.attempts > 0 || it.event.Test {
		return it.notBefore
	}
	return it.put.Add(gather)
}

// earlier returns the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
