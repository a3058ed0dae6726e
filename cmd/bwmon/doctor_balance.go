package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bwmon/traffic"
)

// balanceSpan is how long doctor keeps the books.
const balanceSpan = 2 * time.Second

// checkBalance keeps the books for a moment, changing nothing, and looks at what
// is left over.
func checkBalance(ctx context.Context, c config) []finding {
	caps, err := effectiveCapabilities()
	if err != nil || !caps.readsFlows() {
		return nil // said already
	}
	if _, ok := findMonitor(c.Monitors, kindMachine); !ok {
		return nil // there is none without interfaces
	}
	c.withoutRelays()
	monitors := slices.Clone(c.Monitors)
	for i := range monitors {
		monitors[i].Setup, monitors[i].Lookback = false, false
	}
	c.Monitors = monitors
	s, err := measureFor(ctx, c, snapshotFlags{span: balanceSpan})
	if err != nil {
		return []finding{{Check: "balance", State: findingWarn, Found: traffic.CleanText(err.Error(), 300),
			Means: "it is not known whether all is booked", Cure: "sudo bwmon snapshot"}}
	}
	return []finding{judgeBalance(s)}
}

// What may be left over: a share of what was carried, and what ARP and the like
// take in a moment.
const (
	mayRemain      = 0.01
	mayRemainBytes = 10_000
)

func judgeBalance(s *traffic.Snapshot) finding {
	b, u := s.Balance, units{}
	f := finding{Check: "balance", State: findingOK}
	direction := func(name string, carried uint64, residual int64) string {
		if left := max(residual, -residual); float64(left) > mayRemainBytes+mayRemain*float64(carried) {
			f.State = findingWarn
		}
		return fmt.Sprintf("%s %s with a residual of %s", name, u.bytes(carried), u.signed(residual))
	}
	f.Found = fmt.Sprintf("in %.1f s the interfaces carried %s, %s", s.Elapsed,
		direction("rx", b.InterfaceRx, b.ResidualRx), direction("tx", b.InterfaceTx, b.ResidualTx))
	if f.State != findingOK {
		f.Means = "the interfaces carried other bytes than were booked; docs/accuracy.md tells what makes a residual"
		f.Cure = "sudo bwmon snapshot --for 1m"
	}
	for _, m := range s.Monitors {
		if m.State == traffic.StateFailed {
			f.State = findingWarn
			f.Means = fmt.Sprintf("the monitor %s was not there: %s", m.Name, m.Detail)
			f.Cure = "sudo bwmon snapshot" // which may set up what is missing
		}
	}
	return f
}
