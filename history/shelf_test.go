package history

import (
	"net/netip"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// booked is what an intake books for a Snapshot, by series.
func booked(in *intake, s *traffic.Snapshot) map[truthKey]octets {
	got := make(map[truthKey]octets)
	in.take(s, func(to *series, o octets) {
		key := truthKey{kind: to.kind, name: to.name}
		if to.app != nil {
			key.app = to.app.name
		}
		got[key] = got[key].add(o)
	})
	return got
}

func commandRows(rows ...any) []traffic.App {
	var apps []traffic.App
	for i := 0; i < len(rows); i += 3 {
		apps = append(apps, traffic.App{Name: rows[i].(string), Commands: []traffic.Command{
			{Command: rows[i+1].(string), Usage: traffic.Usage{RxBytes: uint64(rows[i+2].(int))}}}})
	}
	return apps
}

func TestFolds(t *testing.T) {
	const other = traffic.CommandsFolded
	for _, tt := range []struct {
		name          string
		before, after []traffic.App
		want          map[string]int64 // of commands, app/command
	}{
		{"growth", commandRows("a", "x", 10), commandRows("a", "x", 15, "a", "y", 2), map[string]int64{"a/x": 5, "a/y": 2}},
		{"folded", commandRows("a", "x", 10, "a", "y", 5), commandRows("a", "y", 6, "a", other, 13), map[string]int64{"a/y": 1, "a/(others)": 3}},
		{"folded into what there was", commandRows("a", "x", 10, "a", other, 100), commandRows("a", other, 110), map[string]int64{}},
		{"folded and begun anew", commandRows("a", "x", 10), commandRows("a", "x", 4, "a", other, 11), map[string]int64{"a/x": 4, "a/(others)": 1}},
		{"an app folded", commandRows("a", "x", 10, "a", other, 7), commandRows(traffic.AppOther, other, 20), map[string]int64{"(others)/(others)": 3}},
		{"an app folded and begun anew", commandRows("a", "x", 10, "a", "y", 5), commandRows("a", "x", 3, traffic.AppOther, other, 15), map[string]int64{"a/x": 3}},
		{"moved to its owner", commandRows(traffic.AppUnattributed, traffic.AppUnattributed, 10), commandRows(traffic.AppUnattributed, traffic.AppUnattributed, 4, "a", "x", 8),
			map[string]int64{"(unattributed)/(unattributed)": -6, "a/x": 8}},
		{"moved while others fold", commandRows(traffic.AppUnattributed, traffic.AppUnattributed, 10, traffic.AppOther, other, 1),
			commandRows(traffic.AppUnattributed, traffic.AppUnattributed, 4, traffic.AppOther, other, 31), map[string]int64{"(unattributed)/(unattributed)": -6, "(others)/(others)": 30}},
		{"gone for no reason", commandRows("a", "x", 10), nil, map[string]int64{}},
		{"one row twice", commandRows("a", "x", 10, "a", "x", 5), commandRows("a", "x", 11, "a", "x", 5), map[string]int64{"a/x": 1}},
	} {
		in := newIntake(newRoster(100))
		booked(in, &traffic.Snapshot{Elapsed: 1, Apps: tt.before})
		got := make(map[string]int64)
		for key, o := range booked(in, &traffic.Snapshot{Elapsed: 2, Apps: tt.after}) {
			if key.kind == kindCommand && o != (octets{}) {
				got[key.app+"/"+key.name] = o.rx
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestFirstSnapshot: what it shows was carried since the monitors started, which is
// when the program did.
func TestFirstSnapshot(t *testing.T) {
	in := newIntake(newRoster(100))
	s := &traffic.Snapshot{
		Elapsed: 12.5, Apps: commandRows("a", "x", 10),
		LANHosts:    []traffic.LANHost{{Host: netip.MustParseAddr("198.18.0.1"), Usage: traffic.Usage{TxBytes: 3}}},
		RemoteHosts: []traffic.RemoteHost{{Name: traffic.HostUnknown, Usage: traffic.Usage{RxBytes: 4}}, {Name: traffic.HostsFolded, Usage: traffic.Usage{RxBytes: 5}}},
		Pipes:       []traffic.PipeRow{{Name: "backup", Usage: traffic.Usage{RxBytes: 6}}},
		Interfaces:  []traffic.Interface{{Name: "eth0", Usage: traffic.Usage{RxBytes: 7}}, {Name: "eth1"}},
	}
	want := map[truthKey]octets{
		{kindTime, "", ""}:                           {12500, 0},
		{kindApp, "", "a"}:                           {10, 0},
		{kindCommand, "a", "x"}:                      {10, 0},
		{kindLANHost, "", "198.18.0.1"}:              {0, 3},
		{kindRemoteHost, "", traffic.HostUnknown}:    {4, 0},
		{kindRemoteHost, "", traffic.Others}:         {5, 0},
		{kindPipe, "", "backup"}:                     {6, 0},
		{kind: kindInterface, app: "", name: "eth0"}: {7, 0},
		{kind: kindInterface, app: "", name: "eth1"}: {0, 0},
	}
	if diff := cmp.Diff(want, booked(in, s), cmp.AllowUnexported(truthKey{}, octets{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// One without remote hosts says nothing of them; the next does.
	without := *s
	without.Elapsed, without.RemoteHosts = 13, nil
	booked(in, &without)
	s.Elapsed = 14
	s.RemoteHosts[0].RxBytes = 9
	if got := booked(in, s)[truthKey{kindRemoteHost, "", traffic.HostUnknown}]; got != (octets{5, 0}) {
		t.Errorf("remote hosts: %v", got)
	}
}

// TestAnotherEngine: its totals begin anew, which its run shows; where it does not say,
// its elapsed time, or the monotonic clock; the wall clock shows nothing.
func TestAnotherEngine(t *testing.T) {
	mono := time.Now()
	wall := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		at     [2]time.Time
		passed [2]float64
		runs   [2]string
		want   int64
	}{
		{"the same", [2]time.Time{mono, mono.Add(time.Second)}, [2]float64{10, 11}, [2]string{}, 5},
		{"less time has passed", [2]time.Time{mono, mono.Add(time.Second)}, [2]float64{10, 1}, [2]string{}, 15},
		{"it began later", [2]time.Time{mono, mono.Add(30 * time.Second)}, [2]float64{10, 20}, [2]string{}, 15},
		{"the wall clock was set", [2]time.Time{wall, wall.Add(time.Hour)}, [2]float64{10, 11}, [2]string{}, 5},
		{"one run, whatever the clocks say", [2]time.Time{mono, mono.Add(30 * time.Second)}, [2]float64{10, 5}, [2]string{"A", "A"}, 5},
		{"another run", [2]time.Time{mono, mono.Add(time.Second)}, [2]float64{10, 11}, [2]string{"A", "B"}, 15},
		{"one does not say", [2]time.Time{mono, mono.Add(time.Second)}, [2]float64{10, 11}, [2]string{"A", ""}, 5},
	} {
		in := newIntake(newRoster(100))
		booked(in, &traffic.Snapshot{At: tt.at[0], Elapsed: tt.passed[0], Run: tt.runs[0], Apps: commandRows("a", "x", 10)})
		got := booked(in, &traffic.Snapshot{At: tt.at[1], Elapsed: tt.passed[1], Run: tt.runs[1], Apps: commandRows("a", "x", 15)})
		if o := got[truthKey{kindApp, "", "a"}]; o.rx != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, o, tt.want)
		}
	}
}

func TestLinks(t *testing.T) {
	list := func(rows ...any) (l []traffic.Interface) {
		for i := 0; i < len(rows); i += 2 {
			n := uint64(rows[i+1].(int))
			l = append(l, traffic.Interface{Name: rows[i].(string), Usage: traffic.Usage{RxBytes: n, TxBytes: n}, RxPackets: n, TxPackets: n})
		}
		return l
	}
	type tick struct {
		at   float64
		rows []traffic.Interface
		want []int64
	}
	for _, tt := range []struct {
		name  string
		ticks []tick
	}{
		{"growth", []tick{{1, list("eth0", 5), []int64{5}}, {2, list("eth0", 7, "eth1", 1), []int64{2, 1}}}},
		{"gone and back", []tick{{1, list("eth0", 50), []int64{50}}, {62, list("eth1", 1), []int64{1}}, {90, list("eth0", 60, "eth1", 1), []int64{60, 0}}}},
		{"another of its name", []tick{{1, list("eth0", 50), []int64{50}}, {2, list("eth0", 20), []int64{20}}}},
		{"two of a name", []tick{
			{1, list("eth0", 50), []int64{50}}, {2, list("eth0", 50, "eth0", 5), []int64{0, 5}},
			{3, list("eth0", 50, "eth0", 40), []int64{0, 35}}, {62, list("eth0", 60), []int64{10}},
		}},
		{"renamed", []tick{{1, list("eth0", 50), []int64{50}}, {2, list("lan0", 51), []int64{1}}, {3, list("lan0", 52), []int64{1}}}},
		{"gone long ago, and a new one", []tick{
			{1, list("veth1", 50), []int64{50}}, {31, list("veth1", 50), []int64{0}}, {59, list("veth1", 50), []int64{0}}, {62, list("veth2", 55), []int64{55}},
		}},
	} {
		var l links
		for _, tick := range tt.ticks {
			var got []int64
			for _, o := range l.take(tick.rows, tick.at) {
				got = append(got, o.rx)
			}
			if diff := cmp.Diff(tick.want, got); diff != "" {
				t.Errorf("%s, at %v s (-want +got):\n%s", tt.name, tick.at, diff)
			}
		}
	}
}

// TestRosterIsBounded: what is too much is of traffic.Others, until others are idle.
func TestRosterIsBounded(t *testing.T) {
	r := newRoster(2)
	a, b := r.find(kindUser, nil, "a"), r.find(kindUser, nil, "b")
	r.now = 100
	if c := r.find(kindUser, nil, "c"); !c.others {
		t.Errorf("a third one has a name: %+v", c)
	}
	r.now = 3700
	b.used = 3699
	c := r.find(kindUser, nil, "c")
	if c.others || !a.stale() || b.stale() {
		t.Errorf("a %+v, b %+v, c %+v", a, b, c)
	}
	if again := r.find(kindUser, nil, "c"); again != c {
		t.Error("it is not found again")
	}
	app := r.find(kindApp, nil, traffic.AppOther)
	if !app.others || !r.find(kindCommand, app, "x").others {
		t.Error("the ledger's others have names")
	}
}
