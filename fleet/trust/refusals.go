package trust

import (
	"sync"
	"time"
)

// refusals bounds what the log is told of those who are refused: one line about each
// reason of each of them in a time. Any goroutine may use it.
type refusals struct {
	mu sync.Mutex
	// mu protects the fields below.
	told  map[refusal]telling
	swept time.Time // when room was last made
}

// refusal is somebody, a host or a network, and why.
type refusal struct{ who, why string }

type telling struct {
	at   time.Time
	more int // that were not told since
}

const (
	// refusalsEvery is how long after a line there is no other one like it.
	refusalsEvery = time.Minute
	// maxRefusals bounds the memory; those beyond it share one line.
	maxRefusals = 1000
)

func newRefusals() *refusals { return &refusals{told: make(map[refusal]telling)} }

// take reports whether the log is to be told now, and how many were left out since it was
// told the last time.
func (r *refusals) take(of refusal, now time.Time) (more int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.told[of]; !there && len(r.told) >= maxRefusals {
		r.sweep(now)
		if len(r.told) >= maxRefusals {
			of = refusal{} // the others
		}
	}
	t, there := r.told[of]
	if since := now.Sub(t.at); there && since >= 0 && since < refusalsEvery {
		t.more++
		r.told[of] = t
		return 0, false
	}
	r.told[of] = telling{at: now}
	return t.more, true
}

// sweep forgets those who have not come for a while. It is dear, so it is not done for
// each of those who come when there is no room.
func (r *refusals) sweep(now time.Time) {
	if since := now.Sub(r.swept); since >= 0 && since < refusalsEvery {
		return
	}
	r.swept = now
	for of, t := range r.told {
		if since := now.Sub(t.at); since < 0 || since >= refusalsEvery {
			delete(r.told, of)
		}
	}
}
