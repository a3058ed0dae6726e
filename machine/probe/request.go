package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bwmon/traffic"
)

// ownHeaders are left to net/http: with others the request would be another one.
var ownHeaders = [...]string{"Connection", "Content-Length", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"}

// request is what is asked of an endpoint.
type request struct {
	url     *url.URL
	host    string      // in place of the URL's, "" usually
	header  http.Header // ours, and those configured
	extra   []string    // the names of those configured
	secrets []string    // what no detail may show, longest first
	fields  []field
}

// parseRequest reads Options.URL, Fields and Headers. No error shows a header's value.
func parseRequest(o Options) (request, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", len(o.URL) > 8<<10:
		return request{}, errors.New(`url: want an address that begins with http:// or https://, such as "https://example.org/status"`)
	case u.User != nil:
		return request{}, errors.New(`url: leave out user and password: send them with headers = ["Authorization: Basic …"]`)
	}
	if port := u.Port(); port != "" {
		if _, ok := parsePort(port); !ok {
			return request{}, fmt.Errorf("url: want a port from 1 to 65535, got %s", quoted(port))
		}
	}
	r := request{url: u, header: http.Header{"User-Agent": {"bwmon"}}}
	if len(o.Fields) > 0 {
		r.header.Set("Accept", "application/json, */*;q=0.1")
	}
	for i, line := range o.Headers {
		if err := r.add(line); err != nil {
			return request{}, fmt.Errorf("headers: number %d: %w", i+1, err)
		}
	}
	r.secret(u.RawQuery)
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	r.fields, err = parseFields(o.Fields)
	return r, err
}

// add takes one configured header.
func (r *request) add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return errors.New(`want "Name: value"`)
	}
	value = strings.Trim(value, " \t")
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return fmt.Errorf("%s: the value has a line end or another control character", name)
	}
	name = http.CanonicalHeaderKey(name)
	r.secret(value)
	if _, token, ok := strings.Cut(value, " "); ok { // as in Bearer …
		r.secret(token)
	}
	switch {
	case slices.Contains(ownHeaders[:], name):
		return fmt.Errorf("%s cannot be set", name)
	case name == "Host":
		r.host = value
	case slices.Contains(r.extra, name):
		r.header.Add(name, value)
	default:
		r.header.Set(name, value)
		r.extra = append(r.extra, name)
	}
	return nil
}

// secret takes out of all details what is long enough to be a secret.
func (r *request) secret(s string) {
	if len(s) >= 6 {
		r.secrets = append(r.secrets, s)
	}
}

// scrub makes a text fit to be shown: net/http quotes what a server says, and that may
// repeat what it was sent.
func (r *request) scrub(text string) string {
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "(secret)")
	}
	return text
}

// shown is the address without what may be secret in it.
func (r *request) shown() string {
	return (&url.URL{Scheme: r.url.Scheme, Host: r.url.Host, Path: r.url.Path}).String()
}

// build makes the request to send.
func (r *request) build(ctx context.Context) (*http.Request, error) {
	h, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return nil, err
	}
	h.Header = r.header.Clone()
	h.Host = r.host
	return h, nil
}

// maxRedirects is how many redirects are followed.
const maxRedirects = 5

// redirect judges a redirect that net/http is about to follow. What was configured for
// one host is nobody else's business.
func (r *request) redirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if s := next.URL.Scheme; s != "http" && s != "https" {
		return fmt.Errorf("redirected to %s:, which is not followed", traffic.CleanText(s, 40))
	}
	if next.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https" {
		return errors.New("redirected from https to http, which is not followed")
	}
	next.Header.Del("Referer")
	if next.URL.Scheme != r.url.Scheme || next.URL.Host != r.url.Host {
		for _, name := range r.extra {
			next.Header.Del(name)
		}
		next.Header.Set("User-Agent", "bwmon")
		next.Host = ""
	}
	return nil
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
