package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestSnapshots: what is known now are the totals of the hosts' last runs.
func TestSnapshots(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		r := rand.New(rand.NewPCG(5, 6))
		now := time.Now().Truncate(time.Second)
		hosts := []*modelHost{newModelHost(r, "a", now.Add(-30*time.Hour), 90), newModelHost(r, "b", now.Add(-36*time.Hour), 100)}
		tell(t, e, r, hosts...)
		last := hosts[0].list[len(hosts[0].list)-1]
		if other := hosts[1].list[len(hosts[1].list)-1]; other.at.After(last.at) {
			last = other
		}
		reader := e.reader(t, Options{Now: func() time.Time { return last.at.Add(time.Second) }})
		fleetWants := make(map[string][4]uint64)
		for _, h := range hosts {
			last := h.list[len(h.list)-1]
			apps, others := make(map[string][4]uint64), make(map[string][4]uint64)
			for k, a := range last.totals {
				switch name := cut(k.Name); {
				case a == amounts{}:
				case k.Kind == fleet.KindApp:
					apps[name] = a
					f := fleetWants[name]
					fleetWants[name] = amounts(f).plus(a)
				case k.Kind == fleet.KindPipe || k.Kind == fleet.KindLANHost || k.Kind == fleet.KindInterface:
					others[k.Kind+name] = a
				}
			}
			got, err := reader.HostSnapshot(context.Background(), h.name)
			if err != nil {
				t.Fatal(err)
			}
			shown := make(map[string][4]uint64)
			for i := range got.LANHosts {
				shown[fleet.KindLANHost+got.LANHosts[i].Host.String()] = amounts{got.LANHosts[i].RxBytes, got.LANHosts[i].TxBytes}
			}
			for i := range got.Pipes {
				shown[fleet.KindPipe+got.Pipes[i].Name] = amounts{got.Pipes[i].RxBytes, got.Pipes[i].TxBytes}
			}
			for i := range got.Interfaces {
				shown[fleet.KindInterface+got.Interfaces[i].Name] = amounts{got.Interfaces[i].RxBytes, got.Interfaces[i].TxBytes}
			}
			if d := cmp.Diff(apps, appsOf(got)) + cmp.Diff(others, shown); d != "" {
				t.Errorf("host %s (-want +got):\n%s", h.name, d)
			}
			carried := last.totals[fleet.Key{Kind: kindBalance, Name: bookInterface}]
			if b := got.Balance; b.InterfaceRx != carried[received] || b.InterfaceTx != carried[sent] || b.ResidualRx != -5 {
				t.Errorf("balance of %s: %+v, want %v", h.name, b, carried)
			}
			if got.Run != last.Run || !got.At.Equal(last.at.Truncate(time.Millisecond)) || len(got.Series) == 0 {
				t.Errorf("host %s: run %s at %v with %d series, want %s at %v", h.name, got.Run, got.At, len(got.Series), last.Run, last.at)
			}
		}
		got, err := reader.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(fleetWants, appsOf(got)); d != "" {
			t.Errorf("fleet (-want +got):\n%s", d)
		}
		var rates float64
		for _, h := range got.Hosts {
			rates += h.RxRate
		}
		if len(got.Hosts) != 2 || got.Hosts[0].Host != "a" || rates == 0 || len(got.Series) != 2 {
			t.Errorf("members: %+v", got.Hosts)
		}
		if _, err := reader.HostSnapshot(context.Background(), "stranger"); !errors.Is(err, ErrQuestion) {
			t.Errorf("a stranger: %v", err)
		}
	})
}

func appsOf(s *traffic.Snapshot) map[string][4]uint64 {
	all := make(map[string][4]uint64)
	for i := range s.Apps {
		a := &s.Apps[i]
		all[a.Name] = amounts{a.RxBytes, a.TxBytes, a.DiskReadBytes, a.DiskWriteBytes}
	}
	return all
}
