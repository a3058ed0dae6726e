package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"

	"bwmon/aggregate"
	"bwmon/conntrack"
	"bwmon/machine"
	"bwmon/machine/tasks"
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
	engine *aggregate.Engine
	owners *process.Resolver // nil where no monitor asks for any
	relays *relays
	things *things
	links  *machine.Monitor // nil where the machine is not looked at

	config   config // it works by
	monitors []traffic.Monitor
	posts    map[string]post // of the monitors that come and go with the configuration, by their names
}

// post is a monitor that the configuration asks for, or would: what of the
// configuration it depends on, so that another one is made where that changes.
type post struct {
	key  string
	make func() (traffic.Monitor, error)
}

// newSession starts nothing. Where the choice of monitors is the program's, it
// tries whether the socket monitor may run here. kept is what was switched by hand; nil:
// nothing is remembered.
func newSession(c config, takesReports bool, kept *choices) (*session, error) {
	s := &session{relays: &relays{}, things: &things{kept: kept}}
	o := engineOptions(c)
	if kept != nil {
		o.Off = func(name string) bool { return !kept.active(name, true) }
	}
	s.engine = aggregate.NewEngine(o)
	s.things.engine = s.engine
	if _, ok := findMonitor(c.Monitors, kindMachine); ok {
		s.links = machine.New(machine.Options{Interval: c.Interval})
	}
	if _, ok := findMonitor(c.Monitors, kindForward); ok || takesReports || kept != nil {
		s.relays.any = true
	}
	if kept != nil {
		s.resolver(c) // a relay may come with another configuration
	}
	if takesReports {
		s.relays.numbers = inFirstPIDs()
		s.relays.desk = pipe.NewDesk(pipe.DeskOptions{Interval: c.Interval, Processes: newPIDs("/proc", c.Mask), Mask: c.Mask})
		s.monitors = append(s.monitors, s.relays.desk)
	}
	sockets := newSocketMonitor(c, s.links, s.relays)
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
			s.monitors = append(s.monitors, s.links, s.vitals(c, m))
		}
	}
	s.config, s.posts = c, s.plan(c)
	for _, name := range slices.Sorted(maps.Keys(s.posts)) {
		m, err := s.posts[name].make()
		if err != nil {
			return nil, err
		}
		s.monitors = append(s.monitors, m)
	}
	s.relays.set(s.monitors)
	return s, nil
}

// plan is the monitors that come and go with the configuration: relays, probes and what
// looks at processes.
func (s *session) plan(c config) map[string]post {
	posts := make(map[string]post)
	for _, m := range c.Monitors {
		switch {
		case m.Kind == kindForward:
			o := m.Forward
			o.Interval, o.Processes = c.Interval, newPIDs("/proc", c.Mask)
			posts[pipe.NewForwarder(o).Name()] = post{fmt.Sprintf("%+v", m.Forward), func() (traffic.Monitor, error) {
				o.Owners = s.resolver(c)
				return pipe.NewForwarder(o), nil
			}}
		case m.Kind == kindMachine && m.Processes:
			cgroup, _ := findMonitor(c.Monitors, kindSocket)
			posts["processes"] = post{"", func() (traffic.Monitor, error) { return newTasks(c, cgroup.Cgroup), nil }}
		}
	}
	for _, p := range c.Probes {
		posts[traffic.SeriesID(traffic.SeriesProbe, p.Name)] = post{p.key(), func() (traffic.Monitor, error) {
			probe, err := p.open()
			if err != nil {
				return nil, usageError{fmt.Errorf("[[probe]] %s: %w", quoted(p.Name), err)}
			}
			return probe, nil
		}}
	}
	return posts
}

// vitals makes the monitor of the machine's series. Which of them are measured is
// asked of what the session works by then.
func (s *session) vitals(c config, m monitorConfig) traffic.Monitor {
	root, err := socket.Root("/proc")
	if err != nil {
		root = "" // containers and units go without
	}
	chosen := m.Series
	s.things.choice.Store(&chosen)
	v := machine.NewVitals(machine.VitalsOptions{
		Interval: c.Interval, Cgroup: root, Name: process.CgroupNames, Active: s.things.measures,
	})
	s.things.vitals = v
	return v
}

// newTasks makes the monitor of what processes use.
func newTasks(c config, cgroup string) traffic.Monitor {
	root, err := socket.Root("/proc")
	if err != nil {
		root = ""
	}
	return tasks.New(tasks.Options{
		Interval: c.Interval, Cgroup: cgroup, Owners: process.NewDescriber(process.Options{Mask: c.Mask}, root),
	})
}

// resolver returns the one that all monitors share.
func (s *session) resolver(c config) *process.Resolver {
	if s.owners == nil {
		s.owners = process.New(process.Options{Interval: c.Interval, Mask: c.Mask})
	}
	return s.owners
}

// relays are those of which the sockets have no rows of their own. Any goroutine may
// use it.
type relays struct {
	any  bool       // else there is none to know; it does not change once a session runs
	desk *pipe.Desk // nil where none report; likewise
	// numbers: those of processes are here what they are to the kernel.
	numbers bool

	mu sync.RWMutex
	// mu protects the field below.
	own []*pipe.Forwarder
}

// set makes the relays among monitors those that are known.
func (r *relays) set(monitors []traffic.Monitor) {
	var own []*pipe.Forwarder
	for _, m := range monitors {
		if f, ok := m.(*pipe.Forwarder); ok {
			own = append(own, f)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own = own
}

// Has implements socket.Relays.
func (r *relays) Has(cookie uint64, pid int) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
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
