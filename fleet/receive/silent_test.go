package receive

import (
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// ratesOf sums all that a snapshot says of now.
func ratesOf(s *traffic.Snapshot) (all float64) {
	for i := range s.Apps {
		a := &s.Apps[i]
		all += a.RxRate + a.TxRate + a.CPUPercent + a.DiskReadRate
		for j := range a.Commands {
			c := &a.Commands[j]
			all += c.RxRate + c.TxRate + c.CPUPercent + c.DiskReadRate
		}
	}
	for i := range s.Interfaces {
		all += s.Interfaces[i].RxRate
	}
	for i := range s.Hosts {
		all += s.Hosts[i].RxRate
	}
	return all
}

func silentOf(s *traffic.Snapshot, host string) float64 {
	for i := range s.Series {
		if s.Series[i].ID() == traffic.SeriesID(traffic.SeriesHost, host) {
			v, _ := s.Series[i].Metrics.Get("silent_s")
			return v
		}
	}
	return -1
}

// TestSilent: a host that does not publish for longer than it may is silent, its rates are
// 0 in its own snapshot and in the fleet's, its totals stay; and it comes back, also when
// it has nothing new to say.
func TestSilent(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	h := newStation("gw", 3)
	publish := func() {
		t.Helper()
		h.work(clock.now())
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	}
	check := func(state string, quiet bool) {
		t.Helper()
		fleet := s.snapshot(clock.now())
		own, _ := s.HostSnapshot("gw")
		if m := fleet.Hosts[0]; m.State != state || silentOf(fleet, "gw") != m.Silent {
			t.Errorf("%+v, want %s, and the series has %v", m, state, silentOf(fleet, "gw"))
		}
		if (ratesOf(fleet) == 0) != quiet || (ratesOf(own) == 0) != quiet {
			t.Errorf("%s: the fleet's rates are %v, the host's %v", state, ratesOf(fleet), ratesOf(own))
		}
		if told := len(own.Monitors) > 0 && own.Monitors[0].Name == "publish" && own.Monitors[0].State == traffic.StateFailed; told != quiet {
			t.Errorf("%s: %+v", state, own.Monitors)
		}
		checkFleet(t, fleet, []*station{h})
	}
	for range 5 {
		clock.pass(10 * time.Second)
		publish()
	}
	check(traffic.MemberReporting, false)
	clock.pass(DefaultSilentAfter)
	check(traffic.MemberReporting, false)
	clock.pass(time.Second)
	check(traffic.MemberSilent, true)
	check(traffic.MemberSilent, true)
	publish()
	check(traffic.MemberReporting, false)
	clock.pass(time.Hour)
	check(traffic.MemberSilent, true)
	s.publish(t, "gw", 0) // what it said last still holds
	check(traffic.MemberReporting, false)
}

// TestSilentWhileDown: a receiver that was down does not know who was silent then: it
// waits as long again, and shows no rates meanwhile.
func TestSilentWhileDown(t *testing.T) {
	clock := &testClock{at: epoch}
	o := Options{Limits: generous, Now: clock.now}
	s := newSite(t, o, newLedger())
	h := newStation("gw", 3)
	for range 3 {
		h.work(clock.pass(10 * time.Second))
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, _ := s.HostSnapshot("gw")
	clock.pass(time.Hour)
	s = s.kill(t, o)
	clock.pass(time.Minute)
	fleet, own := s.snapshot(clock.now()), s.Hosts()[0]
	if own.State != traffic.MemberReporting || own.Silent != 60 || !own.Seen.Equal(before.At) {
		t.Errorf("%+v", own)
	}
	after, _ := s.HostSnapshot("gw")
	if ratesOf(fleet)+ratesOf(after) != 0 {
		t.Errorf("rates from before: %v and %v", ratesOf(fleet), ratesOf(after))
	}
	if diff := cmp.Diff(before.Balance, after.Balance); diff != "" {
		t.Errorf("the host's books (-before +after):\n%s", diff)
	}
	s.publish(t, "gw", 0) // it has nothing new, and is there
	if fleet, after := s.snapshot(clock.now()), s.Hosts()[0]; ratesOf(fleet) == 0 || after.Silent != 0 {
		t.Errorf("%+v with rates %v", after, ratesOf(fleet))
	}
	clock.pass(DefaultSilentAfter + time.Second)
	if m := s.Hosts()[0]; m.State != traffic.MemberSilent {
		t.Errorf("%+v", m)
	}
}

// TestSinceTheStart: what a host carried before there was a receiver is not the fleet's,
// what it carries from then on is, and what moved between rows is nobody's.
func TestSinceTheStart(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	began := epoch.Add(-24 * time.Hour)
	h := newStation("gw", 3)
	h.restart(began)
	h.now.Elapsed = (24 * time.Hour).Seconds()
	h.work(epoch)
	before := h.truth()
	h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	sum := func(rows map[string]traffic.Counts) (all traffic.Counts) {
		for _, c := range rows {
			all = all.Add(c)
		}
		return all
	}
	for range 50 {
		h.work(clock.pass(10 * time.Second))
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
		var got traffic.Counts
		for _, a := range s.snapshot(clock.now()).Apps {
			got = got.Add(countsOf(&a))
		}
		checkBalance(t, s.snapshot(clock.now()), got)
		if want := sum(h.truth()).Sub(sum(before)); got != want {
			t.Fatalf("the fleet carried %v, want %v", got, want)
		}
	}
	checkBooks(t, s.books, []*station{h}) // the books have all of it
}
