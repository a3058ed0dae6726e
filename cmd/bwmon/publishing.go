package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"

	"bwmon/fleet"
	"bwmon/fleet/engine"
	"bwmon/fleet/publish"
	"bwmon/fleet/trust"
	"bwmon/notify"
	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// publishing is what a daemon tells a receiver, or an engine, of its books.
type publishing struct {
	publisher *publish.Publisher
	identity  *trust.Identity     // nil: it has none
	snapshots traffic.Subscribers // of which there is one
	latest    <-chan *traffic.Snapshot
}

// openPublishing makes it; nil where nobody is to be told. host is the name of this
// host.
func openPublishing(c publishConfig, host string, log *slog.Logger) (*publishing, error) {
	if !c.wanted() {
		return nil, nil
	}
	if c.ThisHost == "" {
		c.ThisHost = host
	}
	p := &publishing{}
	p.latest = p.snapshots.Add()
	var caller *caller
	if c.Token.IsZero() && c.URL != "" {
		var err error
		renewed := func() { caller.anew() }
		p.identity, err = trust.OpenIdentity(c.Identity, trust.Options{Log: log, Renewed: renewed})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, usageError{fmt.Errorf("publish.identity: %w", err)}
		}
	}
	if p.identity != nil && c.ThisHost != p.identity.Host() {
		if c.ThisHost != host { // somebody wrote it
			return nil, usageError{fmt.Errorf("publish.this_host: want %s, for which the certificate in %s is, got %s: leave it out, or join again", quoted(p.identity.Host()), quoted(c.Identity), quoted(c.ThisHost))}
		}
		c.ThisHost = p.identity.Host()
	}
	if err := fleet.CheckName(c.ThisHost); err != nil {
		return nil, usageError{fmt.Errorf("publish.this_host: %w", err)}
	}
	caller, err := newCaller(c, p.identity)
	if err != nil {
		return nil, usageError{err}
	}
	sender, err := newSender(c, caller)
	if err != nil {
		return nil, usageError{err}
	}
	p.publisher, err = publish.New(publish.Options{
		Host: c.ThisHost, Sender: sender, Dir: c.Queue, Interval: c.Interval, MaxSize: int64(c.MaxSize), MaxAge: c.MaxAge, Log: log,
	})
	return p, err
}

// newSender brings batches to where the configuration says.
func newSender(c publishConfig, to *caller) (publish.Sender, error) {
	token := func() (string, error) {
		if c.Token.IsZero() {
			return "", nil
		}
		return c.Token.Read()
	}
	if c.Engine == "" {
		return publish.NewHTTP(publish.HTTPOptions{URL: c.URL, Host: c.ThisHost, Version: versionText(), Client: to.client, Token: token})
	}
	client, err := to.client()
	if err != nil {
		return nil, err
	}
	w, err := engine.NewWriter(engine.Options{URL: c.Engine, Client: client, Token: token})
	if err != nil {
		return nil, err
	}
	return engine.NewSender(w, c.ThisHost), nil
}

// caller makes connections to a receiver or an engine. Any goroutine may use it.
type caller struct {
	tls      *tls.Config
	fleet    bool // with an identity: trust knows what errors mean
	stranger bool // it has nothing to know the receiver by

	mu sync.Mutex
	// mu protects the field below.
	made *http.Client
}

func newCaller(c publishConfig, id *trust.Identity) (*caller, error) {
	if id != nil {
		return &caller{tls: id.TLSConfig(), fleet: true}, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := readSmall(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("publish.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM([]byte(text)) {
			return nil, fmt.Errorf("publish.ca_file: there is no certificate in %s: want PEM", quoted(c.CAFile))
		}
	}
	return &caller{tls: t, stranger: c.CAFile == "" && c.Engine == ""}, nil
}

// client is another one once the identity was renewed.
func (c *caller) client() (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		t := publish.NewTransport(c.tls)
		c.made = &http.Client{Transport: t}
		switch {
		case c.fleet:
			c.made.Transport = explained{t}
		case c.stranger:
			c.made.Transport = unknown{t}
		}
	}
	return c.made, nil
}

// explained has errors of connections to receivers say what to do.
type explained struct{ *http.Transport }

func (e explained) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := e.Transport.RoundTrip(r)
	return answer, trust.Explain(err, now())
}

// unknown has errors of connections to receivers say that this host has not joined.
type unknown struct{ *http.Transport }

func (u unknown) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.Transport.RoundTrip(r)
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		err = fmt.Errorf("%w: this host has not joined the fleet: run here what \"bwmon fleet invite\" prints on the receiver, or set publish.ca_file", err)
	}
	return answer, err
}

func (c *caller) anew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = nil
}

// run publishes until the snapshots have ended.
func (p *publishing) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	ended, end := context.WithCancel(ctx)
	g.Go(func() error {
		defer end()
		return errors.Join(p.publisher.Run(ctx, p.latest), p.publisher.Close())
	})
	if p.identity != nil {
		g.Go(func() error { return p.identity.Run(ended) })
	}
	return g.Wait()
}

// put gives it the books as they are now. It may be called on nil, and by one goroutine.
func (p *publishing) put(s *traffic.Snapshot) {
	if p != nil {
		p.snapshots.Publish(s)
	}
}

// end says that there are no more.
func (p *publishing) end() {
	if p != nil {
		p.snapshots.Close()
	}
}

// close gives up what does not run yet.
func (p *publishing) close() error {
	if p == nil {
		return nil
	}
	return p.publisher.Close()
}

// publishFlags are those of "bwmon run" about whom it tells.
type publishFlags struct{ url, thisHost string }

func (f *publishFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "publish", "", "tell the receiver at this `URL`, such as https://receiver.example:8443, of all that is counted")
	flags.StringVar(&f.thisHost, "this-host", "", "the `NAME` that this host has there (default its own)")
}

// apply puts the flags over the configuration. Its error is one of usage.
func (f *publishFlags) apply(c config) (config, error) {
	if f.url != "" {
		if err := checkReceiver(f.url); err != nil {
			return c, usageError{fmt.Errorf("--publish: %w", err)}
		}
		if c.Publish.Engine != "" { // what opens that is nobody else's business
			c.Publish.Token, c.Publish.CAFile = notify.Secret{}, ""
		}
		c.Publish.URL, c.Publish.Engine = f.url, ""
	}
	if f.thisHost != "" {
		if err := fleet.CheckName(f.thisHost); err != nil {
			return c, usageError{fmt.Errorf("--this-host: %w", err)}
		}
		c.Publish.ThisHost = f.thisHost
	}
	return c, nil
}
