package notify

import (
	"time"
)

const (
	// storeAgain is how long a disk that refused an alert is left alone.
	storeAgain = 10 * time.Second
	// syncDelay is how long a file may be at the mercy of a power failure. Most
	// alerts are delivered before that and never cost the disk a sync.
	syncDelay = time.Second
)

// keep stores what is put and removes what was delivered.
func (o *Outbox) keep(stop <-chan struct{}) {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-stop:
			return
		case <-o.store:
		case <-again.C:
		}
		again.Stop()
		if !o.flush() {
			again.Reset(storeAgain)
		}
	}
}

// flush brings the directory up to date, and reports whether it could.
func (o *Outbox) flush() bool {
	o.disk.Lock()
	defer o.disk.Unlock()
	o.mu.Lock()
	round, removals := o.round, o.removals
	o.round, o.removals = make(chan struct{}), nil
	var todo []*queued
	for _, it := range o.queue.items {
		if !it.stored {
			todo = append(todo, it)
		}
	}
	o.mu.Unlock()

	var failure error
	for _, file := range removals { // first: they make room
		if err := o.spool.remove(file); err != nil {
			failure = err
		}
	}
	for _, it := range todo {
		if err := o.storeItem(it); err != nil {
			failure = err
			break
		}
	}
	o.mu.Lock()
	o.stalled = false
	if failure != nil {
		o.noteError(failure)
	}
	o.mu.Unlock()
	close(round)
	wake(o.sync)
	if failure != nil {
		o.o.Log.Error("alerts are kept in memory only", "error", failure)
	}
	return failure == nil
}

// storeItem writes an item's files. The caller holds disk.
func (o *Outbox) storeItem(it *queued) error {
	e := entry{Put: it.put, Event: it.event}
	if it.page != nil {
		if err := o.storePage(it.page); err != nil {
			return err
		}
		e.Snapshot = it.page.name
	}
	payload, err := encodeJSON(e)
	if err != nil {
		return err
	}
	if err := o.spool.write(alertFile(it.number), payload); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	it.stored = true
	if it.gone { // meanwhile
		o.forget(it)
		return nil
	}
	o.unsynced = append(o.unsynced, alertFile(it.number))
	return nil
}

// storePage writes a snapshot, and lets go of the one in memory.
func (o *Outbox) storePage(p *page) error {
	o.mu.Lock()
	snapshot, stored := p.snapshot, p.stored
	o.mu.Unlock()
	if stored {
		return nil
	}
	payload, err := encodeJSON(snapshot)
	if err != nil {
		return err
	}
	if err := o.spool.write(p.name, payload); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p.stored = true
	o.queue.resize(p, int64(len(payload)))
	if o.lastPage != p {
		p.snapshot = nil // the last one is how its next user is recognised
	}
	o.unsynced = append(o.unsynced, p.name)
	o.drop(o.queue.trim())
	return nil
}

// syncLater syncs files a while after they were written.
func (o *Outbox) syncLater(stop <-chan struct{}) {
	delay := time.NewTimer(0)
	defer delay.Stop()
	for {
		select {
		case <-stop:
			return
		case <-o.sync:
		}
		delay.Reset(syncDelay)
		select {
		case <-stop:
			return
		case <-delay.C:
			o.syncNow()
		}
	}
}

// syncNow syncs what was written since the last time and is still there.
func (o *Outbox) syncNow() {
	o.mu.Lock()
	files := o.unsynced
	o.unsynced = nil
	o.mu.Unlock()
	if len(files) == 0 {
		return
	}
	if err := o.spool.sync(files); err != nil {
		o.mu.Lock()
		o.noteError(err)
		o.mu.Unlock()
		o.o.Log.Error("alerts may not outlive a power failure", "error", err)
	}
}
