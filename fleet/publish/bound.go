package publish

import (
	"errors"
	"slices"
	"time"

	"bwmon/fleet"
)

// spans are what batches are joined to, in turn: with the first, what keeps books by the
// minute misses nothing. 0: all of a run.
var spans = [...]time.Duration{time.Minute, 5 * time.Minute, time.Hour, 24 * time.Hour, 0}

const (
	// block is what of a disk a file takes at least.
	block = 4096
	// maxGroup bounds how many batches are joined at once, maxWork how often in one go: the rest
	// comes next time.
	maxGroup = 64
	maxWork  = 50
	// maxKeys bounds the rows that what is joined says are gone, fresh or were moved, of each,
	// so that receivers with smaller limits than the default take it.
	maxKeys = 10_000
)

// room is what a queue takes, in bytes.
type room struct{ disk, memory int64 }

func (q *queue) room() (r room) {
	for _, e := range q.entries {
		if e.sealed == nil {
			r.disk += (e.size + block - 1) / block * block
		} else {
			r.memory += e.size
		}
	}
	return r
}

// fit brings the queue within its bounds as far as it can in one go. An error is the
// disk's.
func (q *queue) fit(most room) error {
	for range maxWork {
		now := q.room()
		stored := now.memory <= most.memory // memory first: it needs no disk
		if stored && now.disk <= most.disk {
			return nil
		}
		joined, err := q.joinOldest(stored)
		if err != nil {
			return err
		}
		if !joined && !q.dropOldest(stored) {
			return nil
		}
	}
	return nil
}

// joinOldest joins the oldest neighbours there are, of the smallest span that there are any
// of: those that are stored, or those that are not.
func (q *queue) joinOldest(stored bool) (bool, error) {
	for _, span := range spans {
		for i := 0; i+1 < len(q.entries); i++ {
			n := q.group(i, span, stored)
			if n < 2 {
				continue
			}
			joined, err := q.join(i, n)
			if joined || err != nil {
				return joined, err
			}
		}
	}
	return false, nil
}

// group is how many entries from i on are to be joined within a span.
func (q *queue) group(i int, span time.Duration, stored bool) int {
	first := q.entries[i]
	if !first.joins(stored) {
		return 0
	}
	most := maxGroup
	if span == 0 {
		most = 2
	}
	n := 1
	for n < most && i+n < len(q.entries) {
		e := q.entries[i+n]
		if !e.joins(stored) || e.Run != first.Run || e.Since > q.entries[i+n-1].Seq ||
			span > 0 && !e.At.Truncate(span).Equal(first.At.Truncate(span)) {
			break
		}
		n++
	}
	return n
}

func (e *entry) joins(stored bool) bool { return !e.kept && !e.whole && (e.sealed == nil) == stored }

// join makes one of n entries from i on, or of as many of them as one can be made of. It
// reports whether the queue changed.
func (q *queue) join(i, n int) (bool, error) {
	before := len(q.entries)
	all, n, err := q.joinBatches(i, n)
	if err != nil || n < 2 {
		return len(q.entries) < before, passingOnly(err)
	}
	last := q.entries[i+n-1]
	e, err := q.sealer.seal(all, last.number)
	if err != nil || e.Bytes > maxJoined {
		q.entries[i].whole = true
		return false, nil
	}
	if last.sealed == nil { // in place of the last one's file: at no moment is anything missing
		if err := q.folder.write(e.number, e.sealed); err != nil {
			return false, err
		}
		e.sealed = nil
	}
	e.late = q.entries[i].late || last.late
	if e.batch = nil; i+n == len(q.entries) {
		e.batch = all
	}
	q.entries[i+n-1] = e
	for range n - 1 {
		q.remove(i)
	}
	q.counts.joined += uint64(n - 1)
	return true, nil
}

// joinBatches joins the batches of n entries from i on, or of the first of them, and says
// of how many. Below 2 there is nothing to do. What is damaged is set aside.
func (q *queue) joinBatches(i, n int) (*fleet.Batch, int, error) {
	var all *fleet.Batch
	for joined, e := range q.entries[i : i+n] {
		b, err := q.batch(e)
		if err != nil {
			q.damage(e, err)
			return nil, 0, err
		}
		if all == nil {
			all = b
			continue
		}
		next, ok := fleet.Join(all, b)
		if !ok {
			e.whole = true
			return nil, 0, nil
		}
		if max(len(next.Gone), len(next.Fresh), len(next.Moved)) > maxKeys {
			if joined == 1 {
				q.entries[i].whole = true
			}
			return all, joined, nil
		}
		all = next
	}
	return all, n, nil
}

// passingOnly is err unless it is damage, which has been dealt with.
func passingOnly(err error) error {
	if errors.Is(err, errDamaged) {
		return nil
	}
	return err
}

// dropOldest forgets the oldest batch there is no room for; never the newest.
func (q *queue) dropOldest(stored bool) bool {
	i := slices.IndexFunc(q.entries, func(e *entry) bool { return !e.kept && (e.sealed == nil) == stored })
	if i < 0 || i == len(q.entries)-1 {
		return false
	}
	q.drop(i, "there is no room for it in the queue")
	return true
}

func (q *queue) drop(i int, reason string) {
	e := q.entries[i]
	q.counts.dropped++
	q.log.Error("a batch was dropped", "run", e.Run, "seq", e.Seq, "at", e.At, "reason", reason)
	q.remove(i)
}

// expire joins what is older than before with what follows it, and drops what nothing of
// its run follows.
func (q *queue) expire(before time.Time) error {
	for range maxWork {
		i := slices.IndexFunc(q.entries, func(e *entry) bool { return !e.kept && e.At.Before(before) })
		if i < 0 || i == len(q.entries)-1 {
			return nil
		}
		if q.group(i, 0, q.entries[i].sealed == nil) == 2 {
			if joined, err := q.join(i, 2); joined || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		q.drop(i, "it is too old")
	}
	return nil
}
