package engine

import (
	"context"
	"fmt"
	"net/http"

	"bwmon/fleet"
)

// Sender has a host write to an engine by itself, in place of sending to a receiver. It
// is for one goroutine.
type Sender struct {
	writer *Writer
	host   string
	last   fleet.Position
}

// NewSender makes one for a host. It asks the engine nothing.
func NewSender(w *Writer, host string) *Sender { return &Sender{writer: w, host: host} }

// Name is where it writes to, for people.
func (s *Sender) Name() string { return "the engine at " + s.writer.host }

// Send writes batches, and says that the host is there, with how many batches are
// waiting. Have and Kept are the last position that was written: the zero value before
// the first, since an engine that takes totals misses nothing.
func (s *Sender) Send(ctx context.Context, batches []*fleet.Batch, waiting int) (fleet.Answer, error) {
	for _, b := range batches {
		if b.Host != s.host {
			return s.answer(), &Error{Status: http.StatusUnprocessableEntity, Text: fmt.Sprintf("a batch is of host %q: this is %q", b.Host, s.host)}
		}
	}
	if err := s.writer.Write(ctx, batches); err != nil {
		return s.answer(), err
	}
	if n := len(batches); n > 0 {
		s.last = batches[n-1].Position()
	}
	// The sample of its position that a beat would repeat may be in the batch.
	at := s.last
	if len(batches) > 0 {
		at = fleet.Position{}
	}
	if err := s.writer.Beat(ctx, s.host, at, s.writer.opts.Now(), waiting); err != nil {
		return s.answer(), err
	}
	return s.answer(), nil
}

func (s *Sender) answer() fleet.Answer { return fleet.Answer{Have: s.last, Kept: s.last} }
