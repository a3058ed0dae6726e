package web

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestCheckListen(t *testing.T) {
	safe := Protection{TLS: true, Token: true}
	for _, c := range []struct {
		address string
		p       Protection
		wrong   string // is in the error; "" for none
	}{
		{"127.0.0.1:8000", Protection{}, ""},
		{"127.3.2.1:8000", Protection{}, ""},
		{"[::1]:8000", Protection{}, ""},
		{"localhost:8000", Protection{}, ""},
		{"[::ffff:127.0.0.1]:8000", Protection{}, ""},
		{"127.0.0.1:8000", Protection{Token: true}, ""},
		{"127.0.0.1:8000", Protection{ClientCerts: true}, "take TLS"},
		{":8000", Protection{}, "read along"},
		{"0.0.0.0:8000", Protection{}, "read along"},
		{"[::]:8000", Protection{}, "read along"},
		{"192.0.2.1:8000", Protection{Token: true}, "read along"},
		{"gw.example.org:8000", Protection{Token: true}, "read along"},
		{"localhost.example.org:8000", Protection{Token: true}, "read along"},
		{"192.0.2.1:8000", Protection{TLS: true}, "http.token"},
		{"192.0.2.1:8000", Protection{Insecure: true}, "http.token"},
		{"192.0.2.1:8000", Protection{TLS: true, Insecure: true}, "http.token"},
		{"192.0.2.1:8000", Protection{Insecure: true, ClientCerts: true}, "take TLS"},
		{"192.0.2.1:8000", Protection{Insecure: true, Token: true}, ""},
		{"192.0.2.1:8000", Protection{TLS: true, ClientCerts: true}, ""},
		{"192.0.2.1:8000", safe, ""},
		{":8000", safe, ""},
		{"8000", safe, "want an address"},
		{"192.0.2.1", safe, "want an address"},
		{"::1:8000", safe, "want an address"},
		{"", safe, "want an address"},
	} {
		err := CheckListen(c.address, c.p)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q with %+v: %v, want %q", c.address, c.p, err, c.wrong)
		}
	}
}

func TestCheckToken(t *testing.T) {
	for token, ok := range map[string]bool{
		testToken: true, "0123456789abcdef": true, "0123456789abcde": false, "": false,
		"with a space in the midst": false, "with-a-line-end-\n-----": false, "mit-Umlauten-äöü-----": false,
	} {
		if err := CheckToken(token); (err == nil) != ok {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// TestServeRefuses: what CheckListen refuses is not served, whoever forgot to ask it.
func TestServeRefuses(t *testing.T) {
	for _, c := range []struct {
		address string
		a       Access
	}{
		{"0.0.0.0:0", Access{}},
		{"0.0.0.0:0", Access{Insecure: true}},
		{"0.0.0.0:0", Access{Insecure: true, Token: "short"}},
		{"0.0.0.0:0", Access{Token: testToken}},
		{"127.0.0.1:0", Access{Token: "short"}},
		{"127.0.0.1:0", Access{Local: true}},
	} {
		l, err := net.Listen("tcp4", c.address)
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{})
		if err := s.Serve(t.Context(), l, c.a, nil); err == nil {
			t.Errorf("%s with %+v is served", c.address, c.a)
		}
		if _, err := l.Accept(); err == nil {
			t.Errorf("%s: left open", c.address)
		}
		s.Close()
	}
}

func TestHeadcount(t *testing.T) {
	h := newHeadcount(30) // of one address 3
	from := func(text string) netip.Addr { return netip.MustParseAddr(text) }
	var leave []func()
	for i, c := range []struct {
		from string
		ok   bool
	}{
		{"192.0.2.1", true}, {"192.0.2.1", true}, {"::ffff:192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", true}, {"2001:db8::4", false}, {"2001:db8:0:1::4", true},
		{"fe80::1%eth0", true},
		{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"::1", true}, {"::ffff:127.0.0.1", true},
	} {
		l, ok := h.enter(from(c.from))
		if ok != c.ok {
			t.Errorf("%d: %s is let in: %v, want %v", i, c.from, ok, c.ok)
		}
		if ok {
			leave = append(leave, l)
		}
	}
	in := len(leave)
	for range 30 - in {
		l, ok := h.enter(netip.Addr{})
		if !ok {
			t.Fatal("a unix socket is not let in")
		}
		leave = append(leave, l)
	}
	if _, ok := h.enter(netip.Addr{}); ok || h.present() != 30 {
		t.Errorf("%d are in", h.present())
	}
	for _, l := range leave {
		l()
		l() // means nothing
	}
	if h.present() != 0 || len(h.by) != 0 {
		t.Errorf("left: %d, %v", h.present(), h.by)
	}
}

// TestConnectionsAreBounded: beyond the bound they are closed at once, and room that
// is left is given to others.
func TestConnectionsAreBounded(t *testing.T) {
	s := open(t, Options{MaxConnections: 5}, Access{})
	const ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []net.Conn
	for range 5 {
		c := s.raw(ask, 0)
		if got := statusIn(t, c); got != 200 {
			t.Fatalf("status %d", got)
		}
		held = append(held, c)
	}
	if got := s.stats.connections.Load(); got != 5 {
		t.Errorf("%d are open", got)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); err == nil || n != 0 {
		t.Errorf("the sixth read %d, %v", n, err)
	}
	if s.stats.refused.Load() != 1 {
		t.Errorf("%d were refused", s.stats.refused.Load())
	}
	held[0].Close()
	eventually(t, "room for another", func() bool { return s.stats.connections.Load() == 4 })
	if got := s.say(ask, t); got != 200 {
		t.Errorf("status %d", got)
	}
}

func TestRoomByDefault(t *testing.T) {
	for _, c := range []struct{ streams, connections, wantStreams, wantConnections int }{
		{0, 0, 2000, 4000}, {10, 0, 10, 4000}, {2001, 0, 2001, 4002}, {100_000, 0, 100_000, 200_000},
		{0, 100, 50, 100}, {50, 100, 50, 100}, {51, 101, 50, 101}, {5, 1, 1, 1},
	} {
		o := Options{MaxStreams: c.streams, MaxConnections: c.connections}.withDefaults()
		if o.MaxStreams != c.wantStreams || o.MaxConnections != c.wantConnections {
			t.Errorf("%d streams, %d connections: %d and %d, want %d and %d",
				c.streams, c.connections, o.MaxStreams, o.MaxConnections, c.wantStreams, c.wantConnections)
		}
	}
}

// TestStreamsLeaveRoom: however many streams somebody opens, others are answered.
func TestStreamsLeaveRoom(t *testing.T) {
	s := open(t, Options{MaxConnections: 8, MaxStreams: 8}, Access{})
	s.Publish(typical(1))
	for range 4 {
		s.stream("/api/v1/stream").next()
	}
	for range 10 {
		c := s.raw("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 0)
		if got := statusIn(t, c); got != http.StatusServiceUnavailable {
			t.Fatalf("another stream: %d", got)
		}
		c.Close()
		eventually(t, "it has left", func() bool { return s.stats.connections.Load() == 4 })
	}
	for _, path := range []string{"/healthz", "/", "/api/v1/snapshot"} {
		s.get(path).want(t, 200)
	}
}

// TestSlowloris: who takes for ever to ask is closed.
func TestSlowloris(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a time limit of 5 s")
	}
	s := open(t, Options{}, Access{})
	texts := []string{"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "}
	var conns []net.Conn
	for _, text := range texts {
		conns = append(conns, s.raw(text, 0))
	}
	eventually(t, "all are closed", func() bool {
		time.Sleep(200 * time.Millisecond)
		for _, c := range conns {
			_, _ = io.WriteString(c, "x") // a letter at a time
		}
		return s.stats.connections.Load() == 0
	})
}

func TestOversized(t *testing.T) {
	s := open(t, Options{}, Access{})
	long := strings.Repeat("x", 64<<10)
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + long + "\r\n\r\n",
		"GET /" + long + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 10_000) + "\r\n",
	} {
		if got := s.say(text, t); got != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%.30q: %d", text, got)
		}
	}
	for _, text := range []string{"\x16\x03\x01\x02\x00\x01", "nonsense\r\n\r\n", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"} {
		if got := s.say(text+"\r\n\r\n", t); got < 400 || got >= 600 {
			t.Errorf("%q: %d", text, got)
		}
	}
	// Requests that are read twice by some are refused.
	if got := s.say("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n", t); got < 400 {
		t.Errorf("smuggled: %d", got)
	}
}

// TestSlowReaderOverHTTP2: one stream of a connection that nobody reads delays neither
// the others on it nor those elsewhere, and is ended.
func TestSlowReaderOverHTTP2(t *testing.T) {
	ca := newAuthority(t)
	_, _, server := ca.make(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	s := openAt(t, Options{StreamPatience: 2 * time.Second}, Access{}, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}})
	transport := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ca.pool()},
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport, Timeout: patience}
	s.Publish(crowded(0))
	s.stream("/api/v1/stream") // is not read
	quick := s.stream("/api/v1/stream")
	quick.next()
	for tick := 1; s.stats.cut.Load() == 0; tick++ {
		s.Publish(crowded(tick))
		if got := decode(t, quick.next().data); !got.At.Equal(crowded(tick).At) {
			t.Fatalf("the quick reader has %v at tick %d", got.At, tick)
		}
		if tick > 5000 {
			t.Fatal("the slow reader is still there")
		}
	}
	eventually(t, "one is left", func() bool { return s.streams.present() == 1 })
	if a := s.get("/healthz").want(t, 200); a.ProtoMajor != 2 {
		t.Errorf("over %s", a.Proto)
	}
}
