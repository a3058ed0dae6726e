package socket

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

func TestEveryByte(t *testing.T) {
	for _, proto := range []string{"tcp", "udp"} {
		for _, target := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
			t.Run(proto+" "+target, func(t *testing.T) {
				ours, peer, cgroup := pair(t)
				server := peer.Serve(lab.Server{Proto: proto, Listen: ap(target)})
				b := watch(t, ours, Options{Cgroup: cgroup})
				before := ours.Counters("eth0")
				ours.Start(lab.Client{
					Args: []string{"client", "--now"}, Proto: proto, Target: server.Addr,
					Connections: 20, Parallel: 5, Send: 50_000, Receive: 70_000,
				}).Wait()
				time.Sleep(100 * time.Millisecond)
				b.stop()
				carried := ours.Counters("eth0").Sub(before).Layer3(14)
				got, flows := b.sum(scoped(traffic.ScopeLocal))
				named, _ := b.sum(func(s traffic.Sample) bool {
					return s.Owner != nil && s.Owner.Command == "client --now" && s.Flow.Remote == server.Addr
				})
				t.Logf("%d flows: %+v, the interface %+v", flows, got, carried)
				if named != got || flows != 20 {
					t.Errorf("booked %+v on %d flows, of which the client's are %+v", got, flows, named)
				}
				if off := carried.RxBytes + carried.TxBytes - got.Bytes(); off > 1000 {
					t.Errorf("booked %+v; the interface carried %+v", got, carried)
				}
			})
		}
	}
}

func TestShortLives(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup})
	for i := range 50 {
		ours.Start(lab.Client{
			Args: []string{"short", fmt.Sprint(i)}, Proto: "tcp", Target: server.Addr, Send: 10_000, Receive: 90_000,
		}).Wait()
	}
	time.Sleep(100 * time.Millisecond)
	b.stop()
	for i := range 50 {
		got, n := b.sum(func(s traffic.Sample) bool { return s.Owner != nil && s.Owner.Command == fmt.Sprint("short ", i) })
		if n != 1 || got.TxBytes < 10_000 || got.RxBytes < 90_000 {
			t.Errorf("process %d: %d flows, %+v", i, n, got)
		}
	}
}

// byCommand matches the samples of one command line.
func byCommand(command string) func(traffic.Sample) bool {
	return func(s traffic.Sample) bool { return s.Owner != nil && s.Owner.Command == command }
}

// TestOlderSockets: who uses a socket that was there before the monitor is
// known from its next use on.
func TestOlderSockets(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	client := ours.Start(lab.Client{
		Args: []string{"old", "client"}, Proto: "tcp", Target: server.Addr,
		Send: 300_000, Chunk: 1000, Spread: true, Life: 1500 * time.Millisecond,
	})
	time.Sleep(300 * time.Millisecond)
	before := ours.Counters("eth0")
	b := watch(t, ours, Options{Cgroup: cgroup})
	since := ours.Counters("eth0")
	client.Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	after := ours.Counters("eth0")
	most, least := after.Sub(before).Layer3(14), after.Sub(since).Layer3(14)
	all, _ := b.sum(scoped(traffic.ScopeLocal))
	got, n := b.sum(byCommand("old client"))
	if got != all || n != 1 || got.TxBytes < 10_000 || got.TxBytes > most.TxBytes || got.TxBytes+1000 < least.TxBytes {
		t.Errorf("%d flows of the client with %+v, of %+v; the interface carried %+v to %+v", n, got, all, least, most)
	}
}

// TestPrefork: a connection belongs to the worker that serves it, not to the
// process that opened the listener.
func TestPrefork(t *testing.T) {
	ours, peer, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	server := startChild(t, ours, cgroup, "prefork", "198.18.0.1:0")
	addr := server.line()
	client := peer.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: ap(addr), Connections: 10, Send: 20_000, Receive: 20_000,
	})
	client.Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	got, n := b.sum(byCommand("worker --of 198.18.0.1:0"))
	if n != 10 || got.RxBytes < 200_000 || got.TxBytes < 200_000 {
		t.Errorf("the worker has %d flows with %+v", n, got)
	}
	// The handshakes, which the listener answers.
	if rest, n := b.sum(byCommand("prefork 198.18.0.1:0")); n != 1 || rest.Bytes() > 10*3*100 {
		t.Errorf("the listener has %d flows with %+v", n, rest)
	}
}

func TestRawSocket(t *testing.T) {
	ours, _, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	startChild(t, ours, cgroup, "ping", "198.18.0.2", "5", "108").wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	got, n := b.sum(byCommand("ping 198.18.0.2 5 108"))
	if want := (traffic.Counts{RxBytes: 5 * 128, TxBytes: 5 * 128, RxPackets: 5, TxPackets: 5}); got != want || n != 1 {
		t.Errorf("%d flows with %+v, want one with %+v", n, got, want)
	}
}

func TestSendfile(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup})
	const size = 1_000_000
	c := startChild(t, ours, cgroup, "sendfile", server.Addr.String(), fmt.Sprint(size))
	c.wait()
	b.stop()
	got, n := b.sum(byCommand(fmt.Sprintf("sendfile %s %d", server.Addr, size)))
	if n != 1 || got.TxBytes < size || got.TxBytes > 2*size { // some may be sent again
		t.Errorf("%d flows with %+v", n, got)
	}
}

// TestMappedAddresses: IPv4 on a socket of IPv6 is IPv4.
func TestMappedAddresses(t *testing.T) {
	ours, peer, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	server := ours.Serve(lab.Server{Args: []string{"dual"}, Proto: "tcp", Listen: ap("[::]:0")})
	target := ap(fmt.Sprintf("198.18.0.1:%d", server.Addr.Port()))
	report := peer.Start(lab.Client{Args: []string{"client"}, Proto: "tcp", Target: target, Send: 10_000, Receive: 20_000}).Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	got, n := b.sum(func(s traffic.Sample) bool {
		return s.Owner != nil && s.Owner.Command == "dual" && s.Flow.Local == target && s.Flow.Remote == report.Conns[0].Local
	})
	if n != 1 || got.RxBytes < 10_000 || got.TxBytes < 20_000 {
		t.Errorf("%d flows with %+v", n, got)
	}
}

// TestUnconnected: one UDP socket that talks to many has a flow for each.
func TestUnconnected(t *testing.T) {
	ours, peer, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	server := ours.Serve(lab.Server{Args: []string{"dns"}, Proto: "udp", Listen: ap("198.18.0.1:0")})
	peer.Start(lab.Client{
		Args: []string{"client"}, Proto: "udp", Target: server.Addr, Connections: 30, Parallel: 3, Send: 800, Receive: 1600,
	}).Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	got, n := b.sum(byCommand("dns"))
	// Each sent two datagrams, and was answered with two.
	want := traffic.Counts{RxBytes: 30 * (800 + 2*28), TxBytes: 30 * (1600 + 2*28), RxPackets: 60, TxPackets: 60}
	if n != 30 || got != want {
		t.Errorf("%d flows with %+v, want 30 with %+v", n, got, want)
	}
}

// TestFullMap: flows that find no room are counted all together.
func TestFullMap(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup, MaxFlows: 10})
	own := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("127.0.0.1:0")})
	before := ours.Counters("eth0")
	ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Connections: 50, Parallel: 50, Send: 10_000, Receive: 10_000,
		Life: 300 * time.Millisecond,
	}).Wait()
	ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: own.Addr, Connections: 20, Parallel: 20, Send: 10_000,
		Life: 300 * time.Millisecond,
	}).Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, _ := b.sum(scoped(traffic.ScopeLocal))
	for _, scope := range []traffic.Scope{traffic.ScopeLocal, traffic.ScopeLoopback} {
		unknown, n := b.sum(func(s traffic.Sample) bool { return s.Owner == nil && s.Scope == scope })
		if n != 1 || unknown.Bytes() == 0 {
			t.Errorf("%d %v flows of nobody with %+v, want one", n, scope, unknown)
		}
	}
	if off := carried.RxBytes + carried.TxBytes - got.Bytes(); off > 1000 {
		t.Errorf("booked %+v; the interface carried %+v", got, carried)
	}
}

// TestLoopback: both ends are booked, apart from what interfaces carry.
func TestLoopback(t *testing.T) {
	ours, _, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	server := ours.Serve(lab.Server{Args: []string{"server"}, Proto: "tcp", Listen: ap("127.0.0.1:0")})
	ours.Start(lab.Client{Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 30_000, Receive: 90_000}).Wait()
	ours.Start(lab.Client{Args: []string{"own"}, Proto: "tcp", Target: server.Addr, Local: ap("198.18.0.1:0"), Send: 1000}).Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	if _, n := b.sum(scoped(traffic.ScopeLocal)); n > 0 {
		t.Errorf("%d flows are not loopback", n)
	}
	client, _ := b.sum(byCommand("client"))
	if client.TxBytes < 30_000 || client.RxBytes < 90_000 {
		t.Errorf("the client has %+v", client)
	}
	serving, _ := b.sum(byCommand("server"))
	own, _ := b.sum(byCommand("own"))
	if all := client.Add(own); all.TxBytes != serving.RxBytes || all.RxBytes != serving.TxBytes {
		t.Errorf("the clients have %+v, the server %+v", all, serving)
	}
}

// TestStorm: sockets that come and go by the thousand lose nothing and leave
// nothing behind.
func TestStorm(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup, Interval: 100 * time.Millisecond})
	const sockets = 50_000
	c := startChild(t, ours, cgroup, "storm", server.Addr.String(), fmt.Sprint(sockets))
	c.wait()
	time.Sleep(200 * time.Millisecond)
	b.until("an empty book", func() bool { return strings.HasPrefix(b.last.Detail, "0 flows of 0 sockets") })
	b.stop()
	got, n := b.sum(byCommand(fmt.Sprintf("storm %s %d", server.Addr, sockets)))
	if want := uint64(sockets * 38); n != sockets || got.TxBytes != want || got.TxPackets != sockets {
		t.Errorf("%d flows with %+v, want %d with %d bytes", n, got, sockets, want)
	}
	if lost := b.last.Lost; lost > 0 {
		t.Errorf("%d lost: %s", lost, b.last.Detail)
	}
}

// TestOtherFamilies: sockets that are not of the Internet leave no trace, even
// where somebody has listed them, which gives them a cookie.
func TestOtherFamilies(t *testing.T) {
	ours, _, cgroup := pair(t)
	b := watch(t, ours, Options{Cgroup: cgroup})
	c := startChild(t, ours, cgroup, "chat")
	c.line()
	time.Sleep(100 * time.Millisecond)
	b.until("an empty book", func() bool { return strings.HasPrefix(b.last.Detail, "0 flows of 0 sockets") })
	c.stdin.Close()
	c.wait()
	b.stop()
}

// TestRefusedConnections: what the kernel answers by itself is its own, and
// leaves nothing behind.
func TestRefusedConnections(t *testing.T) {
	ours, peer, _ := pair(t)
	b := watch(t, ours, Options{}) // of the whole machine: the kernel is in no other cgroup
	const refused = 50
	if err := peer.Do(func() error {
		for i := range refused {
			var dialer net.Dialer
			if i%2 > 0 {
				dialer.LocalAddr = &net.TCPAddr{Port: 40_000}
			}
			conn, err := dialer.Dial("tcp", fmt.Sprintf("198.18.0.1:%d", 3000+i))
			if err == nil {
				return conn.Close()
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	answers := func(s traffic.Sample) bool {
		return s.Owner != nil && s.Owner.IsKernel() && s.Flow.Remote.Addr().String() == "198.18.0.2"
	}
	// Not so many flows: answers to the same port, which clients use again, are one.
	b.until("the end of all answers", func() bool {
		var ended traffic.Counts
		for _, s := range b.flows {
			if answers(s) && s.Final {
				ended = ended.Add(s.Counts)
			}
		}
		return ended.TxBytes >= refused*40
	})
	b.stop()
	if got, _ := b.sum(answers); got.TxBytes != refused*40 {
		t.Errorf("the kernel sent %+v, want %d resets of 40 bytes", got, refused)
	}
}

// TestEchoReplies: a ping is answered by nobody but the kernel.
func TestEchoReplies(t *testing.T) {
	ours, peer, _ := pair(t)
	b := watch(t, ours, Options{}) // of the whole machine: the kernel is in no other cgroup
	startChild(t, peer, peer.Cgroup(), "ping", "198.18.0.1", "5", "108").wait()
	// It answers with the same sockets in other namespaces, which is not ours.
	startChild(t, ours, ours.Cgroup(), "ping", "198.18.0.2", "20", "108").wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	elsewhere, _ := b.sum(func(s traffic.Sample) bool {
		return s.Owner != nil && s.Owner.IsKernel() && s.Scope == traffic.ScopeInner && s.Flow.Remote.Addr().String() == "198.18.0.1"
	})
	if want := uint64(20 * 128); elsewhere.TxBytes != want {
		t.Errorf("the peer's kernel sent %+v, want %d bytes", elsewhere, want)
	}
	got, _ := b.sum(func(s traffic.Sample) bool {
		return s.Owner != nil && s.Owner.IsKernel() && s.Scope == traffic.ScopeLocal && s.Flow.Remote.Addr().String() == "198.18.0.2"
	})
	if want := uint64(5 * 128); got.TxBytes != want {
		t.Errorf("the kernel sent %+v, want %d bytes", got, want)
	}
}

// TestContainersAtStart: a socket in another network namespace is known before
// it carries anything.
func TestContainersAtStart(t *testing.T) {
	ours, inner, cgroup := pair(t)
	inner.ShareCgroup(ours)
	elsewhere := lab.New(t).Host("elsewhere") // in another cgroup
	elsewhere.Up("lo", "198.18.0.3/32")
	startChild(t, elsewhere, elsewhere.Cgroup(), "later", "198.18.0.3:0", "1").line()
	server := startChild(t, inner, cgroup, "later", "198.18.0.2:0", "1")
	client := startChild(t, ours, cgroup, "mute", server.line())
	client.line()
	b := watch(t, ours, Options{Cgroup: cgroup})
	for addr, want := range map[string]bool{"198.18.0.2": true, "198.18.0.1": false, "198.18.0.3": false} {
		if got := b.monitor.Has(ap(addr + ":0").Addr()); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	b.stop()
}

// everything is Relays that know every socket.
type everything struct{}

func (everything) Has(uint64, int) bool { return true }

// TestRelays: what a relay's sockets carry over the network is in the balance
// alone, and what they carry over loopback nowhere.
func TestRelays(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup, Relays: everything{}})
	own := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("127.0.0.1:0")})
	before := ours.Counters("eth0")
	for _, addr := range []netip.AddrPort{server.Addr, own.Addr} {
		ours.Start(lab.Client{Args: []string{"client"}, Proto: "tcp", Target: addr, Send: 50_000, Receive: 50_000}).Wait()
	}
	time.Sleep(100 * time.Millisecond)
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	relayed, n := b.sum(scoped(traffic.ScopeRelay))
	if off := carried.RxBytes + carried.TxBytes - relayed.Bytes(); n != 1 || off > 1000 {
		t.Errorf("%d flows with %+v; the interface carried %+v", n, relayed, carried)
	}
	if others, n := b.sum(func(s traffic.Sample) bool { return s.Scope != traffic.ScopeRelay }); n > 0 {
		t.Errorf("%d others with %+v", n, others)
	}
}
