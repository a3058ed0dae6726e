package receive

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestKept: what is booked is kept when the books were flushed, and not before.
func TestKept(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	h := newStation("gw", 1)
	h.work(epoch)
	first := h.queue[0].Position()
	if got := s.publish(t, "gw", 0, h.queue...).answer; got != (fleet.Answer{Have: first}) {
		t.Errorf("%+v before a flush", got)
	}
	s.books.fail(errDiskFull, nil)
	if err := s.Flush(t.Context()); err == nil {
		t.Error("a flush that failed did not")
	}
	if got := s.publish(t, "gw", 0).answer; got != (fleet.Answer{Have: first}) {
		t.Errorf("%+v after a flush that failed", got)
	}
	if st := s.Status(); st.Failing == nil || st.Pending == 0 || !st.Flushed.IsZero() {
		t.Errorf("%+v", st)
	}
	if m := s.snapshot(clock.now()).Monitors[0]; m.State != traffic.StateFailed || !strings.Contains(m.Detail, errDiskFull.Error()) {
		t.Errorf("%+v", m)
	}
	s.books.fail(nil, nil)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.publish(t, "gw", 0).answer; got != (fleet.Answer{Have: first, Kept: first}) {
		t.Errorf("%+v after a flush", got)
	}
	if st := s.Status(); st.Failing != nil || st.Pending != 0 || !st.Flushed.Equal(epoch) {
		t.Errorf("%+v", st)
	}
}

// TestFlushIsSlow: meanwhile hosts publish, and what they do then is not kept by it.
func TestFlushIsSlow(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	h := newStation("gw", 1)
	h.work(epoch)
	s.publish(t, "gw", 0, h.queue...)
	s.books.gate = make(chan struct{})
	ended := make(chan error)
	go func() { ended <- s.Flush(t.Context()) }()
	for s.Status().Pending != 0 { // it has begun
		time.Sleep(time.Millisecond)
	}
	h.work(epoch)
	if got := s.publish(t, "gw", 0, h.queue[1:]...); got.answer.Have != h.queue[1].Position() || !got.answer.Kept.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.books.gate <- struct{}{}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := s.publish(t, "gw", 0).answer; got != (fleet.Answer{Have: h.queue[1].Position(), Kept: h.queue[0].Position()}) {
		t.Errorf("%+v", got)
	}
}

// TestTooMuchPending: where the books cannot be flushed the hosts have to wait, and
// nothing is lost.
func TestTooMuchPending(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	s.books.fail(errDiskFull, nil)
	if err := s.Flush(t.Context()); err == nil {
		t.Error("a flush that failed did not")
	}
	h := newStation("gw", 1)
	h.work(epoch)
	s.publish(t, "gw", 0, h.queue...)
	s.mu.Lock()
	s.pending = mostPending
	s.mu.Unlock()
	h.work(epoch)
	got := s.publish(t, "gw", 0, h.queue...)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.problem.Detail, errDiskFull.Error()) {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.books.fail(nil, nil)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	checkBooks(t, s.books, []*station{h})
}

// TestBooksAreFull: what the books did not take is booked before anything else of that
// host is, so that the end of a run is not lost.
func TestBooksAreFull(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	h := newStation("gw", 1)
	h.work(epoch)
	s.publish(t, "gw", 0, h.queue...)
	booked := h.queue[0].Position()
	h.work(epoch)
	s.books.fail(nil, errDiskFull)
	for range 2 {
		if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.restart(epoch)
	h.work(epoch)
	if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.books.fail(nil, nil)
	if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusOK || got.answer.Kept != booked {
		t.Errorf("%d %s", got.status, got.body)
	}
	checkBooks(t, s.books, []*station{h})
}

// TestRun: it flushes from time to time, early when there is much, and at the end; makes
// snapshots, and closes the channels of those who had them.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := newLedger()
		r, err := New(Options{Books: books, Host: "receiver", Limits: generous})
		if err != nil {
			t.Fatal(err)
		}
		h := newStation("gw", 1)
		send := func() {
			t.Helper()
			h.work(time.Now())
			deliver(t, r.Handler(), packer.EncodeAll(encoded(t, h.queue...), nil))
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		seen := r.Subscribe()
		if s := <-seen; s.Host != "receiver" || len(s.Hosts) != 0 {
			t.Errorf("%+v", s)
		}
		send()
		time.Sleep(DefaultInterval)
		synctest.Wait()
		if s := <-seen; len(s.Hosts) != 1 || len(s.Apps) == 0 || s != r.Snapshot() {
			t.Errorf("%+v", s)
		}
		if books.count() != 0 {
			t.Error("the books were flushed at once")
		}
		time.Sleep(DefaultFlushEvery)
		synctest.Wait()
		if books.count() != 1 {
			t.Errorf("the books were flushed %d times, want once", books.count())
		}
		r.mu.Lock()
		r.pending = soonFlush
		r.mu.Unlock()
		send()
		synctest.Wait()
		if books.count() != 2 {
			t.Errorf("the books were flushed %d times, want once early", books.count())
		}
		books.fail(errDiskFull, nil)
		time.Sleep(3 * DefaultFlushEvery)
		books.fail(nil, nil)
		time.Sleep(DefaultFlushEvery)
		synctest.Wait()
		if books.count() < 3 || r.Status().Failing != nil {
			t.Errorf("%d flushes, %+v: it is not tried again", books.count(), r.Status())
		}
		send()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		checkBooks(t, books.crash(), []*station{h})
		for s := range seen {
			if s.Elapsed == 0 {
				t.Errorf("%+v", s)
			}
		}
		if err := r.Run(t.Context()); err == nil {
			t.Error("it ran twice")
		}
	})
}

// TestForget: a host that is forgotten is gone from the books and the fleet, and is a new
// one when it publishes again.
func TestForget(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	stations := []*station{newStation("a", 1), newStation("b", 2)}
	for _, h := range stations {
		h.work(clock.pass(time.Second))
		h.hear(s.publish(t, h.name, 0, h.queue...).answer)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget("c"); err == nil {
		t.Error("a host that is not there was forgotten")
	}
	late := s.find("a") // a request that is on its way
	if err := s.Forget("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.take(t.Context(), late, &delivery{batches: stations[0].queue, now: clock.now()}); err == nil {
		t.Error("what was on its way was booked")
	}
	if _, known := s.HostSnapshot("a"); known || len(s.Hosts()) != 1 || s.books.rows("a") != nil {
		t.Error("it is still there")
	}
	checkFleet(t, s.snapshot(clock.now()), stations[1:])
	h := stations[0]
	h.work(clock.now())
	got := s.publish(t, "a", 0, h.queue[1:]...)
	if got.status != http.StatusConflict || !got.answer.Have.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.publish(t, "a", 0, h.recorder.Full()); got.status != http.StatusOK || !got.answer.Kept.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
	checkBooks(t, s.books, stations)
}

// TestForgetBetweenRuns: a host that is forgotten and begins another run, which follows
// one that nobody knows any more, comes back when it says that it cannot be had.
func TestForgetBetweenRuns(t *testing.T) {
	clock := &testClock{at: epoch}
	o := Options{Limits: generous, Now: clock.now}
	s := newSite(t, o, newLedger())
	h := newStation("gw", 1)
	for range 3 {
		h.work(clock.pass(10 * time.Second))
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hear(s.publish(t, "gw", 0).answer)
	if err := s.Forget("gw"); err != nil {
		t.Fatal(err)
	}
	h.restart(clock.now())
	h.over = nil // it is forgotten
	for range 3 {
		h.work(clock.pass(10 * time.Second))
	}
	if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusConflict || !got.answer.Have.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
	first := *h.queue[0]
	first.Former = fleet.Position{}
	h.queue[0] = &first
	for range 2 { // the second time after a crash
		got := s.publish(t, "gw", 0, h.queue...)
		if got.status != http.StatusOK || got.answer.Have != h.queue[len(h.queue)-1].Position() {
			t.Errorf("%d %s", got.status, got.body)
		}
		checkBooks(t, s.books, []*station{h})
		checkFleet(t, s.snapshot(clock.now()), []*station{h})
		if m := s.Hosts(); len(m) != 1 || m[0].State != traffic.MemberReporting {
			t.Errorf("%+v", m)
		}
		s = s.kill(t, o)
	}
}

// TestSpoiltNote: where it is not known how far the books of a host are, the host is asked
// for all of its run, and nothing is booked twice.
func TestSpoiltNote(t *testing.T) {
	clock := &testClock{at: epoch}
	o := Options{Limits: generous, Now: clock.now}
	s := newSite(t, o, newLedger())
	h := newStation("gw", 1)
	for range 3 {
		h.work(clock.pass(time.Second))
		h.hear(s.publish(t, "gw", 0, h.unsent()...).answer)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hear(s.publish(t, "gw", 0).answer)
	for host, p := range s.books.flushed {
		p.kept.Note = []byte("{")
		s.books.flushed[host] = p
	}
	s = s.kill(t, o)
	h.work(clock.pass(time.Second))
	if got := s.publish(t, "gw", 0, h.unsent()...); got.status != http.StatusConflict || !got.answer.Have.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.publish(t, "gw", 0, h.recorder.Full()); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	checkBooks(t, s.books, []*station{h})
}

func TestOptions(t *testing.T) {
	forward := func(context.Context, string, []*fleet.Batch) error { return nil }
	for name, o := range map[string]Options{
		"neither": {},
		"both":    {Books: newLedger(), Forward: forward},
		"a limit": {Forward: forward, Limits: Limits{Requests: -1}},
		"no room": {Forward: forward, MaxHosts: -1},
		"no time": {Forward: forward, FlushEvery: -1},
		"one app": {Forward: forward, Apps: 1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestRoutes: a server that adapts them knows who asks for which, and how much they take.
func TestRoutes(t *testing.T) {
	r, err := New(Options{Books: newLedger(), Perf: newTrends()})
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range r.Routes() {
		if posts := route.Method == http.MethodPost; posts != route.FromHosts || posts != (route.MaxBody > 0) {
			t.Errorf("%+v", route)
		}
		mux := http.NewServeMux()
		mux.Handle(route.Path, route.Handler)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(route.Method, strings.NewReplacer("{host}", "gw", "{epoch}", "0", "{label}", "x").Replace(route.Path), nil))
		if w.Code == http.StatusOK || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", route.Path, w.Code, w.Body)
		}
	}
}
