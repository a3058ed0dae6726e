package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"
)

// The limits of a connection. None holds for streams, which have their own.
const (
	headerTime = 5 * time.Second
	readTime   = 15 * time.Second
	answerTime = 60 * time.Second
	idleTime   = 2 * time.Minute
	endTime    = 5 * time.Second // for what is being answered when the server ends
	maxHeader  = 16 << 10
	// maxTogether is how many requests one HTTP/2 connection has at a time.
	maxTogether = 50
)

// Serve answers those who come through l until ctx is cancelled: streams are told,
// what else is being answered is finished, and it returns nil. It closes l. It
// refuses to serve what CheckListen does. Without t, or on a unix socket, there is
// no TLS.
func (s *Server) Serve(ctx context.Context, l net.Listener, a Access, t *tls.Config) error {
	if err := checkServe(l, a, t); err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{
		Handler:           s.Handler(a),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxTogether},
		ErrorLog:                     slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), endingKey{}, ctx.Done())
		},
	}
	if a.ConnContext != nil {
		server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return a.ConnContext(ctx, within(c)) }
	}
	g := &gate{Listener: l, room: newHeadcount(s.opts.MaxConnections), stats: s.stats}
	ended := make(chan error, 1)
	go func() {
		if t == nil {
			ended <- server.Serve(g)
			return
		}
		server.TLSConfig = withMinimum(t)
		ended <- server.ServeTLS(g, "", "")
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		last, stop := context.WithTimeout(context.Background(), endTime)
		defer stop()
		if server.Shutdown(last) != nil {
			server.Close()
		}
		err = <-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %v: %w", l.Addr(), err)
}

// checkServe holds what is served against the rule, whoever forgot to ask.
func checkServe(l net.Listener, a Access, t *tls.Config) error {
	if l.Addr().Network() == "unix" {
		return nil
	}
	if a.Local {
		return fmt.Errorf("serve on %v: only a unix socket is local", l.Addr())
	}
	if a.Token != "" {
		if err := CheckToken(a.Token); err != nil {
			return err
		}
	}
	bare := a.Bare && !slices.ContainsFunc(a.Extra, func(r Route) bool { return !r.Authorises })
	p := Protection{TLS: t != nil, Insecure: a.Insecure, Token: a.Token != "" || bare}
	p.ClientCerts = t != nil && t.ClientAuth == tls.RequireAndVerifyClientCert && t.ClientCAs != nil
	return CheckListen(l.Addr().String(), p)
}

// within is the connection that the listener gave, without what was put around it.
func within(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if g, ok := c.(*guest); ok {
		c = g.Conn
	}
	return c
}

func withMinimum(t *tls.Config) *tls.Config {
	t = t.Clone()
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return t
}

type endingKey struct{}

// endingOf is closed when the server that holds the connection is about to end; nil
// where that is not one of ours.
func endingOf(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(endingKey{}).(<-chan struct{})
	return c
}
