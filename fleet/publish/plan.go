package publish

import (
	"slices"

	"bwmon/fleet"
)

const (
	// maxRequest bounds what is sent at once, in encoded bytes; one batch may be larger.
	maxRequest = 1 << 20
	// maxBatches bounds it in batches.
	maxBatches = 500
)

// knowledge is what is known of the receiver.
type knowledge struct {
	have  fleet.Position
	known bool // it has said so
}

// pick is an entry as it is to be sent.
type pick struct {
	*entry
	// gap: what it follows is nowhere any more; alone: nor is where the run before ended.
	gap, alone bool
}

// plan is what to send next, at most so many. It ends before what has to be sent whole: a
// batch of the present run that follows something which is nowhere any more.
func (q *queue) plan(to knowledge, present string, most int) (picks []pick, whole bool) {
	bytes := 0
	for _, e := range q.entries[q.start(to):] {
		if e.kept {
			continue
		}
		p := pick{entry: e}
		if to.known {
			gap := e.Since > 0 && (e.Run != to.have.Run || e.Since > to.have.Seq)
			if gap && e.Run == present {
				return picks, true
			}
			p.gap = gap
			p.alone = !e.Former.IsZero() && e.Run != to.have.Run && (e.Former.Run != to.have.Run || e.Former.Seq > to.have.Seq)
		}
		if bytes += e.Bytes; len(picks) > 0 && (bytes > maxRequest || len(picks) == most) {
			return picks, false
		}
		picks = append(picks, p)
		to = knowledge{e.position(), true}
	}
	return picks, false
}

// start is the first entry that the receiver does not have.
func (q *queue) start(to knowledge) int {
	if !to.known || to.have.IsZero() {
		return 0
	}
	if n := q.reached(to.have); n > 0 {
		return n
	}
	// What it has is older than the queue, unless a run here begins with something newer, or
	// followed one that never came to be on the disk.
	return max(0, slices.IndexFunc(q.entries, func(e *entry) bool { return e.Run == to.have.Run || e.Former.Run == to.have.Run }))
}

// waiting is how many the receiver does not have.
func (q *queue) waiting(to knowledge) int {
	n := 0
	for _, e := range q.entries[q.start(to):] {
		if !e.kept {
			n++
		}
	}
	return n
}

// unkept is how many the receiver has not kept.
func (q *queue) unkept() int { return q.waiting(knowledge{}) }

// as is the batch as it is to be sent; the batch itself is never changed.
func (p pick) as(b *fleet.Batch) *fleet.Batch {
	if !p.gap && !p.alone {
		return b
	}
	c := *b
	c.Gap = c.Gap || p.gap
	if p.gap || p.alone {
		c.Former = fleet.Position{}
	}
	return &c
}
