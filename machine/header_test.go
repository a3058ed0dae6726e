package machine

import (
	"errors"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// pair is two hosts that reach each other over the device under test.
type pair struct {
	lab  *lab.Lab
	a, b *lab.Host
}

const addrA, addrB = "198.18.1.1/24", "198.18.1.2/24"

// wire links the two hosts' eth0, without addresses where none are given.
func (p pair) wire(a, b []string) {
	p.lab.Link(lab.End{Host: p.a, Name: "eth0", Addrs: a}, lab.End{Host: p.b, Name: "eth0", Addrs: b})
}

// attrs names a new interface on top of the hosts' eth0.
func attrs(h *lab.Host, name string, t *testing.T) netlink.LinkAttrs {
	t.Helper()
	at := netlink.NewLinkAttrs()
	at.Name = name
	err := h.Do(func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err == nil {
			at.ParentIndex = eth0.Attrs().Index
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestHeaders sends a known number of datagrams of known size each way over
// every kind of device this kernel has: its layer-3 figures are exact.
func TestHeaders(t *testing.T) {
	for _, tc := range []struct {
		name  string // of the device under test on host a
		build func(t *testing.T, p pair)
	}{
		{"lo", func(*testing.T, pair) {}},
		{"eth0", func(t *testing.T, p pair) { p.wire([]string{addrA}, []string{addrB}) }},
		{"br0", func(t *testing.T, p pair) {
			p.a.Bridge("br0", addrA)
			p.wire(nil, []string{addrB})
			p.a.Enslave("eth0", "br0")
		}},
		{"macvlan0", func(t *testing.T, p pair) {
			p.wire(nil, []string{addrB})
			add(t, p.a, &netlink.Macvlan{LinkAttrs: attrs(p.a, "macvlan0", t), Mode: netlink.MACVLAN_MODE_BRIDGE}, addrA)
		}},
		{"ipvlan0", func(t *testing.T, p pair) {
			p.wire(nil, []string{addrB})
			add(t, p.a, &netlink.IPVlan{LinkAttrs: attrs(p.a, "ipvlan0", t), Mode: netlink.IPVLAN_MODE_L2}, addrA)
		}},
		{"vlan5", func(t *testing.T, p pair) {
			p.wire(nil, nil)
			add(t, p.a, &netlink.Vlan{LinkAttrs: attrs(p.a, "vlan5", t), VlanId: 5}, addrA)
			add(t, p.b, &netlink.Vlan{LinkAttrs: attrs(p.b, "vlan5", t), VlanId: 5}, addrB)
		}},
		{"vxlan0", func(t *testing.T, p pair) {
			p.wire([]string{"198.18.0.1/24"}, []string{"198.18.0.2/24"})
			for _, e := range []struct {
				h           *lab.Host
				peer, inner string
			}{{p.a, "198.18.0.2", addrA}, {p.b, "198.18.0.1", addrB}} {
				at := netlink.NewLinkAttrs()
				at.Name = "vxlan0"
				add(t, e.h, &netlink.Vxlan{LinkAttrs: at, VxlanId: 7, Port: 4789,
					Group: netip.MustParseAddr(e.peer).AsSlice()}, e.inner)
			}
		}},
		{"tun0", func(t *testing.T, p pair) { tunnel(t, p, "tun0", unix.IFF_TUN) }},
		{"tap0", func(t *testing.T, p pair) { tunnel(t, p, "tap0", unix.IFF_TAP) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lab.New(t)
			p := pair{l, l.Host("a"), l.Host("b")}
			for _, h := range []*lab.Host{p.a, p.b} {
				h.Sysctl("net/ipv6/conf/all/disable_ipv6", "1")
				h.Sysctl("net/ipv6/conf/default/disable_ipv6", "1")
			}
			tc.build(t, p)
			far, listen := p.b, "198.18.1.2:0"
			if tc.name == "lo" {
				far, listen = p.a, "127.0.0.1:0"
			}
			server := far.Serve(lab.Server{Proto: "udp", Listen: netip.MustParseAddrPort(listen)})
			s := openSource(t, p.a)

			const n, size = 20, 500
			client := lab.Client{Proto: "udp", Target: server.Addr, Send: size, Receive: size, Chunk: size}
			p.a.Start(client).Wait() // fills the ARP tables
			before := total(t, s, tc.name)
			client.Send, client.Receive = n*size, n*size
			p.a.Start(client).Wait()
			got := total(t, s, tc.name).Sub(before)

			const bytes = n * (size + 8 + 20) // UDP and IPv4 headers
			want := traffic.Counts{RxBytes: bytes, TxBytes: bytes, RxPackets: n, TxPackets: n}
			if tc.name == "lo" { // both ends are here
				want = want.Add(want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("layer-3 counts (-want +got):\n%s", diff)
			}
		})
	}
}

// add adds a device, or skips where the kernel does not have the kind.
func add(t *testing.T, h *lab.Host, link netlink.Link, addrs ...string) {
	t.Helper()
	err := h.Do(func() error { return netlink.LinkAdd(link) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel has no %s devices", link.Type())
	}
	if err != nil {
		t.Fatalf("add %s: %v", link.Type(), err)
	}
	h.Up(link.Attrs().Name, addrs...)
}

// tunnel joins a tun or tap device on each host by copying their packets.
func tunnel(t *testing.T, p pair, name string, mode uint16) {
	a, b := openTun(t, p.a, name, mode), openTun(t, p.b, name, mode)
	p.a.Up(name, addrA)
	p.b.Up(name, addrB)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		a.Close()
		b.Close()
		wg.Wait()
	})
	carry := func(from, to *os.File) {
		buf := make([]byte, 2048)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	wg.Go(func() { carry(a, b) })
	wg.Go(func() { carry(b, a) })
}

func openTun(t *testing.T, h *lab.Host, name string, mode uint16) *os.File {
	t.Helper()
	var f *os.File
	err := h.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(mode | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skipf("no tun devices here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// openSource opens a host's kernel side until the test ends.
func openSource(t testing.TB, h *lab.Host) *source {
	t.Helper()
	var s *source
	if err := h.Do(func() (err error) { s, err = newSource("/proc"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func total(t testing.TB, s *source, name string) traffic.Counts {
	t.Helper()
	b, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range b.Interfaces {
		if i.Name == name {
			return i.Counts
		}
	}
	t.Fatalf("no interface %s in %v", name, b.Interfaces)
	return traffic.Counts{}
}

func TestMeter(t *testing.T) {
	rx := func(bytes, packets uint64) traffic.Counts { return traffic.Counts{RxBytes: bytes, RxPackets: packets} }
	h := header{rx: 14, tx: 14}
	for _, tc := range []struct {
		name     string
		readings []traffic.Counts
		want     traffic.Counts
	}{
		{"one reading", []traffic.Counts{rx(1140, 10)}, rx(1000, 10)},
		{"grows", []traffic.Counts{rx(1140, 10), rx(2280, 20)}, rx(2000, 20)},
		{"restarts", []traffic.Counts{rx(1140, 10), rx(114, 1)}, rx(1100, 11)},
		{"restarts twice", []traffic.Counts{rx(1140, 10), rx(0, 0), rx(114, 1), rx(0, 0)}, rx(1100, 11)},
		{"packets ahead of bytes", []traffic.Counts{rx(1140, 10), rx(1140, 12)}, rx(1000, 12)},
		{"bytes catch up", []traffic.Counts{rx(1140, 10), rx(1140, 12), rx(1368, 12)}, rx(1200, 12)},
		{"fewer bytes than headers", []traffic.Counts{rx(100, 10)}, rx(0, 10)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m meter
			last := traffic.Counts{}
			for _, r := range tc.readings {
				m.read(r, h)
				if !m.total.AtLeast(last) {
					t.Errorf("total fell from %v to %v", last, m.total)
				}
				last = m.total
			}
			if diff := cmp.Diff(tc.want, m.total); diff != "" {
				t.Errorf("total (-want +got):\n%s", diff)
			}
		})
	}
}

func countsOf(rxBytes, txBytes, rxPackets, txPackets uint64) traffic.Counts {
	return traffic.Counts{RxBytes: rxBytes, TxBytes: txBytes, RxPackets: rxPackets, TxPackets: txPackets}
}
