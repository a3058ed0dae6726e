package probe

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// probeOnce is what one probe finds.
func probeOnce(t testing.TB, o Options) traffic.Series {
	t.Helper()
	o.Name = "test"
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s := p.probe(context.Background())
	if took := time.Since(begin); took > p.timeout+2*time.Second {
		t.Errorf("it took %v, its time-out is %v", took, p.timeout)
	}
	if clean := traffic.CleanText(s.Detail, maxDetail); clean != s.Detail {
		t.Errorf("detail %q is not clean", s.Detail)
	}
	if up, _ := s.Metrics.Get("up"); (up == 1) != (s.Detail == "") {
		t.Errorf("up %v, detail %q", up, s.Detail)
	}
	return s
}

func TestConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(left)
				return
			}
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err = c.Read(make([]byte, 1))
			left <- err
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		s := probeOnce(t, Options{Target: net.JoinHostPort(host, port)})
		up, _ := s.Metrics.Get("up")
		took, ok := s.Metrics.Get("connect_ms")
		if up != 1 || !ok || took <= 0 || took > 5000 {
			t.Errorf("%s: %+v", host, s)
		}
		if _, ok := s.Metrics.Get("lookup_ms"); ok != (host == "localhost") {
			t.Errorf("%s: lookup_ms %v", host, ok)
		}
		if err := <-left; err == nil || err.Error() != "EOF" {
			t.Errorf("%s: it was not left in order: %v", host, err)
		}
	}
	l.Close()
	<-left
	s := probeOnce(t, Options{Target: "127.0.0.1:" + port})
	if _, ok := s.Metrics.Get("connect_ms"); ok || s.Detail != "connect to 127.0.0.1:"+port+": connection refused" {
		t.Errorf("nobody there: %+v", s)
	}
	s = probeOnce(t, Options{Target: "name.invalid:" + port, Timeout: 2 * time.Second})
	if !strings.HasPrefix(s.Detail, "look up name.invalid: ") {
		t.Errorf("no such name: %+v", s)
	}
}

// A listener whose queue is full says nothing at all.
func TestConnectNoAnswer(t *testing.T) {
	fd := open(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*unix.SockaddrInet4).Port}
	for range 2 {
		c, err := net.DialTimeout("tcp", at.String(), 50*time.Millisecond)
		if err == nil {
			defer c.Close()
		}
	}
	s := probeOnce(t, Options{Target: at.String(), Timeout: 200 * time.Millisecond})
	if !strings.Contains(s.Detail, "no answer in time (200ms in all)") {
		t.Errorf("%+v", s)
	}
}
