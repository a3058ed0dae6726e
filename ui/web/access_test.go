package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// control answers starts and stops as a daemon does.
type control struct{ said []string }

func (c *control) options() Options {
	return Options{
		Control: func(_ context.Context, name, action string) error {
			c.said = append(c.said, action+" "+name)
			return nil
		},
		Silence: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				SayProblem(w, http.StatusRequestEntityTooLarge, err)
				return
			}
			c.said = append(c.said, "silence")
			w.WriteHeader(http.StatusNoContent)
		}),
	}
}

// TestHost: a name that somebody else has made point here (DNS rebinding) is refused
// everywhere, before all else.
func TestHost(t *testing.T) {
	s := open(t, Options{}, Access{Hosts: []string{"Gw.Example.org.", "2001:db8::7"}})
	s.Publish(typical(1))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	for _, c := range []struct {
		host string
		want int
	}{
		{"localhost", 200}, {"localhost:8000", 200}, {"LOCALHOST.:" + port, 200},
		{"127.0.0.1", 200}, {"127.0.0.1:" + port, 200}, {"127.8.9.10:1", 200}, {"[::1]", 200}, {"[::1]:8000", 200},
		{"[::ffff:127.0.0.1]:80", 200},
		{"gw.example.org", 200}, {"GW.example.ORG:8000", 200}, {"[2001:db8::7]:8000", 200},
		{"evil.example", 403}, {"evil.example:" + port, 403}, {"localhost.evil.example", 403}, {"gw.example.org.evil.example", 403},
		{"192.0.2.1", 403}, {"192.0.2.1:" + port, 403}, {"0.0.0.0:" + port, 403}, {"[::]:" + port, 403},
		{"127.0.0.1.evil.example", 403}, {"127.1", 403}, {"2130706433", 403}, {"[::1", 403}, {"localhost@evil.example", 403},
		{"evil.example#localhost", 403},
	} {
		for _, path := range []string{"/api/v1/snapshot", "/", "/healthz", "/metrics", "/none"} {
			want := c.want
			if path == "/none" && want == 200 {
				want = 404
			}
			if got := s.say("GET "+path+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n", t); got != want && got != http.StatusBadRequest {
				t.Errorf("%q %s: %d, want %d", c.host, path, got, want)
			} else if got == http.StatusBadRequest && want == 200 {
				t.Errorf("%q %s: %d, want %d", c.host, path, got, want)
			}
		}
	}
	for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n"} {
		if got := s.say(text, t); got != http.StatusForbidden {
			t.Errorf("%q: %d, want %d", text, got, http.StatusForbidden)
		}
	}
	// An absolute request names the host in its first line.
	if got := s.say("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", t); got != http.StatusForbidden {
		t.Errorf("absolute: %d", got)
	}
}

// say sends raw text, and returns the status of what is answered.
func (s *site) say(text string, t *testing.T) int {
	t.Helper()
	c := s.raw(text, 0)
	defer c.Close()
	return statusIn(t, c)
}

func TestListenAddressIsAHost(t *testing.T) {
	g := newGuard(Access{})
	r, _ := http.NewRequest(http.MethodGet, "http://192.0.2.9:8000/", nil)
	if g.checkHost(r) == nil {
		t.Error("an address is known that no connection came to")
	}
	addr := &net.TCPAddr{IP: net.ParseIP("192.0.2.9"), Port: 8000}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	if err := g.checkHost(r); err != nil {
		t.Errorf("the address that the connection came to: %v", err)
	}
}

// TestOtherSites: pages of other sites may link to ours, and have the browser ask for
// nothing else.
func TestOtherSites(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	for _, site := range []string{"cross-site", "same-site", "whatever"} {
		asks := []string{"Sec-Fetch-Site: " + site, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}
		visits := []string{"Sec-Fetch-Site: " + site, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
		frames := []string{"Sec-Fetch-Site: " + site, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}
		s.get("/", visits...).want(t, 200)
		for _, path := range []string{"/", "/api/v1/snapshot", "/api/v1/stream", "/metrics"} {
			s.get(path, asks...).want(t, 403)
			s.get(path, frames...).want(t, 403)
		}
		s.get("/api/v1/snapshot", visits...).want(t, 403)
	}
	for _, site := range []string{"same-origin", "none"} {
		s.get("/api/v1/snapshot", "Sec-Fetch-Site: "+site).want(t, 200)
	}
	a := s.get("/api/v1/snapshot", "Origin: https://evil.example").want(t, 200)
	for name := range a.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("others may read it: %s: %s", name, a.Header.Get(name))
		}
	}
}

// TestChanges: what changes something takes POST, the token and our own origin.
func TestChanges(t *testing.T) {
	var c control
	s := open(t, c.options(), Access{Token: testToken})
	s.Publish(typical(1))
	const stop = "/api/v1/monitors/forward::8080/stop"
	origin := "Origin: " + s.url
	for _, x := range []struct {
		name    string
		method  string
		headers []string
		want    int
	}{
		{"by a program", "POST", []string{bearer(testToken)}, 204},
		{"by the page", "POST", []string{bearer(testToken), origin, "Sec-Fetch-Site: same-origin"}, 204},
		{"without the token", "POST", []string{origin}, 401},
		{"with another token", "POST", []string{bearer(testToken + "x")}, 401},
		{"with no token", "POST", []string{"Authorization: Bearer"}, 401},
		{"with Basic", "POST", []string{"Authorization: Basic " + testToken}, 401},
		{"of another origin", "POST", []string{bearer(testToken), "Origin: https://evil.example"}, 403},
		{"of another port", "POST", []string{bearer(testToken), "Origin: http://127.0.0.1:1"}, 403},
		{"of a file", "POST", []string{bearer(testToken), "Origin: null"}, 403},
		{"of two origins", "POST", []string{bearer(testToken), origin, "Origin: https://evil.example"}, 403},
		{"of another scheme", "POST", []string{bearer(testToken), strings.Replace(origin, "http:", "chrome-extension:", 1)}, 403},
		{"of another site", "POST", []string{bearer(testToken), "Sec-Fetch-Site: cross-site"}, 403},
		{"of the same site", "POST", []string{bearer(testToken), "Sec-Fetch-Site: same-site"}, 403},
		{"typed in", "POST", []string{bearer(testToken), "Sec-Fetch-Site: none"}, 403},
		{"by GET", "GET", []string{bearer(testToken)}, 405},
		{"by PUT", "PUT", []string{bearer(testToken)}, 405},
		{"by a name for POST", "GET", []string{bearer(testToken), "X-HTTP-Method-Override: POST"}, 405},
	} {
		c.said = nil
		s.ask(x.method, stop, "", x.headers...).want(t, x.want)
		if done := len(c.said) > 0; done != (x.want == 204) {
			t.Errorf("%s: it was done: %q", x.name, c.said)
		} else if done && c.said[0] != "stop forward::8080" {
			t.Errorf("%s: %q was done", x.name, c.said)
		}
	}
	s.ask("POST", "/api/v1/silences", "{}", bearer(testToken)).want(t, 204)
	s.ask("POST", "/api/v1/silences", "{}").want(t, 401)
	s.ask("POST", "/api/v1/silences", strings.Repeat("x", defaultMaxBody+1), bearer(testToken)).want(t, 413)
	// A name that has a slash in it.
	s.ask("POST", "/api/v1/monitors/a%2Fb%20c/start", "", bearer(testToken)).want(t, 204)
	if got := c.said[len(c.said)-1]; got != "start a/b c" {
		t.Errorf("%q was done", got)
	}
}

// TestNothingChangesWithoutToken: who may read on loopback may not yet change.
func TestNothingChangesWithoutToken(t *testing.T) {
	var c control
	s := open(t, c.options(), Access{})
	s.Publish(typical(1))
	s.get("/api/v1/monitors").want(t, 200)
	s.ask("POST", "/api/v1/monitors/socket/stop", "").want(t, 403)
	s.ask("POST", "/api/v1/monitors/socket/stop", "", bearer("")).want(t, 403)
	s.ask("POST", "/api/v1/silences", "{}").want(t, 403)
	if len(c.said) > 0 {
		t.Errorf("%q were done", c.said)
	}
}

// TestToken: with one, it is needed for all that tells something.
func TestToken(t *testing.T) {
	s := open(t, Options{}, Access{Token: testToken})
	s.Publish(typical(1))
	for _, path := range []string{
		"/api/v1/snapshot", "/api/v1/stream", "/api/v1/history", "/api/v1/alerts", "/api/v1/monitors", "/api/v1/openapi.json", "/metrics", "/readyz",
	} {
		for _, wrong := range [][]string{
			nil, {bearer("")}, {bearer("x")}, {bearer(testToken[:len(testToken)-1])}, {"Authorization: " + testToken},
			{"Authorization: Basic " + testToken}, {"Cookie: token=" + testToken},
		} {
			a := s.get(path, wrong...).want(t, 401)
			if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") || strings.Contains(a.body, testToken) {
				t.Errorf("%s: %v, %s", path, a.Header, a.body)
			}
		}
		s.get(path+"?token="+testToken).want(t, 401)
	}
	s.get("/api/v1/snapshot", bearer(testToken)).want(t, 200)
	s.get("/api/v1/snapshot", "Authorization: bearer  "+testToken).want(t, 200)
	s.get("/healthz").want(t, 200)
	// The page has no figures for those who do not show it.
	if a := s.get("/").want(t, 200); strings.Contains(a.body, "restic") || strings.Contains(a.body, "gw") {
		t.Errorf("the page tells:\n%s", a.body)
	}
	if a := s.get("/", bearer(testToken)).want(t, 200); !strings.Contains(a.body, "restic") {
		t.Errorf("the page does not tell:\n%s", a.body)
	}
}

// TestLocal: on a unix socket its mode says who may, and somebody who knows the peers.
func TestLocal(t *testing.T) {
	var c control
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	refuse := false
	o := c.options()
	s := &site{Server: New(o), t: t}
	s.serve(l, Access{
		Local: true, Token: testToken, Hosts: nil,
		MayChange: func(*http.Request) error {
			if refuse {
				return errors.New("only root may")
			}
			return nil
		},
		Extra: []Route{{Method: "POST", Path: "/api/v1/reports", MaxBody: 1 << 20, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			if len(text) != 1<<19 || r.Context().Value(peerKey{}) != "unix" {
				w.WriteHeader(http.StatusBadRequest)
			}
		})}},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, c.(*net.UnixConn).LocalAddr().Network())
		},
	}, nil)
	s.Publish(typical(1))
	s.get("/api/v1/snapshot", "Host: whatever").want(t, 200)
	s.get("/metrics").want(t, 200)
	s.ask("POST", "/api/v1/monitors/socket/stop", "", "Origin: https://evil.example").want(t, 204)
	s.ask("POST", "/api/v1/reports", strings.Repeat("x", 1<<19)).want(t, 200)
	s.stream("/api/v1/stream").next()
	refuse = true
	if a := s.ask("POST", "/api/v1/monitors/socket/stop", "").want(t, 403); !strings.Contains(a.body, "only root may") {
		t.Errorf("said: %s", a.body)
	}
	if len(c.said) != 1 {
		t.Errorf("%q were done", c.said)
	}
}

type peerKey struct{}

func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost", "[::1]:80", "127.0.0.1.evil.example", "a:b:c", "[", "]", "[]:1", "gw.example.org.:1"} {
		f.Add(seed)
	}
	g := newGuard(Access{Hosts: []string{"gw.example.org"}})
	f.Fuzz(func(t *testing.T, host string) {
		if g.checkHost(&http.Request{Host: host}) != nil {
			return
		}
		// What others understand by it is one of ours, too.
		u, err := url.Parse("http://" + host + "/")
		if err != nil {
			return
		}
		name := plainName(u.Hostname())
		a, err := netip.ParseAddr(name)
		if name != "localhost" && name != "gw.example.org" && (err != nil || !a.WithZone("").Unmap().IsLoopback()) {
			t.Errorf("%q is known, and others go to %q", host, name)
		}
	})
}
