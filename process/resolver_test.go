package process

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

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
