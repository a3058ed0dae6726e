package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// check is what a probe of a place finds.
func check(t testing.TB, listen string) (listening, sockets float64, detail string) {
	t.Helper()
	p, err := New(Options{Name: "test", Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	s := p.probe(context.Background())
	listening, ok := s.Metrics.Get("listening")
	if !ok {
		t.Skipf("%s: %s", listen, s.Detail)
	}
	sockets, _ = s.Metrics.Get("sockets")
	if (listening == 1) != (s.Detail == "") || (listening == 1) != (sockets > 0) {
		t.Errorf("%s: listening %v, sockets %v, detail %q", listen, listening, sockets, s.Detail)
	}
	return listening, sockets, s.Detail
}

func want(t testing.TB, listen string, sockets int) {
	t.Helper()
	if _, got, detail := check(t, listen); got != float64(sockets) {
		t.Errorf("%s: %v sockets (%s), want %d", listen, got, detail, sockets)
	}
}

// open makes a socket of the calling thread's network namespace and binds it.
func open(t testing.TB, family, typ int, sa unix.Sockaddr, options ...int) int {
	t.Helper()
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if family == unix.AF_INET6 {
		only6 := 0
		for _, o := range options {
			if o == unix.IPV6_V6ONLY {
				only6 = 1
			}
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only6); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range options {
		if o == unix.SO_REUSEPORT {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatal(err)
	}
	if typ != unix.SOCK_DGRAM {
		if err := unix.Listen(fd, 5); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

func inet(addr string, port int) (family int, sa unix.Sockaddr) {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Addr: a.As16(), Port: port}
}

// Every way to listen, in a network namespace with nothing else in it.
func TestListenInet(t *testing.T) {
	host := lab.New(t).Host("h")
	host.Up("lo")
	port := 4000
	for proto, typ := range map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM} {
		for _, c := range []struct {
			bound   string
			options []int
			wants   map[string]int // by address; "": the port alone
		}{
			{"127.0.0.1", nil, map[string]int{"": 1, "127.0.0.1": 1, "127.0.0.2": 0, "[::1]": 0, "0.0.0.0": 0, "[::ffff:127.0.0.1]": 1}},
			{"0.0.0.0", nil, map[string]int{"": 1, "127.0.0.1": 1, "10.1.2.3": 1, "0.0.0.0": 1, "[::1]": 0, "[::]": 0}},
			{"::1", nil, map[string]int{"": 1, "127.0.0.1": 0, "[::1]": 1, "[::]": 0}},
			{"::", nil, map[string]int{"": 1, "127.0.0.1": 1, "[::1]": 1, "0.0.0.0": 1, "[::]": 1}},
			{"::", []int{unix.IPV6_V6ONLY}, map[string]int{"": 1, "127.0.0.1": 0, "[::1]": 1, "0.0.0.0": 0, "[::]": 1}},
			{"::ffff:127.0.0.1", nil, map[string]int{"": 1, "127.0.0.1": 1, "[::1]": 0}},
			{"::ffff:0.0.0.0", nil, map[string]int{"": 1, "127.0.0.1": 1, "[::1]": 0}},
		} {
			port++
			err := host.Do(func() error {
				family, sa := inet(c.bound, port)
				open(t, family, typ, sa, c.options...)
				for addr, sockets := range c.wants {
					listen := fmt.Sprintf("%s:%s:%d", proto, addr, port)
					if _, got, detail := check(t, listen); got != float64(sockets) {
						t.Errorf("bound to %s %v: %s: %v sockets (%s), want %d", c.bound, c.options, listen, got, detail, sockets)
					}
				}
				want(t, fmt.Sprintf("%s:%d", proto, port+1000), 0)
				other := map[string]string{"tcp": "udp", "udp": "tcp"}[proto]
				want(t, fmt.Sprintf("%s:%d", other, port), 0)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is not listening, however bound: clients, connected UDP, a server's own ends.
func TestConnectedDoNotListen(t *testing.T) {
	host := lab.New(t).Host("h")
	host.Up("lo")
	err := host.Do(func() error {
		listener := open(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 5000})
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(client)
		if err := unix.Bind(client, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 5001}); err != nil {
			return err
		}
		if err := unix.Connect(client, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 5000}); err != nil {
			return err
		}
		server, _, err := unix.Accept(listener)
		if err != nil {
			return err
		}
		defer unix.Close(server)
		want(t, "tcp:5000", 1)
		want(t, "tcp:5001", 0)
		unix.Close(listener)
		want(t, "tcp:5000", 0)

		udp := open(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 5002})
		want(t, "udp:5002", 1)
		if err := unix.Connect(udp, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9}); err != nil {
			return err
		}
		want(t, "udp:5002", 0)
		for range 3 {
			open(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 5003}, unix.SO_REUSEPORT)
		}
		want(t, "udp:5003", 3)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Go's own listeners, which are MPTCP where the kernel has it.
func TestListenGo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, "tcp:"+l.Addr().String(), 1)
	l.Close()
	want(t, "tcp:"+l.Addr().String(), 0)
}

// unprivileged runs f on a thread of its own that is nobody's.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never let go: the thread ends with the goroutine
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			t.Errorf("become nobody: %v", errno)
			return
		}
		f()
	}()
	<-done
}

func TestListenUnprivileged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.Listen("unix", filepath.Join(t.TempDir(), "x.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	a, err := net.Listen("unix", "@bwmon-probe-test")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	unprivileged(t, func() {
		want(t, "tcp:"+l.Addr().String(), 1)
		// In a directory that only its owner may search; the privileges are this thread's.
		at, err := locate(u.Addr().String())
		if err != nil || at.file != (unixFile{}) && os.Geteuid() == 0 {
			t.Errorf("located at %+v, %v", at, err)
		}
		if n, err := countUnix(at, time.Second); n != 1 || err != nil {
			t.Errorf("%d sockets at %+v, %v", n, at, err)
		}
		want(t, "unix:@bwmon-probe-test", 1)
	})
}

func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) (string, *unix.SockaddrUnix) {
		return "unix:" + filepath.Join(dir, name), &unix.SockaddrUnix{Name: filepath.Join(dir, name)}
	}
	for name, typ := range map[string]int{"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM, "seqpacket": unix.SOCK_SEQPACKET} {
		listen, sa := at(name)
		if _, _, detail := check(t, listen); detail != "there is no such file" {
			t.Errorf("%s: %q", listen, detail)
		}
		fd := open(t, unix.AF_UNIX, typ, sa)
		want(t, listen, 1)
		link := filepath.Join(dir, name+".link")
		if err := os.Symlink(sa.Name, link); err != nil {
			t.Fatal(err)
		}
		want(t, "unix:"+link, 1)

		// Somebody connects: it goes on listening.
		client, err := unix.Socket(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Connect(client, sa); err != nil {
			t.Fatal(err)
		}
		want(t, listen, 1)
		unix.Close(client)

		// Its file is replaced by another's: the old one cannot be reached.
		os.Remove(sa.Name)
		want(t, listen, 0)
		bound, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(bound, sa); err != nil {
			t.Fatal(err)
		}
		want(t, listen, 0) // bound, but nobody listens
		if err := unix.Listen(bound, 1); err != nil {
			t.Fatal(err)
		}
		want(t, listen, 1)
		unix.Close(bound)
		want(t, listen, 0) // the file is still there
		unix.Close(fd)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listen, _ := at("file")
	if _, _, detail := check(t, listen); detail != "what is there is no socket" {
		t.Errorf("%s: %q", listen, detail)
	}
}

// A server that was started in the socket's directory.
func TestListenUnixRelative(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	open(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "./x.sock"})
	want(t, "unix:"+filepath.Join(dir, "x.sock"), 1)
}

// On a file system that does not answer, as of a server that is gone: a probe ends in
// its time, and when it is told to; it has one look under way at most, and sees what is
// there once it is answered.
func TestListenUnixHangs(t *testing.T) {
	dir := t.TempDir()
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("open /dev/fuse: %v", err)
	}
	mounted := unix.Mount("hangs", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse))
	if mounted != nil {
		unix.Close(fuse)
		t.Skipf("mount a file system that hangs: %v", mounted)
	}
	p, err := New(Options{Name: "x", Listen: "unix:" + filepath.Join(dir, "x.sock"), Interval: 400 * time.Millisecond, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	batches, done := make(chan traffic.Batch, 100), make(chan error, 1)
	go func() { done <- p.Run(ctx, func(b traffic.Batch) { batches <- b }) }()
	next := func() (series traffic.Series) {
		select {
		case b := <-batches:
			series = b.Series[0]
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
		return series
	}
	before := runtime.NumGoroutine()
	for range 3 {
		s := next()
		if up, ok := s.Metrics.Get("listening"); !ok || up != 0 || s.Detail != "the path did not answer within 200ms" {
			t.Errorf("%+v, %q", s.Metrics, s.Detail)
		}
	}
	if n := runtime.NumGoroutine(); n > before+1 {
		t.Errorf("%d goroutines, before %d", n, before)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	patient, err := New(Options{Name: "x", Listen: "unix:" + dir, Interval: time.Hour, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	go func() { done <- patient.Run(ctx, func(b traffic.Batch) { t.Errorf("it says %+v", b) }) }()
	time.Sleep(50 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end when it is told to")
	}
	// The file system is gone, which is an answer.
	unix.Close(fuse)
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
	if s := p.probe(context.Background()); s.Detail != "there is no such file" {
		t.Errorf("the file system is gone: %q", s.Detail)
	}
}

// An overlay shows other numbers than the kernel has inside.
func TestListenUnixOverlay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount an overlay")
	}
	dir := t.TempDir()
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(dir, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Skipf("mount an overlay: %v", err)
	}
	defer func() {
		if err := unix.Unmount(merged, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(merged, "x.sock")
	fd := open(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	want(t, "unix:"+path, 1)
	unix.Close(fd)
	want(t, "unix:"+path, 0)
}

func TestListenAbstract(t *testing.T) {
	open(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "@bwmon-probe-a"})
	want(t, "unix:@bwmon-probe-a", 1)
	want(t, "unix:@bwmon-probe", 0)
	open(t, unix.AF_UNIX, unix.SOCK_DGRAM, &unix.SockaddrUnix{Name: "@bwmon-probe-a"})
	want(t, "unix:@bwmon-probe-a", 2)
	// as programs do that bind all of sun_path
	padded := "@bwmon-probe-p"
	open(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: padded + strings.Repeat("\x00", 107-len(padded))})
	want(t, "unix:@bwmon-probe-p", 1)
}

func TestUnixName(t *testing.T) {
	for in, want := range map[string]string{"\x00a": "@a", "/a\x00": "/a", "\x00a\x00b\x00\x00": "@a@b", "\x00": "", "": ""} {
		if got := unixName([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A kernel that lacks a part of sock_diag says what to do about it, and nobody claims
// that nothing listens.
func TestNoSockDiag(t *testing.T) {
	body := make([]byte, sizeofInetDiagReq)
	body[0], body[1] = unix.AF_INET, 200 // no protocol of that number
	err := dumpSockets(body, time.Second, func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "modprobe") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseDump(f *testing.F) {
	f.Add(dumpRequest(make([]byte, sizeofInetDiagMsg+8), 1), false)
	f.Add(dumpRequest(append([]byte{unix.AF_UNIX, unix.SOCK_STREAM, stateListen, 0}, make([]byte, 28)...), 1), true)
	f.Fuzz(func(t *testing.T, b []byte, ofUnix bool) {
		_, err := parseDump(b, 1, func(message []byte) error {
			if ofUnix {
				_, _, err := parseUnixSocket(message)
				return err
			}
			_, err := parseInetSocket(message)
			return err
		})
		_ = err
	})
}
