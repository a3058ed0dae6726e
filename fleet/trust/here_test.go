package trust

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/lab"
)

// requestBetween is a request over a connection between two addresses.
func requestBetween(remote, local string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, fleet.PathPublish, nil)
	r.RemoteAddr = remote
	at, err := net.ResolveTCPAddr("tcp", local)
	if err != nil {
		return r // of a unix socket
	}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, at))
}

func TestLoopback(t *testing.T) {
	s := newSite(t)
	o := s.options()
	o.Ask = true
	asks, err := Open(s.dir, o)
	check(t, err)
	for _, c := range []struct {
		name, remote, local string
		header              [2]string
		any                 bool
	}{
		{"IPv4", "127.0.0.1:1", "127.0.0.1:8443", [2]string{}, true},
		{"all of 127/8", "127.9.9.9:1", "127.0.0.1:8443", [2]string{}, true},
		{"IPv6", "[::1]:1", "[::1]:8443", [2]string{}, true},
		{"mapped", "[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:8443", [2]string{}, true},
		{"another machine", "192.0.2.1:1", "192.0.2.2:8443", [2]string{}, false},
		{"forged source", "127.0.0.1:1", "192.0.2.2:8443", [2]string{}, false},
		{"forged destination", "192.0.2.1:1", "127.0.0.1:8443", [2]string{}, false},
		{"link-local", "[fe80::1%eth0]:1", "[fe80::2%eth0]:8443", [2]string{}, false},
		{"unix socket", "@", "", [2]string{}, false},
		{"nothing known", "", "127.0.0.1:8443", [2]string{}, false},
		{"header says so", "192.0.2.1:1", "192.0.2.2:8443", [2]string{"X-Forwarded-For", "127.0.0.1"}, false},
		{"proxy", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"X-Forwarded-For", "192.0.2.1"}, false},
		{"proxy, by RFC", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"Forwarded", "for=192.0.2.1"}, false},
		{"proxy, by another name", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"X-Forwarded-Server", "receiver"}, false},
		{"tunnel", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"Cf-Ray", "1"}, false},
		{"tunnel, with a name", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"CF-Connecting-IP", "192.0.2.1"}, false},
		{"client of a proxy", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"X-Client-IP", "127.0.0.1"}, false},
		{"client of another proxy", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"True-Client-IP", "127.0.0.1"}, false},
		{"client of a cluster", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"X-Cluster-Client-Ip", "127.0.0.1"}, false},
		{"original address", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"X-Original-Forwarded-For", "127.0.0.1"}, false},
		{"browser", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"Sec-Fetch-Mode", "no-cors"}, false},
		{"empty header", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"Via", ""}, false},
		{"header of a program", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"User-Agent", "bwmon"}, true},
		{"page of another site", "127.0.0.1:1", "127.0.0.1:8443", [2]string{"Origin", "https://evil.example"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := requestBetween(c.remote, c.local)
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			host, any, err := s.a.Who(r)
			if host != "" || any != c.any || (err == nil) != c.any {
				t.Errorf("got %q, any %v, error %v", host, any, err)
			}
			if host, any, err := asks.Who(r); host != "" || any || err == nil {
				t.Errorf("with Ask: got %q, any %v, error %v", host, any, err)
			}
		})
	}
}

// TestHeaderInTheWay: who comes by way of a proxy hears of it, and of what to do.
func TestHeaderInTheWay(t *testing.T) {
	s := newSite(t)
	client := newClient(t, nil)
	publish(t, client, s.plain, "web").want(t, 200, "")
	o := publish(t, client, s.plain, "web", "Cf-Connecting-Ip", "192.0.2.1")
	o.want(t, 401, "this came by way of a proxy or a browser (it has Cf-Connecting-Ip)")
	o.want(t, 401, `"bwmon fleet token HOST"`)
	// With a token it is let in.
	token, err := s.a.Token("web")
	check(t, err)
	publish(t, client, s.plain, "web", "Cf-Connecting-Ip", "192.0.2.1", "Authorization", "Bearer "+token).want(t, 200, "")
}

// TestRevokedOnLoopback: who is on the same machine writes as everybody, but for those who
// were revoked, until they are let in again.
func TestRevokedOnLoopback(t *testing.T) {
	s := newSite(t)
	client := newClient(t, nil)
	s.join("web")
	publish(t, client, s.plain, "web").want(t, 200, "")
	check(t, s.admin().Revoke("web"))
	publish(t, client, s.plain, "web").want(t, 403, `host "web" was revoked`)
	publish(t, client, s.plain, "db", fleet.HeaderHost, "web").want(t, 403, `host "web" was revoked`)
	publish(t, client, s.plain, "db").want(t, 200, "")
	var d *Denied
	if err := s.a.MayWrite("web"); !errors.As(err, &d) || d.Host != "" {
		t.Errorf("as it is found in a batch: %v", err)
	}
	check(t, s.a.MayWrite("db"))
	_, err := s.admin().Token("web")
	check(t, err)
	publish(t, client, s.plain, "web").want(t, 200, "")
	check(t, s.a.MayWrite("web"))
}

// TestLoopbackOfAConnection: what connections say of themselves, between machines and
// on one.
func TestLoopbackOfAConnection(t *testing.T) {
	l := lab.New(t)
	receiver, host := l.Host("receiver"), l.Host("host")
	l.Link(lab.End{Host: receiver, Name: "eth0", Addrs: []string{"198.18.0.1/24"}}, lab.End{Host: host, Name: "eth0", Addrs: []string{"198.18.0.2/24"}})
	s := newSite(t)
	var listener net.Listener
	check(t, receiver.Do(func() (err error) {
		listener, err = net.Listen("tcp", ":0")
		return err
	}))
	serveOn(t, listener, s.handler(s.a), nil)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	for _, c := range []struct {
		name   string
		from   *lab.Host
		to     string
		status int
	}{
		{"on the receiver, IPv4", receiver, "127.0.0.1", 200},
		{"on the receiver, IPv6", receiver, "::1", 200},
		{"on the receiver, by its address", receiver, "198.18.0.1", 401},
		{"from a host", host, "198.18.0.1", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
				err = c.from.Do(func() error {
					conn, err = net.DialTimeout("tcp", address, 5*time.Second)
					return err
				})
				return conn, err
			}}
			defer transport.CloseIdleConnections()
			o := publish(t, &http.Client{Transport: transport}, "http://"+net.JoinHostPort(c.to, port), "web", "X-Forwarded-Host", "127.0.0.1")
			o.want(t, 401, "asks for a certificate or a token") // a proxy's
			o = publish(t, &http.Client{Transport: transport}, "http://"+net.JoinHostPort(c.to, port), "web")
			if o.status != c.status || o.answer.Any != (c.status == 200) {
				t.Errorf("got %d %q, any %v", o.status, o.detail, o.answer.Any)
			}
			token, err := s.a.Token("web")
			check(t, err)
			o = publish(t, &http.Client{Transport: transport}, "http://"+net.JoinHostPort(c.to, port), "web", "Authorization", "Bearer "+token)
			if o.status != c.status {
				t.Errorf("with a token: got %d %q", o.status, o.detail)
			}
			if c.status != 200 && !strings.Contains(o.detail, "in clear text") {
				t.Errorf("a token in clear text: %q", o.detail)
			}
		})
	}
}
