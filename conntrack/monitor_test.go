package conntrack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	ti "github.com/ti-mo/conntrack"

	"bwmon/lab"
	"bwmon/traffic"
)

// held sums all counters of the kernel's table.
func held(flows []ti.Flow) (bytes uint64) {
	for _, f := range flows {
		bytes += f.CountersOrig.Bytes + f.CountersReply.Bytes
	}
	return bytes
}

func TestBooksEqualEntries(t *testing.T) {
	for _, proto := range []string{"tcp", "udp"} {
		for _, target := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
			t.Run(proto+" "+target, func(t *testing.T) {
				_, ours, peer := pair(t)
				accounted(ours)
				server := peer.Serve(lab.Server{Proto: proto, Listen: ap(target)})
				b := watch(t, ours, Options{})
				client := ours.Start(lab.Client{
					Args: []string{"client"}, Proto: proto, Target: server.Addr,
					Connections: 20, Parallel: 5, Send: 50_000, Receive: 70_000, KeepOpen: true,
				})
				report := client.Wait()
				time.Sleep(100 * time.Millisecond) // the last acknowledgements
				want := held(ours.Entries())
				b.stop()
				got, flows := b.sum(scoped(traffic.ScopeLocal))
				if got.Bytes() != want || flows != 20 {
					t.Errorf("booked %d bytes on %d flows, the entries held %d on 20", got.Bytes(), flows, want)
				}
				if got.TxBytes <= report.Sent || got.RxBytes <= report.Received {
					t.Errorf("booked %+v, less than the payload %+v", got, report)
				}
				if other, n := b.sum(func(s traffic.Sample) bool { return s.Scope != traffic.ScopeLocal }); n > 0 {
					t.Errorf("%d flows (%+v) are not local", n, other)
				}
				client.Stop()
			})
		}
	}
}

// Short connections are over between two dumps; events bring their last
// counters. The interface's own counters say what there was.
func TestShortConnectionsAreNotLost(t *testing.T) {
	_, ours, peer := pair4(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	// Closed connections linger in TIME_WAIT otherwise, until the test is over.
	ours.Track()
	ours.Sysctl("net/netfilter/nf_conntrack_tcp_timeout_time_wait", "1")
	b := watch(t, ours, Options{Interval: 300 * time.Millisecond})
	before := ours.Counters("eth0")
	ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr,
		Connections: 200, Parallel: 4, Send: 5_000, Receive: 5_000, Life: 2 * time.Millisecond,
	}).Wait()
	b.until("the end of 200 flows", func() bool {
		n := 0
		for _, s := range b.flows {
			if s.Final {
				n++
			}
		}
		return n == 200
	})
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, flows := b.sum(scoped(traffic.ScopeLocal))
	if flows != 200 || got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes {
		t.Errorf("%d flows, %+v; the interface carried %+v", flows, got, carried)
	}
}

func TestLookback(t *testing.T) {
	for _, lookback := range []bool{false, true} {
		t.Run(fmt.Sprint(lookback), func(t *testing.T) {
			_, ours, peer := pair(t)
			accounted(ours)
			server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
			client := ours.Start(lab.Client{
				Args: []string{"client"}, Proto: "udp", Target: server.Addr, Send: 10_000, KeepOpen: true,
			})
			client.Wait()
			before := held(ours.Entries())
			b := watch(t, ours, Options{Lookback: lookback})
			b.stop()
			got, _ := b.sum(scoped(traffic.ScopeLocal))
			want := uint64(0)
			if lookback {
				want = before
			}
			if got.Bytes() != want || before == 0 {
				t.Errorf("booked %d, want %d of the %d held at the start", got.Bytes(), want, before)
			}
			if lookback && b.opening == 0 {
				t.Error("what was held at the start did not come in an opening batch")
			}
			client.Stop()
		})
	}
}

// Kernel fact: entries made before accounting was on never get counters.
func TestFlowsOlderThanAccountingAreShown(t *testing.T) {
	_, ours, peer := pair(t)
	ours.Track()
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	client := ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Connections: 3, Send: 1000, KeepOpen: true,
	})
	client.Wait()
	b := watch(t, ours, Options{})
	if d := b.status().Detail; !strings.Contains(d, "3 without counters") {
		t.Errorf("detail %q does not name the 3 flows without counters", d)
	}
	client.Stop()
	b.stop()
}

// Kernel fact: an entry made while nobody listens has no DESTROY event.
func TestVanishedFlowsAreClosed(t *testing.T) {
	_, ours, peer := pair(t)
	accounted(ours)
	ours.Sysctl("net/netfilter/nf_conntrack_events", "0")
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	client := ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "udp", Target: server.Addr, Send: 10_000, Receive: 5_000, KeepOpen: true,
	})
	client.Wait()
	var want uint64
	b.until("the flow's whole total", func() bool {
		want = held(ours.Entries())
		for _, s := range b.flows {
			return want > 15_000 && s.Counts.Bytes() == want
		}
		return false
	})
	ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	b.until("the flow's end", func() bool {
		for _, s := range b.flows {
			return s.Final
		}
		return false
	})
	client.Stop()
	b.stop()
	if got, n := b.sum(scoped(traffic.ScopeLocal)); got.Bytes() != want || n != 1 {
		t.Errorf("booked %d on %d flows, want %d on 1", got.Bytes(), n, want)
	}
	if d := b.status().Detail; !strings.Contains(d, "1 ended unseen") {
		t.Errorf("detail %q does not say that one flow ended unseen", d)
	}
}

// Kernel fact: ids repeat. One tuple lives many times; each life counts once.
func TestReusedTuples(t *testing.T) {
	_, ours, peer := pair4(t)
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	before := ours.Counters("eth0")
	for range 12 {
		ours.Start(lab.Client{
			Args: []string{"client"}, Proto: "udp", Target: server.Addr, Local: ap("198.18.0.1:4000"),
			Send: 3_000, Receive: 2_000,
		}).Wait()
		ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	}
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, flows := b.sum(scoped(traffic.ScopeLocal))
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes || flows < 12 {
		t.Errorf("booked %+v on %d flows; the interface carried %+v in 12", got, flows, carried)
	}
}

// Kernel fact: anyone may zero the counters (IPCTNL_MSG_CT_GET_CTRZERO).
func TestCountersZeroedBySomebody(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	before := ours.Counters("eth0")
	client := ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 400_000, Chunk: 10_000,
		Spread: true, Life: time.Second, KeepOpen: true,
	})
	for range 5 {
		time.Sleep(150 * time.Millisecond)
		b.mu.Lock()
		ours.Conntrack(func(c *ti.Conn) error {
			_, err := c.DumpFilter(ti.NewFilter(), &ti.DumpOptions{ZeroCounters: true})
			return err
		})
		b.mu.Unlock()
	}
	client.Wait()
	client.Stop()
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, _ := b.sum(scoped(traffic.ScopeLocal))
	// What is zeroed before a dump is lost, which is more where dumps are slow.
	if got.TxBytes > carried.TxBytes || got.TxBytes < carried.TxBytes/5 {
		t.Errorf("booked %d sent; the interface carried %d", got.TxBytes, carried.TxBytes)
	}
	if d := b.status().Detail; !strings.Contains(d, "counter resets") {
		t.Errorf("detail %q does not flag the resets", d)
	}
}

// Kernel fact: a loopback entry has two local ends.
func TestLoopbackIsBookedToBothEnds(t *testing.T) {
	_, ours, _ := pair(t)
	server := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("127.0.0.1:0")})
	b := watch(t, ours, Options{})
	client := ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 30_000, Receive: 90_000, KeepOpen: true,
	})
	client.Wait()
	client.Stop()
	b.stop()
	byClient, n := b.sum(func(s traffic.Sample) bool { return s.Scope == traffic.ScopeLoopback && s.Flow.Remote == server.Addr })
	byServer, k := b.sum(func(s traffic.Sample) bool { return s.Scope == traffic.ScopeLoopback && s.Flow.Local == server.Addr })
	if n != 1 || k != 1 || byClient != byServer.Swap() || byClient.RxBytes < 90_000 || byClient.TxBytes < 30_000 {
		t.Errorf("client's end %+v (%d), server's end %+v (%d)", byClient, n, byServer, k)
	}
}

// Kernel fact: ORIGINAL is not always the initiator. An entry picked up in
// mid-stream begins with whoever sends next.
func TestMidStreamPickup(t *testing.T) {
	_, ours, peer := pair4(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	before := ours.Counters("eth0")
	client := ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 1_000, Receive: 300_000, Chunk: 10_000,
		Spread: true, Life: time.Second, KeepOpen: true,
	})
	for range 8 {
		time.Sleep(100 * time.Millisecond)
		ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	}
	client.Wait()
	client.Stop()
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, _ := b.sum(scoped(traffic.ScopeLocal))
	// A bare acknowledgement does not make a new entry in every state, so a
	// few of those right after a flush are not tracked.
	const acks = 10 * 52
	if got.RxBytes > carried.RxBytes || got.RxBytes < carried.RxBytes-acks ||
		got.TxBytes > carried.TxBytes || got.TxBytes < carried.TxBytes-acks {
		t.Errorf("booked %+v; the interface carried %+v", got, carried)
	}
	if wrong, n := b.sum(func(s traffic.Sample) bool { return s.Flow.Remote != server.Addr }); n > 0 {
		t.Errorf("%d flows (%+v) have their ends mixed up", n, wrong)
	}
}

// Kernel fact: bytes are those of the kernel's packets. With segmentation
// offload such a packet is many on a wire and has one header, so that both
// figures are lower bounds; what comes in without it counts as on the wire.
func TestOffloadHidesHeaders(t *testing.T) {
	const payload, header, segment = 4_000_000, 52, 1448 // IPv4 and TCP with time stamps
	var got [2]traffic.Counts
	for i, plain := range []bool{false, true} {
		l := lab.New(t)
		ours, peer := l.Host("ours"), l.Host("peer")
		l.Link(
			lab.End{Host: ours, Name: "eth0", Addrs: []string{"198.18.0.1/24"}, Plain: plain},
			lab.End{Host: peer, Name: "eth0", Addrs: []string{"198.18.0.2/24"}, Plain: plain},
		)
		accounted(ours)
		server := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.1:0")})
		b := watch(t, ours, Options{})
		client := peer.Start(lab.Client{Args: []string{"c"}, Proto: "tcp", Target: server.Addr, Send: payload, KeepOpen: true})
		client.Wait()
		want := held(ours.Entries())
		client.Stop()
		b.stop()
		var n int
		got[i], n = b.sum(scoped(traffic.ScopeLocal))
		if n != 1 || got[i].Bytes() < want {
			t.Errorf("plain %v: booked %+v on %d flows, the entry held %d", plain, got[i], n, want)
		}
		// Whatever the packets were, each had one header.
		if sent := got[i].RxBytes - header*got[i].RxPackets; sent < payload || sent > payload*11/10 { // a little may be sent again
			t.Errorf("plain %v: %+v is %d of payload, want %d", plain, got[i], sent, payload)
		}
	}
	hidden, full := got[0], got[1]
	if full.RxPackets < payload/segment || hidden.RxPackets*4 > full.RxPackets {
		t.Errorf("%d packets with offload, %d without; the wire needs %d", hidden.RxPackets, full.RxPackets, payload/segment)
	}
}
