package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"crypto/x509"

	"bwmon/traffic"
)

// maxAnswer is how much of a receiver's answer is read.
const maxAnswer = 64 << 10

// WebhookOptions says whom to tell. Zero values stand for the defaults given.
type WebhookOptions struct {
	URL     Secret // many have a token in them
	Headers map[string]Secret
	// Template is a text/template that makes the body; "": the alert as JSON.
	// Its data are the fields of Alert, and Test; beside the usual functions it
	// has json (a value as JSON, in quotes if a text), headline, rate, bytes and
	// rfc3339; {{value .}} and {{threshold .}} write these in the unit that they are
	// in, whatever the rule is about.
	Template    string
	ContentType string        // application/json
	CAFile      string        // certificates to trust in place of the system's
	Timeout     time.Duration // 10 s
}

// Webhook is a Sender that POSTs each event. A 2xx answer is a delivery; any 4xx
// but 408, 425 and 429 is a permanent error; all else is tried again, after what
// Retry-After asks for. Redirects are followed within the same host, and only
// those that keep the method (307, 308).
type Webhook struct {
	o    WebhookOptions
	body *template.Template
	tls  *tls.Config
}

// NewWebhook finds what is wrong with o as far as that can be told without
// calling anybody.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if o.ContentType == "" {
		o.ContentType = "application/json"
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	w := &Webhook{o: o}
	if _, err := w.request(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	var err error
	if w.tls, err = tlsConfig(o.CAFile); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if o.Template != "" {
		if w.body, err = parseTemplate(o.Template, o.ContentType); err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
	}
	return w, nil
}

// tlsConfig trusts the certificates in a file, or the system's.
func tlsConfig(caFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificates: %s has none", caFile)
	}
	return c, nil
}

// request makes the POST. No error tells the address or a header's value.
func (w *Webhook) request(ctx context.Context, body []byte) (*http.Request, error) {
	address, err := w.o.URL.oneLine()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return nil, errors.New("the address is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("the address must begin with http:// or https://")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address is not a URL")
	}
	r.Header.Set("Content-Type", w.o.ContentType)
	r.Header.Set("User-Agent", "bwmon")
	for _, name := range slices.Sorted(maps.Keys(w.o.Headers)) {
		value, err := w.o.Headers[name].oneLine()
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", traffic.CleanText(name, 60), err)
		}
		if !validHeader(name) {
			return nil, fmt.Errorf("%q is no header's name", traffic.CleanText(name, 60))
		}
		if strings.EqualFold(name, "Host") {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return r, nil
}

// validHeader reports whether name is a token (RFC 9110, section 5.6.2).
func validHeader(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return name != ""
}

// Send implements Sender.
func (w *Webhook) Send(ctx context.Context, events []Event) error {
	for _, e := range events {
		if err := w.post(ctx, e); err != nil {
			return fmt.Errorf("post alert: %w", err)
		}
	}
	return nil
}

func (w *Webhook) post(ctx context.Context, e Event) error {
	body, err := w.content(e)
	if err != nil {
		return Permanent(err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	r, err := w.request(ctx, body)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: w.tls.Clone(), ForceAttemptHTTP2: true,
		DisableKeepAlives: true, // alerts are rare
		DialContext:       (&net.Dialer{}).DialContext,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: followSameHost}
	answer, err := client.Do(r)
	if err != nil {
		return scrub(err, r)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // an answer cut short is one
	return scrub(judge(answer, said, time.Now()), r)
}

func (w *Webhook) content(e Event) ([]byte, error) {
	if w.body == nil {
		return encodeJSON(newDocument(e))
	}
	return execute(w.body, newDocument(e))
}

// followSameHost lets redirects pass that go where the configuration meant to.
func followSameHost(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 5 || r.Method != first.Method || r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// shownAnswer is how much of an answer is shown, once secrets have been taken out.
const shownAnswer = 300

// judge says what an answer means.
func judge(answer *http.Response, said []byte, now time.Time) error {
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("the receiver answered %d %s", code, http.StatusText(code))
	if code >= 300 && code < 400 {
		return fmt.Errorf("%w, a redirect that is not followed", err)
	}
	if text := strings.TrimSpace(string(said)); text != "" {
		err = fmt.Errorf("%w: %s", err, traffic.CleanText(text, maxAnswer))
	}
	switch {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return &laterError{err, retryAfter(answer.Header.Get("Retry-After"), now)}
	case code >= 400:
		return Permanent(err)
	}
	return err
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
