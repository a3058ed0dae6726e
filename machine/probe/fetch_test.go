package probe

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// serve starts an HTTP server that answers with f.
func serve(t testing.TB, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = log.New(testWriter{t}, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) { w.t.Logf("server: %s", b); return len(b), nil }

// figuresOf is the metrics of a series without those that differ each time.
func figuresOf(s traffic.Series) map[string]float64 {
	m := make(map[string]float64)
	for _, metric := range s.Metrics {
		if metric.Name != "response_ms" {
			m[metric.Name] = metric.Value
		}
	}
	return m
}

func TestFetch(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/json":
			fmt.Fprint(w, `{"jobs":{"queued":7},"ok":true,"load":["0.5"]}`)
		case "/html":
			fmt.Fprint(w, "<html>")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/303":
			w.WriteHeader(http.StatusNotModified)
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"jobs":{"queued":9}}`)
		case "/599":
			w.WriteHeader(599)
		case "/large":
			w.Write(make([]byte, maxBody))
		case "/hop":
			http.Redirect(w, r, "/json", http.StatusFound)
		}
	})
	fields := map[string]string{"queue": "jobs.queued", "ok": "ok", "load": "load[0]"}
	for _, c := range []struct {
		path   string
		fields map[string]string
		want   map[string]float64
		detail string
	}{
		{"/json", nil, map[string]float64{"up": 1, "status": 200, "body_bytes": 46}, ""},
		{"/json", fields, map[string]float64{"up": 1, "status": 200, "body_bytes": 46, "queue": 7, "ok": 1, "load": 0.5}, ""},
		{"/hop", fields, map[string]float64{"up": 1, "status": 200, "body_bytes": 46, "queue": 7, "ok": 1, "load": 0.5}, ""},
		{"/json", map[string]string{"queue": "jobs.queued", "gone": "jobs.gone"}, map[string]float64{"up": 0, "status": 200, "body_bytes": 46, "queue": 7}, "field gone is not there"},
		{"/html", nil, map[string]float64{"up": 1, "status": 200, "body_bytes": 6}, ""},
		{"/html", fields, map[string]float64{"up": 0, "status": 200, "body_bytes": 6}, "the body is not JSON"},
		{"/empty", nil, map[string]float64{"up": 1, "status": 204, "body_bytes": 0}, ""},
		{"/303", nil, map[string]float64{"up": 1, "status": 304, "body_bytes": 0}, ""},
		{"/503", fields, map[string]float64{"up": 0, "status": 503, "body_bytes": 21}, "status 503 Service Unavailable"},
		{"/599", nil, map[string]float64{"up": 0, "status": 599, "body_bytes": 0}, "status 599"},
		{"/large", nil, map[string]float64{"up": 1, "status": 200, "body_bytes": maxBody}, ""},
	} {
		s := probeOnce(t, Options{URL: server.URL + c.path, Fields: c.fields})
		if diff := cmp.Diff(c.want, figuresOf(s)); diff != "" || s.Detail != c.detail {
			t.Errorf("%s: -want +got %s, detail %q, want %q", c.path, diff, s.Detail, c.detail)
		}
		if took, ok := s.Metrics.Get("response_ms"); !ok || took <= 0 {
			t.Errorf("%s: response_ms %v, %v", c.path, took, ok)
		}
	}
	server.Close()
	s := probeOnce(t, Options{URL: server.URL})
	if diff := cmp.Diff(map[string]float64{"up": 0}, figuresOf(s)); diff != "" || s.Detail != "connection refused" {
		t.Errorf("closed: -want +got %s, detail %q", diff, s.Detail)
	}
	s = probeOnce(t, Options{URL: "http://name.invalid/", Timeout: 2 * time.Second})
	if !strings.HasPrefix(s.Detail, "look up name.invalid: ") && s.Detail != "no connection within 2s" { // where no name server answers
		t.Errorf("no such name: %q", s.Detail)
	}
}

// The order of the metrics, and that response_ms has all of the answer in it.
func TestFetchTime(t *testing.T) {
	const pause = 100 * time.Millisecond
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"b":1,`)
		w.(http.Flusher).Flush()
		time.Sleep(pause)
		fmt.Fprint(w, `"a":2}`)
	})
	s := probeOnce(t, Options{URL: server.URL, Fields: map[string]string{"b": "b", "a": "a"}})
	var names []string
	for _, m := range s.Metrics {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "up status response_ms body_bytes a b" {
		t.Error(got)
	}
	if took, _ := s.Metrics.Get("response_ms"); took < milliseconds(pause) {
		t.Errorf("response_ms %v", took)
	}
}

// What is sent: our own name, what was configured, nothing from the environment; and
// the configured headers to nobody else.
func TestFetchHeaders(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	var mu sync.Mutex
	seen := make(map[string]http.Header)
	note := func(name string, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[name] = r.Header.Clone()
		seen[name].Set("Host", r.Host)
	}
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { note("other", r) })
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r.URL.Path, r)
		w.Header().Set("Set-Cookie", "a=b")
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "/b", http.StatusFound)
		case "/b":
			http.Redirect(w, r, other.URL, http.StatusFound)
		}
	})
	s := probeOnce(t, Options{URL: first.URL + "/a?token=tokentoken", Headers: []string{
		"X-Api-Key:  secret-key ", "Authorization: Bearer abcdefgh", "Host: virtual", "X-Two: 1", "X-Two: 2", "Cookie: c=d", "User-Agent: mine",
	}})
	if s.Detail != "" {
		t.Fatal(s.Detail)
	}
	for _, path := range []string{"/a", "/b"} {
		want := http.Header{"X-Api-Key": {"secret-key"}, "Authorization": {"Bearer abcdefgh"}, "Host": {"virtual"},
			"X-Two": {"1", "2"}, "Cookie": {"c=d"}, "User-Agent": {"mine"}, "Connection": {"close"}}
		if diff := cmp.Diff(want, seen[path]); diff != "" {
			t.Errorf("%s: -want +got %s", path, diff)
		}
	}
	want := http.Header{"User-Agent": {"bwmon"}, "Connection": {"close"}, "Host": {strings.TrimPrefix(other.URL, "http://")}}
	if diff := cmp.Diff(want, seen["other"]); diff != "" {
		t.Errorf("another host: -want +got %s", diff)
	}
}

func TestFetchTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	server.Config.ErrorLog = log.New(testWriter{t}, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	s := probeOnce(t, Options{URL: server.URL, CAFile: ca})
	if diff := cmp.Diff(map[string]float64{"up": 1, "status": 200, "body_bytes": 8}, figuresOf(s)); diff != "" {
		t.Errorf("-want +got %s, detail %q", diff, s.Detail)
	}
	for name, c := range map[string]struct{ url, ca, detail string }{
		"not trusted": {server.URL, "", "certificate signed by unknown authority"},
		"other name":  {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), ca, "not localhost"},
		"no TLS":      {"http" + strings.TrimPrefix(server.URL, "https"), ca, "status 400"},
	} {
		if s := probeOnce(t, Options{URL: c.url, CAFile: c.ca}); !strings.Contains(s.Detail, c.detail) {
			t.Errorf("%s: detail %q, want %q", name, s.Detail, c.detail)
		}
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	if s := probeOnce(t, Options{URL: "https" + strings.TrimPrefix(plain.URL, "http")}); !strings.Contains(s.Detail, "HTTP response to HTTPS client") {
		t.Errorf("TLS wanted, plain got: %q", s.Detail)
	}
}

func TestFetchRedirects(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); {
		case err != nil:
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(http.StatusFound)
		case n > 0:
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusMovedPermanently)
		}
	})
	for path, detail := range map[string]string{
		"/5":                        "",
		"/6":                        "more than 5 redirects",
		"/1000":                     "more than 5 redirects",
		"/x?to=file:///etc/passwd":  "redirected to file:, which is not followed",
		"/x?to=gopher://127.0.0.1/": "redirected to gopher:, which is not followed",
		"/x?to=%3a%3a":              "failed to parse Location header",
		"/x?to=http://":             "no Host",
	} {
		s := probeOnce(t, Options{URL: server.URL + path})
		if !strings.Contains(s.Detail, detail) || detail == "" && s.Detail != "" {
			t.Errorf("%s: detail %q, want %q", path, s.Detail, detail)
		}
	}
}

// Who answers elsewhere cannot have this host ask itself, by whatever address or name.
func TestFetchRedirectsInside(t *testing.T) {
	var elsewhere net.Listener // an address of this machine that is not inside
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !inside(p.Addr()) && elsewhere == nil {
			elsewhere, _ = net.Listen("tcp", netip.AddrPortFrom(p.Addr(), 0).String())
		}
	}
	if elsewhere == nil {
		t.Skip("this machine has loopback and link-local addresses alone")
	}
	var asked atomic.Bool
	local := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	})
	_, port, _ := net.SplitHostPort(local.Listener.Addr().String())
	far := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	}))
	far.Listener.Close()
	far.Listener = elsewhere
	far.Start()
	defer far.Close()
	for _, to := range []string{
		"http://127.0.0.1:" + port, "http://127.1.2.3:" + port, "http://localhost:" + port, "http://0.0.0.0:" + port, "http://[::]:" + port,
		"http://[::ffff:127.0.0.1]:" + port, "http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25lo]:" + port,
	} {
		s := probeOnce(t, Options{URL: far.URL + "/?to=" + url.QueryEscape(to)})
		if s.Detail != errInside.Error() || asked.Load() {
			t.Errorf("%s: detail %q, asked %v", to, s.Detail, asked.Load())
		}
	}
	back := far.URL + "/?to=" + url.QueryEscape(local.URL)
	for path, detail := range map[string]string{
		far.URL + "/?to=" + url.QueryEscape(far.URL):     "", // elsewhere all the way
		local.URL + "/?to=" + url.QueryEscape(local.URL): "", // here all the way
		local.URL + "/?to=" + url.QueryEscape(far.URL):   "",
		local.URL + "/?to=" + url.QueryEscape(back):      errInside.Error(),
	} {
		if s := probeOnce(t, Options{URL: path}); s.Detail != detail {
			t.Errorf("%s: detail %q, want %q", path, s.Detail, detail)
		}
	}
}

// What was asked for in secret is not asked for in public.
func TestFetchRedirectsToPlain(t *testing.T) {
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	secured := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secured.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	s := probeOnce(t, Options{URL: secured.URL, CAFile: file})
	if s.Detail != "redirected from https to http, which is not followed" {
		t.Errorf("detail %q", s.Detail)
	}
}

// Nothing of what a request has in it that may be secret comes back in a detail.
func TestFetchSecrets(t *testing.T) {
	// The address and the header come back where HTTP should be.
	var echo bytes.Buffer
	addr := misbehave(t, func(c *peer) {
		echo.Reset()
		echo.Write(c.request)
		lines := strings.Split(echo.String(), "\r\n")
		c.send(strings.Join(lines, " ") + "\r\n\r\n")
	})
	s := probeOnce(t, Options{URL: "http://" + addr + "/?token=tokentoken", Headers: []string{"Authorization: Bearer abcdefgh"}})
	if strings.Contains(s.Detail, "tokentoken") || strings.Contains(s.Detail, "abcdefgh") || !strings.Contains(s.Detail, "(secret)") {
		t.Errorf("detail %q", s.Detail)
	}
	p, err := New(Options{Name: "x", URL: "http://h/p?token=tokentoken#tokentoken"})
	if err != nil || p.what != "http://h/p" {
		t.Errorf("shown as %q, %v", p.what, err)
	}
}
