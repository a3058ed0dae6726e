package history

import (
	"math"
	"net/netip"
	"time"

	"bwmon/traffic"
)

// commandKey is a row of a Snapshot's commands.
type commandKey struct{ app, command, user, container, unit string }

// hostKey is a row of hosts: its address or, where it stands for others, its name.
type hostKey struct {
	addr netip.Addr
	name string
}

func hostKeyOf(addr netip.Addr, name string) hostKey {
	switch {
	case addr.IsValid():
		return hostKey{addr: addr.WithZone("")}
	case name == "":
		return hostKey{name: traffic.HostsFolded}
	}
	return hostKey{name: name}
}

func (k hostKey) String() string {
	if k.addr.IsValid() {
		return k.addr.String()
	}
	return k.name
}

// intake takes the differences of Snapshots. It books all totals of the first one:
// they count from when the monitors started, and so do those of a Snapshot of another
// engine.
type intake struct {
	roster *roster
	purse  *purse // of a member; nil: there is one host only

	taken      bool
	run        string    // the engine's; "": it does not say
	start      time.Time // of the monitors
	elapsed    float64
	commands   *shelf[commandKey]
	work       *shelf[commandKey] // likewise, what they read and wrote
	lanHosts   *shelf[hostKey]
	remotes    *shelf[hostKey]
	pipes      *shelf[string]
	interfaces links
	carried    octets // by interfaces in the balance, since the former Snapshot
	disks      disks
	gauges     gauges
	clock      *series // kindTime
	said       int64   // milliseconds between the last Snapshots
	unsaid     float64 // elapsed time that is no whole millisecond
	measured   int64   // milliseconds, by all engines
}

func newIntake(r *roster) *intake { return newIntakeFor(r, nil) }

// newIntakeFor is that of a member of a fleet, where the roster's time is not its own.
func newIntakeFor(r *roster, q *purse) *intake {
	in := &intake{roster: r, purse: q, clock: &series{kind: kindTime, others: true}, gauges: gauges{roster: r, purse: q}}
	in.begin()
	return in
}

func (in *intake) find(k kind, app *series, name string) *series {
	return in.roster.findFor(in.purse, k, app, name)
}

// begin forgets what was booked: all totals begin at zero.
func (in *intake) begin() {
	in.taken, in.elapsed, in.interfaces, in.disks = false, 0, links{}, disks{}
	in.commands, in.work = in.shelfOf(kindApp), in.shelfOf(kindDiskApp)
	in.lanHosts, in.remotes = in.hosts(kindLANHost), in.hosts(kindRemoteHost)
	in.pipes = newShelf(rowKind[string]{
		group:  func(string) string { return "" },
		folded: func(k string) bool { return k == traffic.PipesFolded },
		steady: func(string) bool { return false },
		feeds:  func(k string) []*series { return []*series{in.find(kindPipe, nil, k)} },
	})
}

// shelfOf is one of commands: first is the kind of their apps.
func (in *intake) shelfOf(first kind) *shelf[commandKey] {
	return newShelf(rowKind[commandKey]{
		group: func(k commandKey) string {
			if k.app == traffic.AppOther {
				return ""
			}
			return k.app
		},
		folded: func(k commandKey) bool { return k.command == traffic.CommandsFolded },
		steady: func(k commandKey) bool { return k.command == traffic.AppUnattributed },
		feeds:  func(k commandKey) []*series { return in.commandFeeds(k, first) },
	})
}

func (in *intake) hosts(k kind) *shelf[hostKey] {
	return newShelf(rowKind[hostKey]{
		group:  func(hostKey) string { return "" },
		folded: func(h hostKey) bool { return h.name == traffic.HostsFolded },
		steady: func(h hostKey) bool { return h.name == traffic.HostUnknown },
		feeds:  func(h hostKey) []*series { return []*series{in.find(k, nil, h.String())} },
	})
}

// commandFeeds are the series of a command's bytes. Their kinds stand in the order of
// those of traffic.
func (in *intake) commandFeeds(k commandKey, first kind) []*series {
	as := func(k kind) kind { return k - kindApp + first }
	app := in.find(as(kindApp), nil, k.app)
	feeds := []*series{app, in.find(as(kindCommand), app, k.command)}
	for _, of := range []struct {
		kind kind
		name string
	}{{kindUser, k.user}, {kindContainer, k.container}, {kindUnit, k.unit}} {
		if of.name != "" {
			feeds = append(feeds, in.find(as(of.kind), nil, of.name))
		}
	}
	return feeds
}

// take books what happened since the former Snapshot.
func (in *intake) take(s *traffic.Snapshot, book func(*series, octets)) {
	if in.taken && in.restarted(s) {
		in.begin()
	}
	elapsed := s.Elapsed
	if !(elapsed >= in.elapsed && elapsed < math.MaxInt32) { // nobody's uptime
		elapsed = in.elapsed
	}
	unsaid := (elapsed-in.elapsed)*1000 + in.unsaid
	said := int64(unsaid)
	in.unsaid = unsaid - float64(said)
	in.said = said
	in.measured += said
	if in.purse == nil {
		in.roster.now = in.measured / 1000
	}
	book(in.clock, octets{rx: said})

	in.takeCommands(s.Apps, book)
	in.lanHosts.begin()
	for i := range s.LANHosts {
		h := &s.LANHosts[i]
		in.lanHosts.see(hostKeyOf(h.Host, h.Name), totalOf(&h.Usage))
	}
	in.lanHosts.settle(book)
	if s.RemoteHosts != nil { // they are not in every Snapshot
		in.remotes.begin()
		for i := range s.RemoteHosts {
			h := &s.RemoteHosts[i]
			in.remotes.see(hostKeyOf(h.Host, h.Name), totalOf(&h.Usage))
		}
		in.remotes.settle(book)
	}
	in.pipes.begin()
	for i := range s.Pipes {
		in.pipes.see(s.Pipes[i].Name, totalOf(&s.Pipes[i].Usage))
	}
	in.pipes.settle(book)
	in.carried = octets{}
	for i, o := range in.interfaces.take(s.Interfaces, elapsed) {
		if s.Interfaces[i].Balanced {
			in.carried = in.carried.add(o)
		}
		// Zero too: that it was there is what percentiles have to know.
		book(in.find(kindInterface, nil, s.Interfaces[i].Name), o)
	}
	in.disks.take(s.Series, func(name string, o octets) { book(in.find(kindDisk, nil, name), o) })
	in.taken, in.run, in.elapsed, in.start = true, s.Run, elapsed, startOfMonitors(s)
}

func (in *intake) takeCommands(apps []traffic.App, book func(*series, octets)) {
	in.commands.begin()
	in.work.begin()
	for i := range apps {
		a := &apps[i]
		for j := range a.Commands {
			c := &a.Commands[j]
			k := commandKey{a.Name, c.Command, c.User, c.Container, c.Unit}
			in.commands.see(k, totalOf(&c.Usage))
			in.work.see(k, total{c.DiskReadBytes, c.DiskWriteBytes})
		}
	}
	in.commands.settle(book)
	in.work.settle(book)
}

// restarted reports whether a Snapshot is not of the engine of the former one. Where
// they do not say, its elapsed time is shorter, or began elsewhere on the monotonic
// clock, if there is one; the wall clock may be set.
func (in *intake) restarted(s *traffic.Snapshot) bool {
	if s.Run != "" && in.run != "" {
		return s.Run != in.run
	}
	if s.Elapsed < in.elapsed {
		return true
	}
	start := startOfMonitors(s)
	if !isMonotonic(start) || !isMonotonic(in.start) {
		return false
	}
	return start.Sub(in.start).Abs() > time.Second
}

func startOfMonitors(s *traffic.Snapshot) time.Time {
	return s.At.Add(-time.Duration(s.Elapsed * float64(time.Second)))
}

// isMonotonic reports whether a time has a reading of the monotonic clock, which
// rounding takes from it.
func isMonotonic(t time.Time) bool { return t != t.Round(0) }
