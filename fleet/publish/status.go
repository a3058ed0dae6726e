package publish

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bwmon/traffic"
)

// Stats is the condition of a Publisher. Counts are since it was made.
type Stats struct {
	State   string // as a monitor's: starting, running or failed
	Detail  string // why it failed, and what helps; clean
	Waiting int    // batches that the receiver does not have
	Unkept  int    // those, and what it has not kept
	// Unstored are the batches that are in memory only.
	Unstored int
	Size     int64 // of the queue on disk, in bytes
	Sent     uint64
	Joined   uint64 // batches that were, with another one: when is lost, not how much
	Dropped  uint64 // batches there was no room for, that became too old or came to light too late
	Damaged  uint64 // batches whose files could not be read
	Refused  uint64 // batches that the receiver will never take
	LastSent time.Time
	// Stored is the time of the newest batch of this run that is on disk.
	Stored time.Time
}

// Stats may be called by any goroutine.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Status is the condition as a row of monitors. It may be called by any goroutine.
func (p *Publisher) Status() traffic.MonitorStatus {
	s := p.Stats()
	m := traffic.MonitorStatus{Name: "publish", Kind: "publish", State: s.State, Lost: s.Dropped + s.Damaged, Detail: s.Detail}
	if m.Detail == "" {
		m.Detail = "to " + p.opts.To
	}
	refused := "were refused"
	if p.opts.Dir != "" {
		refused += " and set aside in " + filepath.Join(p.opts.Dir, refusedName)
	}
	// Each change of this line is published: in good times it stays as it is.
	if s.Waiting > 1 {
		m.Detail += fmt.Sprintf("; %d batches wait", s.Waiting)
	}
	if s.State == traffic.StateFailed && !s.LastSent.IsZero() {
		m.Detail += ", the last was sent at " + s.LastSent.UTC().Format(time.RFC3339)
	}
	for _, befell := range []struct {
		n    uint64
		what string
	}{
		{s.Joined, "were joined with others"}, {s.Dropped, "were dropped: there was no room, they were too old, or later ones were sent already"},
		{s.Damaged, "could not be read"}, {s.Refused, refused},
	} {
		if befell.n > 0 {
			m.Detail += fmt.Sprintf("; %d batches %s", befell.n, befell.what)
		}
	}
	m.Detail = traffic.CleanText(m.Detail, traffic.MaxCommand)
	return m
}

// note brings the Stats up to date.
func (p *Publisher) note() {
	q := p.queue
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.stats
	s.Waiting, s.Unkept, s.Size, s.Unstored = q.waiting(p.to), q.unkept(), q.room().disk, 0
	for _, e := range q.entries {
		if e.sealed != nil {
			s.Unstored++
		} else if e.Run == p.run {
			s.Stored = e.At
		}
	}
	s.Joined, s.Dropped, s.Damaged, s.Refused = q.counts.joined, q.counts.dropped, q.counts.damaged, q.counts.refused
	s.State, s.Detail = traffic.StateRunning, ""
	if s.LastSent.IsZero() {
		s.State = traffic.StateStarting
	}
	// One failure of a network is none to tell.
	if r := p.retry; r.err != nil && (r.failures > 1 || r.verdict != passing || s.LastSent.IsZero()) {
		s.State, s.Detail = traffic.StateFailed, explain(r, p.opts.To)
	}
	if p.lost != nil {
		s.State = traffic.StateFailed
		s.Detail = strings.TrimSuffix(fmt.Sprintf("a batch cannot be made: %s: what is counted is in the next one that can; %s", clean(p.lost), s.Detail), "; ")
	}
	if p.disk != nil {
		s.State = traffic.StateFailed
		s.Detail = strings.TrimSuffix(explainDisk(p.disk, p.opts.Dir)+"; "+s.Detail, "; ")
	}
}

// explain says what helps where batches cannot be sent.
func explain(r retry, name string) string {
	text := fmt.Sprintf("send to %s: %s", name, clean(r.err))
	switch r.verdict {
	case untrusted:
		text += `: invite this host with "bwmon fleet invite" and have it join, or give it the right token`
	case unproven:
		text += ": check the address, the certificates to trust and both clocks"
	case elsewhere:
		text += ": is that the address of a bwmon receiver?"
	case tooLargeOnTheWay:
		text += ": a proxy on the way takes only smaller requests: let it take 8 MiB (nginx: client_max_body_size)"
	case refused, tooLarge:
		return text + "; later batches are sent nevertheless"
	}
	return text + "; what is counted waits in the queue"
}

// explainDisk says what helps where the queue cannot be written.
func explainDisk(err error, dir string) string {
	const memory = "until then batches wait in memory"
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf("no room to write %s: make some on its disk; %s", dir, memory)
	case errors.Is(err, errInUse):
		return fmt.Sprintf("%s; %s", clean(err), memory)
	}
	return fmt.Sprintf("write %s: %s: let this user write there; %s", dir, clean(err), memory)
}
