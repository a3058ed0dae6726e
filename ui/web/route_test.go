package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

func statusIn(t *testing.T, c io.Reader) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// problemIn reads an error, which has to say what is wrong.
func problemIn(t *testing.T, a answer) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%s: %v: %q", a.Request.URL, err, a.body)
	}
	if a.StatusCode == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		t.Errorf("%s: it does not say when to ask again", a.Request.URL)
	}
	if p.Status != a.StatusCode || p.Title == "" || p.Detail == "" || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d: %+v as %s", a.Request.URL, a.StatusCode, p, a.Header.Get("Content-Type"))
	}
	return p
}

func TestErrorsAreProblems(t *testing.T) {
	s := open(t, Options{}, Access{Token: testToken})
	for _, c := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/none", 404, ""},
		{"GET", "//api/v1/snapshot", 404, ""},
		{"GET", "/api//v1/snapshot", 404, ""},
		{"GET", "/api/v1/../v1/snapshot?flows=1", 404, ""},
		{"GET", "/./metrics", 404, ""},
		{"GET", "/assets/..", 404, ""},
		{"GET", "//", 404, ""},
		{"GET", "/..", 404, ""},
		{"POST", "/api/v1/monitors//stop", 404, ""},
		{"GET", "/api/", 404, ""},
		{"GET", "/api/v1/snapshot/", 404, ""},
		{"GET", "/assets/none.js", 404, ""},
		{"GET", "/page/index.html", 404, ""},
		{"GET", "/index.html", 404, ""},
		{"GET", "/assets/index.html", 404, ""},
		{"POST", "/api/v1/monitors/socket/restart", 404, ""},
		{"POST", "/api/v1/snapshot", 405, "GET, HEAD"},
		{"DELETE", "/", 405, "GET, HEAD"},
		{"OPTIONS", "/api/v1/stream", 405, "GET, HEAD"},
		{"TRACE", "/metrics", 405, "GET, HEAD"},
		{"GET", "/api/v1/silences", 405, "POST"},
		{"GET", "/api/v1/monitors/socket/stop", 405, "POST"},
		{"POST", "/api/v1/monitors/socket/stop", 501, ""},
		{"POST", "/api/v1/silences", 501, ""},
		{"GET", "/api/v1/history", 501, ""},
		{"GET", "/api/v1/snapshot", 503, ""},
		{"GET", "/api/v1/monitors", 503, ""},
		{"GET", "/readyz", 503, ""},
	} {
		a := s.ask(c.method, c.path, "", bearer(testToken)).want(t, c.want)
		problemIn(t, a)
		if got := a.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: allows %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	for _, text := range []string{"OPTIONS * HTTP/1.1", "GET * HTTP/1.1", "CONNECT localhost:80 HTTP/1.1"} {
		resp := s.sayAll(text+"\r\nHost: localhost\r\nConnection: close\r\n\r\n", t)
		if resp.StatusCode != 404 || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %d, %v", text, resp.StatusCode, resp.Header)
		}
	}
	a := s.get("/none/%1b[31m<script>", bearer(testToken)).want(t, 404)
	if p := problemIn(t, a); strings.ContainsRune(p.Detail, '\x1b') {
		t.Errorf("said %q", p.Detail)
	}
}

// TestEveryAnswerIsHardened: whatever it is.
func TestEveryAnswerIsHardened(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	for _, path := range []string{"/", "/none", "/api/v1/snapshot", "/api/v1/history", "/metrics", "/healthz", "/readyz", "//x", "/api/v1/openapi.json"} {
		for _, host := range []string{"localhost", "evil.example"} {
			a := s.get(path, "Host: "+host)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s%s: %s is %q, want %q", host, path, name, got, want)
				}
			}
			policy := a.Header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s%s: the policy is %q", host, path, policy)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	now := began
	s := open(t, Options{Interval: 2 * time.Second, Now: func() time.Time { return now }}, Access{})
	if a := s.get("/healthz").want(t, 200); a.body != "ok\n" {
		t.Errorf("said %q", a.body)
	}
	s.get("/readyz").want(t, 503)
	s.Publish(typical(1))
	want := `{"ready":true,"problems":["conntrack failed: no such table"]}` + "\n"
	if a := s.get("/readyz").want(t, 200); a.body != want {
		t.Errorf("said %q, want %q", a.body, want)
	}
	now = began.Add(6 * time.Second)
	s.get("/readyz").want(t, 200)
	now = began.Add(6*time.Second + 1)
	problemIn(t, s.get("/readyz").want(t, 503))
	s.get("/healthz").want(t, 200)
	s.Publish(empty(2))
	if a := s.get("/readyz").want(t, 200); a.body != `{"ready":true,"problems":[]}`+"\n" {
		t.Errorf("said %q", a.body)
	}
}

func TestControlErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 204}, {fmt.Errorf("%w monitor: there are socket, machine", ErrUnknown), 404}, {errors.New("it is stopped already"), 409},
		{fmt.Errorf("%w: the engine is ending", ErrUnavailable), 503}, {fmt.Errorf("%w: x", ErrQuestion), 400},
	} {
		s := open(t, Options{Control: func(context.Context, string, string) error { return c.err }}, Access{Token: testToken})
		a := s.ask("POST", "/api/v1/monitors/socket/stop", "", bearer(testToken)).want(t, c.want)
		if c.err != nil && !strings.Contains(problemIn(t, a).Detail, c.err.Error()) {
			t.Errorf("%v: said %s", c.err, a.body)
		}
	}
}

func TestMonitors(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	want := `{"schema":1,"monitors":[{"name":"socket","kind":"socket","state":"running","lost":3,"detail":""},` +
		`{"name":"conntrack","kind":"conntrack","state":"failed","lost":0,"detail":"no such table"}]}` + "\n"
	if a := s.get("/api/v1/monitors").want(t, 200); a.body != want {
		t.Errorf("said %s\nwant %s", a.body, want)
	}
	s.Publish(&traffic.Snapshot{})
	if a := s.get("/api/v1/monitors").want(t, 200); a.body != `{"schema":1,"monitors":[]}`+"\n" {
		t.Errorf("said %s", a.body)
	}
	if a := s.get("/api/v1/alerts").want(t, 200); a.body != `{"schema":1,"current":[],"past":[],"silences":[]}`+"\n" {
		t.Errorf("said %s", a.body)
	}
}

// TestWhatIsNoRequest: what is refused before anybody has looked at the path is no
// problem in the sense of the others, and the description of the API says so.
func TestWhatIsNoRequest(t *testing.T) {
	s := open(t, Options{}, Access{})
	d := description(t)
	for text, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n":                   400,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                            400,
		"nonsense\r\n\r\n":                                                               400,
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10):         431,
		"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: whatever\r\n\r\n":                  417,
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: whatever\r\n\r\n":       501,
		"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n":                                      505,
		"GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":             404,
		"GET /none HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n":          403,
		"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":                405,
		"GET //api/v1/snapshot HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n": 404,
	} {
		resp := s.sayAll(text, t)
		isProblem := resp.Header.Get("Content-Type") == "application/problem+json"
		told := regexp.MustCompile(fmt.Sprintf(`\b%d\b`, want)).MatchString(d.Info.Description)
		if resp.StatusCode != want || isProblem == told {
			t.Errorf("%.60q: %d, want %d; a problem: %v; described as none: %v", text, resp.StatusCode, want, isProblem, told)
		}
	}
}

// sayAll sends raw text, and returns what is answered, without its body.
func (s *site) sayAll(text string, t *testing.T) *http.Response {
	t.Helper()
	c := s.raw(text, 0)
	defer c.Close()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.60q: read the answer: %v", text, err)
	}
	resp.Body.Close()
	return resp
}
