package receive

import (
	"slices"
	"time"

	"bwmon/fleet"
)

// stamps are the times that a host's batches were handed on with. Whoever keeps counters
// takes an older total at a later time for a counter that began anew: so a batch that comes
// again has the time it had, and one that follows another in its run a later one, however
// the correction of the clock jumps between them. Where nothing jumps, the times are the
// host's own, which other receivers hand on, too.
type stamps struct {
	pieces []piece        // in the order in which they began, of a run by Seq
	head   fleet.Position // the furthest of the run that was handed on last
	at     time.Time      // of head
}

// piece is from where on what was taken from the times of a run.
type piece struct {
	from    fleet.Position
	correct time.Duration
}

const (
	// mostPieces bounds how many are known: what came before them and comes again has the
	// correction of the oldest.
	mostPieces = 256
	// apart is how far two times are at least, so that there is room for the moment after
	// the first, from which new rows count.
	apart = 2 * time.Millisecond
	// backwards is how far beyond all that may be a time is when our own clock was put back.
	backwards = time.Minute
)

// of is when b began and ended. correct is what is taken from the host's times now, ahead
// how far they may be in the future.
func (s *stamps) of(b *fleet.Batch, correct, ahead time.Duration, now time.Time) (from, at time.Time) {
	if s.at.After(now.Add(ahead + backwards)) {
		*s = stamps{}
	}
	p := s.find(b.Run, b.Seq)
	if p == nil || b.Run == s.head.Run && b.Seq > s.head.Seq {
		at = s.next(b, correct, ahead, now)
		s.begin(b.Position(), b.At.Sub(at))
		s.head, s.at = b.Position(), at
	} else if at = b.At.Add(-p.correct); at.After(now.Add(ahead + backwards)) {
		at = now
	}
	from = b.From.Add(-s.find(b.Run, b.Since).correct)
	if from.After(at) {
		from = at
	}
	return from.UTC(), at.UTC()
}

// next is the time of a batch that nothing is known of: by the correction of now, or else
// that of the batch before it, which may be of before the jump, or else as soon as can be.
func (s *stamps) next(b *fleet.Batch, correct, ahead time.Duration, now time.Time) time.Time {
	var least time.Time
	if s.head.Run != "" && (b.Run == s.head.Run || b.Former.Run == s.head.Run) {
		least = s.at.Add(apart)
	}
	at := b.At.Add(-correct)
	wrong := now.Sub(at) > oldest || at.Sub(now) > ahead
	if !wrong && !at.Before(least) {
		return at
	}
	if n := len(s.pieces); n > 0 {
		if former := b.At.Add(-s.pieces[n-1].correct); now.Sub(former) <= oldest && former.Sub(now) <= steady && !former.Before(least) {
			return former
		}
	}
	if wrong {
		at = now
	}
	if at.Before(least) {
		at = least
	}
	return at
}

// begin notes what is taken from the times from a position on.
func (s *stamps) begin(from fleet.Position, correct time.Duration) {
	if n := len(s.pieces); n > 0 && s.pieces[n-1].from.Run == from.Run && s.pieces[n-1].correct == correct {
		return
	}
	if len(s.pieces) >= mostPieces {
		s.pieces = slices.Delete(s.pieces, 0, 1)
	}
	s.pieces = append(s.pieces, piece{from, correct})
}

// find is the piece that has a moment of a run, or is the nearest to it; nil: the run is
// not known.
func (s *stamps) find(run string, seq uint64) *piece {
	var found *piece
	for i := range s.pieces {
		if p := &s.pieces[i]; p.from.Run == run && (found == nil || p.from.Seq <= seq) {
			found = p
		}
	}
	return found
}
