package receive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// clockOf is a clock that a test puts on.
type testClock struct {
	mu sync.Mutex // protects the field below
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

// generous are limits that tests of other things do not meet.
var generous = Limits{Requests: 1e6, Bytes: 1e12, Names: 1e9}

// site is a receiver behind a real server, which can be killed.
type site struct {
	*Receiver
	door
	books  *ledger
	server *httptest.Server
}

func newSite(t testing.TB, o Options, books *ledger) *site {
	t.Helper()
	if o.Forward == nil {
		o.Books = books
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Receiver: r, books: books, server: httptest.NewServer(r.Handler())}
	s.url = s.server.URL
	t.Cleanup(s.close)
	return s
}

func (s *site) close() {
	http.DefaultClient.CloseIdleConnections()
	s.server.Close()
}

// kill ends it like SIGKILL does, and begins another one where its books are.
func (s *site) kill(t testing.TB, o Options) *site {
	s.close()
	return newSite(t, o, s.books.crash())
}

// TestExact is the promise: whatever is sent twice, early, late or in parts, and whenever
// receiver and hosts are killed, the books have what the hosts carried, byte by byte.
func TestExact(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rand := rand.New(rand.NewPCG(seed, 1))
			clock := &testClock{at: epoch}
			o := Options{Host: "receiver", Limits: generous, Now: clock.now}
			s := newSite(t, o, newLedger())
			var stations []*station
			for i := range 5 {
				stations = append(stations, newStation(fmt.Sprint("host", i), seed*100+uint64(i)))
			}
			var gaps, kills int
			for range 400 {
				at := clock.pass(time.Second)
				h := stations[rand.IntN(len(stations))]
				switch rand.IntN(14) {
				case 0:
					h.restart(at)
					fallthrough
				case 1, 2, 3, 4, 5:
					h.work(at)
				case 6:
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				case 7:
					if rand.IntN(3) == 0 {
						s = s.kill(t, o)
						kills++
					}
				default:
					if h.send(t, s, rand) == http.StatusConflict {
						gaps++
					}
				}
			}
			for _, h := range stations {
				h.work(clock.now())
				for tries := 0; h.have != h.queue[len(h.queue)-1].Position(); tries++ {
					if tries == 5 {
						t.Fatalf("%s cannot get rid of what it has", h.name)
					}
					h.hear(s.publish(t, h.name, 0, h.unsent()...).answer)
				}
			}
			checkBooks(t, s.books, stations)
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			s = s.kill(t, o)
			checkBooks(t, s.books, stations)
			for _, h := range stations {
				if h.hear(s.publish(t, h.name, 0).answer); len(h.queue) > 0 {
					t.Errorf("%s still has %d batches when all is kept", h.name, len(h.queue))
				}
			}
			if gaps == 0 || kills == 0 {
				t.Errorf("%d gaps, %d kills: this shows nothing", gaps, kills)
			}
		})
	}
}

// send sends something of the queue, and returns the status.
func (h *station) send(t *testing.T, s *site, rand *rand.Rand) int {
	t.Helper()
	list := h.unsent()
	switch n := len(list); rand.IntN(5) {
	case 0: // again, all of it
		list = h.queue
	case 1: // too early
		if n > 1 {
			list = list[1+rand.IntN(n-1):]
		}
	case 2: // in part
		list = list[:rand.IntN(n+1)]
	case 3: // joined
		if n > 1 {
			if j, ok := fleet.Join(list[0], list[1]); ok {
				list = slices.Concat([]*fleet.Batch{j}, list[2:])
			}
		}
	}
	got := s.publish(t, h.name, len(h.queue), list...)
	switch got.status {
	case http.StatusOK, http.StatusConflict:
		if rand.IntN(4) > 0 { // else the answer is lost
			h.hear(got.answer)
		}
	default:
		t.Fatalf("%s: %d %s", h.name, got.status, got.body)
	}
	return got.status
}

func checkBooks(t *testing.T, books *ledger, stations []*station) {
	t.Helper()
	for _, h := range stations {
		if diff := cmp.Diff(h.truth(), books.rows(h.name)); diff != "" {
			t.Errorf("%s (-carried +booked):\n%s", h.name, diff)
		}
	}
}

// TestFleetExact: the fleet's totals are those of all hosts together, whatever moves
// between rows, and rows that are folded lose nothing.
func TestFleetExact(t *testing.T) {
	for _, o := range []Options{{}, {Apps: 4}, {HostApps: 3}, {AppHosts: 2}} {
		t.Run(fmt.Sprint(o.Apps, o.HostApps, o.AppHosts), func(t *testing.T) {
			clock := &testClock{at: epoch}
			o.Limits, o.Now = generous, clock.now
			s := newSite(t, o, newLedger())
			var stations []*station
			for i := range 6 {
				stations = append(stations, newStation(fmt.Sprint("host", i), uint64(i)))
			}
			for step := range 200 {
				at := clock.pass(time.Second)
				h := stations[step%len(stations)]
				if step%37 == 36 {
					h.restart(at)
				}
				h.work(at)
				h.hear(s.publish(t, h.name, 0, h.unsent()...).answer)
				checkFleet(t, s.snapshot(at), stations[:min(step+1, len(stations))])
			}
		})
	}
}

func checkFleet(t *testing.T, s *traffic.Snapshot, stations []*station) {
	t.Helper()
	want, got := make(map[string]traffic.Counts), make(map[string]traffic.Counts)
	var all, apps traffic.Counts
	for _, h := range stations {
		for _, c := range h.truth() {
			want[h.name] = want[h.name].Add(c)
			all = all.Add(c)
		}
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		var commands traffic.Counts
		for j := range a.Commands {
			c := &a.Commands[j]
			of := traffic.Counts{RxBytes: c.RxBytes, TxBytes: c.TxBytes, RxPackets: c.DiskReadBytes, TxPackets: c.DiskWriteBytes}
			commands = commands.Add(of)
			got[c.Host] = got[c.Host].Add(of)
		}
		if commands != countsOf(a) {
			t.Fatalf("%s: its hosts have %v, itself has %v", a.Name, commands, countsOf(a))
		}
		apps = apps.Add(commands)
	}
	if apps != all {
		t.Fatalf("the apps have %v, the hosts carried %v", apps, all)
	}
	if _, folded := got[traffic.HostsFolded]; !folded {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("by host (-carried +shown):\n%s", diff)
		}
	}
	checkBalance(t, s, all)
}

func checkBalance(t *testing.T, s *traffic.Snapshot, all traffic.Counts) {
	t.Helper()
	b := s.Balance
	if b.LocalRx+b.UnattributedRx != all.RxBytes || b.InterfaceTx != all.TxBytes || max(b.LocalRx, b.UnattributedRx) > all.RxBytes ||
		b.ResidualRx != int64(b.InterfaceRx-b.LocalRx-b.UnattributedRx) || b.ResidualTx != 0 {
		t.Fatalf("the balance %+v is not of %v", b, all)
	}
}

// TestIdleAppsMakeRoom: apps that nobody has used for long are counted with all others
// where there is little room, so that new ones have names; sums stay.
func TestIdleAppsMakeRoom(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now, Apps: 8}, newLedger())
	stations := []*station{newStation("a", 1), newStation("b", 2)}
	publish := func() {
		for _, h := range stations {
			for range 10 {
				h.work(clock.now())
			}
			h.hear(s.publish(t, h.name, 0, h.unsent()...).answer)
		}
	}
	publish()
	named := func() (n int, others bool) {
		for _, a := range s.snapshot(clock.now()).Apps {
			if a.Name == traffic.AppOther {
				others = true
			} else {
				n++
			}
		}
		return n, others
	}
	if n, others := named(); n != 7 || !others {
		t.Errorf("%d apps have names, others: %v", n, others)
	}
	clock.pass(time.Hour)
	if n, others := named(); n != 5 || !others {
		t.Errorf("%d apps have names an hour later, others: %v", n, others)
	}
	checkFleet(t, s.snapshot(clock.now()), stations)
	publish()
	if n, _ := named(); n != 7 {
		t.Errorf("%d apps have names when they are used again", n)
	}
	checkFleet(t, s.snapshot(clock.now()), stations)
}

// TestWakeIsNotLate: what a host said before its latest snapshot does not hold any more.
func TestWakeIsNotLate(t *testing.T) {
	ty := newTally(&Options{Apps: 10, HostApps: 10, AppHosts: 10})
	app := func(rate float64) *traffic.Snapshot {
		return &traffic.Snapshot{Run: "r", Apps: []traffic.App{{Name: "a", Usage: traffic.Usage{RxRate: rate}}}}
	}
	a, old := ty.open("gw", nil), app(1)
	ty.enter(a, old, false, epoch)
	ty.hush(a)
	ty.enter(a, app(2), false, epoch)
	ty.hush(a)
	ty.wake(a, old)
	if got := ty.current(epoch)[0].RxRate; got != 0 {
		t.Errorf("its rate is %v", got)
	}
}

// TestParallel: hosts publish at the same time as the books are flushed and the fleet is
// looked at, each through several connections.
func TestParallel(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now, FlushEvery: time.Millisecond, Interval: time.Millisecond}, newLedger())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var stations []*station
	var wg sync.WaitGroup
	for i := range 8 {
		h := newStation(fmt.Sprint("host", i), uint64(i))
		stations = append(stations, h)
		wg.Go(func() {
			for range 20 {
				h.work(clock.pass(time.Second))
				var twice sync.WaitGroup
				list := h.unsent()
				twice.Go(func() { s.publish(t, h.name, 0, list...) })
				h.hear(s.publish(t, h.name, 0, list...).answer)
				twice.Wait()
				s.Hosts()
				s.HostSnapshot(h.name)
			}
		})
	}
	wg.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	checkBooks(t, s.books.crash(), stations)
	checkFleet(t, s.Snapshot(), stations)
}
