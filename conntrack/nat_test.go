package conntrack

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"bwmon/lab"
	"bwmon/traffic"
)

// Kernel fact: with NAT the local socket matches the original tuple
// (outbound) or the reversed reply tuple (inbound).
func TestNATOfLocalFlows(t *testing.T) {
	_, ours, peer := pair4(t)
	ours.Up("lo", "198.18.9.9/32") // an address the peer does not know
	server := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.9.9:0")})
	ours.DNAT("tcp", ap("198.18.0.1:80"), server.Addr)
	ours.Masquerade("eth0")
	far := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})

	in := peer.Start(lab.Client{Args: []string{"in"}, Proto: "tcp", Target: ap("198.18.0.1:80"), Send: 40_000, KeepOpen: true})
	out := ours.Start(lab.Client{
		Args: []string{"out"}, Proto: "tcp", Target: far.Addr, Local: ap("198.18.9.9:5555"), Send: 20_000, KeepOpen: true,
	})
	inbound, outbound := in.Wait().Conns[0], out.Wait().Conns[0]
	in.Stop()
	out.Stop()
	b.stop()

	got, n := b.sum(func(s traffic.Sample) bool {
		return s.Scope == traffic.ScopeLocal && s.Flow.Local == server.Addr && s.Flow.Remote == inbound.Local
	})
	if n != 1 || got.RxBytes < 40_000 || got.TxBytes >= 40_000 {
		t.Errorf("inbound through DNAT: %d flows, %+v, want the socket's own address %v and 40000 received", n, got, server.Addr)
	}
	got, n = b.sum(func(s traffic.Sample) bool {
		return s.Scope == traffic.ScopeLocal && s.Flow.Local == outbound.Local && s.Flow.Remote == far.Addr
	})
	if n != 1 || got.TxBytes < 20_000 || got.RxBytes >= 20_000 {
		t.Errorf("outbound through masquerading: %d flows, %+v, want the socket's own address %v and 20000 sent", n, got, outbound.Local)
	}
}

// router is a LAN of n hosts behind a router, and a server on its uplink.
func router(t *testing.T, n int, masquerade bool) (gw, wan *lab.Host, hosts []*lab.Host) {
	l := lab.New(t)
	gw, wan = l.Host("gw"), l.Host("wan")
	l.Link(
		lab.End{Host: gw, Name: "wan0", Addrs: []string{"198.19.0.1/24", "fd00:1::1/64"}},
		lab.End{Host: wan, Name: "eth0", Addrs: []string{"198.19.0.2/24", "fd00:1::2/64"}},
	)
	gw.Bridge("br0", "198.18.0.1/24", "fd00::1/64")
	gw.Forward()
	gw.DefaultRoute("198.19.0.2")
	gw.DefaultRoute("fd00:1::2")
	if masquerade {
		gw.Masquerade("wan0")
	} else {
		wan.Route("198.18.0.0/24", "198.19.0.1")
		wan.Route("fd00::/64", "fd00:1::1")
	}
	for i := range n {
		h := l.Host(fmt.Sprintf("h%d", i))
		l.Link(
			lab.End{Host: gw, Name: fmt.Sprintf("port%d", i), Master: "br0"},
			lab.End{Host: h, Name: "eth0", Addrs: []string{fmt.Sprintf("198.18.0.%d/24", i+10), fmt.Sprintf("fd00::%x/64", i+16)}},
		)
		h.DefaultRoute("198.18.0.1")
		h.DefaultRoute("fd00::1")
		acquaint(t, h, "198.18.0.1", "fd00::1")
		hosts = append(hosts, h)
		settle(t, h, gw) // at once: what is not permanent the kernel may forget
	}
	acquaint(t, wan, "198.19.0.1", "fd00:1::1")
	settle(t, wan, gw)
	return gw, wan, hosts
}

// untilStill waits until the hosts have told all routers which multicast
// groups they belong to: those reports are not tracked, but counted.
func untilStill(t *testing.T, hosts []*lab.Host) {
	t.Helper()
	sum := func() (total uint64) {
		for _, h := range hosts {
			c := h.Counters("eth0")
			total += c.RxPackets + c.TxPackets
		}
		return total
	}
	last, since := sum(), time.Now()
	for end := time.Now().Add(15 * time.Second); time.Since(since) < 1500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
		if now := sum(); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(end) {
			t.Fatal("the hosts do not fall silent")
		}
	}
}

// byHost sums forwarded flows by LAN host.
func (b *books) byHost() map[netip.Addr]traffic.Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := map[netip.Addr]traffic.Counts{}
	for _, s := range b.flows {
		if s.Scope == traffic.ScopeForwarded {
			m[s.Flow.Local.Addr()] = m[s.Flow.Local.Addr()].Add(s.Counts)
		}
	}
	return m
}

func TestForwardedByLANHost(t *testing.T) {
	const n = 50
	for _, masquerade := range []bool{false, true} {
		t.Run(fmt.Sprintf("masquerade=%v", masquerade), func(t *testing.T) {
			gw, wan, hosts := router(t, n, masquerade)
			tcp := wan.Serve(lab.Server{Proto: "tcp", Listen: ap("198.19.0.2:0")})
			udp := wan.Serve(lab.Server{Proto: "udp", Listen: ap("[fd00:1::2]:0")})
			b := watch(t, gw, Options{Interval: 200 * time.Millisecond})

			untilStill(t, hosts)
			before := make([]lab.Counters, n)
			var clients []*lab.Child
			for i, h := range hosts {
				before[i] = h.Counters("eth0")
				clients = append(clients,
					h.Start(lab.Client{
						Args: []string{"tcp"}, Proto: "tcp", Target: tcp.Addr,
						Send: uint64(1000 * (i + 1)), Receive: uint64(2000 * (i + 1)), Hold: true,
					}),
					h.Start(lab.Client{
						Args: []string{"udp"}, Proto: "udp", Target: udp.Addr,
						Send: uint64(500 * (i + 1)), Receive: uint64(700 * (i + 1)), Hold: true,
					}))
			}
			// A few hosts at a time: a datagram the server has no room for
			// would be asked for in vain.
			for some := range slices.Chunk(clients, 10) {
				for _, c := range some {
					c.Begin()
				}
				for _, c := range some {
					c.Wait()
				}
			}
			time.Sleep(300 * time.Millisecond) // the last segments of closing connections
			b.stop()

			got := b.byHost()
			for i, h := range hosts {
				carried := h.Counters("eth0").Sub(before[i]).Layer3(14)
				v4, v6 := netip.AddrFrom4([4]byte{198, 18, 0, byte(i + 10)}), netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+16))
				sum := got[v4].Add(got[v6])
				if sum.RxBytes != carried.RxBytes || sum.TxBytes != carried.TxBytes {
					t.Errorf("host %d: booked %+v; its own interface carried %+v", i, sum, carried)
				}
			}
			if len(got) != 2*n {
				t.Errorf("%d LAN addresses, want %d", len(got), 2*n)
			}
			if local, k := b.sum(func(s traffic.Sample) bool { return s.Scope != traffic.ScopeForwarded }); local.Bytes() > 10_000 {
				t.Errorf("%d flows with %+v are not forwarded", k, local)
			}
		})
	}
}

// The exact check: a port forwarded to a LAN host, and that host's row equals
// the entry to the byte, from its own side.
func TestPortForwardIsBookedToTheLANHost(t *testing.T) {
	gw, wan, hosts := router(t, 1, true)
	server := hosts[0].Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.10:0")})
	gw.DNAT("tcp", ap("198.19.0.1:8080"), server.Addr)
	b := watch(t, gw, Options{})
	untilStill(t, hosts)
	before := hosts[0].Counters("eth0")
	client := wan.Start(lab.Client{Args: []string{"c"}, Proto: "tcp", Target: ap("198.19.0.1:8080"), Send: 30_000, Receive: 50_000, KeepOpen: true})
	client.Wait()
	time.Sleep(100 * time.Millisecond)
	b.stop()
	carried := hosts[0].Counters("eth0").Sub(before).Layer3(14)
	got := b.byHost()[netip.MustParseAddr("198.18.0.10")]
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes {
		t.Errorf("booked %+v to the LAN host; its interface carried %+v", got, carried)
	}
	client.Stop()
}

// One tuple in two zones is two flows.
func TestZones(t *testing.T) {
	_, ours, peer := pair4(t)
	zone := func(n uint16) {
		t.Helper()
		if err := ours.Do(func() error { return setZone(n) }); err != nil {
			t.Fatal(err)
		}
	}
	server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{})
	before := ours.Counters("eth0")
	for n := uint16(1); n <= 3; n++ {
		zone(n)
		ours.Start(lab.Client{
			Args: []string{"c"}, Proto: "udp", Target: server.Addr, Local: ap("198.18.0.1:4000"), Send: uint64(n) * 1000,
		}).Wait()
	}
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, flows := b.sum(scoped(traffic.ScopeLocal))
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes {
		t.Errorf("booked %+v; the interface carried %+v", got, carried)
	}
	zones := map[uint16]bool{}
	for f := range b.flows {
		zones[f.Zone] = true
	}
	for n := uint16(1); n <= 3; n++ {
		if !zones[n] {
			t.Errorf("no flow in zone %d among %d: %v", n, flows, zones)
		}
	}
}

// setZone puts all packets of the namespace into a zone before conntrack
// sees them.
func setZone(n uint16) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Name: "zones", Family: nftables.TableFamilyIPv4}
	c.AddTable(table)
	c.FlushTable(table)
	for name, hook := range map[string]*nftables.ChainHook{"out": nftables.ChainHookOutput, "in": nftables.ChainHookPrerouting} {
		chain := c.AddChain(&nftables.Chain{
			Name: name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityRaw,
		})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Immediate{Register: 1, Data: []byte{byte(n), byte(n >> 8)}},
			&expr.Ct{Key: expr.CtKeyZONE, Register: 1, SourceRegister: true},
		}})
	}
	return c.Flush()
}

// One address that is ours only from now on makes no forwarded flow.
func TestNewAddressIsOurs(t *testing.T) {
	_, ours, peer := pair4(t)
	b := watch(t, ours, Options{Interval: 300 * time.Millisecond})
	ours.Up("eth0", "198.18.0.77/32")
	server := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.77:0")})
	peer.Start(lab.Client{Args: []string{"c"}, Proto: "tcp", Target: server.Addr, Send: 5_000}).Wait()
	b.stop()
	if got, n := b.sum(func(s traffic.Sample) bool { return s.Flow.Local == server.Addr && s.Scope == traffic.ScopeLocal }); n != 1 || got.RxBytes < 5_000 {
		t.Errorf("%d local flows at the new address, %+v: %+v", n, got, b.flows)
	}
}
