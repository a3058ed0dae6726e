package main

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// Each byte stands once, on a router that does more than forward.

// office is a router with a LAN of two hosts and a server on its uplink. Only
// what runs on the router itself is in its cgroup. See cable for plain.
type office struct {
	gw, wan *lab.Host
	hosts   []*lab.Host
	group   string
}

func newOffice(t *testing.T, plain bool) office {
	t.Helper()
	l := lab.New(t)
	o := office{gw: l.Host("gw"), wan: l.Host("wan")}
	o.group = o.gw.Cgroup()
	l.Link(lab.End{Host: o.wan, Name: "eth0", Addrs: []string{"198.19.0.2/24", "fd00:19::2/64"}, Plain: plain},
		lab.End{Host: o.gw, Name: "wan0", Addrs: []string{"198.19.0.1/24", "fd00:19::1/64", "fe80::1/64"}, Plain: plain})
	o.gw.Bridge("br0", "198.18.1.1/24", "fd00:18::1/64")
	bridged(o.gw, false)
	for i := range 2 {
		h := l.Host(fmt.Sprintf("lan%d", i))
		l.Link(lab.End{Host: o.gw, Name: fmt.Sprintf("port%d", i), Master: "br0", Plain: plain},
			lab.End{Host: h, Name: "eth0", Addrs: []string{fmt.Sprintf("198.18.1.%d/24", 10+i), fmt.Sprintf("fd00:18::%d/64", 10+i)}, Plain: plain})
		h.DefaultRoute("198.18.1.1")
		h.DefaultRoute("fd00:18::1")
		o.hosts = append(o.hosts, h)
	}
	o.gw.Forward()
	o.gw.DefaultRoute("198.19.0.2")
	o.gw.DefaultRoute("fd00:19::2")
	o.wan.Route("198.18.1.0/24", "198.19.0.1")
	o.wan.Route("fd00:18::/64", "fd00:19::1")
	return o
}

// bridged says whether what a host only bridges passes its rules, and is tracked,
// as where Docker has loaded br_netfilter.
func bridged(h *lab.Host, tracked bool) {
	for _, family := range []string{"ip", "ip6"} {
		name, value := "net/bridge/bridge-nf-call-"+family+"tables", "0"
		if tracked {
			value = "1"
		}
		if _, err := os.Stat("/proc/sys/" + name); tracked || err == nil {
			h.Sysctl(name, value)
		}
	}
}

// twice runs a test with the monitors of a host that has BPF, and with those of
// one that has not.
func twice(t *testing.T, test func(t *testing.T, o office, measure func(happens func()) traffic.Snapshot)) {
	for _, mode := range []struct {
		name string
		args []string
	}{
		{"auto", nil},
		{"conntrack", []string{"--monitor", "conntrack", "--monitor", "machine"}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			// Connection tracking counts a burst as one packet, sockets do not.
			o := newOffice(t, mode.args == nil)
			args := append([]string{"--interval", "1s"}, mode.args...)
			if mode.args == nil {
				args = append(args, "--cgroup", o.group)
			}
			test(t, o, func(happens func()) traffic.Snapshot {
				t.Helper()
				return snapshotOf(t, o.gw, func() {
					awaitSetup(t, o.gw)
					time.Sleep(500 * time.Millisecond) // the baseline of a table that is still empty
					happens()
					time.Sleep(500 * time.Millisecond) // the last acknowledgements
				}, args...)
			})
		})
	}
}

// What crosses the router in these tests, in either direction of a connection.
const asked, answered = 100_000, 200_000

// crowd is a client with five connections at once, which together carry asked
// and answered bytes.
func crowd(name string, target netip.AddrPort) lab.Client {
	return lab.Client{
		Args: []string{name}, Proto: "tcp", Target: target, Connections: 5, Parallel: 5,
		Send: asked / 5, Receive: answered / 5, Life: 1200 * time.Millisecond,
	}
}

// holds reports whether booked is so many bytes of payload with the headers of
// as many segments as they take, and of acknowledgements of the other way.
func holds(booked uint64, payload int) bool {
	return booked >= uint64(payload) && booked <= uint64(payload)*115/100+10_000
}

// wantBooks wants nothing unattributed, no more than ARP and the like left over,
// and no more than the given hosts with a row.
func wantBooks(t *testing.T, s traffic.Snapshot, hosts ...string) {
	t.Helper()
	b := s.Balance
	if off := max(b.ResidualRx, -b.ResidualRx) + max(b.ResidualTx, -b.ResidualTx); off > 2000 || b.UnattributedRx+b.UnattributedTx > 0 {
		t.Errorf("the books do not balance: %+v", b)
	}
	var got []string
	for _, h := range s.LANHosts {
		got = append(got, h.Host.String())
	}
	if fmt.Sprint(got) != fmt.Sprint(hosts) {
		t.Errorf("LAN hosts are %v, want %v: %+v", got, hosts, s.LANHosts)
	}
}

// TestHairpin: a LAN host that reaches another by the router's public address
// is booked once, to the one that asks, though every byte comes in and goes out
// at the LAN's interface.
func TestHairpin(t *testing.T) {
	long(t)
	for _, tc := range []struct{ name, public, inside, client string }{
		{"IPv4", "198.19.0.1:80", "198.18.1.11:7000", "198.18.1.10"},
		{"IPv6", "[fd00:19::1]:80", "[fd00:18::11]:7000", "fd00:18::10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			twice(t, func(t *testing.T, o office, measure func(func()) traffic.Snapshot) {
				public, inside := netip.MustParseAddrPort(tc.public), netip.MustParseAddrPort(tc.inside)
				o.hosts[1].Serve(lab.Server{Proto: "tcp", Listen: inside})
				o.gw.DNAT("tcp", public, inside)
				o.gw.Masquerade("br0") // else the answers would not come by here
				s := measure(func() { o.hosts[0].Start(crowd("client", public)).Wait() })
				wantBooks(t, s, tc.client)
				b := s.Balance
				if b.LocalRx+b.LocalTx > 0 || !holds(b.ForwardedRx, asked+answered) || b.ForwardedTx != b.ForwardedRx {
					t.Errorf("the books do not balance: %+v", b)
				}
				if len(s.LANHosts) == 1 && (!holds(s.LANHosts[0].TxBytes, asked) || !holds(s.LANHosts[0].RxBytes, answered)) {
					t.Errorf("the LAN host has %+v", s.LANHosts[0])
				}
			})
		})
	}
}

// TestOwnPublicAddress: a process on the router that asks for the router's
// public address, behind which stands a LAN host, has its bytes in its row, and
// the LAN host has none.
func TestOwnPublicAddress(t *testing.T) {
	long(t)
	for _, masquerade := range []bool{false, true} {
		t.Run(fmt.Sprintf("masquerade=%v", masquerade), func(t *testing.T) {
			twice(t, func(t *testing.T, o office, measure func(func()) traffic.Snapshot) {
				public, inside := netip.MustParseAddrPort("198.19.0.1:80"), netip.MustParseAddrPort("198.18.1.11:7000")
				o.hosts[1].Serve(lab.Server{Proto: "tcp", Listen: inside})
				o.gw.DNATOutput("tcp", public, inside)
				if masquerade {
					o.gw.Masquerade("br0")
				}
				s := measure(func() { o.gw.Start(crowd("own client", public)).Wait() })
				wantBooks(t, s)
				if rx, tx := rowOf(s, "own client"); !holds(rx, answered) || !holds(tx, asked) {
					t.Errorf("the process has rx %d, tx %d", rx, tx)
				}
				if b := s.Balance; b.ForwardedRx+b.ForwardedTx > 0 || !holds(b.LocalRx, answered) || !holds(b.LocalTx, asked) {
					t.Errorf("the books do not balance: %+v", b)
				}
			})
		})
	}
}

// wantProxy wants a relay's row to hold what it passed on, as it came and as it
// went, and nothing to be forwarded.
func wantProxy(t *testing.T, s traffic.Snapshot, command string) {
	t.Helper()
	wantBooks(t, s)
	if rx, tx := rowOf(s, command); !holds(rx, asked+answered) || !holds(tx, asked+answered) {
		t.Errorf("the proxy has rx %d, tx %d", rx, tx)
	}
	b := s.Balance
	if b.ForwardedRx+b.ForwardedTx > 0 || !holds(b.LocalRx, asked+answered) || !holds(b.LocalTx, asked+answered) {
		t.Errorf("the books do not balance: %+v", b)
	}
}

// TestRedirect: connections of LAN hosts that a rule turns to a proxy on the
// router are the proxy's.
func TestRedirect(t *testing.T) {
	long(t)
	twice(t, func(t *testing.T, o office, measure func(func()) traffic.Snapshot) {
		server := o.wan.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.19.0.2:7000")})
		o.gw.Redirect("tcp", server.Addr, 3128)
		s := measure(func() {
			o.gw.Relay(lab.Relay{Args: []string{"proxy"}, Listen: netip.MustParseAddrPort("0.0.0.0:3128"), Target: server.Addr})
			o.hosts[0].Start(crowd("client", server.Addr)).Wait()
		})
		if rep := server.Stop(); len(rep.Conns) != 5 || rep.Conns[0].Remote.Addr().String() != "198.19.0.1" {
			t.Errorf("the server's connections are %+v", rep.Conns)
		}
		wantProxy(t, s, "proxy")
	})
}

// TestBridged: what passes from one LAN host to another over the router's bridge
// is in nobody's books, since it is at none of the interfaces, also where the
// kernel tracks it, and where a rule sends it back.
func TestBridged(t *testing.T) {
	long(t)
	for _, public := range []string{"198.18.1.11:7000", "[fd00:18::11]:7000", "198.19.0.1:80"} {
		t.Run(public, func(t *testing.T) {
			twice(t, func(t *testing.T, o office, measure func(func()) traffic.Snapshot) {
				bridged(o.gw, true)
				inside := netip.MustParseAddrPort("198.18.1.11:7000")
				target := netip.MustParseAddrPort(public)
				if target.Addr().Is6() {
					inside = target
				}
				if target != inside {
					o.gw.DNAT("tcp", target, inside)
					o.gw.Masquerade("br0")
				}
				o.hosts[1].Serve(lab.Server{Proto: "tcp", Listen: inside})
				// What is routed is booked as ever.
				server := o.wan.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.19.0.2:7000")})
				s := measure(func() {
					o.hosts[0].Start(crowd("client", target)).Wait()
					o.hosts[0].Start(crowd("client", server.Addr)).Wait()
				})
				wantBooks(t, s, "198.18.1.10")
				if b := s.Balance; b.LocalRx+b.LocalTx > 0 || !holds(b.ForwardedRx, asked+answered) || b.ForwardedTx != b.ForwardedRx {
					t.Errorf("the books do not balance: %+v", b)
				}
			})
		})
	}
}

// TestTransparentProxy: connections of LAN hosts to foreign addresses that a
// proxy on the router accepts in their place, and makes anew, are the proxy's,
// also where it makes them from the LAN host's address.
func TestTransparentProxy(t *testing.T) {
	long(t)
	for _, tc := range []struct{ name, server, listen, router, client string }{
		{"IPv4", "198.19.0.2:7000", "0.0.0.0:3128", "198.19.0.1", "198.18.1.10"},
		{"IPv6", "[fd00:19::2]:7000", "[::]:3128", "fd00:19::1", "fd00:18::10"},
	} {
		for _, spoof := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/spoof=%v", tc.name, spoof), func(t *testing.T) {
				twice(t, func(t *testing.T, o office, measure func(func()) traffic.Snapshot) {
					server := o.wan.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort(tc.server)})
					listen := netip.MustParseAddrPort(tc.listen)
					o.gw.TProxy("tcp", server.Addr, listen.Port())
					var proxy *lab.Child
					s := measure(func() {
						proxy = o.gw.Relay(lab.Relay{Args: []string{"proxy"}, Listen: listen, Transparent: true, Spoof: spoof})
						client := crowd("client", server.Addr)
						client.Life = 2500 * time.Millisecond // as long as the look at all sockets may take
						o.hosts[0].Start(client).Wait()
					})
					from := tc.router
					if spoof {
						from = tc.client
					}
					if rep := server.Stop(); len(rep.Conns) != 5 || rep.Conns[0].Remote.Addr().String() != from {
						t.Errorf("the server's connections are %+v", rep.Conns)
					}
					if rep := proxy.Stop(); len(rep.Conns) != 10 {
						t.Errorf("the proxy's connections are %+v", rep.Conns)
					}
					wantProxy(t, s, "proxy")
				})
			})
		}
	}
}

// long skips a test of many variants where a short run is asked for.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes long")
	}
}
