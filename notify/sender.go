package notify

import (
	"context"
	"errors"
	"time"
)

// Sender is one way to tell somebody.
type Sender interface {
	// Send delivers all of the events, or returns why not: an error is tried
	// again unless it is Permanent. It blocks until then, ends early when ctx is
	// cancelled, and keeps its own time limit. An event may be sent twice (the
	// process may have been killed in between); its ID, State and Count tell.
	Send(ctx context.Context, events []Event) error
}

// Pacer is a Sender that does not take its events one by one.
type Pacer interface {
	Sender
	Pace() Pace
}

// Pace is how a Sender wants its events. An Outbox never has two events of one
// alert under way at once, and keeps their order.
type Pace struct {
	Batch     int           // most events of one Send; 0: 1
	Parallel  int           // most Sends at once; 0: 1
	Gather    time.Duration // how long events wait for others to go with them
	Snapshots bool          // it wants Event.Snapshot
}

func paceOf(s Sender) Pace {
	var p Pace
	if pacer, ok := s.(Pacer); ok {
		p = pacer.Pace()
	}
	p.Batch = max(p.Batch, 1)
	p.Parallel = max(p.Parallel, 1)
	return p
}

// Permanent marks an error that trying again does not cure.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err is so marked.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// laterError is a failure whose receiver asked not to be tried for a while.
type laterError struct {
	err   error
	after time.Duration
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// askedPause is how long the receiver that caused err asked to be left alone.
func askedPause(err error) time.Duration {
	var l *laterError
	if errors.As(err, &l) {
		return l.after
	}
	return 0
}
