package lab_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// TestRouter sends through a router that masquerades one way and forwards a
// port the other way, over both address families.
func TestRouter(t *testing.T) {
	l := lab.New(t)
	lan, gw, wan := l.Host("lan"), l.Host("gw"), l.Host("wan")
	l.Link(lab.End{Host: lan, Name: "eth0", Addrs: []string{"198.18.1.2/24", "fd00:1::2/64"}},
		lab.End{Host: gw, Name: "lan0", Addrs: []string{"198.18.1.1/24", "fd00:1::1/64"}})
	l.Link(lab.End{Host: wan, Name: "eth0", Addrs: []string{"198.18.2.2/24", "fd00:2::2/64"}},
		lab.End{Host: gw, Name: "wan0", Addrs: []string{"198.18.2.1/24", "fd00:2::1/64"}})
	gw.Forward()
	gw.Track()
	gw.Masquerade("wan0")
	lan.DefaultRoute("198.18.1.1")
	lan.DefaultRoute("fd00:1::1")

	for _, tc := range []struct{ name, wan, out, in string }{
		{"IPv4", "198.18.2.2", "198.18.2.1", "198.18.1.2"},
		{"IPv6", "fd00:2::2", "fd00:2::1", "fd00:1::2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			far := netip.AddrPortFrom(netip.MustParseAddr(tc.wan), 7000)
			server := wan.Serve(lab.Server{Proto: "tcp", Listen: far})
			lan.Start(lab.Client{Proto: "tcp", Target: far, Send: 5000, Receive: 6000}).Wait()
			rep := server.Stop()
			if got := rep.Conns[0].Remote.Addr().String(); got != tc.out || rep.Received != 5000 {
				t.Errorf("server got %d bytes from %s, want 5000 from the router, %s", rep.Received, got, tc.out)
			}

			inside := netip.AddrPortFrom(netip.MustParseAddr(tc.in), 8000)
			public := netip.AddrPortFrom(netip.MustParseAddr(tc.out), 80)
			gw.DNAT("udp", public, inside)
			server = lan.Serve(lab.Server{Proto: "udp", Listen: inside})
			wan.Start(lab.Client{Proto: "udp", Target: public, Send: 3000, Receive: 2000}).Wait()
			if rep := server.Stop(); rep.Received != 3000 || rep.Sent != 2000 {
				t.Errorf("forwarded server got %d and sent %d, want 3000 and 2000", rep.Received, rep.Sent)
			}
		})
	}
	flows := 0
	err := gw.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/stat/nf_conntrack")
		if err != nil {
			return err
		}
		_, err = fmt.Sscanf(strings.Split(string(b), "\n")[1], "%x", &flows)
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this kernel has no /proc/net/stat/nf_conntrack")
	}
	if err != nil || flows < 4 {
		t.Errorf("the router tracks %d flows, want 4 or more (%v)", flows, err)
	}
}

// TestBridge lets the hosts on one bridge reach each other, and with a known
// number of datagrams on a quiet link the counters agree to the byte.
func TestBridge(t *testing.T) {
	l := lab.New(t)
	gw := l.Host("gw")
	gw.Bridge("br0", "198.18.0.1/24")
	var hosts []*lab.Host
	for i := range 4 {
		h := l.Host(fmt.Sprintf("lan%d", i))
		h.Sysctl("net/ipv6/conf/default/disable_ipv6", "1")
		l.Link(lab.End{Host: h, Name: "eth0", Addrs: []string{fmt.Sprintf("198.18.0.%d/24", 10+i)}, Plain: true},
			lab.End{Host: gw, Name: fmt.Sprintf("port%d", i), Master: "br0", Plain: true})
		hosts = append(hosts, h)
	}
	server := hosts[0].Serve(lab.Server{Proto: "udp", Listen: netip.MustParseAddrPort("198.18.0.10:0")})
	const n, size = 50, 1000
	for _, h := range hosts[1:] {
		client := lab.Client{Proto: "udp", Target: server.Addr, Send: 1000, Chunk: size}
		h.Start(client).Wait() // fills the ARP tables
		before := h.Counters("eth0")
		client.Send = n * size
		h.Start(client).Wait()
		// 20 of IPv4 and 8 of UDP.
		got := h.Counters("eth0").Sub(before).Layer3(14)
		if want := (lab.Counters{TxBytes: n * (size + 28), TxPackets: n}); got != want {
			t.Errorf("counters (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
	if got := server.Stop().Received; got != 3*(n+1)*size {
		t.Errorf("server received %d, want %d", got, 3*(n+1)*size)
	}
}

// TestPlain sends a stream in one big write: without offloads no packet is
// longer than the MTU.
func TestPlain(t *testing.T) {
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(lab.End{Host: a, Name: "eth0", Addrs: []string{"198.18.0.1/24"}, Plain: true},
		lab.End{Host: b, Name: "eth0", Addrs: []string{"198.18.0.2/24"}, Plain: true})
	server := b.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.0.2:0")})
	const size = 1 << 20
	a.Start(lab.Client{Proto: "tcp", Target: server.Addr, Send: size}).Wait()
	c := b.Counters("eth0")
	// 1448 payload bytes fit beside the headers with TCP timestamps.
	if min := uint64(size / 1460); c.RxPackets < min || c.RxBytes > c.RxPackets*1514 {
		t.Errorf("%d bytes in %d packets, want at least %d of at most 1514", c.RxBytes, c.RxPackets, min)
	}
}

// TestChildren holds 20 clients, starts them together, and finds each by its
// command line while it lingers with its connections open.
func TestChildren(t *testing.T) {
	l := lab.New(t)
	h := l.Host("h")
	server := h.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	const n = 20
	var children []*lab.Child
	for i := range n {
		children = append(children, h.Start(lab.Client{
			Args:  []string{"/usr/bin/backup", "--to", fmt.Sprint("site", i)},
			Proto: "tcp", Target: server.Addr, Send: 100, Connections: 2, Parallel: 2,
			Hold: true, KeepOpen: true,
		}))
	}
	for _, c := range children {
		c.Begin()
	}
	for i, c := range children {
		if got := c.Wait().Sent; got != 200 {
			t.Errorf("client %d sent %d, want 200", i, got)
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.PID))
		if want := fmt.Sprintf("/usr/bin/backup\x00--to\x00site%d\x00", i); string(line) != want || err != nil {
			t.Errorf("command line %q, want %q (%v)", line, want, err)
		}
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.PID))
		if string(comm) != "backup\n" || err != nil {
			t.Errorf("comm %q, want backup (%v)", comm, err)
		}
	}
	for _, c := range children {
		c.Stop()
	}
	if rep := server.Stop(); rep.Received != n*200 || len(rep.Conns) != 2*n {
		t.Errorf("server received %d on %d connections, want %d on %d", rep.Received, len(rep.Conns), n*200, 2*n)
	}
}

// TestShortLives opens many connections of a few milliseconds one after
// another.
func TestShortLives(t *testing.T) {
	l := lab.New(t)
	h := l.Host("h")
	server := h.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("[::1]:0")})
	began := time.Now()
	rep := h.Start(lab.Client{
		Proto: "tcp", Target: server.Addr, Connections: 30, Send: 20, Chunk: 10,
		Life: 3 * time.Millisecond, Pause: 2 * time.Millisecond, Spread: true,
	}).Wait()
	if took := time.Since(began); took < 30*3*time.Millisecond+29*2*time.Millisecond {
		t.Errorf("took %v, less than the lives and pauses together", took)
	}
	seen := make(map[netip.AddrPort]bool)
	for _, c := range rep.Conns {
		seen[c.Local] = true
	}
	if len(seen) != 30 || rep.Sent != 600 {
		t.Errorf("%d bytes from %d ports, want 600 from 30", rep.Sent, len(seen))
	}
}

// TestOwnNamespace: the test's own thread stays where it was, also when
// calls nest and fail.
func TestOwnNamespace(t *testing.T) {
	l := lab.New(t)
	inode := func() uint64 {
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	home := inode()
	a, b := l.Host("a"), l.Host("b")
	want := errors.New("planned")
	err := a.Do(func() error {
		in := inode()
		if in == home {
			t.Error("Do stayed at home")
		}
		return b.Do(func() error {
			if now := inode(); now == in || now == home {
				t.Error("nested Do did not change the namespace")
			}
			return want
		})
	})
	if err != want {
		t.Errorf("Do returned %v, want %v", err, want)
	}
	if inode() != home {
		t.Error("Do left the thread in another namespace")
	}
	wait := a.Go(func() error {
		_, err := net.InterfaceByName("lo")
		return err
	})
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestGone: after a test that failed to clean anything up itself, its
// children, descriptors and namespaces are gone.
func TestGone(t *testing.T) {
	outer := lab.New(t)
	watch := outer.Host("watch")
	before := descriptors(t)
	var pids []int
	t.Run("inner", func(t *testing.T) {
		l := lab.New(t)
		h := l.Host("h")
		l.Link(lab.End{Host: h, Name: "eth0", Addrs: []string{"198.18.0.1/24"}},
			lab.End{Host: watch, Name: "tohost", Addrs: []string{"198.18.0.2/24"}})
		server := h.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.0.1:0")})
		idle := h.Start(lab.Client{Proto: "tcp", Target: server.Addr, Hold: true})
		busy := h.Start(lab.Client{Proto: "tcp", Target: server.Addr, KeepOpen: true})
		busy.Wait()
		pids = append(pids, server.PID, idle.PID, busy.PID)
	})
	if diff := cmp.Diff(before, descriptors(t)); diff != "" {
		t.Errorf("descriptors (-before +after):\n%s", diff)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("process %d still exists (%v)", pid, err)
		}
	}
	// When the inner namespace dies its end of the pair dies, and so does
	// the end that was left in a namespace that lives on.
	nl, err := netlink.NewHandleAt(netns.NsHandle(watch.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := nl.LinkByName("tohost")
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the inner test's namespace still exists (%v)", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestRecord: a test that ran left its name in the log CI counts.
func TestRecord(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("BWMON_LAB_LOG", log)
	lab.New(t)
	lab.New(t)
	got, err := os.ReadFile(log)
	if want := "TestRecord\nTestRecord\n"; string(got) != want || err != nil {
		t.Errorf("log %q, want %q (%v)", got, want, err)
	}
}

// descriptors counts this process's open sockets, pipes and namespaces.
func descriptors(t *testing.T) map[string]int {
	t.Helper()
	found := make(map[string]int)
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if kind, _, ok := strings.Cut(target, ":"); err == nil && ok {
			found[kind]++
		}
	}
	return found
}
