package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// commandsOf is what a snapshot says of an app's commands.
func commandsOf(s *traffic.Snapshot, app string) map[string]uint64 {
	rows := make(map[string]uint64)
	for _, a := range s.Apps {
		for _, c := range a.Commands {
			if a.Name == app {
				rows[c.Command] += c.RxBytes
			}
		}
	}
	return rows
}

func TestCommandsIdleLongestAreFolded(t *testing.T) {
	l := newLedger(Options{MaxCommands: 2})
	book := func(n int, final bool) {
		s := sample(n, 1<<n, 0, owner(n, fmt.Sprint("curl ", n)))
		s.Final = final
		l.Book(complete("m", float64(n), s))
	}
	book(1, false)
	book(2, false)
	book(3, false) // both have connections: goes to the others at once
	want := map[string]uint64{"curl 1": 2, "curl 2": 4, traffic.CommandsFolded: 8}
	if diff := cmp.Diff(want, commandsOf(l.Tick(at(3), nil, false), "curl")); diff != "" {
		t.Errorf("all busy (-want +got):\n%s", diff)
	}
	book(2, true)
	book(1, true)
	book(4, false) // command 2 was idle before 1 was
	want = map[string]uint64{"curl 1": 2, "curl 4": 16, traffic.CommandsFolded: 12}
	if diff := cmp.Diff(want, commandsOf(l.Tick(at(4), nil, false), "curl")); diff != "" {
		t.Errorf("one idle (-want +got):\n%s", diff)
	}
	folded := l.Tick(at(4), nil, false).Apps[0].Commands[2]
	if diff := cmp.Diff([]int{2, 3}, folded.PIDs); diff != "" || folded.Processes != 1 || folded.Connections != 1 {
		t.Errorf("the others are %+v", folded)
	}
	book(2, true) // said again: the flow went with its account
	if diff := cmp.Diff(want, commandsOf(l.Tick(at(4), nil, false), "curl")); diff != "" {
		t.Errorf("said twice (-want +got):\n%s", diff)
	}
}

// TestLargestAppMakesRoom: where all apps together have too many commands.
func TestLargestAppMakesRoom(t *testing.T) {
	l := newLedger(Options{MaxRows: 3})
	book := func(n int, command string, final bool) {
		s := sample(n, 1<<n, 0, owner(n, command))
		s.Final = final
		l.Book(complete("m", float64(n), s))
	}
	book(1, "ssh 1", true)
	book(2, "curl 1", true)
	book(3, "curl 2", true)
	book(4, "ssh 2", false)
	s := l.Tick(at(4), nil, false)
	want := map[string]uint64{"curl 2": 8, traffic.CommandsFolded: 4}
	if diff := cmp.Diff(want, commandsOf(s, "curl")); diff != "" {
		t.Errorf("the largest (-want +got):\n%s", diff)
	}
	want = map[string]uint64{"ssh 1": 2, "ssh 2": 16}
	if diff := cmp.Diff(want, commandsOf(s, "ssh")); diff != "" {
		t.Errorf("the other (-want +got):\n%s", diff)
	}
}

// TestOwnerIsLearntWhileTheAccountIsFolded: the account that the flow leaves
// is the one that is folded to make room for the one it goes to.
func TestOwnerIsLearntWhileTheAccountIsFolded(t *testing.T) {
	l := newLedger(Options{MaxRows: 1})
	s := sample(1, 100, 0, nil)
	s.Final = true
	l.Book(complete("m", 1, s))
	s.Owner = owner(1, "curl")
	l.Book(complete("m", 2, s))
	expect(t, l, 2, map[string]traffic.Usage{traffic.AppUnattributed: {}, "curl": {RxBytes: 100}})
	for _, a := range l.Tick(at(2), nil, true).Apps {
		for _, c := range a.Commands {
			checkFlows(t, c.Command, c.Usage, c.Flows, c.Closed)
		}
	}
}

func TestEndedFlowsAreRememberedForAWhile(t *testing.T) {
	l := newLedger(Options{KeepClosed: 10})
	end := func(n int, seconds float64) {
		s := sample(n, 1, 0, owner(1, "curl"))
		s.Final = true
		l.Book(complete("m", seconds, s))
	}
	listed := func() int { return len(l.Tick(l.now, nil, true).Apps[0].Commands[0].Flows) }
	for n := range 50 {
		end(n, 1)
	}
	if n := listed(); n != 50 {
		t.Errorf("%d listed of a moderate burst, want all 50", n)
	}
	for n := range 500 {
		end(50+n, 2)
	}
	if n := listed(); n != 80 {
		t.Errorf("%d listed of a great burst, want 80", n)
	}
	end(1000, 10)
	if n := listed(); n != 10 {
		t.Errorf("%d listed later, want 10", n)
	}
	end(1000, 11)
	c := l.Tick(at(11), nil, true).Apps[0].Commands[0]
	if want := (traffic.Closed{Connections: 541, RxBytes: 541}); *c.Closed != want || c.RxBytes != 551 {
		t.Errorf("closed %+v of %d, want %+v of 551", *c.Closed, c.RxBytes, want)
	}
}

func TestAppsAreFolded(t *testing.T) {
	l := newLedger(Options{MaxApps: 2})
	book := func(n int, app string, final bool) {
		s := sample(n, 1<<n, 0, owner(n, app))
		s.Final = final
		l.Book(complete("m", float64(n), s))
	}
	book(1, "one", true)
	book(2, "two", false)
	book(3, "three", false) // folds one
	book(4, "four", false)  // nobody is idle
	expect(t, l, 4, map[string]traffic.Usage{
		"two": {RxBytes: 4}, "three": {RxBytes: 8}, traffic.AppOther: {RxBytes: 18, RxRate: 16},
	})
	want := map[string]uint64{"four": 16, traffic.CommandsFolded: 2}
	if diff := cmp.Diff(want, commandsOf(l.Tick(at(4), nil, false), traffic.AppOther)); diff != "" {
		t.Errorf("commands of the others (-want +got):\n%s", diff)
	}
}

// heap is what the program's heap holds once the garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what had finalizers, too
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMillionCommandLines: a day of a program that is run a million times, each
// time with other arguments of 200 bytes, with the limits a user has.
func TestMillionCommandLines(t *testing.T) {
	if testing.Short() {
		t.Skip("a million takes long with the race detector")
	}
	const million, aBatch = 1_000_000, 1000
	before := heap()
	l := newLedger(Options{})
	var rx uint64
	for n := 0; n < million; {
		b := traffic.Batch{Monitor: "m", At: at(86400 * float64(n) / million), Complete: true}
		for range aBatch {
			n++
			s := sample(n, uint64(n), 1, owner(n, fmt.Sprintf("curl --max-time 10 https://198.19.0.1/%0180d", n)))
			s.Final = n%2 == 0
			b.Samples = append(b.Samples, s)
			if !s.Final {
				s.Final = true
				b.Samples = append(b.Samples, s)
			}
			rx += uint64(n)
		}
		l.Book(b)
	}
	s := l.Tick(l.now, nil, true)
	after := heap()
	t.Logf("the heap grew by %d KiB", (int64(after)-int64(before))>>10)
	if after > before+64<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	if len(s.Apps) != 1 || s.Apps[0].RxBytes != rx || s.Apps[0].TxBytes != million {
		t.Fatalf("%d apps, the first is %+v; want one with %d and %d", len(s.Apps), s.Apps[0].Usage, rx, million)
	}
	var sum traffic.Usage
	for _, c := range s.Apps[0].Commands {
		sum.RxBytes += c.RxBytes
		sum.TxBytes += c.TxBytes
	}
	if n := len(s.Apps[0].Commands); sum.RxBytes != rx || sum.TxBytes != million || n > DefaultMaxCommands+1 {
		t.Errorf("%d commands hold %d and %d, want %d and %d", n, sum.RxBytes, sum.TxBytes, rx, million)
	}
	runtime.KeepAlive(l)
}

// TestMemoryStaysBounded books many times what is kept of each kind, and
// wants no more of the heap for several times as much.
func TestMemoryStaysBounded(t *testing.T) {
	l := newLedger(Options{MaxApps: 50, MaxCommands: 20, MaxHosts: 100, MaxRemotes: 100, KeepClosed: 100})
	n := 0
	book := func(times int) {
		for range times {
			var b traffic.Batch
			for range 100 {
				n++
				s := sample(n, 10, 1, owner(n, fmt.Sprintf("program%d argument %d", n%500, n)))
				s.Final = true
				s.Flow.Remote = remote(n)
				forwarded := s
				forwarded.Scope = traffic.ScopeForwarded
				forwarded.Flow.ID = ^forwarded.Flow.ID
				labelled := s
				labelled.Scope, labelled.Label = traffic.ScopePipe, fmt.Sprint("pipe-", n)
				labelled.Flow.ID += 1 << 40
				b.Samples = append(b.Samples, s, forwarded, labelled)
			}
			b.Monitor, b.At, b.Complete = "m", at(float64(n)/1000), true
			l.Book(b)
		}
		l.Tick(l.now, nil, true)
	}
	book(200)
	before := heap()
	book(1500)
	after := heap()
	if after > before+before/4+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	s := l.Tick(l.now, nil, true)
	// A forwarded byte is in and out: both directions count, each way.
	want := traffic.Balance{LocalRx: uint64(10 * n), LocalTx: uint64(n), ForwardedRx: uint64(11 * n), ForwardedTx: uint64(11 * n)}
	want.ResidualRx, want.ResidualTx = -int64(want.LocalRx+want.ForwardedRx), -int64(want.LocalTx+want.ForwardedTx)
	if diff := cmp.Diff(want, s.Balance); diff != "" {
		t.Errorf("balance (-want +got):\n%s", diff)
	}
	var rx uint64
	for _, a := range s.Apps {
		rx += a.RxBytes
	}
	if want := uint64(20 * n); rx != want {
		t.Errorf("the rows hold %d bytes, want %d", rx, want)
	}
	rx = 0
	for _, h := range s.RemoteHosts {
		rx += h.RxBytes
	}
	if want := uint64(20 * n); rx != want {
		t.Errorf("the remote hosts hold %d bytes, want %d", rx, want)
	}
	rx = 0
	for _, p := range s.Pipes {
		rx += p.RxBytes
	}
	if want := uint64(10 * n); rx != want {
		t.Errorf("the pipes hold %d bytes, want %d", rx, want)
	}
	runtime.KeepAlive(l)
}
