package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"bwmon/fleet"
)

// Who tells which host asks: by the certificate of its connection, else by its
// token. any is true of those who may speak for every host, since they are on the same
// machine: the addresses of both ends are loopback, no proxy or browser has
// sent them, and Options.Ask is not set; but for a host that was revoked. It looks at the register at every request:
// what was revoked a moment ago is refused on connections that are open, too. An error is
// a *Denied, with which Refuse answers.
func (a *Authority) Who(r *http.Request) (host string, any bool, err error) {
	if c := a.certificateOf(r); c != nil {
		host, err = a.byCertificate(c)
		return host, false, err
	}
	if shown := r.Header.Values("Authorization"); len(shown) > 0 {
		host, err = a.byToken(r, shown)
		return host, false, err
	}
	switch sent := sentBy(r); {
	case !isLoopback(r):
	case a.o.Ask:
		return "", false, denied(http.StatusUnauthorized, "this receiver asks for a certificate or a token, also on its own machine")
	case sent != "":
		return "", false, &Denied{
			Status: http.StatusUnauthorized, Why: "it came by way of a proxy or a browser, without a certificate or a token",
			told: fmt.Sprintf(`this came by way of a proxy or a browser (it has %s), so this receiver asks for a certificate or a token: give the host one ("bwmon fleet token HOST" makes it), or have it publish with nothing in between`, cleaned(sent)),
		}
	default:
		for _, host := range r.Header.Values(fleet.HeaderHost) {
			if err := a.MayWrite(host); err != nil {
				return "", false, err
			}
		}
		return "", true, nil
	}
	return "", false, denied(http.StatusUnauthorized, `this receiver asks for a certificate or a token: join its fleet with what "bwmon fleet invite" prints there`)
}

// MayWrite tells whether somebody on this machine may write under a name: it may not have
// been revoked. Who asks for what is in the header fleet.HeaderHost; a name that is found
// in a batch only is to be asked for by whoever finds it. An error is a *Denied.
func (a *Authority) MayWrite(host string) error {
	r, err := a.read()
	if err != nil {
		return errRegister(err)
	}
	if m := r.Hosts[host]; m != nil && !m.Revoked.IsZero() {
		return denied(http.StatusForbidden, fmt.Sprintf("host %q was revoked", host))
	}
	return nil
}

// Guard answers those whom Who refuses as Refuse does, and passes all others on. Refusals
// are told to the log, each reason once a minute for each host or network, and to
// Options.Refused.
func (a *Authority) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := a.Who(r); err != nil {
			if d := new(Denied); errors.As(err, &d) {
				a.tell(r, d)
			}
			Refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// certificateOf is the certificate of our CA that a connection came with; nil: none.
func (a *Authority) certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil {
		return nil
	}
	for _, chain := range r.TLS.VerifiedChains {
		// A listener may let in whom other CAs know, too.
		if len(chain) > 1 && bytes.Equal(chain[len(chain)-1].Raw, a.ca.Raw) {
			return chain[0]
		}
	}
	return nil
}

// errRegister tells those who ask that it is not their fault.
func errRegister(err error) error {
	return &Denied{Status: http.StatusServiceUnavailable, Why: err.Error(), told: "the receiver cannot read its register of hosts: its log tells why"}
}

func (a *Authority) byCertificate(c *x509.Certificate) (string, error) {
	host := c.Subject.CommonName
	generation, err := generationOf(c)
	if err != nil || fleet.CheckName(host) != nil {
		return "", ended(http.StatusForbidden, "", "this is not the certificate of a host")
	}
	// A connection may live longer than the certificate that it began with.
	if now := a.o.Now(); now.After(c.NotAfter) {
		return "", ended(http.StatusUnauthorized, host, "the certificate of host %q expired at %s: invite it anew where the receiver is", host, c.NotAfter.UTC().Format("2006-01-02 15:04 MST"))
	}
	r, err := a.read()
	if err != nil {
		return "", errRegister(err)
	}
	m := r.Hosts[host]
	switch {
	case m == nil && a.issuer == nil: // a copy does not know who joined since it was made
		return host, nil
	case m != nil && generation == m.Generation && !m.Revoked.IsZero():
		return "", ended(http.StatusForbidden, host, "host %q was revoked", host)
	case m != nil && generation < m.Generation:
		return "", ended(http.StatusForbidden, host, "host %q was admitted anew since it got this certificate, or revoked", host)
	case m == nil || generation > m.Generation && a.issuer != nil:
		return "", ended(http.StatusForbidden, host, "host %q is not in the register: it may have been restored from an old backup: invite the host anew", host)
	}
	return host, nil
}

// byToken is the host that a token belongs to (RFC 6750).
func (a *Authority) byToken(r *http.Request, shown []string) (string, error) {
	if r.TLS == nil && !isLoopback(r) {
		return "", denied(http.StatusUnauthorized, "a token is only taken over TLS: this one was sent in clear text, make another one")
	}
	wrong := denied(http.StatusUnauthorized, "this token is not valid here")
	scheme, text, _ := strings.Cut(shown[0], " ")
	s, ok := parseToken(strings.TrimSpace(text))
	if len(shown) > 1 || !strings.EqualFold(scheme, "Bearer") || !ok {
		wrong.Why = "no token of a host"
		return "", wrong
	}
	reg, err := a.read()
	if err != nil {
		return "", errRegister(err)
	}
	host := reg.tokens[s.key()]
	var hash []byte // none is compared as long as one
	if m := reg.Hosts[host]; m != nil && m.Token != nil {
		hash = m.Token.Hash
	}
	if !s.matches(hash) {
		wrong.Why = "token unknown or replaced"
		if hash != nil {
			wrong.Why = fmt.Sprintf("token of host %q with a wrong secret", host)
		}
		return "", wrong
	}
	if !reg.Hosts[host].Revoked.IsZero() {
		return "", ended(http.StatusForbidden, host, "host %q was revoked", host)
	}
	return host, nil
}
