package receive

import (
	"encoding/json"
	"slices"
	"time"

	"bwmon/fleet"
)

// pace is how far apart a host's publications were of late, by its own clock. One that is
// far from the others, as after an outage, does not count.
type pace struct {
	gaps [3]time.Duration // the latest is the last; those that are not known yet are 0
}

// maxGap bounds what a host may say: it would never be missed else.
const maxGap = time.Hour

// note notes when b was made, of a host that made one before.
func (p *pace) note(b *fleet.Batch) {
	if gap := b.At.Sub(b.From); b.Since > 0 && !b.Gap && gap > 0 {
		p.gaps = [3]time.Duration{p.gaps[1], p.gaps[2], min(gap, maxGap)}
	}
}

// between is the middle one of the last three, or the lesser of two; 0:
// none is.
func (p *pace) between() time.Duration {
	gaps := p.gaps
	slices.Sort(gaps[:])
	if gaps[1] == 0 { // one is known
		return gaps[2]
	}
	return gaps[1]
}

// remark is what the books keep of a host beside where it is, in the same note.
type remark struct {
	Seen time.Time `json:"seen,omitzero"`   // by the receiver's clock
	Pace float64   `json:"pace_s,omitzero"` // seconds between two publications
}

// noteOf is what the books are to keep of h beside its snapshot: fleet.State reads its own
// part of it. It is h's turn.
func (h *host) noteOf() []byte {
	h.mu.Lock()
	m := remark{h.applied.UTC(), h.pace.between().Seconds()}
	h.mu.Unlock()
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // a time of this century, and a number
	}
	state := h.state.Note() // an object that is not empty
	if len(text) == len("{}") {
		return state
	}
	return append(append(state[:len(state)-1], ','), text[1:]...)
}

// recall takes what noteOf wrote; what cannot be is not known.
func (h *host) recall(note []byte) {
	var m remark
	if json.Unmarshal(note, &m) != nil {
		return
	}
	h.seen, h.applied = m.Seen, m.Seen
	if m.Pace > 0 && m.Pace <= maxGap.Seconds() {
		gap := time.Duration(m.Pace * float64(time.Second))
		h.pace.gaps = [3]time.Duration{gap, gap, gap}
	}
}

// patience is how long h may be quiet before it is silent: as long as any host, or three
// times as long as it takes from one publication to the next.
func (h *host) patience(any time.Duration) time.Duration {
	return max(any, 3*h.pace.between())
}
