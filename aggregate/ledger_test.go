package aggregate

import (
	"net/netip"
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
