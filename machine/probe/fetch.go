package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"bwmon/traffic"
)

// What is read of an answer at most, in bytes.
const (
	maxBody    = 1 << 20
	maxHeaders = 64 << 10
)

// tlsConfig trusts the certificates in a file, or the system's.
func tlsConfig(caFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s has no certificate in PEM", caFile)
	}
	return c, nil
}

// fetchLooker asks an HTTP endpoint.
type fetchLooker struct {
	request request
	tls     *tls.Config
	timeout time.Duration
}

// The phases of a fetch, for whoever wants to know what took so long.
const (
	phaseConnect int32 = iota
	phaseTLS
	phaseAnswer
	phaseBody
)

// fetch is one request with what it leads to.
type fetch struct {
	*fetchLooker
	ctx   context.Context
	begin time.Time
	phase atomic.Int32
	away  atomic.Bool // a server elsewhere has answered, and may have redirected us
	read  int64       // bytes of the body so far
}

func (l *fetchLooker) look(ctx context.Context) (traffic.Metrics, string) {
	f := &fetch{fetchLooker: l, ctx: ctx, begin: time.Now()}
	metrics := traffic.Metrics{{Name: "up", Value: 0}}
	metrics, detail := f.do(metrics)
	if detail == "" {
		metrics[0].Value = 1
	}
	return metrics, l.request.scrub(detail)
}

// do adds the figures to metrics as they come.
func (f *fetch) do(metrics traffic.Metrics) (traffic.Metrics, string) {
	r, err := f.request.build(f.ctx)
	if err != nil {
		return metrics, f.explain(err)
	}
	transport := f.transport()
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, CheckRedirect: f.request.redirect}).Do(r)
	if answer != nil { // with an error where a redirect was not followed
		defer answer.Body.Close()
		metrics = metrics.With("status", float64(answer.StatusCode))
	}
	if err != nil {
		return metrics, f.explain(err)
	}
	if answer.StatusCode < 200 { // a switch of protocols, whose body is the connection
		return metrics, badStatus(answer)
	}
	f.phase.Store(phaseBody)
	body, err := f.body(answer)
	if err != nil {
		return metrics, f.explain(err)
	}
	metrics = metrics.With("response_ms", milliseconds(time.Since(f.begin))).With("body_bytes", float64(f.read))
	if answer.StatusCode > 399 {
		return metrics, badStatus(answer)
	}
	if len(f.request.fields) == 0 {
		return metrics, ""
	}
	figures, err := pick(body, f.request.fields)
	if err != nil {
		if coding := answer.Header.Get("Content-Encoding"); coding != "" {
			return metrics, fmt.Sprintf("%v: it is encoded (%s), which was not asked for", err, coding)
		}
		return metrics, err.Error()
	}
	for i, figure := range figures {
		if figure.wrong == "" {
			metrics = metrics.With(f.request.fields[i].name, figure.value)
		}
	}
	return metrics, wrongFigures(f.request.fields, figures)
}

func badStatus(answer *http.Response) string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
}

// body reads all of the body; it keeps it only if there are fields to find in it.
func (f *fetch) body(answer *http.Response) (body []byte, err error) {
	tooLong := fmt.Errorf("the body has more than %d bytes, and is not read", maxBody)
	if answer.ContentLength > maxBody {
		return nil, tooLong
	}
	limited := io.LimitReader(answer.Body, maxBody+1)
	if len(f.request.fields) == 0 {
		f.read, err = io.Copy(io.Discard, limited)
	} else {
		body, err = io.ReadAll(limited)
		f.read = int64(len(body))
	}
	if f.read > maxBody {
		return nil, tooLong
	}
	return body, err
}

// transport is one of a single fetch: HTTP/1.1, whose connections end with it. net/http
// lets the making of a connection go on when its request has been given up; here it
// ends with f.ctx.
func (f *fetch) transport() *http.Transport {
	t := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeaders, Protocols: new(http.Protocols),
		DialContext: quiet(f.dial), DialTLSContext: quiet(f.dialTLS),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// dial connects; nothing on the connection takes longer than f has.
func (f *fetch) dial(network, addr string) (net.Conn, error) {
	f.phase.Store(phaseConnect)
	d := dialer()
	d.ControlContext = f.mayDial
	conn, err := d.DialContext(f.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if to, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err != nil || !inside(to.Addr()) {
		f.away.Store(true)
	}
	if deadline, ok := f.ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			conn.Close()
			return nil, err
		}
	}
	f.phase.Store(phaseAnswer)
	return conn, nil
}

// errInside: a server elsewhere has us ask somebody in here, whom it cannot ask itself.
var errInside = errors.New("redirected to a loopback or link-local address, which is not followed")

// mayDial judges an address that is about to be connected to, whatever name it has. A
// connection serves one request, so that each but the first is of a redirect.
func (f *fetch) mayDial(_ context.Context, _, address string, _ syscall.RawConn) error {
	if !f.away.Load() {
		return nil
	}
	if to, err := netip.ParseAddrPort(address); err != nil || inside(to.Addr()) {
		return errInside
	}
	return nil
}

// inside reports whether an address is this host, or may be its cloud.
func inside(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

func (f *fetch) dialTLS(network, addr string) (net.Conn, error) {
	conn, err := f.dial(network, addr)
	if err != nil {
		return nil, err
	}
	f.phase.Store(phaseTLS)
	config := f.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr) // net/http made addr
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(f.ctx); err != nil {
		conn.Close()
		return nil, err
	}
	f.phase.Store(phaseAnswer)
	return secured, nil
}

// quiet makes what a dial function returns a quietConn.
func quiet(dial func(network, addr string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(network, addr)
		if err != nil {
			return nil, err
		}
		return newQuietConn(conn), nil
	}
}

// explain says in a line what went wrong.
func (f *fetch) explain(err error) string {
	var dns *net.DNSError
	switch {
	case f.late():
		switch f.phase.Load() {
		case phaseConnect:
			return fmt.Sprintf("no connection within %v", f.timeout)
		case phaseTLS:
			return fmt.Sprintf("connected, but no TLS within %v", f.timeout)
		case phaseAnswer:
			return fmt.Sprintf("connected, but no whole headers within %v", f.timeout)
		}
		return fmt.Sprintf("the body had not ended within %v", f.timeout)
	case errors.Is(err, errInside):
		return errInside.Error()
	case errors.As(err, &dns):
		return "look up " + dns.Name + ": " + dns.Err
	}
	var outer *url.Error
	if errors.As(err, &outer) { // it quotes the address
		err = outer.Err
	}
	var system *os.SyscallError
	switch {
	case f.phase.Load() == phaseBody && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("the body ended after %d bytes, before its end", f.read)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before an answer"
	case errors.As(err, &system):
		return system.Err.Error()
	}
	text := strings.TrimPrefix(err.Error(), "net/http: ")
	return strings.TrimPrefix(text, "HTTP/1.x transport connection broken: ")
}

// late reports whether the time is up. What breaks first then may be the connection or
// a line of the headers that came half, before the context ends.
func (f *fetch) late() bool {
	deadline, ok := f.ctx.Deadline()
	return f.ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
