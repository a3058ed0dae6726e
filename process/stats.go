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
	fmt.Fprintf(&b, "%s, %s, %s over /proc, %s CPU",
		amount(uint64(s.Sockets), "socket", "sockets"), amount(s.Looks, "look", "looks"),
		amount(s.Passes, "pass", "passes"), s.CPU.Round(time.Millisecond))
	for _, part := range []struct {
		n         uint64
		one, many string
	}{
		{uint64(s.Unheld), "socket without a process", "sockets without a process"},
		{s.Gone, "socket closed before it was seen", "sockets closed before they were seen"},
		{s.Dropped, "look-up dropped", "look-ups dropped"},
		{s.Denied, "process not readable (run as root)", "processes not readable (run as root)"},
	} {
		if part.n > 0 {
			b.WriteString(", " + amount(part.n, part.one, part.many))
		}
	}
	if s.Fault != "" {
		b.WriteString(", " + s.Fault)
	}
	return b.String()
}

// amount is n things.
func amount(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
