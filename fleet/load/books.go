package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"bwmon/traffic"
)

// books are made up for one host: totals that grow. They are for one goroutine.
type books struct {
	host, run string
	began     time.Time
	last      time.Time
	interval  time.Duration
	seed      uint64
	chance    *rand.Rand
	commands  int // made so far

	apps       []app
	interfaces []traffic.Interface
	balance    traffic.Balance
	gauges     gauges
	// fresh is how many new apps there are in an hour; the fraction of the next one that is
	// due.
	fresh, due float64
}

// app is one of a host's apps, in which a busy one moves something each time.
type app struct {
	traffic.App
	busy bool
	pace float64 // bytes per second
}

const (
	// catalogue is how many apps there are in the whole fleet: hosts have many in common.
	catalogue = 200
	// Of ten apps, three are always busy and one more by chance.
	busyOf, byChance = 3, 0.14
)

// newBooks makes those of a host that runs so many apps.
func newBooks(host string, seed uint64, apps int, fresh float64, now time.Time, interval time.Duration) *books {
	b := &books{
		host: host, began: now, last: now, interval: interval, seed: seed, chance: rand.New(rand.NewPCG(seed, 1)), fresh: fresh,
		interfaces: []traffic.Interface{{Name: "eth0", Balanced: true, SpeedBits: 1e9}, {Name: "lo"}},
	}
	// The name is in it, so that the text of one host becomes that of another by replacing it.
	b.run = fmt.Sprintf("%s-%016x", host, now.UnixNano())
	for i := range apps {
		name := fmt.Sprintf("service-%d", (uint64(i)*3+seed)%catalogue)
		if i >= catalogue {
			name = fmt.Sprintf("service-%d-%d", seed, i)
		}
		b.open(name, i%10 < busyOf)
	}
	b.gauges = newGauges(b.chance)
	return b
}

// open adds an app with one command, or two.
func (b *books) open(name string, busy bool) {
	a := app{App: traffic.App{Name: name}, busy: busy, pace: 200 * float64(uint64(1)<<b.chance.IntN(14))}
	for range 1 + b.chance.IntN(5)/4 {
		a.Commands = append(a.Commands, b.command(name))
	}
	b.apps = append(b.apps, a)
}

func (b *books) command(app string) traffic.Command {
	b.commands++
	return traffic.Command{
		Command: fmt.Sprintf("/usr/lib/%s/bin/worker --config /etc/%s/worker-%d.toml", app, app, b.commands),
		User:    app, Unit: app + ".service", Processes: 1,
	}
}

// at moves the books on to now, and returns what is published of them, which nobody
// changes any more.
func (b *books) at(now time.Time) *traffic.Snapshot {
	span := max(now.Sub(b.last).Seconds(), 0.001)
	b.last = now
	var moved traffic.Usage
	for i := range b.apps {
		a := &b.apps[i]
		if a.busy || b.chance.Float64() < byChance {
			b.move(a, span)
		} else {
			a.rest()
		}
		moved.RxBytes += a.RxBytes
		moved.TxBytes += a.TxBytes
	}
	b.carry(moved, span)
	b.renew(span)
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: b.host, Run: b.run, At: now, Elapsed: now.Sub(b.began).Seconds(), Interval: b.interval.Seconds(),
		Monitors: monitors, Interfaces: slices.Clone(b.interfaces), Balance: b.balance, Series: b.gauges.next(b.chance, span),
		Apps: make([]traffic.App, len(b.apps)),
	}
	for i := range b.apps {
		s.Apps[i] = b.apps[i].App
		s.Apps[i].Commands = slices.Clone(b.apps[i].Commands)
	}
	return s
}

var monitors = []traffic.MonitorStatus{
	{Name: "socket", Kind: "socket", State: traffic.StateRunning, Detail: "212 flows of 198 sockets, read in 1ms every 1s"},
	{Name: "machine", Kind: "machine", State: traffic.StateRunning, Detail: "2 interfaces, 1 in the balance"},
	{Name: "vitals", Kind: "vitals", State: traffic.StateRunning, Detail: "20 series"},
	{Name: "processes", Kind: "processes", State: traffic.StateRunning, Detail: "143 processes"},
}

// move is what an app does in a span, in seconds: one of its commands does it.
func (b *books) move(a *app, span float64) {
	c := &a.Commands[b.chance.IntN(len(a.Commands))]
	bytes := a.pace * span * (0.5 + b.chance.Float64())
	rx, tx := uint64(bytes), uint64(bytes/7)+40
	c.RxBytes, c.TxBytes = c.RxBytes+rx, c.TxBytes+tx
	c.RxRate, c.TxRate = float64(rx)/span, float64(tx)/span
	wrote := uint64(b.chance.IntN(64)) << 12
	c.DiskWriteBytes, c.DiskWriteRate = c.DiskWriteBytes+wrote, float64(wrote)/span
	c.CacheReadBytes, c.CacheWriteBytes = c.CacheReadBytes+rx, c.CacheWriteBytes+wrote
	c.CPUPercent, c.MemoryBytes = b.chance.Float64()*5, uint64(5000+b.chance.IntN(3000))<<12
	c.Connections = 1 + b.chance.IntN(9)
	a.sum()
}

// rest is that an app did nothing.
func (a *app) rest() {
	if a.RxRate == 0 && a.DiskWriteRate == 0 && a.CPUPercent == 0 {
		return
	}
	for i := range a.Commands {
		c := &a.Commands[i]
		c.RxRate, c.TxRate, c.DiskWriteRate, c.CPUPercent = 0, 0, 0, 0
	}
	a.sum()
}

func (a *app) sum() {
	a.Usage, a.Resources, a.Processes, a.Connections = traffic.Usage{}, traffic.Resources{}, 0, 0
	for i := range a.Commands {
		c := &a.Commands[i]
		a.RxBytes, a.TxBytes = a.RxBytes+c.RxBytes, a.TxBytes+c.TxBytes
		a.RxRate, a.TxRate = a.RxRate+c.RxRate, a.TxRate+c.TxRate
		a.Resources = a.Add(c.Resources)
		a.Processes, a.Connections = a.Processes+c.Processes, a.Connections+c.Connections
	}
}

// carry lets the interfaces carry what the apps did, and what nobody is known to own.
func (b *books) carry(apps traffic.Usage, span float64) {
	n := &b.balance
	n.LocalRx, n.LocalTx = apps.RxBytes, apps.TxBytes
	n.UnattributedRx += uint64(b.chance.IntN(2000))
	n.ResidualRx, n.ResidualTx = 120, -40
	rx, tx := n.LocalRx+n.UnattributedRx+120, n.LocalTx
	tx -= min(tx, 40)
	pass(&b.interfaces[0], rx-n.InterfaceRx, tx-min(n.InterfaceTx, tx), span)
	n.InterfaceRx, n.InterfaceTx = b.interfaces[0].RxBytes, b.interfaces[0].TxBytes
	local := uint64(b.chance.IntN(100_000))
	pass(&b.interfaces[1], local, local, span)
}

func pass(i *traffic.Interface, rx, tx uint64, span float64) {
	const packet = 900
	i.RxBytes, i.TxBytes = i.RxBytes+rx, i.TxBytes+tx
	i.RxRate, i.TxRate = float64(rx)/span, float64(tx)/span
	i.RxPackets, i.TxPackets = i.RxPackets+rx/packet+1, i.TxPackets+tx/packet+1
}

// renew ends a command of one of ten apps in a minute, or so, and begins another: what it
// carried stands in the row of those that are no longer named. Now and then an app is new.
func (b *books) renew(span float64) {
	if b.chance.Float64() < span*float64(len(b.apps))/600 {
		a := &b.apps[b.chance.IntN(len(b.apps))]
		i := slices.IndexFunc(a.Commands, func(c traffic.Command) bool { return c.Command == traffic.CommandsFolded })
		if i < 0 {
			a.Commands = append(a.Commands, traffic.Command{Command: traffic.CommandsFolded})
			i = len(a.Commands) - 1
		}
		ended := &a.Commands[0]
		if i == 0 {
			ended = &a.Commands[1]
		}
		folded := &a.Commands[i]
		folded.RxBytes, folded.TxBytes = folded.RxBytes+ended.RxBytes, folded.TxBytes+ended.TxBytes
		folded.DiskWriteBytes += ended.DiskWriteBytes
		folded.CacheReadBytes, folded.CacheWriteBytes = folded.CacheReadBytes+ended.CacheReadBytes, folded.CacheWriteBytes+ended.CacheWriteBytes
		*ended = b.command(a.Name)
		a.sum()
	}
	for b.due += b.fresh * span / 3600; b.due >= 1; b.due-- {
		b.open(fmt.Sprintf("job-%d-%d", b.seed, len(b.apps)), false)
	}
}
