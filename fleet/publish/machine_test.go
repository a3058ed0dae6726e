package publish

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// machine is a host whose totals grow, move, go away and come back. What it says in a run
// follows from the run alone.
type machine struct {
	rand *rand.Rand
	at   time.Time
	now  *traffic.Snapshot
}

// start begins a run of the engine.
func start(run int, at time.Time) *machine {
	return &machine{
		rand: rand.New(rand.NewPCG(uint64(run), 7)), at: at,
		now: &traffic.Snapshot{Schema: traffic.SchemaVersion, Host: "gw", Run: fmt.Sprint("run-", run), At: at.UTC(), Interval: 1},
	}
}

// next is the next snapshot. It shares nothing that changes with the one before.
func (m *machine) next(after time.Duration) *traffic.Snapshot {
	s := *m.now
	s.At, s.Elapsed = s.At.Add(after), s.Elapsed+1
	s.Apps = slices.Clone(s.Apps)
	for range 3 {
		m.app(&s)
	}
	if m.rand.IntN(4) == 0 && len(s.Apps) > 3 { // one goes away
		i := m.rand.IntN(len(s.Apps))
		s.Apps = slices.Delete(s.Apps, i, i+1)
	}
	s.LANHosts = []traffic.LANHost{{Host: netip.AddrFrom4([4]byte{198, 18, 0, byte(m.rand.IntN(3))}), Usage: m.more(traffic.Usage{})}}
	s.Interfaces = []traffic.Interface{{Name: "eth0", Balanced: true, Usage: traffic.Usage{RxBytes: uint64(s.Elapsed) * 1000}}}
	s.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: float64(m.rand.IntN(5))}}}}
	s.Balance = traffic.Balance{InterfaceRx: uint64(s.Elapsed) * 1000}
	m.now = &s
	return &s
}

func (m *machine) more(u traffic.Usage) traffic.Usage {
	u.RxBytes += m.rand.Uint64N(5000)
	u.TxBytes += m.rand.Uint64N(3)
	return u
}

// app has one app carry something, or begins it; at times it moves bytes between commands.
func (m *machine) app(s *traffic.Snapshot) {
	name := fmt.Sprint("app", m.rand.IntN(12))
	i := slices.IndexFunc(s.Apps, func(a traffic.App) bool { return a.Name == name })
	if i < 0 {
		i = len(s.Apps)
		s.Apps = append(s.Apps, traffic.App{Name: name})
	}
	a := &s.Apps[i]
	a.Commands = slices.Clone(a.Commands)
	command := fmt.Sprint("command ", m.rand.IntN(4))
	j := slices.IndexFunc(a.Commands, func(c traffic.Command) bool { return c.Command == command })
	if j < 0 {
		j = len(a.Commands)
		a.Commands = append(a.Commands, traffic.Command{Command: command})
	}
	c := &a.Commands[j]
	c.Usage = m.more(c.Usage)
	c.DiskReadBytes += m.rand.Uint64N(2) * 4096
	if last := &a.Commands[len(a.Commands)-1]; m.rand.IntN(5) == 0 && last != c {
		last.RxBytes, c.RxBytes = last.RxBytes+c.RxBytes, 0
	}
	a.Usage, a.Resources = traffic.Usage{}, traffic.Resources{}
	for _, c := range a.Commands {
		a.RxBytes, a.TxBytes = a.RxBytes+c.RxBytes, a.TxBytes+c.TxBytes
		a.DiskReadBytes += c.DiskReadBytes
	}
}

// total is what a row has, to the byte.
type total struct{ rx, tx, read uint64 }

// totals are those of all rows, and the time of the snapshot.
func totals(s *traffic.Snapshot) map[fleet.Key]total {
	all := map[fleet.Key]total{{Kind: "elapsed"}: {rx: uint64(s.Elapsed)}, {Kind: "balance"}: {rx: s.Balance.InterfaceRx}}
	fleet.Rows(s, func(k fleet.Key, u *traffic.Usage, r *traffic.Resources) {
		t := total{rx: u.RxBytes, tx: u.TxBytes}
		if r != nil {
			t.read = r.DiskReadBytes
		}
		all[k] = t
	})
	return all
}
