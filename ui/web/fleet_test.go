package web

import (
	"fmt"
	"sync"
	"time"

	"bwmon/traffic"
)

// fleet is a receiver with so many members, at a tick: the second of them is silent, the
// third refused. Each runs some of twelve apps.
func fleet(tick, n int) *traffic.Snapshot {
	s := empty(tick)
	s.Host = "receiver"
	apps := make([]traffic.App, 12)
	for i := range apps {
		apps[i].Name = fmt.Sprintf("app %02d", i)
	}
	for i := range n {
		u := usage(uint64(tick * (n - i) * 1000))
		m := traffic.Member{
			Host: memberName(i), Usage: u, State: traffic.MemberReporting, Seen: s.At, Silent: 1,
			Apps: len(apps) / 2, Connections: i % 7, Alerts: i % 50 / 49, Unbooked: uint64(i * 100), Clock: float64(i%9) - 4, Waiting: uint64(i % 3),
		}
		switch i {
		case 1:
			m.State, m.Silent, m.Seen = traffic.MemberSilent, 754, s.At.Add(-754*time.Second)
			m.RxRate, m.TxRate = 0, 0
		case 2:
			m.State, m.Detail = traffic.MemberRefused, "its clock is an hour ahead"
		}
		s.Hosts = append(s.Hosts, m)
		s.Series = append(s.Series, traffic.Series{Kind: traffic.SeriesHost, Name: m.Host, Metrics: traffic.Metrics{
			{Name: "silent_s", Value: m.Silent}, {Name: "clock_s", Value: m.Clock}, {Name: "waiting", Value: float64(m.Waiting)},
			{Name: "apps", Value: float64(m.Apps)}, {Name: "rx_bytes_per_s", Value: m.RxRate}, {Name: "unbooked_bytes", Value: float64(m.Unbooked)},
		}})
		s.Balance.InterfaceRx += m.RxBytes
		for j := range apps {
			if (i+j)%2 == 0 {
				continue
			}
			a := &apps[j]
			c := traffic.Command{Command: m.Host, Host: m.Host, Usage: usage(u.RxBytes / uint64(j+2)), Connections: 1, Processes: 1}
			a.Commands = append(a.Commands, c)
			a.RxBytes, a.TxBytes, a.RxRate, a.TxRate = a.RxBytes+c.RxBytes, a.TxBytes+c.TxBytes, a.RxRate+c.RxRate, a.TxRate+c.TxRate
			a.Connections++
		}
	}
	s.Apps = apps
	return s
}

func memberName(i int) string { return fmt.Sprintf("web-%04d.example.net", i) }

// crew are the members of a fleet, for whom a test publishes.
type crew struct {
	mu    sync.Mutex // protects the field below
	books map[string]*traffic.Snapshot
}

// newCrew has the members of a fleet, each at a tick; the second has said nothing yet.
func newCrew(s *traffic.Snapshot, tick int) *crew {
	c := &crew{books: make(map[string]*traffic.Snapshot)}
	for i, m := range s.Hosts {
		c.report(m.Host, nil)
		if i != 1 {
			c.report(m.Host, memberAt(m.Host, tick))
		}
	}
	return c
}

func memberAt(host string, tick int) *traffic.Snapshot {
	s := typical(tick)
	s.Host = host
	return s
}

func (c *crew) report(host string, s *traffic.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books[host] = s
}

func (c *crew) leave(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.books, host)
}

func (c *crew) newest(host string) (*traffic.Snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.books[host]
	return s, ok
}
