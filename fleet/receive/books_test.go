package receive

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"bwmon/traffic"
)

// ledger is Books that lie in memory: those that are flushed, and those that a crash
// takes away. Like a history it adds up differences.
type ledger struct {
	mu      sync.Mutex // protects the fields below
	now     map[string]page
	flushed map[string]page
	flushes int
	failing error         // what Flush answers
	full    error         // what Book answers
	gate    chan struct{} // Flush waits for it, if there is one
}

// page is what a ledger has of one host.
type page struct {
	kept Kept
	rows map[string]traffic.Counts // by app: what was added up; packets are those of disks
	at   map[string]bool           // when something was booked
}

func newLedger() *ledger {
	return &ledger{now: make(map[string]page), flushed: make(map[string]page)}
}

// crash is what a ledger that was killed finds when it is opened again.
func (l *ledger) crash() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{now: maps.Clone(l.flushed), flushed: maps.Clone(l.flushed)}
}

func (l *ledger) Kept() ([]Kept, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Kept
	for _, host := range slices.Sorted(maps.Keys(l.flushed)) {
		list = append(list, l.flushed[host].kept)
	}
	return list, nil
}

func countsOf(a *traffic.App) traffic.Counts {
	return traffic.Counts{RxBytes: a.RxBytes, TxBytes: a.TxBytes, RxPackets: a.DiskReadBytes, TxPackets: a.DiskWriteBytes}
}

func (l *ledger) Book(host string, s *traffic.Snapshot, note []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return l.full
	}
	p := l.now[host]
	rows, at := maps.Clone(p.rows), maps.Clone(p.at)
	if rows == nil {
		rows, at = make(map[string]traffic.Counts), make(map[string]bool)
	}
	if last := p.kept.Snapshot; last != nil && last.Run == s.Run {
		for i := range last.Apps {
			a := &last.Apps[i]
			rows[a.Name] = rows[a.Name].Sub(countsOf(a))
		}
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		rows[a.Name] = rows[a.Name].Add(countsOf(a))
	}
	maps.DeleteFunc(rows, func(_ string, c traffic.Counts) bool { return c.IsZero() })
	at[s.At.String()] = true
	l.now[host] = page{Kept{host, slices.Clone(note), s}, rows, at}
	return nil
}

func (l *ledger) Flush(ctx context.Context) error {
	l.mu.Lock()
	state, gate, failing := maps.Clone(l.now), l.gate, l.failing
	l.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if failing != nil {
		return failing
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushed = state
	l.flushes++
	return nil
}

func (l *ledger) Forget(host string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.now, host)
	delete(l.flushed, host)
	return nil
}

var errDiskFull = errors.New("the disk is full")

func (l *ledger) fail(flush, book error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing, l.full = flush, book
}

// count is how often it was flushed.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flushes
}

func (l *ledger) rows(host string) map[string]traffic.Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now[host].rows
}
