package fleet

import (
	"encoding/json"
	"fmt"
	"slices"

	"bwmon/traffic"
)

// State is what a receiver knows of one host. Its zero value knows nothing. It is for
// one goroutine.
type State struct {
	Position
	// Past is where the runs before this one ended, the latest last, at most MaxPast.
	Past []Position
	// Snapshot is the host's books at Position; nil before the first. It is never changed,
	// but replaced.
	Snapshot *traffic.Snapshot
}

// MaxPast is how many former runs a State remembers, so that what comes late is not
// counted again.
const MaxPast = 64

// Apply brings s to where b leads. It is false where s was there already, or further. A
// batch that follows what s has not is a *GapError, one of a run that another followed a
// *SupersededError; of other errors nothing is to be expected from sending b again.
// After an error s is as it was.
func (s *State) Apply(b *Batch, l Limits) (applied bool, err error) {
	if b.Run == s.Run {
		if b.Seq <= s.Seq {
			return false, nil
		}
		if b.Since > s.Seq && !b.Gap {
			return false, &GapError{s.Position}
		}
		return s.take(b, l)
	}
	if i := slices.IndexFunc(s.Past, func(p Position) bool { return p.Run == b.Run }); i >= 0 {
		if b.Seq <= s.Past[i].Seq {
			return false, nil
		}
		return false, &SupersededError{b.Run, s.Run}
	}
	if b.Since > 0 && !b.Gap || !s.passed(b.Former) {
		return false, &GapError{s.Position}
	}
	next := State{Position: Position{Run: b.Run}, Past: slices.Clone(s.Past)}
	if !s.IsZero() {
		next.Past = append(next.Past, s.Position)
		next.Past = next.Past[max(0, len(next.Past)-MaxPast):]
	}
	if _, err := next.take(b, l); err != nil {
		return false, err
	}
	*s = next
	return true, nil
}

// passed reports whether s is at p or behind it.
func (s *State) passed(p Position) bool {
	if p.IsZero() || p.Run == s.Run && p.Seq <= s.Seq {
		return true
	}
	return slices.ContainsFunc(s.Past, func(o Position) bool { return o.Run == p.Run && p.Seq <= o.Seq })
}

// take puts the rows of b over those of s.
func (s *State) take(b *Batch, l Limits) (bool, error) {
	next := &traffic.Snapshot{}
	if s.Snapshot != nil && b.Since > 0 {
		*next = *s.Snapshot
	}
	c := b.Changes
	next.Schema, next.Host, next.Run = traffic.SchemaVersion, b.Host, b.Run
	next.At, next.Elapsed, next.Interval = c.At, c.Elapsed, c.Interval
	overlayAll(next, c, setOf(b.Gone))
	if b.HasBalance {
		next.Balance = c.Balance
	}
	if b.HasMonitors {
		next.Monitors = c.Monitors
	}
	if b.HasRules {
		next.Rules = c.Rules
	}
	if b.HasAlerts {
		next.Alerts = c.Alerts
	}
	if err := l.check(next); err != nil {
		return false, err
	}
	s.Seq, s.Snapshot = b.Seq, next
	return true, nil
}

// note is what of a State is kept beside its Snapshot.
type note struct {
	Position
	Past []Position `json:"past,omitempty"`
}

// Note is all of s but the Snapshot, as text.
func (s *State) Note() []byte {
	text, err := json.Marshal(note{s.Position, s.Past})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return text
}

// resumeCure is what helps where a host's books are not whole.
const resumeCure = "they were changed by another program: forget the host, which sends its present run again, or restore a backup"

// Resume makes s what it was when it had that Note and Snapshot.
func (s *State) Resume(text []byte, last *traffic.Snapshot) error {
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("read where a host's books are: %w", err)
	}
	switch run := traffic.CleanText(n.Run, traffic.MaxWord); {
	case len(n.Past) > MaxPast:
		return fmt.Errorf("read where a host's books are: %d former runs are noted, and at most %d are kept: %s", len(n.Past), MaxPast, resumeCure)
	case (last == nil) != n.IsZero() || last != nil && last.Run != n.Run:
		return fmt.Errorf("read where a host's books are: its snapshot is not of run %q, which is noted: %s", run, resumeCure)
	}
	*s = State{Position: n.Position, Past: n.Past, Snapshot: last}
	return nil
}
