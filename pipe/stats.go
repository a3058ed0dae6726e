package pipe

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// stats is what a forwarder has done so far. Any goroutine may use it.
type stats struct {
	open    atomic.Int64  // relays, and those being connected
	relayed atomic.Uint64 // relays so far
	refused atomic.Uint64 // clients for whom the target could not be had
	limited atomic.Uint64 // clients beyond the limit
	failed  atomic.Uint64 // clients that could not be accepted
	resets  atomic.Uint64 // relays of which a side was reset
	cuts    atomic.Uint64 // relays that were idle for too long, or that we stopped
	last    atomic.Pointer[error]
}

// note keeps the last error for people to read.
func (s *stats) note(err error) {
	if !errors.Is(err, errStopped) {
		s.last.Store(&err)
	}
}

// ended counts how a relay ended.
func (s *stats) ended(r *relay) {
	switch {
	case r.why == nil:
	case errors.Is(r.why, errReset):
		s.resets.Add(1)
	case errors.Is(r.why, errStopped):
		s.cuts.Add(1)
	default:
		s.failed.Add(1)
		s.note(r.why)
	}
}

// Stats is what a Forwarder has done since it was made.
type Stats struct {
	Open    int64  // relays that are open, or being connected
	Relayed uint64 // relays so far
	Refused uint64 // clients for whom the target could not be had
	Limited uint64 // clients that were reset because there were too many
	Failed  uint64 // clients that the kernel had no room for
	Resets  uint64 // relays of which a side was reset
	Cuts    uint64 // relays that were idle for too long, or ended by us
	Error   string // the last one, for people; clean
}

// Stats returns what it has done so far. Any goroutine may call it.
func (f *Forwarder) Stats() Stats {
	s := &f.stats
	out := Stats{
		Open: max(0, s.open.Load()), Relayed: s.relayed.Load(), Refused: s.refused.Load(), Limited: s.limited.Load(),
		Failed: s.failed.Load(), Resets: s.resets.Load(), Cuts: s.cuts.Load(),
	}
	if err := s.last.Load(); err != nil {
		out.Error = traffic.CleanText(cureOf(*err).Error(), traffic.MaxCommand)
	}
	return out
}

// cureOf adds the cure to an error that has one.
func cureOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && (errno == unix.EMFILE || errno == unix.ENFILE) {
		return fmt.Errorf(`%w: raise the limit with "ulimit -n"`, err)
	}
	return err
}

// detail is the condition of the forwarder in one line.
func (f *Forwarder) detail() string {
	s := f.Stats()
	parts := []string{fmt.Sprintf("%d relays open, %d so far", s.Open, s.Relayed)}
	for _, note := range []struct {
		n    uint64
		what string
	}{
		{s.Refused, "refused by the target"},
		{s.Limited, "beyond the limit"},
		{s.Failed, "not accepted"},
		{s.Resets, "reset by an end"},
		{s.Cuts, "cut"},
	} {
		if note.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", note.n, note.what))
		}
	}
	if f.limit < f.opts.MaxRelays {
		parts = append(parts, fmt.Sprintf(`at most %d at a time, as "ulimit -n" has it`, f.limit))
	}
	if s.Error != "" {
		parts = append(parts, "last: "+s.Error)
	}
	return strings.Join(parts, ", ")
}
