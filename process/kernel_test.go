package process

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// The tests here use the real kernel: sockets on loopback and children of the
// test binary itself.

// pair is a connection of the test's own on loopback.
func pair(t testing.TB, network, listen, dial string) (client, server net.Conn, ln net.Listener) {
	t.Helper()
	ln, err := net.Listen(network, listen)
	if err != nil {
		t.Skipf("listen on %s: %v", listen, err)
	}
	t.Cleanup(func() { ln.Close() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err = net.Dial("tcp", net.JoinHostPort(dial, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server, ln
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func flowOf(c net.Conn, proto traffic.Proto) traffic.Flow {
	return traffic.Flow{Proto: proto, Local: unmap(addrPort(c.LocalAddr())), Remote: unmap(addrPort(c.RemoteAddr()))}
}

// ask lets r answer for f in the two ways there are: having been told of the
// flow at once, and having to look at all sockets.
func ask(t *testing.T, f traffic.Flow, want int) {
	t.Helper()
	for _, way := range []string{"want", "look"} {
		t.Run(way, func(t *testing.T) {
			t.Helper()
			since := time.Now()
			r := start(t, Options{})
			if way == "want" {
				r.Want(f)
			}
			if o := await(t, r, f, since); o.PID != want {
				t.Errorf("owner of %v is %d (%s), want %d", f, o.PID, o.Command, want)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	for name, a := range map[string]struct{ network, listen, dial string }{
		"v4":               {"tcp4", "127.0.0.1:0", "127.0.0.1"},
		"v6":               {"tcp6", "[::1]:0", "::1"},
		"v4 to dual-stack": {"tcp", "[::]:0", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			client, server, _ := pair(t, a.network, a.listen, a.dial)
			t.Run("client", func(t *testing.T) { ask(t, flowOf(client, traffic.TCP), os.Getpid()) })
			t.Run("server", func(t *testing.T) { ask(t, flowOf(server, traffic.TCP), os.Getpid()) })
		})
	}
}

func TestListenerAnswersForConnectionsGone(t *testing.T) {
	for name, a := range map[string]struct{ network, listen, local string }{
		"v4":         {"tcp4", "127.0.0.1:0", "127.0.0.1"},
		"v6":         {"tcp6", "[::1]:0", "::1"},
		"dual-stack": {"tcp", "[::]:0", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen(a.network, a.listen)
			if err != nil {
				t.Skip(err)
			}
			defer ln.Close()
			ask(t, traffic.Flow{
				Proto:  traffic.TCP,
				Local:  netip.AddrPortFrom(netip.MustParseAddr(a.local), addrPort(ln.Addr()).Port()),
				Remote: netip.AddrPortFrom(netip.MustParseAddr(a.local), 1),
			}, os.Getpid())
		})
	}
}

func TestIPv6OnlyListenerIsDeafToIPv4(t *testing.T) {
	ln, err := net.Listen("tcp6", "[::]:0") // Go sets IPV6_V6ONLY
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	port := addrPort(ln.Addr()).Port()
	since := time.Now()
	r := start(t, Options{})
	remote := netip.MustParseAddrPort("[::1]:1")
	await(t, r, traffic.Flow{Proto: traffic.TCP, Local: netip.AddrPortFrom(netip.IPv6Loopback(), port), Remote: remote}, since)
	f := traffic.Flow{Proto: traffic.TCP, Local: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Remote: netip.MustParseAddrPort("127.0.0.1:1")}
	if o := r.Owner(f, since); o != nil {
		t.Errorf("owner of %v is %v, want none", f, o)
	}
}

// datagram opens a socket of type SOCK_DGRAM bound to local, connected to
// remote if that is valid, and returns its local port.
func datagram(t *testing.T, proto int, local, remote netip.AddrPort, only6 bool) (fd int, port uint16) {
	t.Helper()
	family := unix.AF_INET
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		t.Skipf("open socket of protocol %d: %v", proto, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if family == unix.AF_INET6 {
		v := 0
		if only6 {
			v = 1
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Bind(fd, sockaddr(local)); err != nil {
		t.Fatal(err)
	}
	if remote.IsValid() {
		if err := unix.Connect(fd, sockaddr(remote)); err != nil {
			t.Fatal(err)
		}
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return fd, uint16(sa.Port)
	case *unix.SockaddrInet6:
		return fd, uint16(sa.Port)
	}
	t.Fatalf("odd address %T", sa)
	return 0, 0
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func TestDatagrams(t *testing.T) {
	for _, proto := range []traffic.Proto{traffic.UDP, traffic.UDPLite} {
		for _, c := range []struct {
			name           string
			bind, connect  string
			local, remote  string // of the flow; port 0: the socket's own
			only6, foreign bool
		}{
			{name: "connected v4", bind: "127.0.0.1:0", connect: "127.0.0.1:9", local: "127.0.0.1:0", remote: "127.0.0.1:9"},
			{name: "connected v6", bind: "[::1]:0", connect: "[::1]:9", local: "[::1]:0", remote: "[::1]:9"},
			{name: "connected v4-mapped", bind: "[::]:0", connect: "[::ffff:127.0.0.1]:9", local: "127.0.0.1:0", remote: "127.0.0.1:9"},
			{name: "bound v4", bind: "127.0.0.1:0", local: "127.0.0.1:0", remote: "127.0.0.2:53"},
			{name: "bound v6", bind: "[::1]:0", local: "[::1]:0", remote: "[fd00::2]:53"},
			{name: "wildcard v4", bind: "0.0.0.0:0", local: "127.0.0.1:0", remote: "127.0.0.2:53"},
			{name: "wildcard v6", bind: "[::]:0", local: "[::1]:0", remote: "[fd00::2]:53", only6: true},
			{name: "wildcard dual-stack", bind: "[::]:0", local: "127.0.0.1:0", remote: "127.0.0.2:53"},
			{name: "multicast v4", bind: "0.0.0.0:0", local: "224.0.0.251:0", remote: "127.0.0.2:5353"},
		} {
			t.Run(fmt.Sprintf("%s %s", proto, c.name), func(t *testing.T) {
				var connect netip.AddrPort
				if c.connect != "" {
					connect = netip.MustParseAddrPort(c.connect)
				}
				_, port := datagram(t, int(proto), netip.MustParseAddrPort(c.bind), connect, c.only6)
				local := netip.MustParseAddrPort(c.local)
				ask(t, traffic.Flow{
					Proto: proto, Local: netip.AddrPortFrom(local.Addr(), port), Remote: netip.MustParseAddrPort(c.remote),
				}, os.Getpid())
			})
		}
	}
}

func TestRawSocket(t *testing.T) {
	const proto = 253 // for experiments (RFC 3692)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		t.Skipf("open raw socket: %v", err)
	}
	defer unix.Close(fd)
	f := traffic.Flow{Proto: proto, Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: netip.MustParseAddrPort("127.0.0.2:0")}
	ask(t, f, os.Getpid())
}

func TestOwnerOutlivesProcess(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	since := time.Now()
	r := start(t, Options{})
	c := newChild(t, "client", nil, "some-client", "--to", "nowhere")
	f := traffic.Flow{
		Proto:  traffic.TCP,
		Local:  netip.MustParseAddrPort(c.tell("HOLD %s", ln.Addr())),
		Remote: addrPort(ln.Addr()),
	}
	r.Want(f)
	first := await(t, r, f, since)
	c.end()
	o := r.Owner(f, since)
	if o != first || o.PID != c.cmd.Process.Pid || o.Command != "some-client --to nowhere" {
		t.Errorf("owner is %+v, want what it was before, %+v", o, first)
	}
	if o := r.Owner(f, time.Now().Add(time.Minute)); o != nil {
		t.Errorf("owner of the next life is %+v, want none", o)
	}
}

func TestSocketPassedOn(t *testing.T) {
	_, server, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	since := time.Now()
	r := start(t, Options{})
	f := flowOf(server, traffic.TCP)
	if o := await(t, r, f, since); o.PID != os.Getpid() {
		t.Fatalf("owner is %v, want the test itself", o)
	}
	heir := passOn(t, server)
	r.Want(f)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		o := r.Owner(f, since)
		if o != nil && o.PID == heir && o.Command == "handler" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("owner is still %+v, want pid %d", o, heir)
		}
	}
}

// TestShortConnections: connections of 2 ms by a process that lives on are
// caught, each told of at once as by a conntrack event. On a busy machine some
// are over too soon.
func TestShortConnections(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = c.Read(make([]byte, 1)) }()
		}
	}()
	r := start(t, Options{})
	c := newChild(t, "client", nil, "short-lived")
	since := time.Now()
	var flows []traffic.Flow
	for range 100 {
		f := traffic.Flow{
			Proto:  traffic.TCP,
			Local:  netip.MustParseAddrPort(c.tell("SHORT %s 2ms", ln.Addr())),
			Remote: addrPort(ln.Addr()),
		}
		r.Want(f)
		flows = append(flows, f)
		if !c.out.Scan() {
			t.Fatal(c.out.Err())
		}
	}
	found := 0
	for _, f := range flows {
		if o := r.Owner(f, since); o != nil {
			if o.PID != c.cmd.Process.Pid {
				t.Errorf("owner of %v is %+v", f, o)
			}
			found++
		}
	}
	t.Logf("%d of %d found; %s", found, len(flows), r.Detail())
	if found < 50 {
		t.Errorf("%d of %d connections have an owner", found, len(flows))
	}
}
