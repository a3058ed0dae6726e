package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"bwmon/aggregate"
	"bwmon/conntrack"
	"bwmon/machine"
	"bwmon/pipe"
	"bwmon/process"
	"bwmon/socket"
	"bwmon/traffic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// session is the rooms, wired: monitors, the resolver that tells them owners,
// and the engine that books what they sample. It runs once.
type session struct {
	engine   *aggregate.Engine
	owners   *process.Resolver // nil where no monitor asks for any
	monitors []traffic.Monitor
	relays   *relays
}

// newSession starts nothing. Where the choice of monitors is the program's, it
// tries whether the socket monitor may run here.
func newSession(c config, takesReports bool) *session {
	var links *machine.Monitor
	if _, ok := findMonitor(c.Monitors, kindMachine); ok {
		links = machine.New(machine.Options{Interval: c.Interval})
	}
	s := &session{engine: aggregate.NewEngine(engineOptions(c)), relays: &relays{}}
	if _, ok := findMonitor(c.Monitors, kindForward); ok || takesReports {
		s.relays.any = true
	}
	if takesReports {
		s.relays.numbers = inFirstPIDs()
		s.relays.desk = pipe.NewDesk(pipe.DeskOptions{Interval: c.Interval, Processes: newPIDs("/proc", c.Mask), Mask: c.Mask})
		s.monitors = append(s.monitors, s.relays.desk)
	}
	sockets := newSocketMonitor(c, links, s.relays)
	if sockets != nil && c.Auto {
		err := sockets.Open()
		if lean := sockets.Lean(); lean != "" { // older than Linux 6.3
			err = errors.Join(errors.New("on this kernel "+lean), sockets.Close())
		}
		if err != nil {
			c.without(err)
			sockets = nil
		}
	}
	for _, m := range c.Monitors {
		switch m.Kind {
		case kindSocket:
			s.monitors = append(s.monitors, sockets)
		case kindConntrack:
			o := conntrack.Options{
				Interval: c.Interval, MaxShare: m.MaxShare, Lookback: m.Lookback, NoSetup: !m.Setup,
			}
			if sockets != nil { // it counts what is forwarded, and nobody's sockets
				o.Inside = sockets
				sockets.Has(netip.Addr{}) // it is asked from now on
			} else {
				o.Owners = s.resolver(c)
			}
			if c.Without != nil {
				o.Note = "without the socket monitor: " + c.Without.Error()
			}
			s.monitors = append(s.monitors, conntrack.New(o))
		case kindMachine:
			s.monitors = append(s.monitors, links)
		case kindForward:
			o := m.Forward
			o.Interval, o.Owners, o.Processes = c.Interval, s.resolver(c), newPIDs("/proc", c.Mask)
			f := pipe.NewForwarder(o)
			s.relays.own = append(s.relays.own, f)
			s.monitors = append(s.monitors, f)
		}
	}
	return s
}

// resolver returns the one that all monitors share.
func (s *session) resolver(c config) *process.Resolver {
	if s.owners == nil {
		s.owners = process.New(process.Options{Interval: c.Interval, Mask: c.Mask})
	}
	return s.owners
}

// relays are those of which the sockets have no rows of their own. It does not
// change once a session runs.
type relays struct {
	any  bool // else there is none to know
	own  []*pipe.Forwarder
	desk *pipe.Desk // nil where none report
	// numbers: those of processes are here what they are to the kernel.
	numbers bool
}

// Has implements socket.Relays.
func (r *relays) Has(cookie uint64, pid int) bool {
	for _, f := range r.own {
		if f.Has(cookie) {
			return true
		}
	}
	return r.desk != nil && r.numbers && pid != 0 && r.desk.Has(pid)
}

// inFirstPIDs reports whether the numbers of processes are here what they are to
// the kernel, and not those of a container.
func inFirstPIDs() bool {
	const first = 0xeffffffc // PROC_PID_INIT_INO of linux/proc_ns.h
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == first
}

// newSocketMonitor returns nil where none is wanted. links may be nil.
func newSocketMonitor(c config, links *machine.Monitor, r *relays) *socket.Monitor {
	m, ok := findMonitor(c.Monitors, kindSocket)
	if !ok {
		return nil
	}
	root, err := socket.Root("/proc")
	if err != nil {
		root = "" // Run says so; containers and units go without names
	}
	o := socket.Options{
		Interval: c.Interval, MaxShare: m.MaxShare, Cgroup: m.Cgroup, MaxFlows: m.MaxFlows,
		Processes: process.NewDescriber(process.Options{Mask: c.Mask}, root),
	}
	if r.any {
		o.Relays = r
	}
	if links != nil {
		o.Interfaces = links
	}
	return socket.New(o)
}

func engineOptions(c config) aggregate.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	o := aggregate.Options{
		Host: traffic.CleanText(host, traffic.MaxWord), Interval: c.Interval, Now: now,
		Rules:   aggregate.Rules{AutoGroup: c.AutoGroup},
		Remotes: c.Remotes,
		Filters: make(map[string]aggregate.Filter),
	}
	for _, a := range c.Apps {
		o.Rules.Apps = append(o.Rules.Apps, aggregate.AppRule{
			Name: a.Name, Match: a.Match, User: a.User, Container: a.Container, Unit: a.Unit,
		})
	}
	for _, m := range c.Monitors {
		name := m.Kind
		if m.Kind == kindForward { // of which there may be several
			name = pipe.NewForwarder(m.Forward).Name()
		}
		o.Filters[name] = aggregate.Filter{Include: m.Include, Exclude: m.Exclude, IgnoreLocal: m.IgnoreLocal}
	}
	return o
}

// run keeps the books until ctx is cancelled and every monitor has undone
// what it set up. Owners can be looked up until the last byte is booked.
func (s *session) run(ctx context.Context) error {
	lookups, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var g errgroup.Group
	g.Go(func() error {
		if s.owners == nil {
			return nil
		}
		if err := s.owners.Run(lookups); err != nil {
			return fmt.Errorf("look up processes: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		defer stop()
		return s.engine.Run(ctx, s.monitors...)
	})
	return g.Wait()
}
