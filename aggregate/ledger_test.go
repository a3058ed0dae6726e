package aggregate

import (
	"fmt"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is so many seconds after the ledgers of these tests were opened.
func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

func flowKey(n int) traffic.Flow {
	return traffic.Flow{
		Proto:  traffic.TCP,
		Local:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 24), byte(n >> 16)}), uint16(n)),
		Remote: netip.MustParseAddrPort("198.19.0.1:443"),
		ID:     uint64(n),
	}
}

func bytesOf(rx, tx uint64) traffic.Counts {
	return traffic.Counts{RxBytes: rx, TxBytes: tx, RxPackets: rx / 100, TxPackets: tx / 100}
}

func owner(pid int, command string) *traffic.Owner {
	return &traffic.Owner{PID: pid, Start: uint64(pid), Command: command, User: "root"}
}

func sample(n int, rx, tx uint64, o *traffic.Owner) traffic.Sample {
	return traffic.Sample{Flow: flowKey(n), Counts: bytesOf(rx, tx), Owner: o}
}

func complete(monitor string, seconds float64, samples ...traffic.Sample) traffic.Batch {
	return traffic.Batch{Monitor: monitor, At: at(seconds), Samples: samples, Complete: true}
}

func newLedger(o Options) *Ledger {
	o.Rules.AutoGroup = true
	return NewLedger(o, t0)
}

// usages is what a snapshot says of its apps.
func usages(s *traffic.Snapshot) map[string]traffic.Usage {
	u := make(map[string]traffic.Usage)
	for _, a := range s.Apps {
		u[a.Name] = a.Usage
	}
	return u
}

func expect(t *testing.T, l *Ledger, seconds float64, want map[string]traffic.Usage) {
	t.Helper()
	if diff := cmp.Diff(want, usages(l.Tick(at(seconds), nil, true))); diff != "" {
		t.Errorf("at %gs (-want +got):\n%s", seconds, diff)
	}
}

func TestRateIsMeasuredBetweenCompleteBatches(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("slow", 0))
	l.Book(complete("slow", 4, sample(1, 400, 4000, o)))
	for _, tick := range []float64{4, 5, 6, 7} { // steady, not 4x, 0, 0, 0
		expect(t, l, tick, map[string]traffic.Usage{"curl": {RxBytes: 400, TxBytes: 4000, RxRate: 100, TxRate: 1000}})
	}
	l.Book(complete("slow", 8))
	expect(t, l, 8, map[string]traffic.Usage{"curl": {RxBytes: 400, TxBytes: 4000}})
}

func TestFirstCompleteBatchHasNoRate(t *testing.T) {
	l := newLedger(Options{})
	l.Book(complete("m", 1, sample(1, 100, 100, owner(1, "curl"))))
	expect(t, l, 1, map[string]traffic.Usage{"curl": {RxBytes: 100, TxBytes: 100}})
}

func TestBatchesInBetweenAddToTotalsOnly(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0))
	l.Book(traffic.Batch{Monitor: "m", At: at(1), Samples: []traffic.Sample{sample(1, 300, 0, o)}})
	expect(t, l, 1, map[string]traffic.Usage{"curl": {RxBytes: 300}})
	l.Book(complete("m", 2, sample(1, 400, 0, o)))
	expect(t, l, 2, map[string]traffic.Usage{"curl": {RxBytes: 400, RxRate: 200}})
	// The last read before the end: too soon after for a rate of its own.
	l.Book(complete("m", 2.01, sample(1, 500, 0, o)))
	expect(t, l, 2.01, map[string]traffic.Usage{"curl": {RxBytes: 500, RxRate: 200}})
	// The clock was set back: the length of the window is not known.
	l.Book(complete("m", 1.5, sample(1, 600, 0, o)))
	expect(t, l, 1.5, map[string]traffic.Usage{"curl": {RxBytes: 600, RxRate: 100}})
}

func TestRatesOfSourcesAreSummed(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("fast", 0))
	l.Book(complete("slow", 0))
	l.Book(complete("slow", 4, sample(1, 400, 0, o)))
	l.Book(complete("fast", 4, sample(1, 4, 0, o)))
	l.Book(complete("fast", 6, sample(1, 64, 0, o)))
	expect(t, l, 6, map[string]traffic.Usage{"curl": {RxBytes: 464, RxRate: 130}})
}

func TestSilentSourceHasNoRate(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0))
	l.Book(complete("m", 4, sample(1, 400, 0, o)))
	with, without := traffic.Usage{RxBytes: 400, RxRate: 100}, traffic.Usage{RxBytes: 400}
	expect(t, l, 15.9, map[string]traffic.Usage{"curl": with})
	expect(t, l, 16.1, map[string]traffic.Usage{"curl": without})
	l.Book(complete("m", 24, sample(1, 1400, 0, o)))
	expect(t, l, 24, map[string]traffic.Usage{"curl": {RxBytes: 1400, RxRate: 50}})
	l.Fail("m")
	expect(t, l, 24, map[string]traffic.Usage{"curl": {RxBytes: 1400}})
}

func TestLateOwnerGetsAllBytesWithoutASpike(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0))
	l.Book(complete("m", 1, sample(1, 1000, 0, nil)))
	l.Book(complete("m", 2, sample(1, 1100, 0, nil)))
	expect(t, l, 2, map[string]traffic.Usage{traffic.AppUnattributed: {RxBytes: 1100, RxRate: 100}})
	// Known between two complete batches: the rate goes with the flow.
	l.Book(traffic.Batch{Monitor: "m", At: at(2.5), Samples: []traffic.Sample{sample(1, 1150, 0, o)}})
	expect(t, l, 2.5, map[string]traffic.Usage{traffic.AppUnattributed: {}, "curl": {RxBytes: 1150, RxRate: 100}})
	l.Book(complete("m", 3, sample(1, 1200, 0, o)))
	expect(t, l, 3, map[string]traffic.Usage{traffic.AppUnattributed: {}, "curl": {RxBytes: 1200, RxRate: 100}})
	if b := l.balance(); b.LocalRx != 1200 || b.UnattributedRx != 0 {
		t.Errorf("balance %+v", b)
	}
}

func TestOwnerLearntAfterTheEnd(t *testing.T) {
	l := newLedger(Options{})
	s := sample(1, 1000, 0, nil)
	s.Final = true
	l.Book(complete("m", 1, s))
	s.Owner = owner(1, "curl")
	l.Book(complete("m", 2, s))
	expect(t, l, 2, map[string]traffic.Usage{traffic.AppUnattributed: {}, "curl": {RxBytes: 1000}})
}

func TestOwnerThatChangesKeepsWhatItHad(t *testing.T) {
	l := newLedger(Options{})
	l.Book(complete("m", 0, sample(1, 100, 0, owner(1, "inetd"))))
	l.Book(complete("m", 1, sample(1, 150, 0, owner(2, "ftpd"))))
	l.Book(complete("m", 2, sample(1, 160, 0, nil))) // nobody knows better
	expect(t, l, 2, map[string]traffic.Usage{"inetd": {RxBytes: 100}, "ftpd": {RxBytes: 60, RxRate: 10}})
	inetd := l.Tick(at(2), nil, true).Apps[1].Commands[0]
	if diff := cmp.Diff(&traffic.Closed{Connections: 1, RxBytes: 100}, inetd.Closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	if inetd.Connections != 0 || inetd.Processes != 0 || len(inetd.PIDs) != 0 {
		t.Errorf("the former owner still has %+v", inetd)
	}
}

func TestTotalsThatGoDown(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0, sample(1, 100, 100, o)))
	l.Book(complete("m", 1, sample(1, 30, 200, o))) // restarted: booked whole
	expect(t, l, 1, map[string]traffic.Usage{"curl": {RxBytes: 130, TxBytes: 300, RxRate: 30, TxRate: 200}})
	if n := l.Restarts("m"); n != 1 {
		t.Errorf("%d restarts, want 1", n)
	}
	final := sample(1, 40, 210, o)
	final.Final = true
	l.Book(complete("m", 2, final))
	l.Book(complete("m", 3, final))                 // said twice
	l.Book(complete("m", 4, sample(1, 35, 205, o))) // read before the end
	expect(t, l, 4, map[string]traffic.Usage{"curl": {RxBytes: 140, TxBytes: 310}})
	if n := l.Restarts("m"); n != 1 {
		t.Errorf("%d restarts, want 1", n)
	}
}

func TestOpeningIsInNeitherRateNorBalance(t *testing.T) {
	l := newLedger(Options{})
	opening := complete("m", 0, sample(1, 1000, 0, owner(1, "curl")), sample(2, 500, 0, nil))
	opening.Opening = true
	l.Book(opening)
	l.Book(complete("m", 1, sample(1, 1010, 0, owner(1, "curl")), sample(2, 520, 0, owner(2, "ssh"))))
	expect(t, l, 1, map[string]traffic.Usage{
		traffic.AppUnattributed: {},
		"curl":                  {RxBytes: 1010, RxRate: 10}, "ssh": {RxBytes: 520, RxRate: 20},
	})
	if diff := cmp.Diff(traffic.Balance{LocalRx: 30, ResidualRx: -30}, l.balance()); diff != "" {
		t.Errorf("balance (-want +got):\n%s", diff)
	}
}

func TestFilteredCommandsStayInTheBooks(t *testing.T) {
	l := newLedger(Options{Filters: map[string]Filter{"m": {
		Include: regexes(t, "curl"), Exclude: regexes(t, "secret"), IgnoreLocal: true,
	}}})
	loop := sample(5, 7, 7, owner(1, "curl"))
	loop.Scope = traffic.ScopeLoopback
	l.Book(complete("m", 0,
		sample(1, 1, 0, owner(1, "curl x")), sample(2, 20, 0, owner(2, "curl secret")),
		sample(3, 300, 0, owner(3, "ssh")), sample(4, 4000, 0, traffic.KernelOwner()), loop))
	expect(t, l, 0, map[string]traffic.Usage{
		"curl": {RxBytes: 1}, AppExcluded: {RxBytes: 320}, traffic.AppKernel: {RxBytes: 4000},
	})
	if b := l.balance(); b.LocalRx != 4321 {
		t.Errorf("local %d, want 4321", b.LocalRx)
	}
}

func TestProcessesConnectionsAndPIDs(t *testing.T) {
	l := newLedger(Options{})
	reused := owner(7, "httpd")
	reused.Start = 99
	l.Book(complete("m", 0,
		sample(1, 1, 0, owner(9, "httpd")), sample(2, 1, 0, owner(9, "httpd")),
		sample(3, 1, 0, owner(7, "httpd")), sample(4, 1, 0, reused)))
	check := func(processes, connections int, pids ...int) {
		t.Helper()
		a := l.Tick(at(0), nil, false).Apps[0]
		c := a.Commands[0]
		if a.Processes != processes || c.Processes != processes {
			t.Errorf("processes: app %d, command %d, want %d", a.Processes, c.Processes, processes)
		}
		if a.Connections != connections || c.Connections != connections {
			t.Errorf("connections: app %d, command %d, want %d", a.Connections, c.Connections, connections)
		}
		if diff := cmp.Diff(pids, c.PIDs); diff != "" {
			t.Errorf("pids (-want +got):\n%s", diff)
		}
		if c.Flows != nil || c.Closed != nil {
			t.Error("flows that nobody asked for")
		}
	}
	check(3, 4, 7, 9)
	final := sample(1, 1, 0, nil)
	final.Final = true
	l.Book(complete("m", 1, final))
	check(3, 3, 7, 9)
	final.Flow = flowKey(2)
	l.Book(complete("m", 2, final))
	check(2, 2, 7, 9)
	l.Book(complete("m", 3, sample(3, 1, 0, owner(8, "httpd")))) // handed on within the command
	check(2, 2, 7, 8, 9)
}

func TestFlowsOfAMonitorThatFailed(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0, sample(1, 100, 0, o), sample(2, 100, 0, o)))
	l.Fail("m")
	// One counter went on, the other was begun anew.
	l.Book(complete("m", 2, sample(1, 110, 0, o), sample(2, 5, 0, o)))
	if a := l.Tick(at(2), nil, false).Apps[0]; a.Connections != 2 || a.Processes != 1 || a.RxBytes != 215 {
		t.Errorf("after a failure: %+v", a)
	}
	l.End("m")
	if a := l.Tick(at(3), nil, false).Apps[0]; a.Connections != 0 || a.Processes != 0 || a.RxBytes != 215 {
		t.Errorf("after its end: %+v", a)
	}
}

func TestLANHosts(t *testing.T) {
	l := newLedger(Options{MaxHosts: 2})
	book := func(n int, host string, final bool) {
		s := sample(n, 10, 1, nil)
		s.Scope, s.Final = traffic.ScopeForwarded, final
		s.Flow.Local = netip.AddrPortFrom(netip.MustParseAddr(host), 1)
		l.Book(complete("m", float64(n), s))
	}
	book(1, "198.18.0.9", false)
	book(2, "198.18.0.1", true)
	book(3, "198.18.0.5", false) // folds .1, which is idle
	book(4, "198.18.0.6", false) // all have connections
	var got []string
	s := l.Tick(at(4), nil, true)
	for _, h := range s.LANHosts {
		got = append(got, fmt.Sprintf("%s %s %d %d %d", h.Host, h.Name, h.RxBytes, h.Connections, len(h.Flows)))
	}
	want := []string{"198.18.0.5  10 1 1", "198.18.0.9  10 1 1", "invalid IP (other hosts) 20 1 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if s.Balance.ForwardedRx != 44 || s.Balance.ForwardedTx != 44 {
		t.Errorf("balance %+v", s.Balance)
	}
}

func TestInterfaces(t *testing.T) {
	l := newLedger(Options{})
	read := func(seconds float64, list ...traffic.InterfaceTotal) {
		l.Book(traffic.Batch{Monitor: "machine", At: at(seconds), Complete: true, Interfaces: list})
	}
	eth := func(index int, rx uint64) traffic.InterfaceTotal {
		return traffic.InterfaceTotal{Name: "eth0", Index: index, Balanced: true, Counts: bytesOf(rx, 0)}
	}
	lo := traffic.InterfaceTotal{Name: "lo", Index: 1, Counts: bytesOf(1000, 1000)}
	read(0, eth(2, 5000), lo)
	lo.Counts = bytesOf(3000, 3000)
	read(2, eth(2, 5200), lo)
	got := l.Tick(at(2), nil, false)
	want := []traffic.Interface{
		{Name: "eth0", Usage: traffic.Usage{RxBytes: 200, RxRate: 100}, RxPackets: 2, Balanced: true},
		{Name: "lo", Usage: traffic.Usage{RxBytes: 2000, TxBytes: 2000, RxRate: 1000, TxRate: 1000}, RxPackets: 20, TxPackets: 20},
	}
	if diff := cmp.Diff(want, got.Interfaces); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	read(3, eth(2, 50), lo) // restarted
	read(4, eth(9, 70), lo) // another interface of that name
	read(5, eth(9, 75), lo)
	if got = l.Tick(at(5), nil, false); len(got.Interfaces) != 3 || got.Balance.InterfaceRx != 200+50+70+5 {
		t.Errorf("got %+v, balance %+v", got.Interfaces, got.Balance)
	}
	renamed := eth(9, 85)
	renamed.Name = "wan0"
	read(65, renamed, lo)
	if got = l.Tick(at(65), nil, false); len(got.Interfaces) != 2 || got.Balance.InterfaceRx != 200+50+70+15 {
		t.Errorf("the vanished one is still there or took its bytes along, or a new name was taken for another interface: %+v, balance %+v",
			got.Interfaces, got.Balance)
	}
	if got.Interfaces[1].Name != "wan0" || got.Interfaces[1].RxBytes != 85 {
		t.Errorf("renamed: %+v", got.Interfaces[1])
	}
}

// TestRateAfterQuiet: a monitor that read rarely while nothing moved tells when
// that ended; what moves then has its rate at once, not smeared over the quiet.
func TestRateAfterQuiet(t *testing.T) {
	l := newLedger(Options{})
	rate := func(seconds float64) traffic.Rate {
		u := l.Tick(at(seconds), nil, false).Apps[0].Usage
		return traffic.Rate{Rx: u.RxRate, Tx: u.TxRate}
	}
	l.Book(complete("m", 0))
	l.Book(complete("m", 1, sample(1, 1000, 0, owner(1, "curl"))))
	l.Book(complete("m", 31, sample(1, 1000, 0, owner(1, "curl"))))
	l.Book(complete("m", 44)) // still quiet
	l.Book(complete("m", 45, sample(1, 11000, 0, owner(1, "curl"))))
	if got := rate(45).Rx; got != 10000 {
		t.Errorf("rate %v in the first second, want 10000", got)
	}
	l.Book(complete("m", 46, sample(1, 31000, 0, owner(1, "curl"))))
	if got := rate(46).Rx; got != 20000 {
		t.Errorf("rate %v in the next, want 20000", got)
	}
}

// TestLabels: a monitor may name the app. What a pipe carried is in no balance;
// what the sockets of a relay carried is in it, and in no row.
func TestLabels(t *testing.T) {
	l := newLedger(Options{Filters: map[string]Filter{"forward": {Exclude: []*regexp.Regexp{regexp.MustCompile("^secret")}}}})
	pipe := func(n int, rx, tx uint64, o *traffic.Owner, label string) traffic.Sample {
		s := sample(n, rx, tx, o)
		s.Scope, s.Label = traffic.ScopePipe, label
		return s
	}
	relayed := sample(9, 1000, 2000, nil)
	relayed.Scope = traffic.ScopeRelay
	l.Book(complete("socket", 1, relayed))
	l.Book(complete("forward:8080", 1,
		pipe(1, 10, 20, nil, "pipe-8080:b:80"),
		pipe(2, 100, 200, owner(7, "curl x"), "pipe-8080:b:80"),
		pipe(3, 5, 6, owner(8, "secret"), "pipe-8080:b:80"),
		pipe(4, 1, 1, nil, traffic.AppKernel),
		pipe(5, 3, 4, owner(9, "tar c"), ""),
	))
	expect(t, l, 1, map[string]traffic.Usage{
		"pipe-8080:b:80": {RxBytes: 110, TxBytes: 220},
		AppExcluded:      {RxBytes: 5, TxBytes: 6},
		"[(kernel)]":     {RxBytes: 1, TxBytes: 1},
		"tar":            {RxBytes: 3, TxBytes: 4},
	})
	// Who it was is learnt late.
	l.Book(complete("forward:8080", 2, pipe(1, 10, 20, owner(10, "wget y"), "pipe-8080:b:80")))
	s := l.Tick(at(2), nil, false)
	var commands []string
	for _, a := range s.Apps {
		if a.Name == "pipe-8080:b:80" {
			for _, c := range a.Commands {
				commands = append(commands, fmt.Sprintf("%s %d %d", c.Command, c.RxBytes, c.TxBytes))
			}
		}
	}
	want := []string{"198.18.0.0 0 0", "curl x 100 200", "wget y 10 20"}
	if diff := cmp.Diff(want, commands); diff != "" {
		t.Errorf("commands of the relay (-want +got):\n%s", diff)
	}
	if b := s.Balance; b.LocalRx != 1000 || b.LocalTx != 2000 || b.ForwardedRx != 0 || b.UnattributedRx != 0 {
		t.Errorf("balance %+v", b)
	}
}
