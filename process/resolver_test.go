package process

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// start runs a resolver until the test ends.
func start(t testing.TB, opts Options) *Resolver {
	t.Helper()
	r := New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// await asks for the owner of f until it is known.
func await(t testing.TB, r *Resolver, f traffic.Flow, since time.Time) *traffic.Owner {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if o := r.Owner(f, since); o != nil {
			return o
		}
		if time.Now().After(deadline) {
			t.Fatalf("no owner for %v; %s", f, r.Detail())
		}
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort()
	case *net.UDPAddr:
		return a.AddrPort()
	}
	panic("not an address with a port")
}

func TestOwnTCPConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	since := time.Now()
	r := start(t, Options{})
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := traffic.Flow{Proto: traffic.TCP, Local: addrPort(c.LocalAddr()), Remote: addrPort(c.RemoteAddr())}
	o := await(t, r, f, since)
	if o.PID != os.Getpid() {
		t.Errorf("owner is %+v, want pid %d", o, os.Getpid())
	}
	t.Logf("%+v", o)
	t.Log(r.Detail())
}

// Holders that a look verified were forgotten by the next one, which then read
// all descriptors again.
func TestLabLookReadsNothingTwice(t *testing.T) {
	err := lab.New(t).Host("alone").Do(func() error {
		for range 20 {
			pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
		}
		w, err := newWorker(New(Options{}))
		if err != nil {
			return err
		}
		defer w.close()
		w.look()
		if w.sockets != 60 {
			t.Fatalf("%d sockets, want 20 listeners, clients and servers", w.sockets)
		}
		before, passes := w.scan.fds.read, w.scan.passes
		for range 10 {
			w.look()
		}
		if w.scan.passes > passes {
			t.Errorf("%d passes over /proc for sockets that are known", w.scan.passes-passes)
		}
		// Of so few, each look verifies all.
		if n := w.scan.fds.read - before; n != 600 {
			t.Errorf("%d descriptors read by 10 looks at 60 sockets, want 600", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Without sock_diag the files of /proc/net have to do.
func TestLabWithoutSockDiag(t *testing.T) {
	err := lab.New(t).Host("alone").Do(func() error {
		client, server, ln := pair(t, "tcp", "[::]:0", "127.0.0.1")
		_, port := datagram(t, unix.IPPROTO_UDP, netip.MustParseAddrPort("[::1]:0"), netip.AddrPort{}, false)
		r := New(Options{})
		since := time.Now()
		w, err := newWorker(r)
		if err != nil {
			return err
		}
		defer w.close()
		for _, d := range []**diagSocket{&w.exact, &w.dumper} {
			if *d != nil {
				(*d).close()
				*d = nil
			}
		}
		w.look()
		stranger := flowOf(server, traffic.TCP)
		stranger.Remote = netip.MustParseAddrPort("127.0.0.9:9")
		for name, f := range map[string]traffic.Flow{
			"client": flowOf(client, traffic.TCP), "server": flowOf(server, traffic.TCP), "listener": stranger,
			"udp": {Proto: traffic.UDP, Local: netip.AddrPortFrom(netip.IPv6Loopback(), port), Remote: netip.MustParseAddrPort("[::1]:53")},
		} {
			if o := r.Owner(f, since); o == nil || o.PID != os.Getpid() {
				t.Errorf("%s: owner is %+v, want the test", name, o)
			}
		}
		ln.Close()
		w.lookUp([]key{keyOf(stranger)}, true)
		if !w.wanted() {
			t.Error("a want did not lead to a look")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A burst of wants is answered by one dump when that is cheaper. What was not
// accepted yet was left to its listener for good then, and a burst of retries
// did not notice what had been passed on to a child.
func TestLabBurstOfWants(t *testing.T) {
	if err := lab.New(t).Host("alone").Do(func() error { return burstOfWants(t) }); err != nil {
		t.Fatal(err)
	}
}

func burstOfWants(t *testing.T) error {
	clientConn, serverConn, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	client, server := flowOf(clientConn, traffic.TCP), flowOf(serverConn, traffic.TCP)
	ln, waiting := unaccepted(t)
	_, port := datagram(t, unix.IPPROTO_UDP, netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{}, false)
	udp := traffic.Flow{Proto: traffic.UDP, Local: netip.AddrPortFrom(client.Local.Addr(), port), Remote: client.Remote}
	w, now := stepped(t, "/proc")
	var keys []key
	for range manyWants {
		keys = append(keys, keyOf(client), keyOf(server), keyOf(waiting), keyOf(udp))
	}
	// What do does takes one look; it shows that pid owns flows now.
	expect := func(do func(), pid int, flows ...traffic.Flow) {
		t.Helper()
		w.lookTime = time.Microsecond
		w.sockets = 1 << 20 // of so many a look verifies few
		before := w.looks
		if do(); w.looks != before+1 {
			t.Errorf("%d looks, want 1", w.looks-before)
		}
		for _, f := range flows {
			if o := w.r.Owner(f, now.Add(slack)); o == nil || o.PID != pid {
				t.Errorf("owner of %v is %+v, want pid %d", f, o, pid)
			}
		}
		if want := uint64(2 * manyWants); w.exacts != want {
			t.Errorf("%d exact look-ups, want %d for what is not accepted and its listener", w.exacts, want)
		}
	}
	*now = now.Add(time.Millisecond)
	expect(func() { w.lookUp(keys, true) }, os.Getpid(), client, server, waiting, udp)
	planned := map[key]int{}
	for _, r := range w.retries.stages[0] {
		planned[r.k]++
	}
	if diff := cmp.Diff(map[key]int{keyOf(server): manyWants, keyOf(waiting): manyWants}, planned, compareKeys); diff != "" {
		t.Errorf("retries (-want +got):\n%s", diff)
	}
	acceptedConn, err := ln.Accept()
	if err != nil {
		return err
	}
	heir := passOn(t, serverConn, acceptedConn)
	*now = now.Add(retryAfter[0])
	expect(w.chores, heir, server, waiting)
	if left := w.retries.stages[0]; len(left) > 0 {
		t.Errorf("retries planned %d more", len(left))
	}
	return nil
}

// unaccepted is a connection that waits at its listener.
func unaccepted(t *testing.T) (net.Listener, traffic.Flow) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return ln, traffic.Flow{Proto: traffic.TCP, Local: addrPort(ln.Addr()), Remote: addrPort(c.LocalAddr())}
}

// passOn leaves connections to a child alone.
func passOn(t *testing.T, conns ...net.Conn) (pid int) {
	t.Helper()
	var files []*os.File
	for _, c := range conns {
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	c := newChild(t, "heir", files, "handler")
	c.tell("ready?")
	for _, c := range conns {
		c.Close()
	}
	return c.cmd.Process.Pid
}

// A resolver that is told to stop gives back its descriptors and its thread's
// priority.
func TestRunLeavesNothingBehind(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	client, _, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	before := count()
	ctx, cancel := context.WithCancel(context.Background())
	r := New(Options{})
	since := time.Now()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer cancel()
		await(t, r, flowOf(client, traffic.TCP), since)
	}()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	<-stopped
	if after := count(); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || now != priority {
		t.Errorf("priority %d, %v; was %d", now, err, priority)
	}
}

func TestNoProcfs(t *testing.T) {
	err := New(Options{Proc: t.TempDir()}).Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "is procfs mounted") {
		t.Errorf("error %v, want one that names the cure", err)
	}
}
