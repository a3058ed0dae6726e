package machine

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// running is a monitor at work on a host, and what it has emitted.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	wait   func() error

	mu      sync.Mutex // protects batches
	batches []traffic.Batch
}

func start(t *testing.T, h *lab.Host, interval time.Duration) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel}
	m := New(Options{Interval: interval})
	r.wait = h.Go(func() error {
		return m.Run(ctx, func(b traffic.Batch) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.batches = append(r.batches, b)
		})
	})
	t.Cleanup(cancel)
	return r
}

// stop cancels the monitor and returns all its batches.
func (r *running) stop() []traffic.Batch {
	r.t.Helper()
	r.cancel()
	if err := r.wait(); err != nil {
		r.t.Errorf("Run returned %v after it was cancelled", err)
	}
	return r.batches
}

// until waits for a batch that fulfils want.
func (r *running) until(what string, want func(traffic.Batch) bool) traffic.Batch {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for next := 0; time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		r.mu.Lock()
		fresh := r.batches[next:]
		next = len(r.batches)
		r.mu.Unlock()
		for _, b := range fresh {
			if want(b) {
				return b
			}
		}
	}
	r.t.Fatalf("no batch with %s", what)
	return traffic.Batch{}
}

func find(b traffic.Batch, name string) (traffic.InterfaceTotal, bool) {
	for _, i := range b.Interfaces {
		if i.Name == name {
			return i, true
		}
	}
	return traffic.InterfaceTotal{}, false
}

// TestFirstAndLast: with an interval of an hour there is one batch at once
// and one at the end, and the latter has all that passed meanwhile.
func TestFirstAndLast(t *testing.T) {
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(lab.End{Host: a, Name: "eth0", Addrs: []string{"198.18.0.1/24", "fd00::1/64"}, Plain: true},
		lab.End{Host: b, Name: "eth0", Addrs: []string{"198.18.0.2/24", "fd00::2/64"}, Plain: true})
	r := start(t, a, time.Hour)
	first := r.until("anything", func(traffic.Batch) bool { return true })
	before := a.Counters("eth0")
	for _, listen := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
		for _, proto := range []string{"tcp", "udp"} {
			server := b.Serve(lab.Server{Proto: proto, Listen: netip.MustParseAddrPort(listen)})
			a.Start(lab.Client{Proto: proto, Target: server.Addr, Send: 50_000, Receive: 70_000}).Wait()
			server.Stop()
		}
	}
	batches := r.stop()
	if len(batches) != 2 {
		t.Fatalf("%d batches, want the first and the last", len(batches))
	}
	for _, b := range batches {
		if b.Monitor != "machine" || !b.Complete || b.Opening || b.At.IsZero() || b.Lost != 0 || b.Detail == "" {
			t.Errorf("batch %+v", b)
		}
	}
	then, _ := find(first, "eth0")
	now, ok := find(batches[1], "eth0")
	if !ok || !now.Balanced || now.Index == 0 {
		t.Fatalf("eth0 in the last batch: %+v", now)
	}
	c := a.Counters("eth0").Layer3(14)
	want := traffic.Counts{RxBytes: c.RxBytes, TxBytes: c.TxBytes, RxPackets: c.RxPackets, TxPackets: c.TxPackets}
	if diff := cmp.Diff(want, now.Counts); diff != "" {
		t.Errorf("eth0 (-driver less headers +emitted):\n%s", diff)
	}
	if moved := now.Counts.Sub(then.Counts); moved.TxBytes < 4*50_000 || moved.RxBytes < 4*70_000 || a.Counters("eth0") == before {
		t.Errorf("eth0 moved %+v, want at least the payload", moved)
	}
}

// TestComeAndGo: interfaces appear, are renamed and are removed while the
// monitor runs; the last bytes of a removed one arrive.
func TestComeAndGo(t *testing.T) {
	l := lab.New(t)
	h, far := l.Host("h"), l.Host("far")
	r := start(t, h, 5*time.Millisecond)
	r.until("lo alone", func(b traffic.Batch) bool { _, ok := find(b, "lo"); return ok })

	l.Link(lab.End{Host: h, Name: "veth9", Addrs: []string{"198.18.0.1/24"}, Plain: true},
		lab.End{Host: far, Name: "eth0", Addrs: []string{"198.18.0.2/24"}, Plain: true})
	r.until("the new veth9", func(b traffic.Batch) bool { _, ok := find(b, "veth9"); return ok })

	nl, err := netlink.NewHandleAt(netns.NsHandle(h.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	link, err := nl.LinkByName("veth9")
	if err == nil {
		// Of what the kernel takes for a name, a terminal does not like all.
		err = nl.LinkSetName(link, "e\x1b[31m\xff")
	}
	if err != nil {
		t.Fatal(err)
	}
	const clean = `e\x1b[31m\xff`
	r.until("the clean new name", func(b traffic.Batch) bool { _, ok := find(b, clean); return ok })

	server := far.Serve(lab.Server{Proto: "udp", Listen: netip.MustParseAddrPort("198.18.0.2:0")})
	h.Start(lab.Client{Proto: "udp", Target: server.Addr, Send: 10_000, Chunk: 1000}).Wait()
	want := h.Counters("e\x1b[31m\xff").Layer3(14)
	h.DelLink("e\x1b[31m\xff")
	r.until("no veth", func(b traffic.Batch) bool { _, ok := find(b, clean); return !ok && len(b.Interfaces) > 0 })

	var last traffic.Counts
	for _, b := range r.stop() {
		if i, ok := find(b, clean); ok {
			last = i.Counts
		}
	}
	if last.TxBytes != want.TxBytes || last.TxPackets != want.TxPackets {
		t.Errorf("the last total of the removed interface is %+v, want %+v", last, want)
	}
}

// TestFarewell: an interface removed between two readings leaves its last
// counters, whatever the time between them.
func TestFarewell(t *testing.T) {
	l := lab.New(t)
	h, far := l.Host("h"), l.Host("far")
	h.Bridge("br0", "198.18.0.1/24") // leaving a bridge sends a notice of its own
	l.Link(lab.End{Host: h, Name: "eth0", Master: "br0"},
		lab.End{Host: far, Name: "eth0", Addrs: []string{"198.18.0.2/24"}})
	server := far.Serve(lab.Server{Proto: "udp", Listen: netip.MustParseAddrPort("198.18.0.2:0")})
	client := lab.Client{Proto: "udp", Target: server.Addr, Send: 3000, Receive: 2000, Chunk: 1000}
	h.Start(client).Wait()
	s := openSource(t, h)
	before := total(t, s, "eth0")
	h.Start(client).Wait()
	want := h.Counters("eth0").Layer3(14)
	h.DelLink("eth0")
	// What a veth received is unknown once its peer is gone.
	got := total(t, s, "eth0")
	if got.TxBytes != want.TxBytes || got.TxPackets != want.TxPackets || got.TxBytes < before.TxBytes+3000 || !got.AtLeast(before) {
		t.Errorf("last total %+v, want to have sent as %+v, and nothing below %+v", got, want, before)
	}
	b, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := find(b, "eth0"); ok {
		t.Errorf("the removed interface is still listed: %+v", i)
	}
}

// TestLostNotices: when more interfaces come and go than the queue of notices
// holds, the loss is counted and the reading is right all the same.
func TestLostNotices(t *testing.T) {
	l := lab.New(t)
	h := l.Host("h")
	s := openSource(t, h)
	if err := unix.SetsockoptInt(s.links.listen, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	total(t, s, "lo")
	for i := range 10 {
		h.Bridge(fmt.Sprint("br", i))
	}
	h.DelLink("br3")
	b, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	if b.Lost == 0 {
		t.Error("nothing lost from a queue of 2 KiB")
	}
	_, gone := find(b, "br3")
	_, there := find(b, "br9")
	if gone || !there {
		t.Errorf("removed br3 listed: %t; new br9 listed: %t", gone, there)
	}
}

// TestSpeed: a veth claims 10 Gbit/s (veth_get_link_ksettings), lo nothing.
func TestSpeed(t *testing.T) {
	l := lab.New(t)
	h, far := l.Host("h"), l.Host("far")
	l.Link(lab.End{Host: h, Name: "eth0"}, lab.End{Host: far, Name: "eth0"})
	b, err := openSource(t, h).read()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, i := range b.Interfaces {
		got[i.Name] = i.SpeedBits
	}
	if got["eth0"] != 10_000_000_000 || got["lo"] != 0 {
		t.Errorf("speeds %v, want 10 Gbit/s for eth0 and 0 for lo", got)
	}
}

// BenchmarkRead is one reading of ten interfaces.
func BenchmarkRead(b *testing.B) {
	nl, s := tenInterfaces(b)
	b.Run("monitor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.read(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("vishvananda", func(b *testing.B) { // for comparison
		b.ReportAllocs()
		for b.Loop() {
			if _, err := nl.LinkList(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func tenInterfaces(b *testing.B) (*netlink.Handle, *source) {
	l := lab.New(b)
	h, far := l.Host("h"), l.Host("far")
	for i := range 9 {
		l.Link(lab.End{Host: h, Name: fmt.Sprint("eth", i)}, lab.End{Host: far, Name: fmt.Sprint("eth", i)})
	}
	nl, err := netlink.NewHandleAt(netns.NsHandle(h.FD()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nl.Close)
	return nl, openSource(b, h)
}

// TestBalancedFollows: which interfaces make up the traffic is known to others.
func TestBalancedFollows(t *testing.T) {
	h := lab.New(t).Host("host")
	h.Bridge("one")
	ctx, cancel := context.WithCancel(t.Context())
	m := New(Options{Interval: 10 * time.Millisecond})
	if got := m.Balanced(); got != nil {
		t.Errorf("before the first reading: %v", got)
	}
	wait := h.Go(func() error { return m.Run(ctx, func(traffic.Batch) {}) })
	until := func(n int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); len(m.Balanced()) != n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v, want %d interfaces", m.Balanced(), n)
			}
		}
	}
	until(1)
	h.Bridge("two")
	until(2)
	h.DelLink("one")
	until(1)
	cancel()
	if err := wait(); err != nil {
		t.Error(err)
	}
}
