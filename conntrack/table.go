package conntrack

import "fmt"

// table is the compact flow table: one fixed-size record without pointers for
// every entry the kernel holds, in chunks that never move, found through an
// open-addressing index of 8 bytes a slot. Only flows that carried something
// since the baseline get a side, where the larger things live (side.go).
//
// It is not safe for concurrent use.
type table struct {
	chunks [][]record
	free   uint32 // head of the list of free records, linked by record.side; 0 none
	next   uint32 // first record never used; record 0 is not used, so that 0 means none
	live   int

	// index holds record number | high half of the hash, 0 empty, by linear
	// probing. Its length is a power of two, at most 3/4 used.
	index []uint64

	generation uint32 // of the dump now running or last run
	seen       int    // records of this generation
	last       uint32 // record met last: the kernel's order seldom changes, so its neighbour is likely next

	// ended has the final counters of entries whose end an event told of since
	// this dump began, endedBefore of those before: they tell a dump's late
	// news and a repeated event from a new life of the same key.
	ended, endedBefore map[key]counters
	dumping            bool

	uncounted int // live records without counters
	offloaded int // live records that a flowtable forwards
	resets    uint64
	garbled   uint64 // messages that could not be decoded

	scratch entry // the one being decoded
}

const (
	chunkBits = 12
	chunkSize = 1 << chunkBits
	minIndex  = 1 << 10

	maxEnded = 1 << 16 // ended entries remembered while no dump runs
)

// Record flags.
const (
	flagDirty     = 1 << iota // changed since it was last emitted
	flagMissed                // not in the last complete dump
	flagUncounted             // the kernel keeps no counters for it
	flagOffloaded             // forwarded by a flowtable
)

// record is what the table keeps of one entry.
type record struct {
	key        key
	generation uint32
	side       uint32 // number of its side, 0 none; of a free record: the next free one
	flags      uint8
	seen       counters // as last read
	base       counters // subtracted, modulo 2^64, to give the running total
}

// total is what the flow carried since the baseline, over all its counters'
// restarts.
func (r *record) total() counters { return r.seen.sub(r.base) }

func newTable() *table {
	return &table{
		next:  1,
		index: make([]uint64, minIndex),
		ended: map[key]counters{}, endedBefore: map[key]counters{},
	}
}

func (t *table) at(n uint32) *record { return &t.chunks[n>>chunkBits][n&(chunkSize-1)] }

// find returns the number of k's record, 0 if there is none.
func (t *table) find(k *key) uint32 {
	if n := t.last + 1; n < t.next {
		if r := t.at(n); r.key == *k && r.generation != 0 {
			return n
		}
	}
	h := k.hash()
	mask := uint64(len(t.index) - 1)
	for i := h & mask; t.index[i] != 0; i = (i + 1) & mask {
		if slot := t.index[i]; slot>>32 == h>>32 {
			if n := uint32(slot); t.at(n).key == *k {
				return n
			}
		}
	}
	return 0
}

// insert adds a record for e, whose key is not in the table, and returns its
// number. With baseline its counters so far do not count.
func (t *table) insert(e *entry, baseline bool) uint32 {
	n := t.free
	if n != 0 {
		t.free = t.at(n).side
	} else {
		n = t.next
		t.next++
		if int(n>>chunkBits) == len(t.chunks) {
			t.chunks = append(t.chunks, make([]record, chunkSize))
		}
	}
	r := t.at(n)
	*r = record{key: e.key, generation: max(t.generation, 1), seen: e.counters}
	if baseline {
		r.base = e.counters
	}
	t.live++
	if t.dumping {
		t.seen++ // it is of this generation
	}
	t.mark(r, e)
	if t.live*4 > len(t.index)*3 {
		t.grow()
	} else {
		t.place(&r.key, n)
	}
	return n
}

func (t *table) place(k *key, n uint32) {
	h := k.hash()
	mask := uint64(len(t.index) - 1)
	i := h & mask
	for t.index[i] != 0 {
		i = (i + 1) & mask
	}
	t.index[i] = h>>32<<32 | uint64(n)
}

// grow doubles the index and places every live record anew.
func (t *table) grow() {
	t.index = make([]uint64, 2*len(t.index))
	for n := uint32(1); n < t.next; n++ {
		if r := t.at(n); r.generation != 0 {
			t.place(&r.key, n)
		}
	}
}

// remove frees record n. The caller has taken what it needs of it.
func (t *table) remove(n uint32) {
	r := t.at(n)
	h := r.key.hash()
	mask := uint64(len(t.index) - 1)
	i := h & mask
	for uint32(t.index[i]) != n {
		i = (i + 1) & mask
	}
	// Close the gap, so that no probe ends early (Knuth, TAOCP 3, 6.4, algorithm R).
	for j := i; ; {
		t.index[i] = 0
		for {
			j = (j + 1) & mask
			if t.index[j] == 0 {
				t.release(n)
				return
			}
			home := t.at(uint32(t.index[j])).key.hash() & mask
			if (j-home)&mask >= (j-i)&mask {
				break
			}
		}
		t.index[i] = t.index[j]
		i = j
	}
}

func (t *table) release(n uint32) {
	r := t.at(n)
	t.live--
	if t.dumping && r.generation == t.generation {
		t.seen-- // else it would stand for one that the dump does without
	}
	if r.flags&flagUncounted != 0 {
		t.uncounted--
	}
	if r.flags&flagOffloaded != 0 {
		t.offloaded--
	}
	*r = record{side: t.free}
	t.free = n
}

// mark brings the flags that count the table's odd entries up to date.
func (t *table) mark(r *record, e *entry) {
	var flags uint8
	if !e.counted {
		flags |= flagUncounted
	}
	if e.status&(statusOffload|statusHWOffload) != 0 {
		flags |= flagOffloaded
	}
	changed := flags ^ r.flags
	if changed&flagUncounted != 0 {
		t.uncounted += 2*int(flags&flagUncounted/flagUncounted) - 1
	}
	if changed&flagOffloaded != 0 {
		t.offloaded += 2*int(flags&flagOffloaded/flagOffloaded) - 1
	}
	r.flags = r.flags&^(flagUncounted|flagOffloaded) | flags
}

// update takes counters just read into r and reports whether they changed.
// Counters that went down were zeroed by somebody, or belong to a new life of
// the same tuple and id: what they show now was carried since.
func (t *table) update(r *record, now counters) bool {
	if now == r.seen {
		return false
	}
	if !now.atLeast(r.seen) {
		r.base = r.base.sub(r.seen)
		t.resets++
	}
	r.seen = now
	return true
}

// beginDump opens a new generation.
func (t *table) beginDump() {
	t.generation++
	t.dumping = true
	t.seen = 0
	t.last = 0
	t.rotateEnded()
}

// dumped takes one entry of a dump. It returns its record's number and
// whether its total changed, or 0 if the entry is a thing of the past.
func (t *table) dumped(e *entry, baseline bool) (n uint32, changed bool) {
	if n = t.find(&e.key); n == 0 {
		if t.isGhost(e) {
			return 0, false
		}
		n = t.insert(e, baseline)
		t.last = n
		return n, !baseline && e.counters != counters{}
	}
	r := t.at(n)
	t.last = n
	if r.generation != t.generation {
		r.generation = t.generation
		r.flags &^= flagMissed
		t.seen++
	}
	t.mark(r, e)
	return n, t.update(r, e.counters)
}

// take works through one received buffer of a dump. It calls changed with
// every record whose total changed and reports whether the dump has ended.
// What cannot be decoded is counted and passed over.
func (t *table) take(buf []byte, baseline bool, changed func(n uint32)) (done bool, err error) {
	for len(buf) > 0 {
		m, rest, err := nextMessage(buf)
		if err != nil {
			t.garbled++
			return false, nil
		}
		buf = rest
		switch m.kind {
		case nlmsgDone, nlmsgError:
			if e := errno(m.body); e != 0 {
				return true, fmt.Errorf("dump conntrack: %w", e)
			}
			return true, nil
		case msgNew:
			if t.scratch.decode(m.body) != nil {
				t.garbled++
			} else if n, moved := t.dumped(&t.scratch, baseline); moved {
				changed(n)
			}
		}
	}
	return false, nil
}

// isGhost reports whether e, not in the table, is an entry whose end was
// already told: the dump read it before the event, or the kernel has not yet
// unlinked it. A new life cannot be told from it within the same dump; it is
// met again in the next, or in the event of its own end.
func (t *table) isGhost(e *entry) bool {
	if e.status&statusDying != 0 {
		return true
	}
	_, ok := t.ended[e.key]
	return ok
}

// bury remembers that the end of k was told. Its record is gone or was never
// made.
func (t *table) bury(k key, final counters) {
	if !t.dumping && len(t.ended) >= maxEnded {
		t.rotateEnded()
	}
	t.ended[k] = final
}

// isRepeated reports whether e, not in the table, tells an end again: the
// kernel repeats the event to all when one reliable listener missed it.
func (t *table) isRepeated(e *entry) bool {
	c, ok := t.ended[e.key]
	if !ok {
		c, ok = t.endedBefore[e.key]
	}
	return ok && c == e.counters
}

func (t *table) rotateEnded() {
	t.ended, t.endedBefore = t.endedBefore, t.ended
	clear(t.ended)
}

// endDump closes the generation of a dump that ran to its end. It calls
// vanished with every record that two dumps in a row did not hold: one alone
// may have passed the entry by while the kernel resized its table, or have
// overtaken the event of its end. Unless current, when all events of before the
// dump had been taken, what is missing says nothing.
func (t *table) endDump(current bool, vanished func(n uint32)) {
	t.dumping = false
	if t.seen >= t.live || !current {
		return
	}
	for n := uint32(1); n < t.next; n++ {
		r := t.at(n)
		if r.generation == 0 || r.generation == t.generation {
			continue
		}
		if r.flags&flagMissed == 0 {
			r.flags |= flagMissed
			continue
		}
		vanished(n)
	}
}
