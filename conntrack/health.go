package conntrack

import (
	"fmt"
	"strings"
	"time"
)

// health counts what went otherwise than it should, since the monitor began.
type health struct {
	overruns uint64 // of the event socket, as last seen
	vanished uint64 // flows whose end no event told; bytes after their last dump are unknown
}

// lost is what the monitor knows it missed in this Run.
func (m *Monitor) lost(ev *eventSocket) uint64 {
	return ev.overruns.Load() + ev.garbled.Load() + m.table.garbled
}

// detail is the monitor's condition in one line.
func (m *Monitor) detail(ev *eventSocket) string {
	dumps := fmt.Sprintf("dump %s every %s", round(m.pace.cost), round(m.pace.spacing()))
	if m.pace.quiet {
		dumps += " while quiet"
	}
	parts := []string{fmt.Sprintf("%d flows", m.table.live), dumps}
	note := func(n uint64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	note(uint64(m.table.uncounted), "without counters (older than accounting)")
	note(uint64(m.table.offloaded), "offloaded (counted only with the flowtable's counter flag)")
	note(m.health.vanished, "ended unseen")
	note(m.table.resets, "counter resets")
	note(ev.overruns.Load(), "event overruns")
	note(ev.garbled.Load()+m.table.garbled, "unreadable messages")
	if m.setup.rule != nil {
		parts = append(parts, "accounting set up by bwmon")
	}
	if m.opts.Inside != nil {
		parts = append(parts, "forwarded ones counted")
	} else if d := m.opts.Owners.Detail(); d != "" {
		parts = append(parts, d)
	}
	if m.opts.Note != "" {
		parts = append(parts, m.opts.Note)
	}
	return strings.Join(parts, ", ")
}

func round(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d < time.Second:
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
