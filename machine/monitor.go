// Package machine measures the machine itself, in two monitors. Monitor reads the
// network interfaces: what each carried in layer-3 bytes, and which of them
// together make up the host's traffic, each byte once. Vitals measures what else has
// figures: disks, processors, memory, mounts, pressure, errors of interfaces,
// temperatures, storage I/O of containers and units.
package machine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"bwmon/traffic"
)

// defaultInterval is used where Options names none.
const defaultInterval = time.Second

// Options says how a Monitor works. The zero value is usable.
type Options struct {
	Interval time.Duration // between two readings; 0: one second
	Proc     string        // where procfs is mounted; "": /proc
}

// Monitor reads the network interfaces of one network namespace: the one of
// the thread that calls Run.
type Monitor struct {
	interval time.Duration
	proc     string
	balanced atomic.Pointer[[]int]
}

var _ traffic.Monitor = (*Monitor)(nil)

// New returns a monitor that has not started.
func New(o Options) *Monitor {
	m := &Monitor{interval: o.Interval, proc: o.Proc}
	if m.interval <= 0 {
		m.interval = defaultInterval
	}
	if m.proc == "" {
		m.proc = "/proc"
	}
	return m
}

// Name is "machine".
func (m *Monitor) Name() string { return "machine" }

// Balanced returns the indices of the interfaces that make up the host's
// traffic, ascending, as of the latest reading; nil before the first. Nobody
// may write to the list. Any goroutine may call it at any time.
func (m *Monitor) Balanced() []int {
	if list := m.balanced.Load(); list != nil {
		return *list
	}
	return nil
}

// publish renews what Balanced returns where that changed.
func (m *Monitor) publish(list []traffic.InterfaceTotal) {
	known, n := m.Balanced(), 0
	same := true
	for i := range list {
		if list[i].Balanced {
			same = same && n < len(known) && known[n] == list[i].Index
			n++
		}
	}
	if same && n == len(known) {
		return
	}
	now := make([]int, 0, n)
	for i := range list {
		if list[i].Balanced {
			now = append(now, list[i].Index)
		}
	}
	m.balanced.Store(&now)
}

// Run reads the interfaces at once, then every interval, and a last time when
// ctx is cancelled; it emits a complete batch each time. It opens its sockets
// in the calling goroutine and starts no other.
func (m *Monitor) Run(ctx context.Context, emit func(traffic.Batch)) error {
	s, err := newSource(m.proc)
	if err != nil {
		return err
	}
	defer s.close()
	tick := time.NewTicker(m.interval)
	defer tick.Stop()
	for {
		batch, err := s.read()
		if err != nil {
			return err
		}
		batch.Monitor, batch.At = m.Name(), time.Now()
		m.publish(batch.Interfaces)
		emit(batch)
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// source is the kernel's side of a running monitor: its sockets and what it
// has told so far. One goroutine uses it.
type source struct {
	links *linkReader
	speed *speedReader
	proc  string
	table table

	detail         string // of the counts below
	total, balance int
}

func newSource(proc string) (*source, error) {
	links, err := newLinkReader()
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	speed, err := newSpeedReader()
	if err != nil {
		links.close()
		return nil, fmt.Errorf("open a socket for ethtool: %w", err)
	}
	return &source{links: links, speed: speed, proc: proc, table: newTable()}, nil
}

func (s *source) close() {
	s.links.close()
	s.speed.close()
}

// read takes one reading of all interfaces.
func (s *source) read() (traffic.Batch, error) {
	s.table.begin()
	if err := s.links.dump(s.table.update); err != nil {
		return traffic.Batch{}, fmt.Errorf("list network interfaces: %w", err)
	}
	// After the dump: what it no longer lists has left its farewell by now.
	if err := s.links.farewells(s.table.remove); err != nil {
		return traffic.Batch{}, fmt.Errorf("listen for removed network interfaces: %w", err)
	}
	for _, d := range s.table.devices {
		if d.linkChanged {
			d.speed = s.speed.bits(d.rawName)
		}
	}
	if s.table.hasPPP() {
		markPPPoE(s.proc, s.table.byName)
	}
	s.table.classify()
	list := s.table.finish()
	s.describe(list)
	return traffic.Batch{
		Interfaces: list, Complete: true,
		Lost: s.links.lost, Detail: s.detail,
	}, nil
}

// describe renews the detail where its figures changed.
func (s *source) describe(list []traffic.InterfaceTotal) {
	balance := 0
	for i := range list {
		if list[i].Balanced {
			balance++
		}
	}
	if s.detail == "" || s.total != len(list) || s.balance != balance {
		s.total, s.balance = len(list), balance
		s.detail = fmt.Sprintf("%d interfaces, %d in the balance", len(list), balance)
	}
}
