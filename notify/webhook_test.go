package notify

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newReceiver is a real HTTP server on loopback.
func newReceiver(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func newWebhook(t *testing.T, o WebhookOptions) *Webhook {
	t.Helper()
	w, err := NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookPostsTheAlert(t *testing.T) {
	t.Setenv("HOOK_TOKEN", "Bearer verysecret")
	var body []byte
	var header http.Header
	s := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
		w.WriteHeader(http.StatusNoContent)
	})
	address := filepath.Join(t.TempDir(), "url")
	os.WriteFile(address, []byte(s.URL+"/hook\n"), 0o600)
	w := newWebhook(t, WebhookOptions{
		URL: SecretFile(address), Headers: map[string]Secret{"Authorization": SecretEnv("HOOK_TOKEN")},
	})
	a := testAlert("a", StateFiring)
	if err := w.Send(t.Context(), []Event{{Alert: a, Test: true}}); err != nil {
		t.Fatal(err)
	}
	var got document
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(document{Schema: 1, Test: true, Alert: a}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if header.Get("Authorization") != "Bearer verysecret" || header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", header)
	}
}

func TestWebhookTemplates(t *testing.T) {
	hostile := hostileAlerts()
	for name, text := range map[string]string{
		"own schema":   "",
		"slack":        `{"text": {{json (headline .)}}, "blocks": [{"type": "plain_text", "text": {{json .Command}}}]}`,
		"alertmanager": `[{"labels": {"alertname": {{json .Rule}}, "app": {{json .App}}}, "annotations": {"value": {{json (rate .Value)}}}, "startsAt": {{json (rfc3339 .Since)}}{{if eq .State "resolved"}}, "endsAt": {{json (rfc3339 .At)}}{{end}}}]`,
	} {
		var body []byte
		s := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
		w := newWebhook(t, WebhookOptions{URL: SecretText(s.URL), Template: text})
		for _, a := range hostile {
			if err := w.Send(t.Context(), []Event{{Alert: a}}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var got any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Errorf("%s: %v in %.300s", name, err, body)
			}
		}
	}
}

func TestNewWebhookFindsFaults(t *testing.T) {
	for _, c := range []struct {
		o    WebhookOptions
		want string
	}{
		{WebhookOptions{}, "must begin with http:// or https://"},
		{WebhookOptions{URL: SecretText("ftp://secret")}, "must begin with http:// or https://"},
		{WebhookOptions{URL: SecretText("http://[secret")}, "is not a URL"},
		{WebhookOptions{URL: SecretEnv("NO_SUCH_VARIABLE")}, "NO_SUCH_VARIABLE is not set"},
		{WebhookOptions{URL: SecretText("http://h/"), Headers: map[string]Secret{"a b": SecretText("x")}}, `"a b" is no header's name`},
		{WebhookOptions{URL: SecretText("http://h/"), Headers: map[string]Secret{"A": SecretText("secret\r\nB: c")}}, "header A: read secret: it has line breaks"},
		{WebhookOptions{URL: SecretText("http://h/"), Template: "{{.Nope}}"}, "can't evaluate field Nope"},
		{WebhookOptions{URL: SecretText("http://h/"), Template: "{{if"}, "unclosed action"},
		{WebhookOptions{URL: SecretText("http://h/"), Template: `{"text": "{{.Subject}}"}`}, "write {{json .Subject}}"},
		{WebhookOptions{URL: SecretText("http://h/"), CAFile: "/no/such/file"}, "read certificates"},
	} {
		_, err := NewWebhook(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret\r") || strings.Contains(err.Error(), "[secret") {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestWebhookAnswers(t *testing.T) {
	for _, c := range []struct {
		status    int
		permanent bool
		fails     bool
	}{
		{200, false, false}, {299, false, false}, {301, false, true}, {400, true, true}, {404, true, true},
		{408, false, true}, {410, true, true}, {429, false, true}, {500, false, true}, {503, false, true},
	} {
		s := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(c.status)
			io.WriteString(w, "because\x1b[2J")
		})
		err := newWebhook(t, WebhookOptions{URL: SecretText(s.URL)}).Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}})
		if (err != nil) != c.fails || IsPermanent(err) != c.permanent {
			t.Errorf("%d: %v (permanent: %v)", c.status, err, IsPermanent(err))
		}
		if err != nil && strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%d: %q is not clean", c.status, err)
		}
		if c.status >= 429 && askedPause(err) != 2*time.Minute {
			t.Errorf("%d: pause %v", c.status, askedPause(err))
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "7": 7 * time.Second, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// A receiver that fails twice and then hangs gets the alert in the end.
func TestWebhookThroughOutbox(t *testing.T) {
	var calls atomic.Int32
	s := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	box := runOutbox(t, newWebhook(t, WebhookOptions{URL: SecretText(s.URL)}), OutboxOptions{Name: "hook", Dir: t.TempDir()})
	box.Put(Event{Alert: testAlert("a", StateFiring)})
	eventually(t, "the second attempt", func() bool { return box.Stats().Delivered == 1 })
	if st := box.Stats(); st.Failed != 1 || !strings.Contains(st.LastError, "500") {
		t.Errorf("stats %+v", st)
	}
}

func TestWebhookThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	w := newWebhook(t, WebhookOptions{URL: SecretText(s.URL + "/secret-path"), Timeout: 100 * time.Millisecond})
	err := w.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}})
	if err == nil || err.Error() != "post alert: no answer in time" || IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestWebhookReadsLittleOfAnEndlessAnswer(t *testing.T) {
	var sent atomic.Int64
	s := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 32<<10)
		for r.Context().Err() == nil {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	began := time.Now()
	if err := newWebhook(t, WebhookOptions{URL: SecretText(s.URL)}).Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v, for %d bytes", took, sent.Load())
	}
}

func TestWebhookRedirects(t *testing.T) {
	var elsewhere, here atomic.Int32
	other := newReceiver(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	s := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/found":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/kept":
			http.Redirect(w, r, "/end", http.StatusPermanentRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		case "/end":
			if body, _ := io.ReadAll(r.Body); r.Method == http.MethodPost && len(body) > 0 {
				here.Add(1)
			}
		}
	})
	for path, fails := range map[string]bool{"/other": true, "/found": true, "/kept": false, "/loop": true} {
		err := newWebhook(t, WebhookOptions{URL: SecretText(s.URL + path)}).Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}})
		if (err != nil) != fails || IsPermanent(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if elsewhere.Load() != 0 || here.Load() != 1 {
		t.Errorf("%d requests went elsewhere, %d to the end", elsewhere.Load(), here.Load())
	}
}

func TestWebhookTrustsOnlyKnownCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the refused handshake
	s.StartTLS()
	defer s.Close()
	events := []Event{{Alert: testAlert("a", StateFiring)}}
	if err := newWebhook(t, WebhookOptions{URL: SecretText(s.URL)}).Send(t.Context(), events); err == nil {
		t.Error("a certificate of nobody's was trusted")
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
	if err := newWebhook(t, WebhookOptions{URL: SecretText(s.URL), CAFile: file}).Send(t.Context(), events); err != nil {
		t.Error(err)
	}
}

// However it fails, an error tells neither the address nor a header.
func TestWebhookErrorsTellNoSecrets(t *testing.T) {
	echo := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "no %s or %s for %s", r.URL.Path, r.URL.Query().Get("key"), r.Header.Get("X-Token"))
	})
	// The secret lies where the answer is cut.
	long := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, strings.Repeat("x", shownAnswer-60), r.URL.Path)
	})
	hangUp := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, base := range []string{echo.URL, long.URL, hangUp.URL, gone.URL, "http://does-not-exist.invalid"} {
		w := newWebhook(t, WebhookOptions{
			URL:     SecretText(base + "/services/T0SECRET1/B%20SECRET2?key=K0SECRET3"),
			Headers: map[string]Secret{"X-Token": SecretText("H0SECRET4")},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := w.Send(ctx, []Event{{Alert: testAlert("a", StateFiring)}})
		cancel()
		if err == nil || strings.Contains(err.Error(), "SECR") {
			t.Errorf("%s: %v", base, err)
		}
		if IsPermanent(err) != (base == echo.URL || base == long.URL) {
			t.Errorf("%s: %v (permanent: %v)", base, err, IsPermanent(err))
		}
	}
}
