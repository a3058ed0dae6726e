package pipe

import (
	"time"

	"bwmon/traffic"
)

// ownerRetry is for how long the owner of a relay is asked for while nothing moves.
const ownerRetry = 30 * time.Second

// batch is what there is to say of the relays: those that changed, and those that
// ended. Last: nobody is waited for.
func (f *Forwarder) batch(now time.Time, last bool) traffic.Batch {
	f.cookies.forget(now)
	f.mu.Lock()
	defer f.mu.Unlock()
	b := traffic.Batch{Monitor: f.Name(), At: now, Complete: true}
	kept := f.relays[:0]
	for _, r := range f.relays {
		s, done := f.sample(r, now, last)
		if s != nil {
			b.Samples = append(b.Samples, *s)
		}
		if !done {
			kept = append(kept, r)
		}
	}
	clear(f.relays[len(kept):])
	f.relays = kept
	b.Detail = f.detail()
	return b
}

// endedPatience is how long the end of a relay is kept back for its owner.
const endedPatience = 2 * time.Second

// sample is what there is to say of a relay, nil if that is nothing, and whether it
// was the last of it.
func (f *Forwarder) sample(r *relay, now time.Time, last bool) (s *traffic.Sample, final bool) {
	final = r.ended.Load() // before the counts, which do not change any more then
	if final && r.gone.IsZero() {
		r.gone = now
	}
	counts := r.counts()
	sought := r.owner == nil && r.local && f.opts.Owners != nil
	if sought && (counts != r.told.counts || final || now.Sub(r.began) < ownerRetry) {
		r.owner = f.opts.Owners.Owner(r.flow, r.began)
	}
	if sought && r.owner == nil && !last && now.Sub(r.gone) < endedPatience {
		final = false
	}
	if !final && r.told == (account{counts, r.owner, true}) {
		return nil, false
	}
	r.told = account{counts, r.owner, true}
	return &traffic.Sample{
		Flow: r.flow, Scope: traffic.ScopePipe, Counts: counts, Owner: r.owner, Label: f.label, Final: final,
	}, final
}
