package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// peer is one client of a server that misbehaves.
type peer struct {
	net.Conn
	request []byte
	stop    chan struct{} // the test ends
}

// send writes until it is done or the client has left.
func (p *peer) send(s string) bool {
	_, err := io.WriteString(p.Conn, s)
	return err == nil
}

// hang waits until the client has left.
func (p *peer) hang() { io.Copy(io.Discard, p.Conn) }

// misbehave starts a server that reads a request and then does f.
func misbehave(t testing.TB, f func(*peer)) (addr string) {
	t.Helper()
	return listenRaw(t, func(p *peer) {
		for !bytes.Contains(p.request, []byte("\r\n\r\n")) {
			b := make([]byte, 4096)
			n, err := p.Conn.Read(b)
			if err != nil {
				return
			}
			p.request = append(p.request, b[:n]...)
		}
		f(p)
	})
}

// listenRaw starts a server that does f with each connection.
func listenRaw(t testing.TB, f func(*peer)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				f(&peer{Conn: c, stop: stop})
			})
		}
	})
	t.Cleanup(func() {
		close(stop)
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// forever sends piece until the client has left.
func (p *peer) forever(piece string) {
	for p.send(piece) {
	}
}

const okHead = "HTTP/1.1 200 OK\r\n"

// gzipBomb is 64 MiB of zeros.
func gzipBomb() string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 64 {
		w.Write(zeros)
	}
	w.Close()
	return b.String()
}

// misbehaviours are what a probe has to stand, and what it says.
func misbehaviours() map[string]struct {
	do     func(*peer)
	detail string
} {
	bomb := gzipBomb()
	mega := strings.Repeat("x", 1<<20)
	pieces := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	return map[string]struct {
		do     func(*peer)
		detail string
	}{
		"hangs before headers":    {func(p *peer) { p.hang() }, "no whole headers within"},
		"hangs in headers":        {func(p *peer) { p.send(okHead + "Content-"); p.hang() }, "no whole headers within"},
		"hangs in the body":       {func(p *peer) { p.send(okHead + "Content-Length: 9\r\n\r\n{"); p.hang() }, "the body had not ended within"},
		"hangs after the body":    {func(p *peer) { p.send(okHead + "\r\n{\"a\":1}"); p.hang() }, "the body had not ended within"},
		"header byte by byte":     {func(p *peer) { p.drip(okHead + strings.Repeat("x", 9999)) }, "no whole headers within"},
		"body byte by byte":       {func(p *peer) { p.send(okHead + "Content-Length: 9999\r\n\r\n"); p.drip(mega) }, "the body had not ended within"},
		"closes at once":          {func(p *peer) {}, "closed before an answer"},
		"closes in headers":       {func(p *peer) { p.send(okHead + "Content-Le") }, "malformed MIME header"},
		"resets":                  {func(p *peer) { p.Conn.(*net.TCPConn).SetLinger(0) }, "connection reset by peer"},
		"says too long a length":  {func(p *peer) { p.send(okHead + "Content-Length: 100\r\n\r\n{\"a\":1}") }, "the body ended after 7 bytes"},
		"says too short a length": {func(p *peer) { p.send(okHead + "Content-Length: 3\r\n\r\n{\"a\":1}" + mega) }, "the body is not JSON"},
		"says two lengths":        {func(p *peer) { p.send(okHead + "Content-Length: 3\r\nContent-Length: 7\r\n\r\n{\"a\":1}") }, "Content-Length"},
		"says a negative length":  {func(p *peer) { p.send(okHead + "Content-Length: -1\r\n\r\n{\"a\":1}") }, "Content-Length"},
		"says a vast length":      {func(p *peer) { p.send(okHead + "Content-Length: 99999999999999999999\r\n\r\n") }, "Content-Length"},
		"breaks chunks":           {func(p *peer) { p.send(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}") }, "invalid byte in chunk length"},
		"ends in a chunk":         {func(p *peer) { p.send(okHead + "Transfer-Encoding: chunked\r\n\r\nff\r\n{}") }, "the body ended after 2 bytes"},
		"chunk of 2^64 bytes":     {func(p *peer) { p.send(okHead + "Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n{}") }, "chunk"},
		"endless chunk extension": {func(p *peer) { p.send(okHead + "Transfer-Encoding: chunked\r\n\r\n1;"); p.forever(mega) }, "too long"},
		"tiny chunks for ever": {func(p *peer) {
			p.send(okHead + "Transfer-Encoding: chunked\r\n\r\n")
			p.forever(strings.Repeat(pieces("1"), 4096))
		}, ""},
		"endless trailers": {func(p *peer) {
			p.send(okHead + "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n")
			p.forever("X: " + mega + "\r\n")
		}, ""},
		"gigabyte with a length": {func(p *peer) { p.send(okHead + "Content-Length: 1073741824\r\n\r\n"); p.many(mega, 1024) }, "the body has more than"},
		"gigabyte in chunks":     {func(p *peer) { p.send(okHead + "Transfer-Encoding: chunked\r\n\r\n"); p.many(pieces(mega), 1024) }, "the body has more than"},
		"gigabyte to the end":    {func(p *peer) { p.send(okHead + "\r\n"); p.many(mega, 1024) }, "the body has more than"},
		"gigabyte of numbers":    {func(p *peer) { p.send(okHead + "\r\n["); p.many(strings.Repeat("1,", 1<<19), 1024) }, "the body has more than"},
		"a megabyte of numbers":  {func(p *peer) { p.send(okHead + "\r\n[" + strings.Repeat("1,", 1<<19-2) + "1]") }, "field a is not there"},
		"gzip bomb": {func(p *peer) {
			p.send(okHead + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(bomb)) + bomb)
		}, "encoded (gzip), which was not asked for"},
		"endless headers":         {func(p *peer) { p.send(okHead); p.forever("X: 1\r\n") }, "response headers exceeded"},
		"an endless header":       {func(p *peer) { p.send(okHead + "X: "); p.forever(mega) }, "response headers exceeded"},
		"an endless status":       {func(p *peer) { p.forever("HTTP/1.1 200 " + mega) }, ""},
		"interim answers forever": {func(p *peer) { p.forever("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") }, ""},
		"switches protocols":      {func(p *peer) { p.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"); p.hang() }, "status 101"},
		"switches and floods":     {func(p *peer) { p.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"); p.forever(mega) }, "status 101"},
		"nonsense":                {func(p *peer) { p.send("\x1b]0;owned\x07\x00\xff\r\n\r\n") }, "malformed HTTP response"},
		"no status":               {func(p *peer) { p.send("HTTP/1.1 abc\r\n\r\n") }, "malformed HTTP status code"},
		"not JSON":                {func(p *peer) { p.send(okHead + "\r\n\x1b[2J<html>") }, "the body is not JSON"},
		"empty":                   {func(p *peer) { p.send(okHead + "Content-Length: 0\r\n\r\n") }, "the body is not JSON"},
		"NaN":                     {func(p *peer) { p.send(okHead + "\r\n{\"a\":NaN}") }, "the body is not JSON"},
		"beyond all numbers":      {func(p *peer) { p.send(okHead + "\r\n{\"a\":1e999}") }, "field a is a number beyond all measure"},
		"deep":                    {func(p *peer) { p.send(okHead + "\r\n" + strings.Repeat("[", 1<<20)) }, "the body is not JSON"},
		"deep in objects":         {func(p *peer) { p.send(okHead + "\r\n" + strings.Repeat(`{"a":`, 200_000)) }, "the body is not JSON"},
		"deep, but JSON": {func(p *peer) {
			p.send(okHead + "\r\n" + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000))
		}, "field a is an object"},
	}
}

// drip sends a byte at a time.
func (p *peer) drip(s string) {
	for i := range s {
		if !p.send(s[i : i+1]) {
			return
		}
		select {
		case <-p.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// many sends piece n times, or until the client has left.
func (p *peer) many(piece string, n int) {
	for range n {
		if !p.send(piece) {
			return
		}
	}
}

// Whatever an endpoint does, the probe ends in time, says what is wrong, takes little
// memory, writes nothing anywhere, and the next one is as good as new.
func TestMisbehavingEndpoints(t *testing.T) {
	var logged bytes.Buffer // of one goroutine at a time: log has a mutex
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)

	const timeout = 300 * time.Millisecond
	fields := map[string]string{"a": "a"}
	for name, c := range misbehaviours() {
		t.Run(name, func(t *testing.T) {
			var good atomic.Bool
			addr := misbehave(t, func(p *peer) {
				if good.Load() {
					p.send(okHead + "Content-Length: 7\r\n\r\n{\"a\":1}")
					return
				}
				c.do(p)
			})
			for _, f := range []map[string]string{fields, nil} {
				o := Options{URL: "http://" + addr, Timeout: timeout, Fields: f}
				begin := time.Now()
				var took time.Duration
				peak := heapGrowth(func() {
					s := probeOnce(t, o)
					took = time.Since(begin)
					if f == nil {
						return // with no fields to find in it much is good enough
					}
					if up, _ := s.Metrics.Get("up"); up != 0 || !strings.Contains(s.Detail, c.detail) {
						t.Errorf("up %v, detail %q, want %q", up, s.Detail, c.detail)
					}
					t.Log(s.Detail)
				})
				if took > timeout+time.Second {
					t.Errorf("it took %v", took)
				}
				t.Logf("it took %v, the heap grew by %d KiB", took, peak>>10)
				// The server's own memory is in it.
				if peak > 16<<20 {
					t.Errorf("the heap grew by %d MiB", peak>>20)
				}
			}
			good.Store(true)
			if s := probeOnce(t, Options{URL: "http://" + addr, Fields: fields}); s.Detail != "" {
				t.Errorf("the next one: %q", s.Detail)
			}
		})
	}
	if logged.Len() > 0 {
		t.Errorf("something was written to standard error: %s", logged.Bytes())
	}
}

// heapGrowth is by how many bytes the heap grew at most while f ran.
func heapGrowth(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	})
	f()
	close(done)
	wg.Wait()
	return peak - before
}

// A server that speaks first, as those of mail do: net/http would write of it to
// standard error.
func TestGreeting(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	addr := listenRaw(t, func(p *peer) {
		p.send("220 mail.example ESMTP\r\n")
		p.hang()
	})
	for range 20 {
		s := probeOnce(t, Options{URL: "http://" + addr, Timeout: 300 * time.Millisecond})
		if !strings.Contains(s.Detail, "malformed HTTP") {
			t.Errorf("detail %q", s.Detail)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("written to standard error: %s", logged.Bytes())
	}
}

// A server that never gets TLS under way.
func TestTLSHangs(t *testing.T) {
	for name, f := range map[string]func(*peer){
		"says nothing":  func(p *peer) { p.hang() },
		"says nonsense": func(p *peer) { p.send("220 mail.example ESMTP\r\n"); p.hang() },
		"floods":        func(p *peer) { p.forever("\x16\x03\x03\x40\x00" + strings.Repeat("\x00", 0x4000)) },
		"closes":        func(p *peer) {},
	} {
		addr := listenRaw(t, f)
		s := probeOnce(t, Options{URL: "https://" + addr, Timeout: 200 * time.Millisecond})
		if up, _ := s.Metrics.Get("up"); up != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		t.Logf("%s: %s", name, s.Detail)
	}
}

// When the time of a probe is up the connection it was making is given up, too.
func TestDialEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	conn := make(chan error, 1)
	addr := listenRaw(t, func(p *peer) {
		cancel()
		_, err := p.Conn.Read(make([]byte, 4096)) // the ClientHello
		if err == nil {
			_, err = p.Conn.Read(make([]byte, 4096))
		}
		conn <- err
	})
	p, err := New(Options{Name: "x", URL: "https://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	p.probe(ctx)
	if err := <-conn; err == nil || errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 2*time.Second {
		t.Errorf("the connection lives on: %v after %v", err, time.Since(begin))
	}
}
