package aggregate

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestFlowRows(t *testing.T) {
	l := newLedger(Options{})
	o := owner(4711, "curl")
	l.Book(complete("m", 0))
	ended := sample(1, 100, 10, o)
	ended.Final = true
	loop := sample(2, 50, 50, o)
	loop.Scope = traffic.ScopeLoopback
	l.Book(complete("m", 2, loop, ended))
	want := []traffic.FlowRow{
		{Proto: "tcp", Local: flowKey(1).Local, Remote: flowKey(1).Remote, Scope: "local", PID: 4711, Ended: true, ID: 1,
			Usage: traffic.Usage{RxBytes: 100, TxBytes: 10, RxRate: 50, TxRate: 5}},
		{Proto: "tcp", Local: flowKey(2).Local, Remote: flowKey(2).Remote, Scope: "loopback", PID: 4711, ID: 2,
			Usage: traffic.Usage{RxBytes: 50, TxBytes: 50, RxRate: 25, TxRate: 25}},
	}
	s := l.Tick(at(2), nil, true)
	if diff := cmp.Diff(want, s.Apps[0].Commands[0].Flows, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
	if s.Balance.LocalRx != 100 {
		t.Errorf("loopback is in the balance: %+v", s.Balance)
	}
}

// TestEmptySnapshotHasNoNulls: every list of the document is a list.
func TestEmptySnapshotHasNoNulls(t *testing.T) {
	document, err := json.Marshal(newLedger(Options{Host: "gw"}).Tick(at(1.5), nil, true))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(document, []byte("null")) {
		t.Errorf("got %s", document)
	}
	if !bytes.Contains(document, []byte(`"elapsed_s":1.5`)) {
		t.Errorf("elapsed is not 1.5 s: %s", document)
	}
}

func TestRecentIsOnePerTick(t *testing.T) {
	l := newLedger(Options{})
	o := owner(1, "curl")
	l.Book(complete("m", 0))
	var snapshots []*traffic.Snapshot
	for i := range 200 {
		l.Book(complete("m", float64(i+1), sample(1, uint64(i*(i+1)/2), 0, o))) // rate i
		snapshots = append(snapshots, l.Tick(at(float64(i+1)), nil, false))
	}
	for i, s := range snapshots { // none was written to afterwards
		recent := s.Apps[0].Recent
		if want := min(i, 60); len(recent) != want {
			t.Fatalf("tick %d: %d rates, want %d", i, len(recent), want)
		}
		for j, r := range recent {
			if want := float64(i - len(recent) + 1 + j); r.Rx != want {
				t.Fatalf("tick %d, rate %d: got %g, want %g", i, j, r.Rx, want)
			}
		}
	}
	for i := range 30 {
		l.Book(complete("m", float64(201+i)))
		l.Tick(at(float64(201+i)), nil, false)
	}
	l.Book(complete("m", 231, sample(1, 1e6, 0, o)))
	for i := range 60 { // the last ones, of which one had traffic
		snapshots[0] = l.Tick(at(float64(231+i)), nil, false)
		l.Book(complete("m", float64(232+i)))
	}
	if recent := snapshots[0].Apps[0].Recent; len(recent) != 60 || recent[0].Rx == 0 || recent[59].Rx != 0 {
		t.Errorf("after less than a minute without traffic: %v", recent)
	}
	for i := range 2 {
		snapshots[0] = l.Tick(at(float64(300+i)), nil, false)
	}
	if recent := snapshots[0].Apps[0].Recent; len(recent) != 0 {
		t.Errorf("after a minute without traffic: %v", recent)
	}
}

// TestSnapshotInBetweenIsNoTick: it would make the last minute a shorter one.
func TestSnapshotInBetweenIsNoTick(t *testing.T) {
	l := newLedger(Options{})
	l.Book(complete("m", 0))
	var recent []traffic.Rate
	for i := range 5 {
		l.Book(complete("m", float64(i+1), sample(1, uint64(100*i), 0, owner(1, "curl"))))
		l.Tick(at(float64(i+1)), nil, false)
		recent = l.Tick(at(float64(i)+1.2), nil, true).Apps[0].Recent
	}
	l.Tick(at(4), nil, false) // the clock was set back
	if len(recent) != 4 || len(l.apps["curl"].recent.last()) != 5 {
		t.Errorf("after five ticks, the first without a rate: %v, with another one: %v", recent, l.apps["curl"].recent.last())
	}
}
