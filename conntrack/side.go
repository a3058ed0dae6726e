package conntrack

import (
	"time"

	"bwmon/traffic"
)

// Owners answers who uses a local socket. Its methods may be called by several
// goroutines at once and must not block.
type Owners interface {
	// Want asks for the owner of f's local socket to be looked up now, while
	// the socket may still be open.
	Want(f traffic.Flow)
	// Owner returns who is known to own f's local socket, seen there at or
	// after since; nil if nobody is known.
	Owner(f traffic.Flow, since time.Time) *traffic.Owner
	// Detail is one line on what is known and what is not, for people.
	Detail() string
}

// side is one end of a flow as the ledger knows it. A record has one from the
// moment it has something to say; a loopback flow has two.
type side struct {
	flow      traffic.Flow
	scope     traffic.Scope
	responder bool
	bridged   bool      // is not told of
	born      time.Time // when the flow began, as near as known; zero: before us
	met       time.Time // when we first had news of it
	asked     time.Time // since when its owner is looked for
	owner     *traffic.Owner
	twin      *side // the other end, of a loopback flow's first side
	record    uint32
	waiting   bool // in sides.unowned
	emitted   bool
}

// ending is a flow that has ended and waits for its owner to be found.
type ending struct {
	side  *side
	total counters
	at    time.Time
}

// sides holds the sides of records, and what has to be said of them next.
type sides struct {
	owners Owners
	inside Inside // nil: every flow is counted here
	// sockets is asked about flows that look forwarded; nil where none can be a
	// socket's.
	sockets *diagSocket
	by      []*side  // by record.side; 0 is not used
	free    []uint32 // numbers in by that are not used
	lives   uint64   // gives each side its Flow.ID

	dirty   []uint32 // records that changed since the last flush
	unowned []*side  // local ones whose owner is still looked for
	ending  []ending
}

const (
	// ownerPatience is how many intervals news of a flow wait for its owner.
	ownerPatience = 2
	// acceptTime is how long a connection that came in may belong to its
	// listener before the process that serves it has it.
	acceptTime = 500 * time.Millisecond
	// insideTime is how long it may take until it is known that a flow's end
	// is a socket of this kernel.
	insideTime = 500 * time.Millisecond
	// ownerRetry is how long the owner of a flow that has gone quiet is
	// looked for; when it moves again it is looked for again.
	ownerRetry = 30 * time.Second
)

func newSides(owners Owners, inside Inside) *sides {
	return &sides{owners: owners, inside: inside, by: []*side{nil}}
}

// open makes the side, or both, of a flow in its place.
func (s *sides) open(e *entry, at place, born, now time.Time) *side {
	first := s.newSide(e, at, born, now)
	if at.scope == traffic.ScopeLoopback {
		first.twin = s.newSide(e, otherEnd(e.reply), born, now)
	}
	return first
}

func (s *sides) newSide(e *entry, at place, born, now time.Time) *side {
	s.lives++ // the ends of a socket that talks to itself differ in nothing else
	sd := &side{
		flow: traffic.Flow{
			Proto: e.key.proto, Zone: e.key.zone, Local: at.local, Remote: at.remote, ID: s.lives,
		},
		scope: at.scope, responder: at.responder, bridged: at.bridged, born: born, met: now,
	}
	if at.scope != traffic.ScopeForwarded && answeredByKernel(at, e.key.tuple) {
		sd.owner = traffic.KernelOwner()
	}
	if e.socket == noEnd {
		s.recognise(sd)
	} else if sd.scope == traffic.ScopeForwarded {
		s.assign(sd, e.socket)
	}
	return sd
}

// attach gives record number n of t its side.
func (s *sides) attach(t *table, n uint32, sd *side) {
	var i uint32
	if k := len(s.free); k > 0 {
		i, s.free = s.free[k-1], s.free[:k-1]
		s.by[i] = sd
	} else {
		i = uint32(len(s.by))
		s.by = append(s.by, sd)
	}
	sd.record = n
	if sd.twin != nil {
		sd.twin.record = n
	}
	t.at(n).side = i
}

// detach takes a record's side away, nil if it has none.
func (s *sides) detach(r *record) *side {
	if r.side == 0 {
		return nil
	}
	sd := s.by[r.side]
	s.by[r.side] = nil
	s.free = append(s.free, r.side)
	r.side = 0
	sd.record = 0
	if sd.twin != nil {
		sd.twin.record = 0
	}
	return sd
}

// each calls f with sd and its twin.
func (sd *side) each(f func(*side)) {
	f(sd)
	if sd.twin != nil {
		f(sd.twin)
	}
}

func (sd *side) needsOwner() bool {
	return sd.owner == nil && !isForwarded(sd.scope)
}

// findOwner reports whether sd has all that can be known of it. Unless
// overdue, a connection that came in is given time to be accepted.
func (s *sides) findOwner(sd *side, now time.Time, overdue bool) bool {
	if s.inside != nil {
		return overdue || now.Sub(sd.met) >= insideTime
	}
	accepted := !sd.responder || overdue || now.Sub(sd.born) >= acceptTime
	if sd.needsOwner() && accepted {
		sd.owner = s.owners.Owner(sd.flow, sd.born)
	}
	return !sd.needsOwner()
}

// say tells of sd and its twin. Where sockets are counted elsewhere it tells of
// what is forwarded, and of what passes for such a socket as that.
func (s *sides) say(sd *side, total counters, final bool, emit func(traffic.Sample)) {
	sd.each(func(sd *side) {
		if sd.bridged {
			return
		}
		if s.inside != nil {
			if !isForwarded(sd.scope) {
				return
			}
			if !sd.emitted && (s.inside.Has(sd.flow.Local.Addr()) || s.inside.Has(sd.flow.Remote.Addr())) {
				sd.scope = traffic.ScopePassing
			}
		}
		emit(sd.sample(total, final))
	})
}

func isForwarded(s traffic.Scope) bool {
	return s == traffic.ScopeForwarded || s == traffic.ScopePassing
}

func (sd *side) sample(total counters, final bool) traffic.Sample {
	sd.emitted = true
	return traffic.Sample{
		Flow: sd.flow, Scope: sd.scope, Counts: total.seenBy(sd.responder), Owner: sd.owner, Final: final,
	}
}

// samples says what changed since the last call: flows that moved, owners
// found, flows that ended. News of a flow that is younger than patience waits
// for its owner, unless last.
func (s *sides) samples(t *table, now time.Time, patience time.Duration, last bool, emit func(traffic.Sample)) {
	kept := s.dirty[:0]
	for _, n := range s.dirty {
		r := t.at(n)
		if r.flags&flagDirty == 0 || r.side == 0 {
			continue // it has ended
		}
		sd := s.by[r.side]
		overdue := last || now.Sub(sd.met) >= patience
		if !s.ready(sd, now, overdue) && !overdue {
			kept = append(kept, n)
			continue
		}
		r.flags &^= flagDirty
		s.say(sd, r.total(), false, emit)
	}
	s.dirty = kept
	s.retryOwners(t, now, emit)

	waiting := s.ending[:0]
	for _, e := range s.ending {
		overdue := last || now.Sub(e.at) >= patience
		if !s.ready(e.side, now, overdue) && !overdue {
			waiting = append(waiting, e)
			continue
		}
		s.say(e.side, e.total, true, emit)
	}
	clear(s.ending[len(waiting):])
	s.ending = waiting
}

// ready looks for the owners of sd and its twin, and has those not found
// looked for again later.
func (s *sides) ready(sd *side, now time.Time, overdue bool) bool {
	if !sd.emitted { // a connection may be known before its socket is
		s.recognise(sd)
	}
	all := true
	sd.each(func(sd *side) {
		if s.findOwner(sd, now, overdue) {
			return
		}
		all = false
		if !sd.waiting && sd.record != 0 && s.inside == nil {
			sd.waiting, sd.asked = true, now
			s.unowned = append(s.unowned, sd)
		}
	})
	return all
}

// retryOwners says of flows already told of whose they are, once that is known.
func (s *sides) retryOwners(t *table, now time.Time, emit func(traffic.Sample)) {
	kept := s.unowned[:0]
	for _, sd := range s.unowned {
		switch {
		case sd.record == 0, !sd.needsOwner(): // ended, or found by ready
			sd.waiting = false
		case s.findOwner(sd, now, sd.emitted):
			sd.waiting = false
			if sd.emitted {
				emit(sd.sample(t.at(sd.record).total(), false))
			}
		case now.Sub(sd.asked) > ownerRetry && t.at(sd.record).flags&flagDirty == 0 && sd.emitted:
			sd.waiting = false
		default:
			kept = append(kept, sd)
		}
	}
	clear(s.unowned[len(kept):])
	s.unowned = kept
}
