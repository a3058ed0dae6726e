package receive

import (
	"context"
	"net/http"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestRunsOfBefore: what a run carried before the receiver started is not the fleet's
// since then, whichever run of its host that is.
func TestRunsOfBefore(t *testing.T) {
	for name, forward := range map[string]func(context.Context, string, []*fleet.Batch) error{
		"books": nil, "engine": func(context.Context, string, []*fleet.Batch) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			clock := &testClock{at: epoch}
			s := newSite(t, Options{Limits: generous, Now: clock.now, Forward: forward}, newLedger())
			h := newStation("gw", 1)
			var want uint64
			publish := func(first bool) {
				t.Helper()
				before := h.now
				for range 5 {
					h.work(clock.pass(10 * time.Second))
					got := s.publish(t, "gw", 0, h.unsent()...)
					if got.status != http.StatusOK {
						t.Fatalf("%d %s", got.status, got.body)
					}
					h.hear(got.answer)
					if first { // this is what the fleet's count begins at
						before, first = h.now, false
					}
				}
				want += h.now.Balance.InterfaceRx - before.Balance.InterfaceRx
				fleet := s.snapshot(clock.now())
				if m := s.Hosts()[0]; m.RxBytes != want || fleet.Balance.InterfaceRx != want {
					t.Errorf("%d bytes, and %d of the fleet, want %d", m.RxBytes, fleet.Balance.InterfaceRx, want)
				}
				if forward != nil {
					return
				}
				var apps uint64
				for i := range fleet.Apps {
					apps += fleet.Apps[i].RxBytes
				}
				if local := fleet.Balance.LocalRx + fleet.Balance.UnattributedRx; apps != local {
					t.Errorf("%d bytes of apps, want %d", apps, local)
				}
			}
			for _, elapsed := range []float64{3600, 0, 7200} {
				h.restart(clock.now())
				h.now.Elapsed = elapsed
				publish(elapsed > 0)
			}
		})
	}
}

// TestForgottenSleeps: a host that is looked at while it is forgotten has nothing to wake.
func TestForgottenSleeps(t *testing.T) {
	o := Options{}.withDefaults()
	ty := newTally(&o)
	a := ty.open("gw", nil)
	s := &traffic.Snapshot{Run: "a", Apps: []traffic.App{{Name: "web", Usage: traffic.Usage{RxBytes: 1, RxRate: 1}}}}
	ty.enter(a, s, false, epoch)
	ty.hush(a)
	ty.close(a)
	ty.wake(a, s)
	if len(ty.rows)+len(ty.accounts)+len(a.cells) > 0 {
		t.Errorf("%+v is left", ty)
	}
}
