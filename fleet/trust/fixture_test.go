package trust

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bwmon/fleet"
)

// clock is one that tests set.
type clock struct {
	mu    sync.Mutex
	late  time.Duration
	still time.Time // zero: it goes
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.still.IsZero() {
		return c.still.Add(c.late)
	}
	return time.Now().Add(c.late)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late += d
}

// notes is a log that is read while it is written.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// site is a receiver over real TLS with a directory of its own.
type site struct {
	t     *testing.T
	dir   string
	a     *Authority
	clock *clock
	log   *notes
	url   string
	plain string // the same without TLS

	mu sync.Mutex
	// mu protects the field below.
	asked int // requests that arrived, of any kind
}

func (s *site) arrived() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "fleet"), clock: &clock{}, log: &notes{}}
	var err error
	s.a, err = Create(s.dir, "https://receiver.example:8443", []string{"receiver.example"}, s.options())
	check(t, err)
	s.serve(s.a)
	return s
}

func (s *site) options() Options {
	return Options{Now: s.clock.now, Log: slog.New(slog.NewTextHandler(s.log, nil))}
}

// serve starts the receiver, until the test ends.
func (s *site) serve(a *Authority) {
	s.t.Helper()
	s.url = "https://" + s.listen(a, a.TLSConfig())
	s.plain = "http://" + s.listen(a, nil)
}

func (s *site) listen(a *Authority, config *tls.Config) string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(s.t, err)
	serveOn(s.t, l, s.handler(a), config)
	return l.Addr().String()
}

func serveOn(t *testing.T, l net.Listener, h http.Handler, config *tls.Config) {
	server := &http.Server{Handler: h, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() {
		if config == nil {
			done <- server.Serve(l)
		} else {
			done <- server.ServeTLS(l, "", "")
		}
	}()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the receiver ended: %v", err)
		}
	})
}

// answer is what the receiver of the tests says to who publishes.
type answer struct {
	Host string
	Any  bool
}

func (s *site) handler(a *Authority) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(fleet.PathEnrol, a.Enrol())
	mux.Handle(fleet.PathRenew, a.Renew())
	mux.Handle(fleet.PathPublish, a.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, any, err := a.Who(r)
		if err != nil {
			Refuse(w, err)
			return
		}
		if name := r.Header.Get(fleet.HeaderHost); name != "" && name != host && !any {
			Refuse(w, denied(http.StatusForbidden, "that is not your name"))
			return
		}
		json.NewEncoder(w).Encode(answer{host, any})
	})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

// admin is the authority as the command line has it: another one of the same directory.
func (s *site) admin() *Authority {
	s.t.Helper()
	a, err := Open(s.dir, s.options())
	check(s.t, err)
	return a
}

func (s *site) invite(host string) string {
	s.t.Helper()
	i, err := s.admin().Invite(host, time.Hour)
	check(s.t, err)
	return i.String()
}

// join makes a member with a clock of its own.
func (s *site) join(host string) *guest {
	s.t.Helper()
	m := &guest{t: s.t, dir: filepath.Join(s.t.TempDir(), "identity"), clock: &clock{}, log: &notes{}}
	var err error
	m.i, err = Join(s.t.Context(), m.dir, s.url, s.invite(host), m.options())
	check(s.t, err)
	m.client = newClient(s.t, m.i.TLSConfig())
	return m
}

// guest is a host with an identity and connections.
type guest struct {
	t      *testing.T
	dir    string
	i      *Identity
	clock  *clock
	log    *notes
	client *http.Client
}

func (m *guest) options() Options {
	return Options{Now: m.clock.now, Log: slog.New(slog.NewTextHandler(m.log, nil))}
}

func newClient(t *testing.T, config *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// outcome is what came of a request.
type outcome struct {
	status int
	detail string // of a problem
	answer answer
	reused bool // the connection
	err    error
	shown  *tls.ConnectionState
	header http.Header
}

// publish asks as a host does that publishes under a name.
func publish(t *testing.T, client *http.Client, url, name string, header ...string) (o outcome) {
	t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { o.reused = i.Reused }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodPost, url+fleet.PathPublish, strings.NewReader("{}"))
	check(t, err)
	r.Header.Set(fleet.HeaderHost, name)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		o.err = err
		return o
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(t, err)
	o.status, o.shown, o.header = resp.StatusCode, resp.TLS, resp.Header
	if resp.StatusCode == http.StatusOK {
		check(t, json.Unmarshal(text, &o.answer))
		return o
	}
	var p struct{ Detail string }
	check(t, json.Unmarshal(text, &p))
	o.detail = p.Detail
	return o
}

func (m *guest) publish(s *site, name string) outcome {
	m.t.Helper()
	return publish(m.t, m.client, s.url, name)
}

// want checks what came of a request: a status and part of what was told.
func (o outcome) want(t *testing.T, status int, detail string) {
	t.Helper()
	if o.err != nil || o.status != status || !strings.Contains(o.detail, detail) {
		t.Fatalf("got %d %q, error %v; want %d with %q", o.status, o.detail, o.err, status, detail)
	}
}

// wantError checks that a request failed for that reason.
func (o outcome) wantError(t *testing.T, text string) {
	t.Helper()
	wantError(t, o.err, text)
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("got error %v; want one with %q", err, text)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
