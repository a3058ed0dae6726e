package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"bwmon/aggregate"
	"bwmon/ui/web"
)

// heartbeat is how often a stream on which nothing happens says that it is there.
const heartbeat = 5 * time.Second

// newServer is the daemon over HTTP, whoever it is reached by. h may be nil.
func newServer(c config, s *session, l *lookout, h *past, reload func(context.Context) ([]string, error), log *slog.Logger) *web.Server {
	o := web.Options{
		Host: engineOptions(c).Host, Version: versionText(), Interval: c.Interval, Heartbeat: heartbeat,
		WantFlows: s.engine.WantFlows,
		MaxSeries: c.HTTP.MetricApps, MaxStreams: c.HTTP.MaxStreams,
		Log: log,
		Control: func(_ context.Context, name, action string) error {
			return pullLever(s.engine, name, action)
		},
		Alerts: l.listAlerts, Silence: http.HandlerFunc(l.addSilence),
		Things: s.things.list, Switch: s.things.change, Reload: reload,
	}
	if h != nil {
		o.History, o.Trend = h.report, h.trend
	}
	return web.New(o)
}

// newFleetServer is a receiver over HTTP.
func newFleetServer(c config, host string, v fleetView, b fleetKeeper, l *lookout, reload func(context.Context) ([]string, error), log *slog.Logger) *web.Server {
	all := b.of("")
	return web.New(web.Options{
		Host: host, Version: versionText(), Interval: c.Receive.Interval, Heartbeat: heartbeat,
		MaxSeries: c.HTTP.MetricApps, MaxStreams: c.HTTP.MaxStreams, Log: log,
		Alerts: l.listAlerts, Silence: http.HandlerFunc(l.addSilence), Reload: reload,
		History: all.History, Trend: all.Trend,
		Members: &web.Members{Snapshot: v.HostSnapshot, Options: b.of},
	})
}

// pullLever starts or stops a monitor.
func pullLever(e *aggregate.Engine, name, action string) error {
	act := e.StartMonitor
	if action == "stop" {
		act = e.StopMonitor
	}
	err := act(name)
	if errors.Is(err, aggregate.ErrNoMonitor) {
		err = fmt.Errorf("%w: %w", web.ErrUnknown, err)
	}
	return err
}

// site is the web page and API on a TCP address.
type site struct {
	listener net.Listener
	access   web.Access
	tls      *tls.Config // nil: none
}

// openSite listens, or takes the listener that was passed to this process; nil where
// the configuration wants none, and where it does not say that it wants one and the
// default address is taken.
func openSite(c httpConfig, passed *net.TCPListener, warn func(string)) (*site, error) {
	if c.Listen == "" {
		return nil, nil
	}
	s := &site{access: web.Access{Hosts: c.Hosts, Insecure: c.Insecure}}
	var err error
	if !c.Token.IsZero() {
		if s.access.Token, err = c.Token.Read(); err == nil {
			err = web.CheckToken(s.access.Token)
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("http.token: %w", err)}
		}
	}
	if s.tls, err = c.tlsConfig(warn); err != nil {
		return nil, usageError{err}
	}
	if passed != nil {
		s.listener = passed
		return s, nil
	}
	s.listener, err = net.Listen("tcp", c.Listen)
	switch {
	case err == nil:
		return s, nil
	case c.Asked:
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	warn(fmt.Sprintf("no web page: %v: choose another address with http.listen", err))
	return nil, nil
}

// close gives up a site that is not served.
func (s *site) close() error {
	if s == nil {
		return nil
	}
	return s.listener.Close()
}

// tlsConfig reads the certificates, and reads the server's own again when it has been
// renewed.
func (c httpConfig) tlsConfig(warn func(string)) (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair := &certificate{cert: c.TLSCert, key: c.TLSKey, warn: warn}
	if _, err := pair.get(nil); err != nil {
		return nil, fmt.Errorf("http.tls_cert: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get, NextProtos: []string{"h2", "http/1.1"}}
	if c.ClientCA != "" {
		text, err := readSmall(c.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("http.client_ca: %w", err)
		}
		t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !t.ClientCAs.AppendCertsFromPEM([]byte(text)) {
			return nil, fmt.Errorf("http.client_ca: there is no certificate in %s: want PEM", quoted(c.ClientCA))
		}
	}
	return t, nil
}

// url is where a browser finds the page: by a name that was configured where it is at
// every address.
func (s *site) url() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	at := s.listener.Addr().String()
	if host, port, err := net.SplitHostPort(at); err == nil {
		if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
			host = "localhost"
			if len(s.access.Hosts) > 0 {
				host = s.access.Hosts[0]
			}
			at = net.JoinHostPort(host, port)
		}
	}
	return scheme + "://" + at + "/"
}
