package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Access says who comes through one listener, and what they are asked for.
type Access struct {
	// Local: a unix socket, whose mode says who may connect. There is no browser
	// behind it, and no name to be tricked with: Host, Origin and Token are not
	// looked at.
	Local bool
	// Token is what a reader has to show (RFC 6750), but for /healthz and what the
	// page is made of; "": nothing. Without it nothing can be changed, unless Local or
	// by those whose certificate was verified.
	Token string
	// Hosts are the names this host is reached by, besides localhost, loopback
	// addresses and the address that a connection came to.
	Hosts []string
	// Insecure: other addresses than loopback may be listened on without TLS.
	Insecure bool
	// MayChange is asked, after all else, before something is changed; nil: whoever
	// got that far may.
	MayChange func(*http.Request) error
	// Extra are routes of this listener alone.
	Extra []Route
	// Bare: there is nothing but Extra here, all of which authorises by itself, and
	// /healthz. Those who come are programs that were told the address: the name that they
	// know this host by is not looked at.
	Bare bool
	// ConnContext adds to the context of a connection's requests; see http.Server.
	ConnContext func(context.Context, net.Conn) context.Context
}

// guard is an Access at work.
type guard struct {
	Access
	hosts map[string]bool
	token [sha256.Size]byte
}

func newGuard(a Access) *guard {
	g := &guard{Access: a, hosts: map[string]bool{"localhost": true}, token: sha256.Sum256([]byte(a.Token))}
	for _, h := range a.Hosts {
		g.hosts[plainName(h)] = true
	}
	return g
}

func plainName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// admit says why a request is none that a program, or a page of this server, makes.
func (g *guard) admit(r *http.Request) error {
	if g.Local {
		return nil
	}
	if !g.Bare {
		if err := g.checkHost(r); err != nil {
			return err
		}
	}
	return checkSite(r)
}

// Where a page of another site has a name of its own point at this host (DNS
// rebinding), its requests come with that name.
func (g *guard) checkHost(r *http.Request) error {
	host := hostOf(r.Host)
	if g.hosts[plainName(host)] {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap().WithZone("")
		if a.IsLoopback() || a == localAddr(r) {
			return nil
		}
	}
	return fmt.Errorf("not known by the name %q: add it to http.hosts if that is right", host)
}

// hostOf is host:port without the port, and an address without its brackets.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return host
}

// checkSite keeps other sites' pages from having a browser ask for anything but the
// page itself (W3C Fetch Metadata). Other programs do not send such headers.
func checkSite(r *http.Request) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	visit := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	if visit && !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	return errors.New("asked for by a page of another site")
}

// checkOrigin wants what changes something to come from our own page, or from no
// page at all.
func checkOrigin(r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return errors.New("asked for from outside the page")
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) || u.Scheme != "https" && (u.Scheme != "http" || r.TLS != nil) {
			return errors.New("asked for by a page of another origin")
		}
	}
	return nil
}

// hasCertificate reports whether r comes with a certificate of a client that was
// verified. A browser shows it by itself, whoever's page has it ask.
func hasCertificate(r *http.Request) bool { return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 }

// hasToken reports whether r shows the token, in a time that does not tell how much
// of it was right. Without a token to show everybody has it.
func (g *guard) hasToken(r *http.Request) bool {
	if g.Token == "" {
		return true
	}
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(shown)))
	same := subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
	return same && strings.EqualFold(scheme, "Bearer")
}

// checkPage keeps out what a page that is not ours has a browser ask for.
func (g *guard) checkPage(r *http.Request) error {
	if g.Local {
		return nil
	}
	return checkOrigin(r)
}

// checkChange is asked before something is changed, of who may read.
func (g *guard) checkChange(r *http.Request) error {
	if err := g.checkPage(r); err != nil {
		return err
	}
	if !g.Local && g.Token == "" && !hasCertificate(r) {
		return errors.New("nothing can be changed here without a token or a client's certificate: set http.token or http.client_ca, or use the control socket")
	}
	if g.MayChange != nil {
		return g.MayChange(r)
	}
	return nil
}

// remoteAddr is who asks; not valid for a unix socket.
func remoteAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}

// localAddr is the address that the connection of r came to; not valid for a unix
// socket.
func localAddr(r *http.Request) netip.Addr {
	a, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if a == nil {
		return netip.Addr{}
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p.Addr().Unmap().WithZone("")
}
