package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"bwmon/traffic"
)

// lastWait is how long after its end Run waits for the last Snapshot.
const lastWait = 10 * time.Second

// Run publishes what changed, each Options.Interval, until the channel is closed; after ctx
// is cancelled it waits for that for ten seconds. It then queues the last Snapshot, tries
// to send what is queued within Options.Grace, and returns nil, or what is lost since it
// could neither be stored nor sent. It may be called again.
//
// Snapshots may be left out: what they would have said, the next one says.
func (p *Publisher) Run(ctx context.Context, snapshots <-chan *traffic.Snapshot) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// The first goes out at once; then each host has its own time.
	ticker := time.NewTimer(0)
	defer ticker.Stop()
	pace := p.opts.Interval/2 + rand.N(p.opts.Interval/2+1)
	again := time.NewTimer(0)
	defer again.Stop()
	cancelled := ctx.Done()
	var late <-chan time.Time
	for {
		ask := false
		select {
		case s, ok := <-snapshots:
			if !ok {
				return p.finish(sending, cancel)
			}
			if p.latest = s; p.run != "" {
				continue
			}
			p.tick()
		case <-ticker.C:
			ticker.Reset(pace)
			pace, ask = p.opts.Interval, true
			p.tick()
		case r := <-p.results:
			p.underWay = false
			p.settle(r, p.opts.Now())
		case <-again.C:
		case <-cancelled:
			cancelled, late = nil, time.After(lastWait)
			continue
		case <-late:
			return p.finish(sending, cancel)
		}
		p.dispatch(sending, ask)
		p.wait(again)
	}
}

// tick queues what changed.
func (p *Publisher) tick() {
	if p.latest != nil {
		if p.lost = p.record(); p.lost != nil {
			p.opts.Log.Error("a batch cannot be made", "error", p.lost)
		}
	}
	p.save(p.opts.Now())
	doubt := p.retry.verdict == untrusted || p.retry.verdict == unproven
	if r, ok := p.opts.Sender.(renewer); ok && doubt && r.Renewed() {
		p.retry.notBefore = time.Time{}
	}
}

// dispatch sends what is due.
func (p *Publisher) dispatch(ctx context.Context, ask bool) {
	if r, due := p.next(p.opts.Now(), ask); due {
		p.underWay = true
		go func() { p.results <- p.send(ctx, r) }()
	}
	p.note()
}

// wait sets the timer for the next attempt.
func (p *Publisher) wait(again *time.Timer) {
	again.Stop()
	if pause := p.retry.notBefore.Sub(p.opts.Now()); !p.underWay && pause > 0 {
		again.Reset(pause)
	}
}

// finish queues the last Snapshot and sends what can be sent soon.
func (p *Publisher) finish(ctx context.Context, cancel func()) error {
	p.tick()
	grace := time.AfterFunc(p.opts.Grace, cancel)
	defer grace.Stop()
	p.retry.notBefore = time.Time{} // it is the last chance for now
	for {
		if !p.underWay {
			p.dispatch(ctx, false)
		}
		if !p.underWay {
			break
		}
		r := <-p.results
		p.underWay = false
		if ctx.Err() != nil && r.err != nil {
			break // it was not the receiver's fault
		}
		p.settle(r, p.opts.Now())
	}
	p.save(p.opts.Now())
	p.note()
	if s := p.Stats(); s.Unstored > 0 && s.Waiting > 0 && p.opts.Dir != "" {
		return fmt.Errorf("publish: %d batches could neither be stored nor sent, and are lost: %s", min(s.Unstored, s.Waiting), s.Detail)
	}
	return nil
}
