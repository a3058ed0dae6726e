package process

import (
	"fmt"
	"strings"
	"time"
)

// Stats is what a Resolver did since it was made.
type Stats struct {
	Sockets     int           // in the latest look at all sockets
	Looks       uint64        // at all sockets
	Exact       uint64        // look-ups of one socket
	Gone        uint64        // sockets that had closed before they were looked up
	Passes      uint64        // over the descriptors of all processes
	Descriptors uint64        // read
	Dropped     uint64        // wants that did not fit into the queue
	Unheld      int           // sockets that no process in sight holds
	Denied      uint64        // processes whose descriptors the latest pass was not let read
	CPU         time.Duration // processor time used
	Fault       string        // what went wrong last; "" nothing did
}

// Stats returns the figures up to the work finished last.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Detail is one line on the resolver's condition, for people.
func (r *Resolver) Detail() string {
	s := r.Stats()
	var b strings.Builder
	fmt.Fprintf(&b, "%d sockets, %d looks, %d passes over /proc, %s CPU",
		s.Sockets, s.Looks, s.Passes, s.CPU.Round(time.Millisecond))
	for _, part := range []struct {
		n    uint64
		what string
	}{
		{uint64(s.Unheld), "sockets without a process"},
		{s.Gone, "sockets closed before they were seen"},
		{s.Dropped, "look-ups dropped"},
		{s.Denied, "processes not readable (run as root)"},
	} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	if s.Fault != "" {
		b.WriteString(", " + s.Fault)
	}
	return b.String()
}
