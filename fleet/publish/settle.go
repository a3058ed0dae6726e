package publish

import (
	"errors"
	"fmt"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// retry is when to try again after what went wrong.
type retry struct {
	notBefore time.Time
	failures  int // in a row
	gaps      int // likewise
	verdict   verdict
	err       error
}

// maxSeq bounds what a receiver is believed to have.
const maxSeq = 1 << 48

// settle books the outcome of a request.
func (p *Publisher) settle(r result, now time.Time) {
	var gap *fleet.GapError
	switch {
	case errors.As(r.err, &gap):
		p.gap(r, gap, now)
	case r.err != nil:
		p.fail(r, r.err, now)
	default:
		p.succeed(r, now)
	}
}

// succeed books an answer to what was taken.
func (p *Publisher) succeed(r result, now time.Time) {
	for _, b := range r.batches {
		p.queue.sent(b.Position())
	}
	if err := p.learn(r.answer); err != nil {
		p.fail(r, err, now)
		return
	}
	if n := len(r.batches); n > 0 {
		last := r.batches[n-1].Position()
		if have := p.to.have; have.Run != last.Run || have.Seq < last.Seq {
			p.fail(r, fmt.Errorf("the receiver has run %q up to %d after run %q up to %d was sent: is another host publishing under this name?",
				have.Run, have.Seq, last.Run, last.Seq), now)
			return
		}
		p.most = min(2*p.most, maxBatches)
		p.mu.Lock()
		p.stats.Sent += uint64(n)
		p.stats.LastSent = now
		p.mu.Unlock()
	}
	if p.retry.failures > 0 {
		p.opts.Log.Info("batches are taken again", "to", p.opts.To)
	}
	p.retry = retry{}
}

// learn believes an answer as far as it makes sense.
func (p *Publisher) learn(a fleet.Answer) error {
	if p.run != "" && a.Have.Run == p.run && a.Have.Seq > p.end.Seq {
		// Another Publisher of this process sent what it did not get to store.
		if a.Have.Seq > maxSeq {
			return fmt.Errorf("the receiver says it has run %q up to %d, of %d", a.Have.Run, a.Have.Seq, p.end.Seq)
		}
		p.offset += a.Have.Seq - p.end.Seq + 1
		p.whole = true
		p.to = knowledge{a.Have, true}
		return nil
	}
	if a.Kept.Run == a.Have.Run && a.Kept.Seq > a.Have.Seq || p.queue.reached(a.Kept) > p.queue.reached(a.Have) {
		return fmt.Errorf("the receiver says it has kept run %q up to %d and has run %q up to %d, which cannot be",
			a.Kept.Run, a.Kept.Seq, a.Have.Run, a.Have.Seq)
	}
	p.to = knowledge{a.Have, true}
	p.queue.keep(a.Kept)
	return nil
}

// gap books that what batches follow is not there. The first time what follows is sent at
// once, the second time all of the present run is.
func (p *Publisher) gap(r result, gap *fleet.GapError, now time.Time) {
	r.answer.Have = gap.Have
	if err := p.learn(r.answer); err != nil {
		p.fail(r, err, now)
		return
	}
	p.opts.Log.Info("the receiver asks for what follows", "run", gap.Have.Run, "seq", gap.Have.Seq)
	p.retry.gaps++
	if p.retry.gaps == 2 {
		p.whole = true
	}
	if p.retry.gaps > 2 {
		p.fail(r, gap, now)
	}
}

// fail books what was not taken.
func (p *Publisher) fail(r result, err error, now time.Time) {
	v, after := judge(err)
	n := len(r.batches)
	if (v == refused || v == tooLarge || v == tooLargeOnTheWay) && n == 0 {
		v = elsewhere // nothing is wrong with nothing
	}
	if (v == refused || v == tooLarge || v == tooLargeOnTheWay) && n > 1 {
		p.most = n / 2 // which of them it is
		return
	}
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() {
		p.most = max(1, n/2) // the way there may be slow
	}
	p.retry.failures++
	if p.retry.verdict, p.retry.err = v, err; v == refused || v == tooLarge {
		if e := p.queue.at(r.batches[0].Position()); e != nil {
			p.queue.refuse(e, clean(err))
		}
	}
	pause := pauseAfter(p.retry.failures)
	if v == untrusted || v == unproven || v == elsewhere || v == tooLargeOnTheWay {
		pause = pauseAfter(99)
	}
	pause = max(pause, after)
	p.retry.notBefore = now.Add(pause)
	p.opts.Log.Warn("batches could not be sent", "to", p.opts.To, "error", clean(err), "next", pause.Round(time.Millisecond))
}

// clean makes an error fit for a log and a screen: it may quote the receiver.
func clean(err error) string { return traffic.CleanText(err.Error(), 300) }
