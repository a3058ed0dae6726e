package publish

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// HTTPOptions says where a receiver is. Zero values stand for the defaults given.
type HTTPOptions struct {
	// URL is what fleet.PathPublish is appended to: https, or http to this machine.
	URL     string
	Host    string // the name to publish under
	Version string // of this bwmon
	// Client is asked before each request. Another one than before says that credentials
	// were renewed; the idle connections of the one before are closed then. nil: one that
	// trusts the system's certificates.
	Client func() (*http.Client, error)
	// Token is asked before each request, for a bearer token; "": none.
	Token   func() (string, error)
	Timeout time.Duration // 30 s; of a request with its answer
	Now     func() time.Time
}

// HTTP is a Sender to a receiver. Redirects are not followed.
type HTTP struct {
	o       HTTPOptions
	address string
	name    string
	packer  *zstd.Encoder
	text    []byte // scratch

	mu   sync.Mutex // protects the field below
	last credentials
}

// credentials are what a request is made with.
type credentials struct {
	client *http.Client
	token  string
}

// NewHTTP finds what is wrong with o as far as that can be told without calling anybody.
func NewHTTP(o HTTPOptions) (*HTTP, error) {
	u, err := parseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("publish: url: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Token == nil {
		o.Token = func() (string, error) { return "", nil }
	}
	if o.Client == nil {
		own := &http.Client{Transport: NewTransport(nil)}
		o.Client = func() (*http.Client, error) { return own, nil }
	}
	h := &HTTP{o: o, address: u.JoinPath(fleet.PathPublish).String(), name: u.String()}
	if h.packer, err = newPacker(); err != nil {
		return nil, err
	}
	return h, nil
}

// CheckURL says what is wrong with the address of a receiver; nil: nothing is.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// parseURL wants an address that nobody on the way can read what goes to.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("want an address like https://receiver.example:8443")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("want an address without a password, ? and #: a token has a file of its own")
	case u.Scheme == "http" && !isLocal(u.Hostname()):
		return nil, fmt.Errorf("whoever is between here and %s could read and change all: use https; http is for this machine only", u.Host)
	}
	return u, nil
}

// isLocal reports whether a host is this machine, whoever answers for names.
func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// NewTransport is net/http's with bounds, for one receiver. nil trusts the system's
// certificates, and shows none. It speaks HTTP/1.1: there is one request at a time, and a
// connection on which one was not answered in time is closed, where HTTP/2 goes on with it.
func NewTransport(c *tls.Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols:              protocols,
		TLSClientConfig:        c,
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:           2,
		IdleConnTimeout:        2 * time.Minute,
		TLSHandshakeTimeout:    10 * time.Second,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 32 << 10,
	}
}

// Name is the receiver's address.
func (h *HTTP) Name() string { return h.name }

// credentials are the present ones.
func (h *HTTP) credentials() (credentials, error) {
	client, err := h.o.Client()
	if err != nil {
		return credentials{}, fmt.Errorf("this host's credentials: %w", err)
	}
	token, err := h.o.Token()
	if err != nil {
		return credentials{}, fmt.Errorf("this host's token: %w", err)
	}
	return credentials{client, token}, nil
}

// Renewed reports whether credentials are others than those of the last Send. It may be
// called while that is under way.
func (h *HTTP) Renewed() bool {
	now, err := h.credentials()
	h.mu.Lock()
	defer h.mu.Unlock()
	return err == nil && now != h.last
}

// Send posts batches, see fleet.PathPublish.
func (h *HTTP) Send(ctx context.Context, batches []*fleet.Batch, waiting int) (fleet.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, h.o.Timeout)
	defer cancel()
	now, err := h.credentials()
	if err != nil {
		return fleet.Answer{}, err
	}
	h.use(now)
	r, err := h.request(ctx, batches, waiting, now.token)
	if err != nil {
		return fleet.Answer{}, err
	}
	client := *now.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	response, err := client.Do(r)
	if err != nil {
		return fleet.Answer{}, withoutURL(err)
	}
	defer response.Body.Close()
	return readAnswer(response)
}

// use remembers what a request is made with.
func (h *HTTP) use(now credentials) {
	h.mu.Lock()
	former := h.last.client
	h.last = now
	h.mu.Unlock()
	if former != nil && former != now.client {
		former.CloseIdleConnections()
	}
}

// Close closes idle connections. No Send may be under way.
func (h *HTTP) Close() { h.use(credentials{}) }

func (h *HTTP) request(ctx context.Context, batches []*fleet.Batch, waiting int, token string) (*http.Request, error) {
	var err error
	if h.text, err = fleet.Encode(h.text[:0], batches...); err != nil {
		return nil, err
	}
	var packed []byte // net/http may read it after it has answered
	if len(batches) > 0 {
		packed = h.packer.EncodeAll(h.text, nil)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address, bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", fleet.ContentType)
	if len(batches) > 0 {
		r.Header.Set("Content-Encoding", "zstd")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("User-Agent", "bwmon")
	r.Header.Set(fleet.HeaderHost, h.o.Host)
	r.Header.Set(fleet.HeaderVersion, h.o.Version)
	r.Header.Set(fleet.HeaderWaiting, strconv.Itoa(waiting))
	r.Header.Set(fleet.HeaderClock, h.o.Now().UTC().Format(time.RFC3339Nano))
	// What comes twice changes nothing: net/http may repeat it where a connection was
	// closed meanwhile. Empty, it is not sent.
	r.Header["Idempotency-Key"] = []string{}
	return r, nil
}

// lateError says that a request took too long.
type lateError struct{}

func (lateError) Error() string { return "it did not answer in time" }
func (lateError) Timeout() bool { return true }

// withoutURL is what went wrong, without the address, which is said elsewhere.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		if of.Timeout() {
			return lateError{}
		}
		return of.Err
	}
	return err
}
