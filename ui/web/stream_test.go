package web

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// reading is a stream being read.
type reading struct {
	t     *testing.T
	lines *bufio.Reader
	body  io.ReadCloser
	retry string
}

// told is one event.
type told struct{ name, id, data string }

// stream reads a stream until the test ends.
func (s *site) stream(path string, headers ...string) *reading {
	s.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 3*patience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	endless := http.Client{Transport: s.client.Transport}
	resp, err := endless.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		stop()
		resp.Body.Close()
	})
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%s: status %d, %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	in := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if in, err = gzip.NewReader(resp.Body); err != nil {
			s.t.Fatal(err)
		}
	}
	return &reading{t: s.t, lines: bufio.NewReader(in), body: resp.Body}
}

// read returns the next event, or what ended the stream.
func (r *reading) read() (told, error) {
	var e told
	for {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e != told{}:
			return e, nil
		case line == "" || name == "":
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		case name == "retry":
			r.retry = value
		default:
			return e, fmt.Errorf("no such line: %q", line)
		}
	}
}

func (r *reading) next() told {
	r.t.Helper()
	e, err := r.read()
	if err != nil {
		r.t.Fatalf("read the stream: %v", err)
	}
	return e
}

func TestStreamTellsEveryTick(t *testing.T) {
	for _, headers := range [][]string{nil, {"Accept-Encoding: gzip"}} {
		s := open(t, Options{}, Access{})
		s.Publish(typical(1))
		bare, full := s.stream("/api/v1/stream", headers...), s.stream("/api/v1/stream?flows=1", headers...)
		for tick := 1; tick < 20; tick++ {
			if tick > 1 {
				s.Publish(withFlows(tick))
			}
			e := bare.next()
			if diff := cmp.Diff(typical(tick), decode(t, e.data), same); diff != "" {
				t.Fatalf("tick %d (-want +got):\n%s", tick, diff)
			}
			if e.id == "" || e.name != "" || bare.retry == "" {
				t.Fatalf("id %q, event %q, retry %q", e.id, e.name, bare.retry)
			}
			want := withFlows(tick)
			if tick == 1 {
				want = typical(1)
			}
			if diff := cmp.Diff(want, decode(t, full.next().data), same); diff != "" {
				t.Fatalf("tick %d with flows (-want +got):\n%s", tick, diff)
			}
		}
		// At the end both are told, and what was sent is whole.
		s.stop()
		for _, r := range []*reading{bare, full} {
			if e := r.next(); e.name != "end" {
				t.Errorf("%v: the last event is %+v", headers, e)
			}
			if _, err := r.read(); err != io.EOF {
				t.Errorf("%v: the stream ends with %v", headers, err)
			}
		}
	}
}

// TestStreamsShareOneText: the text of a tick is made once, whoever reads it.
func TestStreamsShareOneText(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	s.Publish(typical(1))
	d := s.now.Load().document
	one, _ := s.encoding(d, wanted{all: true}).event()
	two, _ := s.encoding(d, wanted{all: true, flows: true}).event()
	if &one.plain[0] != &two.plain[0] || &one.gzip()[0] != &two.gzip()[0] {
		t.Error("without flows the two forms are not one")
	}
	again, _ := s.encoding(d, wanted{all: true}).event()
	if &one.plain[0] != &again.plain[0] {
		t.Error("made twice")
	}
}

func TestStreamGoesOn(t *testing.T) {
	s := open(t, Options{Heartbeat: 20 * time.Millisecond}, Access{})
	s.Publish(typical(1))
	first := s.stream("/api/v1/stream").next()
	// Who was here for the last tick is not told of it again, but that all is well.
	r := s.stream("/api/v1/stream", "Last-Event-ID: "+first.id)
	for beats := 0; beats < 3; {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data:") {
			t.Fatalf("told again: %.100q", line)
		}
		if strings.HasPrefix(line, ":") {
			beats++
		}
	}
	s.Publish(typical(2))
	if got := decode(t, r.next().data); !got.At.Equal(typical(2).At) {
		t.Errorf("told of %v", got.At)
	}
	// Whoever was here for another is.
	if got := s.stream("/api/v1/stream", "Last-Event-ID: "+first.id).next(); !decode(t, got.data).At.Equal(typical(2).At) {
		t.Errorf("told of %v", got.id)
	}
}

// TestStreamAfterRestart: a reader that comes again to a daemon that began anew goes
// on with its figures.
func TestStreamAfterRestart(t *testing.T) {
	s := open(t, Options{}, Access{})
	address := strings.TrimPrefix(s.url, "http://")
	s.Publish(typical(7))
	r := s.stream("/api/v1/stream")
	last := r.next()
	s.stop()
	if e := r.next(); e.name != "end" {
		t.Fatalf("told %+v at the end", e)
	}
	s = openAt(t, Options{}, Access{}, address, nil)
	s.Publish(typical(1))
	r = s.stream("/api/v1/stream", "Last-Event-ID: "+last.id)
	if got := decode(t, r.next().data); !got.At.Equal(typical(1).At) {
		t.Errorf("told of %v", got.At)
	}
}

// crowded is a snapshot larger than what the kernel holds of a stream.
func crowded(tick int) *traffic.Snapshot {
	s := typical(tick)
	for i := range 600 {
		a := s.Apps[0]
		a.Name = fmt.Sprintf("app %d of a host with very many apps, tick %d", i, tick)
		s.Apps = append(s.Apps, a)
	}
	return s
}

// TestSlowReader: one that does not read delays nobody. It misses snapshots, goes on
// with the newest, and is sent away when it takes nothing for too long.
func TestSlowReader(t *testing.T) {
	s := open(t, Options{StreamPatience: 3 * time.Second}, Access{})
	s.Publish(crowded(0))
	slow := s.raw("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", 64<<10)
	quick := s.stream("/api/v1/stream")
	quick.next()
	tick := 0
	publish := func() {
		t.Helper()
		tick++
		s.Publish(crowded(tick))
		if got := decode(t, quick.next().data); !got.At.Equal(crowded(tick).At) {
			t.Fatalf("the quick reader has %v at tick %d", got.At, tick)
		}
	}
	for range 20 {
		publish()
	}
	// It reads on: what it gets is not all the twenty.
	in := bufio.NewReader(slow)
	var ids []string
	for len(ids) < 3 {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			ids = append(ids, strings.TrimSpace(id))
			publish()
		}
	}
	if s.stats.skipped.Load() == 0 {
		t.Errorf("nothing was skipped: %v", ids)
	}
	if s.stats.cut.Load() != 0 {
		t.Fatal("sent away while it read")
	}
	// It reads no more.
	eventually(t, "the slow reader is sent away", func() bool {
		publish()
		return s.stats.cut.Load() == 1 && s.streams.present() == 1
	})
}

// raw opens a connection with a small receive buffer, and sends text.
func (s *site) raw(text string, buffer int) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if buffer > 0 {
		if err := c.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestStreamsAreBounded(t *testing.T) {
	s := open(t, Options{MaxStreams: 3}, Access{})
	s.Publish(typical(1))
	var open []*reading
	for range 3 {
		r := s.stream("/api/v1/stream")
		r.next()
		open = append(open, r)
	}
	if a := s.get("/api/v1/stream").want(t, http.StatusServiceUnavailable); a.Header.Get("Retry-After") == "" {
		t.Error("not told when to come again")
	}
	s.get("/api/v1/snapshot").want(t, http.StatusOK)
	open[1].body.Close()
	eventually(t, "room for another", func() bool { return s.streams.present() == 2 })
	s.stream("/api/v1/stream").next()
	// Asked what it would be, a stream takes no room.
	if a := s.ask(http.MethodHead, "/api/v1/stream", ""); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
}

// TestManyStreams: what is published while readers come and go is read by all.
func TestManyStreams(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(0))
	publishing := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for tick := 1; ; tick++ {
			select {
			case <-publishing:
				return
			case <-time.After(time.Millisecond):
				s.Publish(withFlows(tick))
			}
		}
	})
	var wg sync.WaitGroup
	for i := range 50 {
		var headers []string
		if i%2 == 0 {
			headers = []string{"Accept-Encoding: gzip"}
		}
		r := s.stream("/api/v1/stream?flows="+fmt.Sprint(i%3&1), headers...)
		wg.Go(func() {
			var last time.Time
			for range 30 {
				e, err := r.read()
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				got := decode(t, e.data)
				if !got.At.After(last) {
					t.Errorf("reader %d: %v after %v", i, got.At, last)
				}
				last = got.At
			}
			r.body.Close()
		})
	}
	wg.Wait()
	close(publishing)
	publisher.Wait()
	eventually(t, "all are gone", func() bool { return s.streams.present() == 0 })
}

// TestStreamOutlivesTimeLimits: those of the server that holds the connection are not
// meant for streams.
func TestStreamOutlivesTimeLimits(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	s.Publish(typical(1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{
		Handler: s.Handler(Access{}), ReadTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond,
	}
	ended := make(chan error, 1)
	go func() { ended <- other.Serve(l) }()
	transport := &http.Transport{}
	site := &site{Server: s, t: t, url: "http://" + l.Addr().String(), client: &http.Client{Transport: transport}}
	r := site.stream("/api/v1/stream")
	r.next()
	time.Sleep(300 * time.Millisecond)
	s.Publish(typical(2))
	r.next()
	s.Close()
	if e := r.next(); e.name != "end" {
		t.Errorf("at the end: %+v", e)
	}
	other.Close()
	transport.CloseIdleConnections()
	<-ended
}
