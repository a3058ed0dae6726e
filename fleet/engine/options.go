package engine

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Options say where an engine is and how it is spoken to.
type Options struct {
	// URL is where a Writer writes, such as http://127.0.0.1:9090/api/v1/write, and for a
	// Reader where the query API begins: what stands before /api/v1/query.
	URL string
	// Client asks; nil: one of its own, which follows no redirects.
	Client *http.Client
	// Header is sent with every request: a tenant (X-Scope-OrgID), a basic authorization.
	Header http.Header
	// Token, if not nil, tells the bearer token for each request, so that it may change;
	// "": none.
	Token func() (string, error)
	// Timeout bounds one request. 0: 30 s.
	Timeout time.Duration
	// Now is the clock. nil: time.Now.
	Now func() time.Time

	// Commands has a Writer write rows of commands, too, which are many: a series each for
	// every command line, user, container and unit; and a Reader know that they are there.
	Commands bool
	// MaxBytes is how large one request of a Writer is at most, before compression.
	// 0: 1 MiB.
	MaxBytes int

	// Location is whose days and months a Reader's reports are of. nil: UTC.
	Location *time.Location
	// Reach is how far back a Reader looks at most. 0: five years.
	Reach time.Duration
	// SilentAfter is how long a member may not write before a Reader's Snapshot says that it
	// is silent; one that writes seldom may three times as long as it takes from one batch to
	// the next. 0: two minutes.
	SilentAfter time.Duration
	// MaxSeries bounds what one question of a Reader may find. 0: 1,000,000.
	MaxSeries int
}

const (
	defaultTimeout   = 30 * time.Second
	defaultMaxBytes  = 1 << 20
	defaultReach     = 5 * 365 * 24 * time.Hour
	defaultMaxSeries = 1_000_000

	defaultSilentAfter = 2 * time.Minute
)

// complete checks o and fills in what is missing.
func (o Options) complete() (Options, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return o, fmt.Errorf("engine: url: want one such as http://127.0.0.1:9090: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return o, errors.New("engine: url: want one that begins with http:// or https:// and names a host")
	case o.Timeout < 0 || o.MaxBytes < 0 || o.Reach < 0 || o.MaxSeries < 0 || o.SilentAfter < 0:
		return o, errors.New("engine: timeout, max bytes, reach, max series, silent after: want none below 0")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Reach == 0 {
		o.Reach = defaultReach
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = defaultMaxSeries
	}
	if o.SilentAfter == 0 {
		o.SilentAfter = defaultSilentAfter
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64 // receivers write for many hosts at a time
		o.Client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return o, nil
}

// authorize adds what o says to a request.
func (o *Options) authorize(r *http.Request) error {
	for name, values := range o.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if o.Token == nil {
		return nil
	}
	token, err := o.Token()
	if err != nil {
		return fmt.Errorf("engine: token: %w", err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}
