package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"bwmon/traffic"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// daemon is another bwmon as this one reaches it: over the control socket of this
// host, or over the network. It may be used by several goroutines.
type daemon struct {
	name    string // for people
	base    string // of its URLs
	token   string // "": none
	client  *http.Client
	endless *http.Client // for streams
	local   bool         // its processes are this host's
}

const (
	// askPatience is how long a daemon may take to answer what it knows.
	askPatience = 10 * time.Second
	// questionPatience is how long it may take for what it has to look up: it gives
	// up by itself before.
	questionPatience = 30 * time.Second
)

// daemonClient is how the daemon of this host is reached.
func daemonClient(c controlConfig, patience time.Duration) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var conn net.Conn
		err := fs.ErrNotExist
		if c.Socket != "" {
			conn, err = (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
		}
		if c.Receiver != "" && isAbsent(err) {
			if other, absent := (&net.Dialer{}).DialContext(ctx, "unix", c.Receiver); absent == nil {
				return other, nil
			}
		}
		return conn, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}, Timeout: patience}
}

// daemonHere is the daemon of this host, which may not be there.
func daemonHere(c controlConfig) daemon {
	return daemon{
		name: c.Socket, base: "http://bwmon", local: true, client: daemonClient(c, questionPatience), endless: daemonClient(c, 0),
	}
}

// remoteFlags say how a daemon elsewhere is reached.
type remoteFlags struct {
	connect   string
	tokenFile string
	caFile    string
	certFile  string // of this client, with its key
	keyFile   string
}

func (f *remoteFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.connect, "connect", "", "ask the daemon at this `URL`, such as https://gw.example:8000")
	flags.StringVar(&f.tokenFile, "token-file", "", "the token for --connect is in this `FILE` (or else in BWMON_TOKEN)")
	flags.StringVar(&f.caFile, "ca-file", "", "trust the certificates in this PEM `FILE` in place of the system's")
	flags.StringVar(&f.certFile, "cert-file", "", "show this certificate (PEM `FILE`) where --connect asks for one")
	flags.StringVar(&f.keyFile, "key-file", "", "the key of --cert-file (PEM `FILE`)")
}

// daemonAt is a daemon on the network. Its error is one of usage.
func daemonAt(f remoteFlags) (daemon, error) {
	u, err := url.Parse(f.connect)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return daemon{}, usageError{fmt.Errorf("--connect: want a URL such as https://gw.example:8000, got %s", quoted(f.connect))}
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return daemon{}, usageError{fmt.Errorf("--connect: want nothing but a host, a port and a path: the token goes into a file, see --token-file")}
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return daemon{}, usageError{fmt.Errorf("--connect: %s would send all of it, the token too, in clear text: want https", quoted(f.connect))}
	}
	d := daemon{name: u.Host, base: strings.TrimSuffix(u.String(), "/"), token: os.Getenv("BWMON_TOKEN")}
	if f.tokenFile != "" {
		text, err := readSmall(f.tokenFile)
		if err != nil {
			return daemon{}, usageError{fmt.Errorf("--token-file: %w", err)}
		}
		d.token = strings.TrimSpace(text)
	}
	if strings.ContainsFunc(d.token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return daemon{}, usageError{errors.New("the token has characters that no token has: is it the right file?")}
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 2, TLSHandshakeTimeout: askPatience, ForceAttemptHTTP2: true,
		// A connection that is dead is found out, and not used again.
		HTTP2:           &http.HTTP2Config{SendPingTimeout: streamPatience, PingTimeout: askPatience},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if f.caFile != "" {
		text, err := readSmall(f.caFile)
		if err != nil {
			return daemon{}, usageError{fmt.Errorf("--ca-file: %w", err)}
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(text)) {
			return daemon{}, usageError{fmt.Errorf("--ca-file: there is no certificate in %s: want PEM", quoted(f.caFile))}
		}
		t.TLSClientConfig.RootCAs = roots
	}
	switch {
	case (f.certFile == "") != (f.keyFile == ""):
		return daemon{}, usageError{errors.New("--cert-file and --key-file go together: give both, or neither")}
	case f.certFile != "":
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return daemon{}, usageError{fmt.Errorf("--cert-file: %w", err)}
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	d.client = &http.Client{Transport: t, Timeout: questionPatience, CheckRedirect: refuseRedirect}
	d.endless = &http.Client{Transport: t, CheckRedirect: refuseRedirect}
	return d, nil
}

// refuseRedirect: a daemon sends nobody elsewhere, and the token is for nobody else.
func refuseRedirect(to *http.Request, _ []*http.Request) error {
	return fmt.Errorf("it sends us on to %s://%s: give that to --connect if it is right", to.URL.Scheme, traffic.CleanText(to.URL.Host, traffic.MaxWord))
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// readSmall reads a file that holds a secret or a certificate.
func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(text), err
}

// close gives up what connections are kept; there will be others where it is asked
// again.
func (d daemon) close() {
	d.client.CloseIdleConnections()
	d.endless.CloseIdleConnections()
}

// useless is the name of a flag that is for --connect, and given without; "": none.
func (f remoteFlags) useless() string {
	if f.connect != "" {
		return ""
	}
	for name, value := range map[string]string{"token-file": f.tokenFile, "ca-file": f.caFile, "cert-file": f.certFile, "key-file": f.keyFile} {
		if value != "" {
			return name
		}
	}
	return ""
}

// isAbsent reports whether an error of a question to the daemon of this host is
// that there is none.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}

// ask sends question, unless it is nil, and reads the answer, unless that is nil.
func (d daemon) ask(ctx context.Context, method, path string, question, answer any) error {
	r, err := d.send(ctx, d.client, method, path, question)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxEvent)).Decode(answer); err != nil {
		return fmt.Errorf("read what the daemon says: %w", err)
	}
	return nil
}

// send sends a question and returns an answer that is no refusal. The caller closes
// its body.
func (d daemon) send(ctx context.Context, client *http.Client, method, path string, question any) (*http.Response, error) {
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return nil, fmt.Errorf("ask the daemon: %w", err)
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, d.base+path, &body)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if d.token != "" {
		q.Header.Set("Authorization", "Bearer "+d.token)
	}
	if question != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	r, err := client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if r.StatusCode >= http.StatusMultipleChoices {
		defer r.Body.Close()
		return nil, problemIn(r)
	}
	return r, nil
}

// askDaemon asks the daemon of this host once. Where there is none, the error
// isAbsent.
func askDaemon(ctx context.Context, c controlConfig, method, path string, question, answer any) error {
	d := daemonHere(c)
	defer d.close()
	return d.ask(ctx, method, path, question, answer)
}

// problemIn is what a daemon says is wrong.
func problemIn(r *http.Response) error {
	var why struct { // as HTTP APIs tell errors (RFC 9457)
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&why); err != nil || why.Detail == "" {
		why.Detail = r.Status
	}
	text := traffic.CleanText(why.Detail, 1000)
	if r.StatusCode == http.StatusUnauthorized {
		text += ": give the token with --token-file, or in BWMON_TOKEN"
	}
	if r.StatusCode == http.StatusBadRequest {
		return usageError{errors.New(text)} // what was asked is at fault
	}
	return errors.New(text)
}
