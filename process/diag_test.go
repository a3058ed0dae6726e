package process

import (
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

func testDiag(t testing.TB) *diagSocket {
	t.Helper()
	d, err := openDiag()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(d.close)
	return d
}

// inodeOf is the inode of the test's own socket fd.
func inodeOf(t testing.TB, fd int) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino)
}

// The kernel takes the ends of a UDP look-up the other way round than those of
// a TCP one; each of these sockets is found only if that is right.
func TestFindUDP(t *testing.T) {
	d := testDiag(t)
	for _, proto := range []traffic.Proto{traffic.UDP, traffic.UDPLite} {
		for _, c := range []struct{ name, bind, connect, local, remote string }{
			{"connected v4", "127.0.0.1:0", "127.0.0.3:9", "127.0.0.1:0", "127.0.0.3:9"},
			{"connected v6", "[::1]:0", "[::1]:9", "[::1]:0", "[::1]:9"},
			{"connected v4-mapped", "[::]:0", "[::ffff:127.0.0.1]:9", "127.0.0.1:0", "127.0.0.1:9"},
			{"bound", "127.0.0.1:0", "", "127.0.0.1:0", "127.0.0.2:53"},
			{"wildcard", "0.0.0.0:0", "", "127.0.0.4:0", "127.0.0.2:53"},
			{"wildcard dual-stack", "[::]:0", "", "127.0.0.4:0", "127.0.0.2:53"},
		} {
			t.Run(proto.String()+" "+c.name, func(t *testing.T) {
				var connect netip.AddrPort
				if c.connect != "" {
					connect = netip.MustParseAddrPort(c.connect)
				}
				fd, port := datagram(t, int(proto), netip.MustParseAddrPort(c.bind), connect, false)
				s, ok, err := d.find(keyOf(traffic.Flow{
					Proto:  proto,
					Local:  netip.AddrPortFrom(netip.MustParseAddrPort(c.local).Addr(), port),
					Remote: netip.MustParseAddrPort(c.remote),
				}))
				if err != nil || !ok || s.inode != inodeOf(t, fd) {
					t.Errorf("found %+v, %v, %v; want inode %d", s, ok, err, inodeOf(t, fd))
				}
				if got, want := s.key.connected(), c.connect != ""; got != want {
					t.Errorf("connected: %v, want %v", got, want)
				}
			})
		}
	}
}

func TestFindTCP(t *testing.T) {
	d := testDiag(t)
	client, server, ln := pair(t, "tcp", "[::]:0", "127.0.0.1")
	k := keyOf(flowOf(client, traffic.TCP))
	s, ok, err := d.find(k)
	if err != nil || !ok || s.key != k || s.inode == 0 || s.state != stateEstablished {
		t.Errorf("client: found %+v, %v, %v; want an established one with key %+v", s, ok, err, k)
	}
	k = keyOf(flowOf(server, traffic.TCP))
	s, ok, err = d.find(k)
	if err != nil || !ok || s.key != k || s.inode == 0 {
		t.Errorf("server: found %+v, %v, %v; want key %+v", s, ok, err, k)
	}
	k.rport++
	s, ok, err = d.find(k)
	if err != nil || !ok || s.state != stateListen || s.key.connected() {
		t.Errorf("stranger: found %+v, %v, %v; want the listener", s, ok, err)
	}
	ln.Close()
	if s, ok, err = d.find(k); ok || err != nil {
		t.Errorf("no listener: found %+v, %v, %v; want nothing", s, ok, err)
	}
}

// A dump that was not read to its end does not spoil the answers after it.
func TestDiagSkipsStaleAnswers(t *testing.T) {
	d := testDiag(t)
	client, _, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	d.request(unix.NLM_F_DUMP, unix.AF_INET, traffic.TCP, heldStates)
	if _, err := unix.Write(d.fd, d.req[:]); err != nil {
		t.Fatal(err)
	}
	k := keyOf(flowOf(client, traffic.TCP))
	if s, ok, err := d.find(k); err != nil || !ok || s.key != k {
		t.Errorf("found %+v, %v, %v; want key %+v", s, ok, err, k)
	}
}

func TestDumpHasNoSCTP(t *testing.T) {
	if _, err := os.Stat("/proc/net/sctp"); err == nil {
		t.Skip("this kernel has SCTP")
	}
	for _, s := range listSources("/proc/thread-self/net") {
		if s.proto == traffic.SCTP {
			t.Error("SCTP is among the sources of a kernel without it")
		}
	}
}

func BenchmarkFind(b *testing.B) {
	d := testDiag(b)
	client, _, _ := pair(b, "tcp4", "127.0.0.1:0", "127.0.0.1")
	k := keyOf(flowOf(client, traffic.TCP))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := d.find(k); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
