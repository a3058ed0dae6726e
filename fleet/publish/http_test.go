package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
)

// TestURL: what cannot be, or could be read by others, is told.
func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://receiver.example:8443":          "",
		"https://receiver.example/bwmon/":        "",
		"http://127.0.0.1:8788":                  "",
		"http://[::1]:8788":                      "",
		"http://localhost:8788":                  "",
		"":                                       "want an address",
		"receiver.example:8443":                  "want an address",
		"ftp://receiver.example":                 "want an address",
		"https://":                               "want an address",
		"https://\x00":                           "want an address",
		"https://me:secret@receiver.example":     "without a password",
		"https://receiver.example/?token=secret": "without a password",
		"https://receiver.example/#top":          "without a password",
		"http://receiver.example":                "use https",
		"http://192.0.2.1:8788":                  "use https",
		"http://localhost.example:8788":          "use https",
	} {
		h, err := NewHTTP(HTTPOptions{URL: address})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", address, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", address, err, want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error tells a secret: %v", address, err)
		}
		if strings.HasSuffix(address, "/bwmon/") && h.address != "https://receiver.example/bwmon"+fleet.PathPublish {
			t.Errorf("%s: %s", address, h.address)
		}
	}
}

// TestAnswers: what a receiver, or whatever is there in its place, may answer.
func TestAnswers(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer other.Close()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
		is     verdict
	}{
		{"a redirect", http.RedirectHandler(other.URL, http.StatusTemporaryRedirect).ServeHTTP, "it has moved to " + other.URL, elsewhere},
		{"another page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello") }, "is that the address", passing},
		{"nothing there", http.NotFound, "404 Not Found", elsewhere},
		{"hostile text", func(w http.ResponseWriter, _ *http.Request) {
			problem(w, http.StatusBadRequest, "\x1b[2J[red]"+strings.Repeat("x", 5000))
		}, `\x1b[2J[red]xxx`, refused},
		{"a proxy's", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadRequest) }, "400", elsewhere},
		{"without end", func(w http.ResponseWriter, _ *http.Request) {
			for range 10_000 {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
		}, "not a receiver's", passing},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"have": {}`)
		}, "broke off", passing},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, "did not answer in time", passing},
		{"a slow answer", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		}, "broke off", passing},
		{"later", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "429", passing},
	} {
		server := httptest.NewServer(c.answer)
		patience := time.Minute
		if strings.HasSuffix(c.name, " answer") { // there will be none
			patience = 200 * time.Millisecond
		}
		h, err := NewHTTP(HTTPOptions{URL: server.URL, Host: "gw", Timeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Send(t.Context(), nil, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%s: %v", c.name, err)
		}
		is, after := judge(err)
		if is != c.is || (after == 7*time.Second) != (c.name == "later") {
			t.Errorf("%s: %v, %v", c.name, is, after)
		}
		h.Close()
		server.Close()
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	h, err := NewHTTP(HTTPOptions{URL: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Send(t.Context(), nil, 0); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Send(ctx, nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestStranger: a server whose certificate is not to be trusted is sent nothing.
func TestStranger(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent something") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake
	server.StartTLS()
	defer server.Close()
	h, err := NewHTTP(HTTPOptions{URL: server.URL, Token: func() (string, error) { return "secret", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Send(t.Context(), nil, 0)
	if is, _ := judge(err); err == nil || is != unproven || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}

// TestCertificateWanted: a server that wants another certificate, and says so in TLS, is
// one that does not trust this host.
func TestCertificateWanted(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	client := &http.Client{Transport: NewTransport(&tls.Config{RootCAs: pool})}
	h, err := NewHTTP(HTTPOptions{URL: server.URL, Client: func() (*http.Client, error) { return client, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Send(t.Context(), nil, 0)
	if is, _ := judge(err); is != untrusted {
		t.Errorf("%v", err)
	}
}

// TestCredentials: they are asked for each time, and another client's connections are the
// ones that are used.
func TestCredentials(t *testing.T) {
	r := newReceiver(t)
	client, token, broken := r.server.Client(), "one", error(nil)
	h := r.sender(t, HTTPOptions{
		Client: func() (*http.Client, error) { return client, broken },
		Token:  func() (string, error) { return token, nil },
	})
	send := func(want string) {
		t.Helper()
		if _, err := h.Send(t.Context(), nil, 3); err != nil {
			t.Fatal(err)
		}
		if h.Renewed() {
			t.Error("they are others than those that were just used")
		}
		got := r.seen[len(r.seen)-1]
		if got.Get("Authorization") != want || got.Get(fleet.HeaderWaiting) != "3" || got.Get(fleet.HeaderVersion) != "test" {
			t.Errorf("%v", got)
		}
		if at, err := time.Parse(time.RFC3339, got.Get(fleet.HeaderClock)); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("clock %v, %v", at, err)
		}
		if _, sent := got["Idempotency-Key"]; sent {
			t.Error("the note to net/http was sent")
		}
	}
	send("Bearer one")
	token = ""
	if !h.Renewed() {
		t.Error("another token is not seen")
	}
	send("")
	other := *client
	client = &other
	if !h.Renewed() {
		t.Error("another client is not seen")
	}
	send("")
	broken = errors.New("identity.pem: permission denied")
	if h.Renewed() {
		t.Error("what cannot be read is new")
	}
	if _, err := h.Send(t.Context(), nil, 0); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestRetryAfter: what a receiver may ask for.
func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "1e9": 0, "x": 0,
		"2147483647": 2147483647 * time.Second, "99999999999999999999": 0, "Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		if got := parseAfter(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// FuzzAnswer: whatever a receiver answers, it is an error or makes sense.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"have": {"run": "r", "seq": 7}, "kept": {"run": "r", "seq": 3}}`, "")
	f.Add(409, `{"have": {}}`, "")
	f.Add(503, `{"title": "busy", "detail": "\u001b"}`, "10")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		r := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}, Body: io.NopCloser(strings.NewReader(body))}
		a, err := readAnswer(r)
		if err != nil {
			if strings.ContainsRune(clean(err), '\x1b') {
				t.Errorf("%q", err)
			}
			if _, after := judge(err); after < 0 || after > longestAsked {
				t.Errorf("a pause of %v", after)
			}
			return
		}
		if status != http.StatusOK || (a.Have.Run == "") != (a.Have.Seq == 0) || (a.Kept.Run == "") != (a.Kept.Seq == 0) {
			t.Errorf("%d: %+v", status, a)
		}
	})
}
