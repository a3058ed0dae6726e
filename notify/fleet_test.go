package notify

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

// fleet is a Book with the hosts that its receiver hears of. Each carries for its apps
// at the rates it has, and reports every 10 s.
type fleet struct {
	listener
	at     time.Time
	hosts  map[string]*fleetHost
	ticks  int
	events []Event
}

type fleetHost struct {
	rates   map[string]float64 // of apps
	carried map[string]float64 // not reported yet
	totals  map[string]uint64
	all     uint64
	silent  bool
	waiting uint64
	seen    time.Time
}

func newFleet(t *testing.T, o Options) *fleet {
	for _, r := range o.Rules {
		if err := r.Check(); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
	}
	o.Host, o.Location = "tower", time.UTC
	return &fleet{
		listener: listener{t: t, book: NewBook(o)}, at: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), hosts: make(map[string]*fleetHost),
	}
}

func (f *fleet) host(name string, rates map[string]float64) *fleetHost {
	h := &fleetHost{rates: rates, carried: make(map[string]float64), totals: make(map[string]uint64), seen: f.at}
	f.hosts[name] = h
	return h
}

// seconds ticks every second.
func (f *fleet) seconds(n int) {
	f.t.Helper()
	for range n {
		time.Sleep(time.Second)
		f.at = f.at.Add(time.Second)
		f.ticks++
		for _, h := range f.hosts {
			h.pass(f.at)
		}
		s := f.snapshot()
		for _, e := range f.book.Tick(time.Now(), s) {
			f.events = append(f.events, e)
			f.said = append(f.said, fmt.Sprintf("%d %s %s %s", f.ticks, e.Alert.Rule, e.Alert.Subject, e.Alert.State))
		}
	}
}

// pass lets a second pass at a host, which reports every tenth, or while batches wait
// one of these each second.
func (h *fleetHost) pass(now time.Time) {
	for app, rate := range h.rates {
		h.carried[app] += rate
	}
	if h.silent || now.Sub(h.seen) < 10*time.Second && h.waiting <= 1 {
		return
	}
	h.seen = now
	for app, n := range h.carried {
		if n == 0 {
			continue // it may be folded away
		}
		n /= float64(max(h.waiting, 1))
		h.carried[app] -= n
		h.totals[app] += uint64(n)
		h.all += uint64(n)
	}
	h.waiting -= min(h.waiting, 1)
}

func (f *fleet) snapshot() *traffic.Snapshot {
	s := &traffic.Snapshot{Schema: traffic.SchemaVersion, Host: "tower", At: f.at}
	apps := make(map[string]*traffic.App)
	for _, name := range slices.Sorted(maps.Keys(f.hosts)) {
		h := f.hosts[name]
		silent := f.at.Sub(h.seen).Seconds()
		s.Hosts = append(s.Hosts, traffic.Member{
			Host: name, Usage: traffic.Usage{RxBytes: h.all}, Seen: h.seen, Silent: silent, Waiting: h.waiting,
		})
		s.Series = append(s.Series, traffic.Series{
			Kind: traffic.SeriesHost, Name: name, Metrics: traffic.Metrics{{Name: "silent_s", Value: silent}, {Name: "waiting", Value: float64(h.waiting)}},
		})
		for app, total := range h.totals {
			a := apps[app]
			if a == nil {
				a = &traffic.App{Name: app}
				apps[app] = a
			}
			u := traffic.Usage{RxBytes: total}
			if !h.silent {
				u.RxRate = h.rates[app]
			}
			a.RxBytes, a.RxRate = a.RxBytes+u.RxBytes, a.RxRate+u.RxRate
			a.Commands = append(a.Commands, traffic.Command{Command: name, Host: name, Usage: u})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		s.Apps = append(s.Apps, *apps[name])
	}
	return s
}

func inFleet(t *testing.T, o Options, f func(f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newFleet(t, o)) })
}
