package history

import (
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	"bwmon/traffic"

	sqlite3 "modernc.org/sqlite/lib"
)

// Status is the condition of a Store.
type Status struct {
	State  string // as a monitor's: starting, running or failed
	Detail string // of a failure: why, and what helps
	Path   string
	// Size is that of the file and what belongs to it, MaxSize what bounds the file,
	// in bytes.
	Size, MaxSize int64
	// Oldest is where the oldest piece of each level begins: minute, five, hour,
	// day, month. A level without pieces is not in it.
	Oldest    map[string]time.Time
	LastFlush time.Time // zero: there was none yet
	// SetAside is the new name of a file that was damaged; "": none was.
	SetAside string
	// Waiting is how many figures are in memory only.
	Waiting int
	// Left is how many metrics of the last Snapshot there was no room for.
	Left int
	// Hosts is how many members a fleet has, HostsAside of which of them what was booked
	// last was damaged.
	Hosts      int
	HostsAside []string
	// Damaged is how many pieces were found damaged, and begun anew.
	Damaged int
}

// Status may be called by any goroutine.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Oldest = maps.Clone(status.Oldest)
	return status
}

// fail notes why it cannot be written.
func (s *Status) fail(err error) {
	s.State, s.Detail = traffic.StateFailed, explain(err, s.Path)
}

// since is when it was written last, for people.
func (s Status) since() string {
	if s.LastFlush.IsZero() {
		return "the start"
	}
	return s.LastFlush.UTC().Format(time.RFC3339)
}

// explain says what helps.
func explain(err error, path string) string {
	if code(err) == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Sprintf("no room to write %s: make some on its disk; until then what is counted waits in memory", path)
	}
	return fmt.Sprintf("write %s: %v; what is counted waits in memory", path, err)
}

// Monitor is the status as a row of monitors.
func (s Status) Monitor() traffic.MonitorStatus {
	m := traffic.MonitorStatus{Name: "history", Kind: "history", State: s.State, Detail: s.Detail}
	if m.Detail == "" {
		m.Detail = fmt.Sprintf("%s, %.1f MiB", s.Path, float64(s.Size)/(1<<20))
		if first, ok := s.first(); ok {
			m.Detail += ", since " + first.UTC().Format(time.DateOnly)
		}
	}
	if s.SetAside != "" {
		m.Detail += "; a damaged file is now " + s.SetAside
	}
	if n := len(s.HostsAside); n > 0 {
		m.Detail += fmt.Sprintf("; what was booked last was damaged of %d hosts, the first %s: what they carried until they published again is missing", n, s.HostsAside[0])
	}
	if s.Damaged > 0 {
		m.Detail += fmt.Sprintf("; %d damaged pieces were begun anew", s.Damaged)
	}
	if s.Left > 0 {
		m.Detail += fmt.Sprintf("; %d metrics have no trends: %d series and %d metrics may have some", s.Left, maxSeries, maxMetrics)
	}
	m.Detail = traffic.CleanText(m.Detail, traffic.MaxCommand)
	return m
}

// first is where the oldest piece of all begins.
func (s Status) first() (first time.Time, ok bool) {
	for _, t := range s.Oldest {
		if !ok || t.Before(first) {
			first, ok = t, true
		}
	}
	return first, ok
}
