package process

import (
	"math"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// manySockets opens n unconnected UDP sockets on loopback.
func manySockets(b *testing.B, n int) {
	b.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(n)+100 {
		b.Skipf("needs %d descriptors, may open %d", n+100, limit.Cur)
	}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDump10k(b *testing.B) {
	manySockets(b, 10_000)
	d := testDiag(b)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := d.dump(unix.AF_INET, traffic.UDP, heldStates, func(s []socket) { n += len(s) }); err != nil || n < 10_000 {
			b.Fatal(n, err)
		}
	}
}

func benchWorker(b *testing.B) *worker {
	b.Helper()
	w, err := newWorker(New(Options{}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.close)
	return w
}

// A look at 10,000 sockets whose holders are known.
func BenchmarkLook10k(b *testing.B) {
	manySockets(b, 10_000)
	w := benchWorker(b)
	w.look()
	b.ReportAllocs()
	for b.Loop() {
		w.look()
	}
	b.ReportMetric(float64(w.scan.fds.read)/float64(w.looks), "descriptors/op")
}

// A look at 10,000 sockets none of whose holders is known.
func BenchmarkFirstLook10k(b *testing.B) {
	manySockets(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		benchWorker(b).look()
	}
}

// One descriptor of a process that has 10,000.
func BenchmarkDescriptor(b *testing.B) {
	manySockets(b, 10_000)
	w := benchWorker(b)
	if err := w.scan.procs.list(1); err != nil {
		b.Fatal(err)
	}
	self := w.scan.procs.all[os.Getpid()]
	w.slow.want.add(1, 0) // nobody's
	w.slow.left = math.MaxInt
	b.ReportAllocs()
	for b.Loop() {
		w.scan.walk(&w.slow.search, self)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(w.scan.fds.read), "ns/descriptor")
}

// The whole way of a wanted flow of a program that opens a connection,
// finishes and opens the next.
func BenchmarkLookUp(b *testing.B) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	server := addrPort(ln.Addr())
	w := benchWorker(b)
	w.look()
	w.scan.procs.began = 0 // no process is fresh
	b.ReportAllocs()
	var took time.Duration
	for b.Loop() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			b.Fatal(err)
		}
		if err := unix.Connect(fd, sockaddr(server)); err != nil {
			b.Fatal(err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			b.Fatal(err)
		}
		local := netip.AddrPortFrom(server.Addr(), uint16(sa.(*unix.SockaddrInet4).Port))
		began := time.Now()
		w.lookUp([]key{keyOf(traffic.Flow{Proto: traffic.TCP, Local: local, Remote: server})}, true)
		took += time.Since(began)
		unix.Close(fd)
		if len(w.deferred) > 0 {
			b.Fatalf("not found: %+v", w.deferred)
		}
		c, err := ln.Accept()
		if err == nil {
			c.Close()
		}
	}
	b.ReportMetric(float64(took)/float64(b.N), "ns/look-up")
}
