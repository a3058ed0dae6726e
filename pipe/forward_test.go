package pipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// forwarding is a forwarder at work, and all it has said so far.
type forwarding struct {
	t *testing.T
	*Forwarder
	addr   string // where it listens
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex // protects the fields below
	flows map[traffic.Flow]traffic.Sample
	last  traffic.Batch
}

// forward starts a forwarder to the target, on a loopback address where the options
// do not say otherwise.
func forward(t *testing.T, target string, o ForwardOptions) *forwarding {
	t.Helper()
	if o.Target == (Address{}) {
		var err error
		if o.Target, err = ParseTarget(target); err != nil {
			t.Fatal(err)
		}
	}
	if o.Listen == (Address{}) {
		o.Listen.Host = "127.0.0.1"
	}
	if o.Interval == 0 {
		o.Interval = 20 * time.Millisecond
	}
	f := &forwarding{t: t, Forwarder: NewForwarder(o), ended: make(chan error, 1), flows: map[traffic.Flow]traffic.Sample{}}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() { f.ended <- f.Run(ctx, f.take) }()
	t.Cleanup(func() {
		cancel()
		f.Cut()
		f.ended <- <-f.ended
	})
	f.until("listening", func() bool { return len(f.Addrs()) > 0 && !f.last.At.IsZero() })
	f.addr = f.Addrs()[0].String()
	return f
}

func (f *forwarding) take(b traffic.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range b.Samples {
		if old, ok := f.flows[s.Flow]; ok {
			if old.Final {
				f.t.Errorf("sample after the final one: %+v", s)
			}
			if !s.Counts.AtLeast(old.Counts) {
				f.t.Errorf("total went down: %+v, then %+v", old, s)
			}
		}
		if s.Scope != traffic.ScopePipe || s.Label != f.Label() {
			f.t.Errorf("scope or label is wrong: %+v", s)
		}
		f.flows[s.Flow] = s
	}
	f.last = b
}

// until waits for what cond, called with the books locked, wants to see.
func (f *forwarding) until(what string, cond func() bool) {
	f.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		f.mu.Lock()
		ok := cond()
		f.mu.Unlock()
		if ok {
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.t.Fatalf("no sign of %s; last: %+v", what, f.last)
}

// finish waits for the relays to end and the forwarder with them, and returns what
// all clients received and sent.
func (f *forwarding) finish() (total traffic.Counts) {
	f.t.Helper()
	f.cancel()
	err := <-f.ended
	f.ended <- err
	if err != nil {
		f.t.Fatalf("Run: %v", err)
	}
	for _, s := range f.flows {
		if !s.Final {
			f.t.Errorf("no end was told of %+v", s)
		}
		total = total.Add(s.Counts)
	}
	return total
}

func (f *forwarding) dial() *net.TCPConn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	f.t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

// wantResetAtOnce connects and wants nothing but a reset, which may come before the
// connection is anybody's to read.
func (f *forwarding) wantResetAtOnce() {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if errors.Is(err, unix.ECONNRESET) {
		return
	}
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	wantReset(f.t, conn)
}

// serve answers each connection by f, until the test's end.
func serve(t *testing.T, network, address string, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			wg.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func echo(conn net.Conn) {
	io.Copy(conn, conn)
	conn.(interface{ CloseWrite() error }).CloseWrite()
}

func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("reading ended with %v, want a reset", err)
	}
}

// TestForward carries both ways, with the end of one direction passed on before the
// other begins.
func TestForward(t *testing.T) {
	data := make([]byte, 5<<20+3)
	rand.Read(data)
	got := make(chan []byte, 1)
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		b, _ := io.ReadAll(conn)
		got <- b
		conn.Write(data[:len(data)/2])
	}), ForwardOptions{})
	conn := f.dial()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	conn.CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(answer, data[:len(data)/2]) {
		t.Errorf("the client received %d bytes, %v", len(answer), err)
	}
	if b := <-got; !bytes.Equal(b, data) {
		t.Errorf("the target received %d bytes, or others than were sent", len(b))
	}
	want := traffic.Counts{RxBytes: uint64(len(answer)), TxBytes: uint64(len(data))}
	if total := f.finish(); total != want {
		t.Errorf("counted %+v, want %+v", total, want)
	}
	for flow := range f.flows {
		local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
		if flow.Proto != traffic.TCP || flow.Local != local || flow.Remote != netip.MustParseAddrPort(f.addr) {
			t.Errorf("flow is %+v", flow)
		}
	}
}

// TestForwardListensOnLoopback, on both addresses, where no host is said.
func TestForwardListensOnLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	target := serve(t, "tcp", "127.0.0.1:0", echo)
	f := forward(t, target, ForwardOptions{Listen: Address{Port: uint16(port)}})
	for _, a := range f.Addrs() {
		if !a.(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("it listens on %v", a)
		}
		f.addr = a.String()
		conn := f.dial()
		conn.Write([]byte("hello"))
		conn.CloseWrite()
		if b, err := io.ReadAll(conn); string(b) != "hello" {
			t.Errorf("by way of %v: %q, %v", a, b, err)
		}
	}
	if want := fmt.Sprintf("forward:%d:%s", port, target); f.Name() != want {
		t.Errorf("name is %q, want %q", f.Name(), want)
	}
	taken := NewForwarder(ForwardOptions{Listen: Address{Port: uint16(port)}, Target: f.opts.Target})
	err = taken.Run(t.Context(), func(traffic.Batch) {})
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "ss -ltnp") {
		t.Errorf("with the port taken: %v", err)
	}
}

// TestForwardOfUnixSockets on both sides, of which the client's process is known.
func TestForwardOfUnixSockets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "target")
	serve(t, "unix", path, echo)
	listen := Address{Path: filepath.Join(dir, "listen")}
	// What a forwarder left that was killed.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: listen.Path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	f := forward(t, "unix:"+path, ForwardOptions{Listen: listen, Processes: selves{}})
	info, err := os.Stat(listen.Path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("mode of the socket: %v, %v", info.Mode(), err)
	}
	conn, err := net.Dial("unix", listen.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	data := make([]byte, 3<<20)
	go func() {
		conn.Write(data)
		conn.(*net.UnixConn).CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, conn); n != int64(len(data)) || err != nil {
		t.Errorf("received %d, %v", n, err)
	}
	want := traffic.Counts{RxBytes: uint64(len(data)), TxBytes: uint64(len(data))}
	if total := f.finish(); total != want {
		t.Errorf("counted %+v, want %+v", total, want)
	}
	for flow, s := range f.flows {
		if flow.Proto != traffic.Pipe || s.Owner == nil || s.Owner.PID != os.Getpid() {
			t.Errorf("sample is %+v", s)
		}
	}
	if err := os.WriteFile(listen.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = NewForwarder(f.opts).Run(t.Context(), func(traffic.Batch) {})
	if err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("in place of a file: %v", err)
	}
}

// selves describes every process by its number only.
type selves struct{}

func (selves) Describe(pid int) *traffic.Owner { return &traffic.Owner{PID: pid, Command: "x"} }

func TestForwardToATargetThatRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := forward(t, l.Addr().String(), ForwardOptions{})
	f.wantResetAtOnce()
	f.until("the refusal", func() bool { return strings.Contains(f.last.Detail, "1 refused by the target") })
	if got := f.Stats(); got.Refused != 1 || got.Open != 0 || !strings.Contains(got.Error, "connection refused") {
		t.Errorf("stats are %+v", got)
	}
}

func TestForwardToANameThatDoesNotExist(t *testing.T) {
	f := forward(t, "nobody.invalid:80", ForwardOptions{ConnectTimeout: 2 * time.Second})
	f.wantResetAtOnce()
	f.until("the refusal", func() bool { return f.Stats().Refused == 1 })
	if got := f.Stats().Error; !strings.Contains(got, "connect to nobody.invalid:80: ") {
		t.Errorf("error is %q", got)
	}
}

// TestForwardPassesResetsOn, in both directions, and what was sent before them.
func TestForwardPassesResetsOn(t *testing.T) {
	const before = 300_000
	t.Run("of the client", func(t *testing.T) {
		type end struct {
			n   int64
			err error
		}
		got := make(chan end, 1)
		f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
			n, err := io.Copy(io.Discard, conn)
			got <- end{n, err}
		}), ForwardOptions{})
		conn := f.dial()
		conn.Write(make([]byte, before))
		f.until("the data", func() bool { return countsOf(f.flows).TxBytes == before })
		conn.SetLinger(0)
		conn.Close()
		if e := <-got; e.n != before || !errors.Is(e.err, unix.ECONNRESET) {
			t.Errorf("the target received %d, then %v", e.n, e.err)
		}
		if total := f.finish(); total.TxBytes != before || f.Stats().Resets != 1 {
			t.Errorf("counted %+v, %+v", total, f.Stats())
		}
	})
	t.Run("of the target", func(t *testing.T) {
		f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
			conn.Write(make([]byte, before))
			conn.(*net.TCPConn).SetLinger(0)
		}), ForwardOptions{})
		conn := f.dial()
		n, err := io.Copy(io.Discard, conn)
		if !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the client received %d, then %v", n, err)
		}
		if total := f.finish(); total.RxBytes != uint64(n) {
			t.Errorf("counted %+v, the client received %d", total, n)
		}
	})
}

func countsOf(flows map[traffic.Flow]traffic.Sample) (total traffic.Counts) {
	for _, s := range flows {
		total = total.Add(s.Counts)
	}
	return total
}

// TestForwardHoldsBack: a reader that is slow does not fill up our memory, and does
// not hold up others.
func TestForwardHoldsBack(t *testing.T) {
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		var kind [1]byte
		io.ReadFull(conn, kind[:])
		if kind[0] == 'e' {
			echo(conn)
			return
		}
		io.Copy(conn, zeros{})
	}), ForwardOptions{})
	var slow []*net.TCPConn
	for range 4 {
		conn := f.dial()
		conn.Write([]byte("z"))
		slow = append(slow, conn)
	}
	var last uint64
	f.until("an end of what is sent to those that do not read", func() bool {
		n := countsOf(f.flows).RxBytes
		defer func() { last = n }()
		return n > 0 && n == last
	})
	conn := f.dial()
	conn.Write([]byte("ehello"))
	conn.CloseWrite()
	if b, err := io.ReadAll(conn); string(b) != "hello" {
		t.Errorf("beside them: %q, %v", b, err)
	}
	const much = 32 << 20
	if n, err := io.CopyN(io.Discard, slow[0], much); err != nil {
		t.Errorf("of one that reads after all, %d: %v", n, err)
	}
	for _, conn := range slow {
		conn.Close()
	}
	f.finish()
}

// TestForwardOfSmallPieces to a target that does not read until nothing fits in
// any more: nothing is lost or comes twice where a piece is taken in part.
func TestForwardOfSmallPieces(t *testing.T) {
	read, got := make(chan bool), make(chan []byte, 1)
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		<-read
		b, _ := io.ReadAll(conn)
		got <- b
	}), ForwardOptions{})
	conn := f.dial()
	var sent []byte
	for i := 0; ; i++ {
		piece := bytes.Repeat([]byte{byte(i)}, 1+i%1500)
		conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := conn.Write(piece)
		sent = append(sent, piece[:n]...)
		if err != nil {
			break
		}
	}
	close(read)
	conn.CloseWrite()
	if b := <-got; !bytes.Equal(b, sent) {
		t.Errorf("%d bytes arrived, or others than the %d that were sent", len(b), len(sent))
	}
	if total := f.finish(); total.TxBytes != uint64(len(sent)) {
		t.Errorf("counted %+v, want %d", total, len(sent))
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestForwardLimitsRelays(t *testing.T) {
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", echo), ForwardOptions{MaxRelays: 2})
	for range 2 {
		conn := f.dial()
		conn.Write([]byte("x"))
		io.ReadFull(conn, make([]byte, 1))
	}
	f.wantResetAtOnce()
	if got := f.Stats(); got.Limited != 1 || got.Open != 2 {
		t.Errorf("stats are %+v", got)
	}
}

func TestForwardCutsIdleRelays(t *testing.T) {
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", echo), ForwardOptions{IdleTimeout: 150 * time.Millisecond})
	conn := f.dial()
	for range 10 { // for longer than the timeout
		conn.Write([]byte("x"))
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatalf("cut while in use: %v", err)
		}
		time.Sleep(30 * time.Millisecond)
	}
	wantReset(t, conn)
	f.until("the cut", func() bool { return f.Stats().Cuts == 1 })
}

// TestForwardDrains: what is open may end by itself, nobody new comes in, and Cut
// ends it at once.
func TestForwardDrains(t *testing.T) {
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", echo), ForwardOptions{Drain: time.Minute})
	first, second := f.dial(), f.dial()
	for _, conn := range []net.Conn{first, second} {
		conn.Write([]byte("a"))
		io.ReadFull(conn, make([]byte, 1))
	}
	f.cancel()
	f.until("the listener's end", func() bool { return len(f.Addrs()) == 0 })
	if conn, err := net.Dial("tcp", f.addr); err == nil {
		conn.Close()
		t.Error("it still accepts")
	}
	first.Write([]byte("b"))
	first.CloseWrite()
	if b, err := io.ReadAll(first); string(b) != "b" {
		t.Errorf("while draining: %q, %v", b, err)
	}
	f.Cut()
	wantReset(t, second)
	if total := f.finish(); total.TxBytes != 3 || total.RxBytes != 3 {
		t.Errorf("counted %+v", total)
	}
}

// TestForwardKnowsItsSockets, on both sides, and some time after they are closed.
func TestForwardKnowsItsSockets(t *testing.T) {
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", echo), ForwardOptions{})
	conn := f.dial()
	conn.Write([]byte("x"))
	io.ReadFull(conn, make([]byte, 1))
	f.Forwarder.mu.Lock()
	r := f.relays[0]
	f.Forwarder.mu.Unlock()
	own, err := cookieOf(conn)
	if err != nil {
		t.Fatal(err)
	}
	if f.Has(own) || f.Has(0) {
		t.Error("it takes the client's own socket for its")
	}
	conn.Close()
	f.until("the end", func() bool { return r.ended.Load() })
	for _, s := range r.sides {
		if s.cookie == 0 || !f.Has(s.cookie) {
			t.Errorf("it does not know %d", s.cookie)
		}
	}
	f.cookies.forget(time.Now().Add(cookieMemory))
	for _, s := range r.sides {
		if f.Has(s.cookie) {
			t.Errorf("it still knows %d", s.cookie)
		}
	}
}
