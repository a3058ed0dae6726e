package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"bwmon/traffic"
)

// longestAsked bounds the pause that a receiver may ask for.
const longestAsked = time.Hour

// sent is the outcome of one Send.
type sent struct {
	items []*queued
	began time.Time
	err   error
}

// Run delivers until ctx is cancelled, and returns nil. What is under way then
// has Options.Grace to end; the rest stays in the directory.
func (o *Outbox) Run(ctx context.Context) error {
	var helpers sync.WaitGroup
	stop := make(chan struct{})
	o.setKeeping(true)
	if o.spool != nil {
		helpers.Go(func() { o.keep(stop) })
		helpers.Go(func() { o.syncLater(stop) })
	}
	o.deliver(ctx)
	o.setKeeping(false)
	close(stop)
	helpers.Wait()
	if o.spool != nil {
		o.flush()
		o.syncNow()
	}
	return nil
}

func (o *Outbox) setKeeping(on bool) {
	o.mu.Lock()
	o.keeping = on
	o.mu.Unlock()
}

// deliver sends what is due until ctx is cancelled, and waits for all it began.
func (o *Outbox) deliver(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	results := make(chan sent, o.pace.Parallel)
	underWay := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		var next time.Time
		for underWay < o.pace.Parallel {
			var batch []*queued
			if batch, next = o.take(time.Now()); batch == nil {
				break
			}
			underWay++
			go func() { results <- o.send(sending, batch) }()
		}
		timer.Stop() // since Go 1.23 nothing stale is left in its channel
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-o.due:
		case <-timer.C:
		case r := <-results:
			underWay--
			o.settle(r, time.Now())
		}
	}
	grace := time.AfterFunc(o.o.Grace, cancel)
	defer grace.Stop()
	for ; underWay > 0; underWay-- {
		r := <-results
		if r.err != nil && sending.Err() != nil {
			o.putBack(r.items) // it was not the receiver's fault
			continue
		}
		o.settle(r, time.Now())
	}
}

// take marks what is due as under way and returns it, or else when to look again.
func (o *Outbox) take(now time.Time) ([]*queued, time.Time) {
	o.mu.Lock()
	old := o.queue.expired(now, o.o.MaxAge)
	for _, it := range old {
		o.stats.GivenUp++
		o.forget(it)
	}
	batch, next := o.dueNow(now)
	for _, it := range batch {
		it.busy = true
	}
	o.mu.Unlock()
	for _, it := range old {
		o.o.Log.Error("an alert could not be delivered in time and was given up",
			"alert", name([]*queued{it}), "put", it.put, "attempts", it.attempts)
	}
	return batch, next
}

// dueNow is queue.due between pauses. The caller holds mu.
func (o *Outbox) dueNow(now time.Time) ([]*queued, time.Time) {
	if len(o.queue.items) == 0 {
		return nil, time.Time{}
	}
	if now.Before(o.pauseUntil) {
		return nil, earlier(o.pauseUntil, o.oldestExpires())
	}
	batch, next := o.queue.due(now, o.pace)
	if batch == nil {
		next = earlier(next, o.oldestExpires())
	}
	return batch, next
}

// putBack queues again what was under way.
func (o *Outbox) putBack(items []*queued) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, it := range items {
		it.busy = false
	}
}

// oldestExpires is when the next item is to be given up. The caller holds mu.
func (o *Outbox) oldestExpires() time.Time {
	var next time.Time
	for _, it := range o.queue.items {
		if !it.busy {
			next = earlier(next, it.put.Add(o.o.MaxAge))
		}
	}
	return next
}

// send is one attempt.
func (o *Outbox) send(ctx context.Context, items []*queued) sent {
	began := time.Now()
	events := make([]Event, len(items))
	for i, it := range items {
		events[i] = it.event
		if it.page != nil {
			events[i].Snapshot = o.openPage(it.page)
		}
	}
	return sent{items: items, began: began, err: o.sender.Send(ctx, events)}
}

// openPage returns a snapshot, read back if need be. Of one that cannot be read
// the alert is delivered without.
func (o *Outbox) openPage(p *page) *traffic.Snapshot {
	o.mu.Lock()
	snapshot := p.snapshot
	o.mu.Unlock()
	if snapshot != nil {
		return snapshot
	}
	payload, err := o.spool.read(p.name)
	if err == nil {
		snapshot = new(traffic.Snapshot)
		err = json.Unmarshal(payload, snapshot)
	}
	if err != nil {
		o.o.Log.Error("the snapshot of an alert cannot be read", "file", p.name, "error", err)
		return nil
	}
	return snapshot
}

// settle books the outcome of a Send.
func (o *Outbox) settle(r sent, now time.Time) {
	if r.err != nil && !IsPermanent(r.err) {
		o.retryLater(r, now)
		return
	}
	o.mu.Lock()
	for _, it := range r.items {
		o.queue.remove(it)
		o.forget(it)
	}
	if r.err == nil {
		o.stats.Delivered += uint64(len(r.items))
		o.stats.LastDelivered = now
		o.failures, o.pauseUntil = 0, time.Time{}
	} else {
		o.stats.Failed++
		o.stats.GivenUp += uint64(len(r.items))
		o.noteError(r.err)
	}
	o.mu.Unlock()
	if r.err != nil {
		o.o.Log.Error("an alert cannot be delivered", "alert", name(r.items), "error", clean(r.err))
	}
}

// retryLater books a failure that may pass.
func (o *Outbox) retryLater(r sent, now time.Time) {
	o.mu.Lock()
	o.stats.Failed++
	o.noteError(r.err)
	// Sends that were under way together fail together, and count as one.
	if r.began.After(o.failedAt) || o.failures == 0 {
		o.failures++
		o.failedAt = now
	}
	pause := max(pauseAfter(o.failures), min(askedPause(r.err), longestAsked))
	o.pauseUntil = now.Add(pause)
	for _, it := range r.items {
		it.busy = false
		it.attempts++
		it.notBefore = now.Add(max(pause, pauseAfter(it.attempts)))
	}
	o.drop(o.queue.trim()) // what was under way could not make room
	o.mu.Unlock()
	o.o.Log.Warn("an alert could not be delivered yet", "alert", name(r.items),
		"error", clean(r.err), "next", pause.Round(time.Millisecond))
}

// clean makes an error fit for a log and a screen: it may quote the receiver.
func clean(err error) string { return traffic.CleanText(err.Error(), 300) }

// name says which alerts, for the log.
func name(items []*queued) string {
	a := items[0].event.Alert
	text := fmt.Sprintf("%s: %s %s", a.Rule, a.Subject, a.State)
	if len(items) > 1 {
		text += fmt.Sprintf(" and %d more", len(items)-1)
	}
	return text
}
