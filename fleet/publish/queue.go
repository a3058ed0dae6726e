package publish

import (
	"errors"
	"log/slog"
	"slices"

	"bwmon/fleet"
)

// queue is the batches that the receiver has not kept yet, oldest first, and the mark: the
// newest one, kept or not. It is for one goroutine.
type queue struct {
	folder  *folder // nil: there is none, or it cannot be had for now
	sealer  *sealer
	log     *slog.Logger
	entries []*entry
	next    uint64 // number
	counts  counts
}

// counts is what befell batches since the queue was opened.
type counts struct {
	joined  uint64 // with another one
	dropped uint64 // to keep the queue within its bounds
	damaged uint64 // their files could not be read
	refused uint64 // by a receiver, for good
}

// recent is how many of the newest batches stay in memory, so that sending them reads
// nothing.
const recent = 3

// open takes over what an earlier process left in a folder. What is in memory already is
// newer.
func (q *queue) open(f *folder, host string) error {
	left, err := f.load()
	if err != nil {
		return err
	}
	for _, path := range left.damaged {
		q.log.Error("a batch cannot be read and was set aside", "file", path)
	}
	q.folder = f
	q.counts.damaged += uint64(len(left.damaged))
	q.next = max(q.next, 1)
	for _, e := range q.entries {
		e.number += left.next - 1
	}
	q.next += left.next - 1
	for _, e := range left.entries {
		e.late = len(q.entries) > 0
	}
	q.entries = append(left.entries, q.entries...)
	for _, e := range left.entries {
		if e.Host != host {
			q.refuse(e, "this host has another name now")
		}
	}
	q.skipCovered()
	return nil
}

// skipCovered forgets batches that are in the one after them: a process was killed after it
// had joined them.
func (q *queue) skipCovered() {
	for i := len(q.entries) - 2; i >= 0; i-- {
		a, b := q.entries[i], q.entries[i+1]
		if a.Run == b.Run && b.Since <= a.Since && a.Seq <= b.Seq {
			q.remove(i)
		}
	}
}

// add queues a batch, in memory.
func (q *queue) add(b *fleet.Batch) error {
	e, err := q.sealer.seal(b, q.next)
	if err != nil {
		return err
	}
	q.next++
	q.entries = append(q.entries, e)
	if old := len(q.entries) - 1 - recent; old >= 0 {
		q.entries[old].batch = nil
	}
	return nil
}

// addWhole queues a batch in place of all others of its run, which are in it.
func (q *queue) addWhole(b *fleet.Batch) error {
	if err := q.add(b); err != nil {
		return err
	}
	for _, e := range q.entries[:len(q.entries)-1] {
		e.kept = e.kept || e.Run == b.Run
	}
	return nil
}

// store writes what is in memory only. What is kept is no more written, but for the mark.
func (q *queue) store() error {
	if q.folder == nil {
		return nil
	}
	for i, e := range q.entries {
		if e.sealed == nil || e.kept && i < len(q.entries)-1 {
			continue
		}
		if err := q.folder.write(e.number, e.sealed); err != nil {
			return err
		}
		e.sealed = nil
	}
	return nil
}

// sweep removes what is kept, as soon as there is something newer to tell the next
// process where this one's run ended.
func (q *queue) sweep() {
	followed, stored := false, false
	for i := len(q.entries) - 1; i >= 0; i-- {
		e := q.entries[i]
		if e.kept && (stored || followed && e.sealed != nil) {
			q.remove(i)
			continue
		}
		followed, stored = true, stored || e.sealed == nil
	}
}

// remove takes an entry out, and its file.
func (q *queue) remove(i int) {
	if e := q.entries[i]; q.folder != nil && e.sealed == nil {
		q.folder.remove(batchFile(e.number))
	}
	q.entries = slices.Delete(q.entries, i, i+1)
}

// keep marks what the receiver has for good.
func (q *queue) keep(kept fleet.Position) {
	n := q.reached(kept)
	for i := n - 1; i >= 0; i-- {
		e := q.entries[i]
		// What the present run was at before is in its totals.
		if e.late && !e.kept && e.Run != kept.Run {
			q.drop(i, "its directory could be read only after newer ones were sent; whether the receiver has it is not known")
			continue
		}
		e.kept = true
	}
	q.sweep()
}

// reached is how many entries lead to p and before; 0 where none of its run is there.
func (q *queue) reached(p fleet.Position) int {
	for i, e := range slices.Backward(q.entries) {
		if e.Run == p.Run && e.Seq <= p.Seq {
			return i + 1
		}
	}
	return 0
}

// batch is that of an entry, or errDamaged.
func (q *queue) batch(e *entry) (*fleet.Batch, error) {
	if e.batch != nil {
		return e.batch, nil
	}
	if e.sealed != nil {
		return q.sealer.open(e.sealed)
	}
	file, err := q.folder.read(e.number)
	if err != nil {
		return nil, err
	}
	b, err := q.sealer.open(file)
	if err == nil && b.Position() != e.position() {
		err = errDamaged
	}
	return b, err
}

// damage sets an entry aside whose file cannot be read. Anything but errDamaged may pass.
func (q *queue) damage(e *entry, err error) {
	if !errors.Is(err, errDamaged) {
		return
	}
	i := slices.Index(q.entries, e)
	if i < 0 {
		return
	}
	q.counts.damaged++
	q.entries = slices.Delete(q.entries, i, i+1)
	path := ""
	if q.folder != nil && e.sealed == nil {
		path = q.folder.setAside(batchFile(e.number))
	}
	q.log.Error("a batch cannot be read and was set aside", "run", e.Run, "seq", e.Seq, "file", path)
}

// refuse sets an entry aside that no receiver will take.
func (q *queue) refuse(e *entry, reason string) {
	i := slices.Index(q.entries, e)
	if i < 0 {
		return
	}
	q.counts.refused++
	q.entries = slices.Delete(q.entries, i, i+1)
	path, err := "", error(nil)
	if q.folder != nil {
		if path, err = q.folder.refuse(e); err != nil && e.sealed == nil {
			q.folder.remove(batchFile(e.number)) // else it comes back at the next start
		}
	}
	q.log.Error("a batch was refused and set aside", "run", e.Run, "seq", e.Seq, "reason", reason, "file", path, "error", err)
}

// at is the entry that leads to p, or nil. One that is kept may do so too, in whose place
// the whole run was queued.
func (q *queue) at(p fleet.Position) *entry {
	for _, e := range q.entries {
		if e.position() == p && !e.kept {
			return e
		}
	}
	return nil
}

// sent says that the receiver has taken the entry that leads to p.
func (q *queue) sent(p fleet.Position) {
	if e := q.at(p); e != nil {
		e.late = false
	}
}

// last is where the newest batch leads; zero: there is none.
func (q *queue) last() fleet.Position {
	if n := len(q.entries); n > 0 {
		return q.entries[n-1].position()
	}
	return fleet.Position{}
}
