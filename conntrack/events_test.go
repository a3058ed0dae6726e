package conntrack

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	ti "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// flowOf is a UDP entry with a number, between the addresses of a pair.
func flowOf(i int) ti.Flow {
	return ti.NewFlow(unix.IPPROTO_UDP, 0,
		netip.AddrFrom4([4]byte{198, 18, byte(i >> 16), byte(i >> 8)}),
		netip.AddrFrom4([4]byte{198, 19, byte(i), 1}), 1000, 2000, 600, 0)
}

// Kernel fact: a congested socket drops events until it is drained. The loss
// is counted, and a dump makes it good.
func TestEventOverrun(t *testing.T) {
	_, ours, peer := pair4(t)
	b := watch(t, ours, Options{MaxShare: 100})
	b.mu.Lock()
	b.gate = make(chan struct{})
	b.mu.Unlock()
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	before := ours.Counters("eth0")
	ours.Start(lab.Client{Args: []string{"c"}, Proto: "udp", Target: server.Addr, Connections: 3, Send: 1000}).Wait()
	time.Sleep(200 * time.Millisecond) // the monitor now stands before the gate
	const storm = 150_000
	ours.Conntrack(func(c *ti.Conn) error {
		for i := range storm {
			if err := c.Create(flowOf(i)); err != nil {
				return err
			}
		}
		return nil
	})
	b.mu.Lock()
	close(b.gate)
	b.gate = nil
	b.mu.Unlock()
	ours.Start(lab.Client{Args: []string{"c"}, Proto: "udp", Target: server.Addr, Connections: 3, Send: 1000}).Wait()
	b.until("the loss", func() bool { return b.last.Lost > 0 && strings.Contains(b.last.Detail, "event overruns") })
	b.until("all entries", func() bool { return strings.HasPrefix(b.last.Detail, "15000") })
	ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, _ := b.sum(scoped(traffic.ScopeLocal))
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes {
		t.Errorf("booked %+v; the interface carried %+v", got, carried)
	}
}

// Kernel fact: with a reliable listener (NETLINK_BROADCAST_ERROR) that does
// not keep up, ends are told again and again to everybody. They count once.
func TestRepeatedEndsCountOnce(t *testing.T) {
	_, ours, peer := pair4(t)
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	var deaf int
	if err := ours.Do(func() (err error) {
		if deaf, err = openNetlink(unix.NETLINK_NETFILTER, unix.SOCK_NONBLOCK); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(deaf, unix.SOL_SOCKET, unix.SO_RCVBUF, 1),
			unix.SetsockoptInt(deaf, unix.SOL_NETLINK, unix.NETLINK_BROADCAST_ERROR, 1),
			unix.SetsockoptInt(deaf, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, groupDestroy),
		)
	}); err != nil {
		t.Fatal(err)
	}
	before := ours.Counters("eth0")
	ours.Start(lab.Client{
		Args: []string{"c"}, Proto: "udp", Target: server.Addr, Connections: 50, Send: 3000, Receive: 1000,
	}).Wait()
	for range 10 {
		ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
		time.Sleep(50 * time.Millisecond)
	}
	unix.Close(deaf)
	time.Sleep(200 * time.Millisecond)
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, flows := b.sum(scoped(traffic.ScopeLocal))
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes || flows > 50 { // two of them may have had one port
		t.Errorf("booked %+v on %d flows; the interface carried %+v on 50", got, flows, carried)
	}
}

// Kernel fact: the event of a flow's beginning carries no counters, that of
// its end does.
func TestCountersOfEvents(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	var s *eventSocket
	if err := ours.Do(func() (err error) { s, err = openEvents(func(*entry) {}); return err }); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.run() }()
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	ours.Start(lab.Client{Args: []string{"c"}, Proto: "udp", Target: server.Addr, Send: 1000, Receive: 500}).Wait()
	want := held(ours.Entries())
	ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	var events []event
	for timeout := time.After(10 * time.Second); len(events) < 2; {
		select {
		case batch := <-s.out:
			events = append(events, batch...)
		case <-timeout:
			t.Fatalf("events %+v, want the beginning and the end of a flow", events)
		}
	}
	s.close()
	for range s.out {
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	began, ended := &events[0], &events[1]
	if began.ended || began.entry.counted || began.entry.counters != (counters{}) {
		t.Errorf("the beginning is %+v", began)
	}
	if c := ended.entry.counters; !ended.ended || !ended.entry.counted || c.origBytes+c.replyBytes != want || want < 1500 {
		t.Errorf("the end is %+v, the entry held %d bytes", ended, want)
	}
}

// A batch of real events decodes as another decoder reads the same flows.
func TestEventsOfManyFlows(t *testing.T) {
	_, ours, _ := pair4(t)
	ours.Track()
	var s *eventSocket
	if err := ours.Do(func() (err error) { s, err = openEvents(func(*entry) {}); return err }); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.run() }()
	const n = 2000
	ours.Conntrack(func(c *ti.Conn) error {
		for i := range n {
			if err := c.Create(flowOf(i)); err != nil {
				return err
			}
		}
		return c.Flush()
	})
	began, ended := map[key]bool{}, map[key]bool{}
	for timeout := time.After(10 * time.Second); len(ended) < n; {
		select {
		case batch := <-s.out:
			for _, ev := range batch {
				if ev.ended {
					ended[ev.entry.key] = true
				} else {
					began[ev.entry.key] = true
				}
			}
			s.recycle(batch)
		case <-timeout:
			t.Fatalf("%d began, %d ended, want %d", len(began), len(ended), n)
		}
	}
	s.close()
	for range s.out {
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for i := range n {
		f := flowOf(i)
		k := tuple{src: f.TupleOrig.IP.SourceAddress.As16(), dst: f.TupleOrig.IP.DestinationAddress.As16(), sport: 1000, dport: 2000, proto: traffic.UDP}
		if !hasTuple(began, k) || !hasTuple(ended, k) {
			t.Fatalf("flow %d: began %v, ended %v", i, hasTuple(began, k), hasTuple(ended, k))
		}
	}
	if g := s.garbled.Load(); g != 0 {
		t.Errorf("%d messages could not be decoded", g)
	}
}

func hasTuple(m map[key]bool, want tuple) bool {
	for k := range m {
		if k.tuple == want {
			return true
		}
	}
	return false
}
