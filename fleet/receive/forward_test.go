package receive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestForward: a receiver without a memory hands on what comes, with right times, and
// takes it for kept when that was taken.
func TestForward(t *testing.T) {
	clock := &testClock{at: epoch}
	var got []*fleet.Batch
	var fail error
	s := newSite(t, Options{Limits: generous, Now: clock.now, Forward: func(_ context.Context, host string, list []*fleet.Batch) error {
		if host != "gw" {
			t.Errorf("it is of %q", host)
		}
		got = append(got, list...)
		return fail
	}}, nil)
	s.header = http.Header{fleet.HeaderClock: {epoch.Add(time.Hour).Format(time.RFC3339)}}
	h := newStation("gw", 1)
	for range 3 {
		h.work(epoch.Add(time.Hour - time.Second))
	}
	last := h.queue[2].Position()
	if r := s.publish(t, "gw", 0, h.queue[1:]...); r.status != http.StatusOK || r.answer != (fleet.Answer{Have: last, Kept: last}) {
		t.Errorf("%d %s", r.status, r.body)
	}
	since := h.queue[2].Changes.Balance.InterfaceRx - h.queue[1].Changes.Balance.InterfaceRx
	if m := s.Hosts()[0]; m.RxBytes != since || since == 0 {
		t.Errorf("%+v, want %d bytes since this receiver heard of it", m, since)
	}
	if len(got) != 2 || !got[0].At.Equal(epoch.Add(-time.Second)) || !got[0].Changes.At.Equal(got[0].At) || got[0].From.After(got[0].At) {
		t.Errorf("%+v", got)
	}
	fail = errDiskFull
	if r := s.publish(t, "gw", 0, h.queue[0]); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(r.problem.Detail, errDiskFull.Error()) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.publish(t, "gw", 0); r.status != http.StatusOK || r.answer.Have != last {
		t.Errorf("%d %s", r.status, r.body)
	}
	if m := s.Hosts(); len(m) != 1 || m[0].State != traffic.MemberReporting || m[0].Clock != 3600 {
		t.Errorf("%+v", m)
	}
	fail = nil
	old := *h.queue[0]
	old.From = epoch.Add(-3 * oldest)
	if got = nil; s.publish(t, "gw", 0, &old).status != http.StatusOK || !got[0].From.Equal(old.From.Add(-time.Hour)) {
		t.Errorf("a run that began years ago: %+v", got)
	}
	before := h.now.Balance
	clock.pass(10 * time.Second)
	for h.now.Balance == before {
		h.work(epoch.Add(time.Hour + 9*time.Second))
	}
	carried := h.now.Balance.InterfaceRx - before.InterfaceRx
	for range 2 { // it counts once
		s.publish(t, "gw", 0, h.queue[3:]...)
	}
	if m := s.Hosts()[0]; m.RxBytes != since+carried || m.RxRate == 0 || s.snapshot(clock.now()).Balance.InterfaceRx != m.RxBytes {
		t.Errorf("%+v, want %d bytes", m, since+carried)
	}
}

// TestHostsDoNotWaitForEachOther: what one host sends is taken one after the other, and
// meanwhile the others go on.
func TestHostsDoNotWaitForEachOther(t *testing.T) {
	gate, in := make(chan struct{}), make(chan string, 10)
	var slow atomic.Int32
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now, Forward: func(_ context.Context, host string, _ []*fleet.Batch) error {
		in <- host
		if host == "slow" {
			if slow.Add(1) > 1 {
				t.Error("two at a time of one host")
			}
			<-gate
			slow.Add(-1)
		}
		return nil
	}}, nil)
	var wg sync.WaitGroup
	batch := one(t, "slow")
	for range 3 {
		wg.Go(func() { s.publish(t, "slow", 0, batch) })
	}
	if got := <-in; got != "slow" {
		t.Errorf("%s came first", got)
	}
	if got := s.publish(t, "gw", 0, one(t, "gw")); got.status != http.StatusOK || <-in != "gw" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(s.Hosts()) != 2 { // nor do those who look
		t.Errorf("%+v", s.Hosts())
	}
	close(gate)
	wg.Wait()
	if len(in) != 2 {
		t.Errorf("%d of the slow host's were handed on after the first, want 2", len(in))
	}
}

// never is an answer that will be the same again.
type never struct{ status int }

func (e never) Error() string   { return "it makes no sense" }
func (e never) HTTPStatus() int { return e.status }

// TestForwardRefused: what makes no sense to whoever keeps it is refused for good, so that
// the host sets it aside; what else goes wrong there goes away.
func TestForwardRefused(t *testing.T) {
	for status, want := range map[int]int{http.StatusUnprocessableEntity: http.StatusUnprocessableEntity, http.StatusBadGateway: http.StatusServiceUnavailable} {
		s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now, Forward: func(context.Context, string, []*fleet.Batch) error {
			return fmt.Errorf("write: %w", never{status})
		}}, nil)
		if got := s.publish(t, "gw", 0, one(t, "gw")); got.status != want || !strings.Contains(got.problem.Detail, "makes no sense") {
			t.Errorf("%d: %d %s, want %d", status, got.status, got.body, want)
		}
	}
}

// TestForgetForwarded: a receiver without a memory forgets what it remembers, and says
// where the rest is.
func TestForgetForwarded(t *testing.T) {
	clock := &testClock{at: epoch}
	elsewhere := map[string]bool{"old": true}
	forgotten := func(host string) bool {
		known := elsewhere[host]
		delete(elsewhere, host)
		return known
	}
	s := newSite(t, Options{Limits: generous, Now: clock.now, Forgotten: forgotten, Forward: func(context.Context, string, []*fleet.Batch) error { return nil }}, nil)
	if err := s.Forget("old"); err != nil || elsewhere["old"] {
		t.Errorf("a host that only the engine knows: %v", err)
	}
	h := newStation("gw", 1)
	for range 2 {
		h.work(clock.pass(10 * time.Second))
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	}
	if err := s.Forget("gw"); err != nil {
		t.Fatal(err)
	}
	if len(s.Hosts()) != 0 || s.snapshot(clock.now()).Balance != (traffic.Balance{}) {
		t.Errorf("%+v is still there", s.Hosts())
	}
	if err := s.Forget("gw"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "engine") {
		t.Errorf("%v does not say who has its past", err)
	}
	h.work(clock.pass(10 * time.Second))
	last := h.queue[len(h.queue)-1].Position()
	if got := s.publish(t, "gw", 0, h.unsent()...); got.status != http.StatusOK || got.answer.Kept != last {
		t.Errorf("%d %s", got.status, got.body)
	}
	if m := s.Hosts(); len(m) != 1 || m[0].State != traffic.MemberReporting {
		t.Errorf("%+v", m)
	}
}
