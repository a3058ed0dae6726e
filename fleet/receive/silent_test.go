package receive

import (
	"context"
	"testing"
	"time"

	"bwmon/fleet"
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

// stateOf is the line of a host.
func stateOf(t *testing.T, s *site, host string) traffic.Member {
	t.Helper()
	for _, m := range s.Hosts() {
		if m.Host == host {
			return m
		}
	}
	t.Fatalf("no host %s", host)
	return traffic.Member{}
}

// TestDeadStaysSilent: a host that was dead when the receiver ended is so at once when it
// starts again, and those that lived until then are not made silent by its absence.
func TestDeadStaysSilent(t *testing.T) {
	clock := &testClock{at: epoch}
	o := Options{Limits: generous, Now: clock.now}
	s := newSite(t, o, newLedger())
	dead, alive := newStation("dead", 1), newStation("alive", 2)
	publish := func(h *station) {
		t.Helper()
		// Its clock is behind, though not by so much that it is corrected.
		h.work(clock.now().Add(-DefaultAhead + time.Second))
		h.hear(s.publish(t, h.name, 0, h.unsent()...).answer)
	}
	publish(dead)
	for range 10 {
		clock.pass(10 * time.Second)
		publish(dead)
		publish(alive)
	}
	for range 60 {
		clock.pass(10 * time.Second)
		publish(alive)
	}
	for _, down := range []time.Duration{time.Second, time.Hour, 40 * 24 * time.Hour} {
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.pass(down)
		s = s.kill(t, o)
		if m := stateOf(t, s, "dead"); m.State != traffic.MemberSilent || m.Silent < 600 {
			t.Errorf("after %v: %+v, want it silent for ten minutes and more", down, m)
		}
		clock.pass(DefaultSilentAfter - 10*time.Second)
		if m := stateOf(t, s, "alive"); m.State != traffic.MemberReporting {
			t.Errorf("after %v: %+v", down, m)
		}
		publish(alive)
	}
	publish(dead)
	if m := stateOf(t, s, "dead"); m.State != traffic.MemberReporting || m.Silent != 0 {
		t.Errorf("it is back: %+v", m)
	}
}

// TestSeldom: a host that publishes less often than others is not silent in between, also
// not for a receiver that started again; one outage does not make it one that does.
func TestSeldom(t *testing.T) {
	for name, test := range map[string]struct {
		gaps  []time.Duration
		quiet time.Duration // it may be
	}{
		"often":          {[]time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second}, DefaultSilentAfter},
		"seldom":         {[]time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute}, 30 * time.Minute},
		"once":           {[]time.Duration{10 * time.Minute}, 30 * time.Minute},
		"never again":    {[]time.Duration{5 * time.Hour, 5 * time.Hour}, 3 * time.Hour},
		"an outage":      {[]time.Duration{10 * time.Second, 10 * time.Second, 5 * time.Hour}, DefaultSilentAfter},
		"one came early": {[]time.Duration{10 * time.Minute, 10 * time.Minute, time.Second}, 30 * time.Minute},
		"nothing":        {nil, DefaultSilentAfter},
	} {
		forward := func(context.Context, string, []*fleet.Batch) error { return nil }
		for way, o := range map[string]Options{"kept": {}, "forwarded": {Forward: forward}} {
			t.Run(name+" "+way, func(t *testing.T) {
				clock := &testClock{at: epoch}
				o.Limits, o.Now = generous, clock.now
				s := newSite(t, o, newLedger())
				h := newStation("gw", 1)
				h.work(clock.now())
				h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
				for _, gap := range test.gaps {
					h.work(clock.pass(gap))
					h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
				}
				if o.Forward == nil {
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					s = s.kill(t, o)
				}
				clock.pass(test.quiet)
				if m := stateOf(t, s, "gw"); m.State != traffic.MemberReporting {
					t.Errorf("%+v after %v", m, test.quiet)
				}
				clock.pass(time.Second)
				if m := stateOf(t, s, "gw"); m.State != traffic.MemberSilent {
					t.Errorf("%+v after more than %v", m, test.quiet)
				}
			})
		}
	}
}
