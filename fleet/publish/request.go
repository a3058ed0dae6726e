package publish

import (
	"context"
	"errors"
	"time"

	"bwmon/fleet"
)

// request is what is sent at once.
type request struct {
	batches []*fleet.Batch
	waiting int
}

// result is what came of it.
type result struct {
	request
	answer fleet.Answer
	err    error
}

// next is the request that is due now, if any. With ask it may have no batches, where the
// receiver has what it has not kept.
func (p *Publisher) next(now time.Time, ask bool) (r request, due bool) {
	if p.underWay || now.Before(p.retry.notBefore) {
		return request{}, false
	}
	if p.whole && p.recordWhole() != nil {
		return request{}, false
	}
	for range maxWork { // each time round a damaged file is set aside
		picks, whole := p.queue.plan(p.to, p.run, p.most)
		if whole && len(picks) == 0 {
			if p.recordWhole() != nil {
				return request{}, false
			}
			continue
		}
		r = request{waiting: p.queue.waiting(p.to)}
		switch err := p.read(picks, &r); {
		case err == nil:
			return r, len(picks) > 0 || ask && p.to.known && p.queue.unkept() > 0
		case !errors.Is(err, errDamaged):
			p.disk = err
			return request{}, false
		}
	}
	return request{}, false
}

// read fills r with the batches of picks. What is damaged is set aside then.
func (p *Publisher) read(picks []pick, r *request) error {
	for _, pick := range picks {
		b, err := p.queue.batch(pick.entry)
		if err != nil {
			p.queue.damage(pick.entry, err)
			return err
		}
		r.batches = append(r.batches, pick.as(b))
	}
	return nil
}

// send is one attempt.
func (p *Publisher) send(ctx context.Context, r request) result {
	answer, err := p.opts.Sender.Send(ctx, r.batches, r.waiting)
	return result{request: r, answer: answer, err: err}
}
