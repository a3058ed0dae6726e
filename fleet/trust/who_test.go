package trust

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
)

// TestRevokedOnOpenConnection: what the command line revokes holds for the next request
// of a connection that is there.
func TestRevokedOnOpenConnection(t *testing.T) {
	s := newSite(t)
	m, other := s.join("web"), s.join("db")
	m.publish(s, "web").want(t, 200, "")
	check(t, s.admin().Revoke("web"))
	o := m.publish(s, "web")
	o.want(t, 403, `host "web" was revoked`)
	if !o.reused {
		t.Error("that was another connection: nothing is shown")
	}
	if err := m.i.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a host that was revoked was renewed: %v", err)
	}
	other.publish(s, "db").want(t, 200, "")
	wantError(t, s.admin().Revoke("nobody"), `there is no host named "nobody"`)

	// It comes back by an invitation, without a restart: the connection has ended.
	_, err := Join(t.Context(), m.dir, s.url, s.invite("web"), m.options())
	check(t, err)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if o = m.publish(s, "web"); o.status == 200 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("it has a new certificate: %d %q, %v", o.status, o.detail, o.err)
		}
	}

	// Or on another machine, and its former certificate does not.
	s.join("web").publish(s, "web").want(t, 200, "")
	m.publish(s, "web").want(t, 403, "admitted anew")
}

// TestExpiredOnOpenConnection: a connection is worth no more than its certificate.
func TestExpiredOnOpenConnection(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	m.publish(s, "web").want(t, 200, "")
	s.clock.advance(lifeHost - time.Minute)
	m.publish(s, "web").want(t, 200, "")
	s.clock.advance(2 * time.Minute)
	o := m.publish(s, "web")
	o.want(t, 401, `the certificate of host "web" expired`)
	if !o.reused {
		t.Error("that was another connection: nothing is shown")
	}

	// The receiver has ended it, so that what was renewed meanwhile could be shown. A new
	// one is refused by TLS, and by the host itself where its clock is right.
	arrived := s.arrived()
	for deadline := time.Now().Add(5 * time.Second); ; arrived = s.arrived() {
		if o = m.publish(s, "web"); o.err != nil {
			break // an alert, or a connection that is closed
		} else if time.Now().After(deadline) {
			t.Fatal("the connection is still there")
		}
	}
	if s.arrived() != arrived {
		t.Error("the request arrived")
	}
	m.clock.advance(lifeHost + time.Minute)
	o = m.publish(s, "web")
	o.wantError(t, `run "bwmon fleet invite web" where `+s.url)
	wantError(t, m.i.Renew(t.Context()), `run "bwmon fleet invite web"`)

	// Inviting it again mends it, for the connections of the same process.
	_, err := Join(t.Context(), m.dir, s.url, s.invite("web"), m.options())
	check(t, err)
	m.publish(s, "web").want(t, 200, "")
}

// TestOtherCAs: neither side takes certificates of somebody else.
func TestOtherCAs(t *testing.T) {
	s, other := newSite(t), newSite(t)
	m := other.join("web")
	publish(t, m.client, s.url, "web").wantError(t, "certificate signed by unknown authority")

	// One that shows its certificate all the same is turned away.
	config := m.i.TLSConfig()
	config.RootCAs = s.a.pool
	publish(t, newClient(t, config), s.url, "web").wantError(t, "")

	// A certificate of the right CA, but of a receiver.
	pair, err := s.a.server.get(s.a)
	check(t, err)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	publish(t, newClient(t, config), s.url, "receiver.example").wantError(t, "")
	if n := s.arrived(); n > 0 {
		t.Errorf("%d requests arrived", n)
	}

	// One that another CA verified, on a listener that trusts both, is nobody's.
	r := requestBetween("127.0.0.1:1", "127.0.0.1:2")
	p, err := m.i.now()
	check(t, err)
	r.TLS = &tls.ConnectionState{}
	r.TLS.VerifiedChains = append(r.TLS.VerifiedChains, append(r.TLS.PeerCertificates, p.leaf, p.ca))
	if host, any, err := s.a.Who(r); host != "" || !any || err != nil {
		t.Errorf("a stranger's certificate: %q %v %v", host, any, err)
	}
}

// TestOldBackup: a register that does not know what was done since lets in nobody whom
// it does not know, and invitations mend it.
func TestOldBackup(t *testing.T) {
	s := newSite(t)
	path := filepath.Join(s.dir, fileRegister)
	s.join("again")
	old, err := os.ReadFile(path)
	check(t, err)
	unknown := s.join("unknown")
	again := s.join("again")
	check(t, replaceFile(path, old, 0o600))
	unknown.publish(s, "unknown").want(t, 403, "restored from an old backup")
	again.publish(s, "again").want(t, 403, "restored from an old backup")
	s.join("unknown").publish(s, "unknown").want(t, 200, "")
}

// TestRevokedWhileRenewing: between the look at who asks and what is written there is
// time for others.
func TestRevokedWhileRenewing(t *testing.T) {
	s := newSite(t)
	p, err := s.join("web").i.now()
	check(t, err)
	key, err := newKey()
	check(t, err)
	body, err := json.Marshal(application{Request: requestOf(t, key, &x509.CertificateRequest{})})
	check(t, err)
	check(t, s.admin().Revoke("web"))
	r := httptest.NewRequest(http.MethodPost, fleet.PathRenew, bytes.NewReader(body))
	if in, err := s.a.renew(r, p.leaf, "web"); !errors.As(err, new(*Denied)) || in != nil {
		t.Errorf("a host that was revoked meanwhile was renewed: %v, %v", in, err)
	}
	if h := s.register().Hosts["web"]; !h.Renewed.IsZero() {
		t.Errorf("the register has %+v", h)
	}
}

// TestToken: over TLS or on the same machine, for its host, until another one is made.
func TestToken(t *testing.T) {
	s := newSite(t)
	token, err := s.admin().Token("nas")
	check(t, err)
	client := newClient(t, &tls.Config{RootCAs: s.a.pool})
	bearer := func(url, token string) outcome {
		return publish(t, client, url, "nas", "Authorization", "Bearer "+token)
	}
	o := bearer(s.url, token)
	o.want(t, 200, "")
	if o.answer != (answer{Host: "nas"}) {
		t.Errorf("the token is of %+v", o.answer)
	}
	publish(t, client, s.url, "web", "Authorization", "Bearer "+token).want(t, 403, "not your name")
	publish(t, client, s.url, "nas", "authorization", "bearer  "+token+" ").want(t, 200, "")
	bearer(s.plain, token).want(t, 200, "") // a proxy on this machine may have ended TLS
	bearer(s.plain, "x").want(t, 401, "not valid")

	wrong, _ := parseToken(token)
	wrong.proof[0] ^= 1
	for name, header := range map[string][]string{
		"secret":  {"Authorization", "Bearer " + wrong.token()},
		"unknown": {"Authorization", "Bearer " + newSecret().token()},
		"none":    {"Authorization", ""},
		"scheme":  {"Authorization", "Basic " + token},
		"twice":   {"Authorization", "Bearer " + token, "Authorization", "Bearer " + token},
		"long":    {"Authorization", "Bearer " + token + strings.Repeat("A", 4000)},
		"bare":    {"Authorization", token},
	} {
		t.Run(name, func(t *testing.T) {
			o := publish(t, client, s.url, "nas", header...)
			o.want(t, 401, "this token is not valid here")
			if o.header.Get("WWW-Authenticate") == "" {
				t.Error("nobody says what would be")
			}
		})
	}

	next, err := s.admin().Token("nas")
	check(t, err)
	bearer(s.url, token).want(t, 401, "not valid")
	bearer(s.url, next).want(t, 200, "")
	check(t, s.admin().Revoke("nas"))
	bearer(s.url, next).want(t, 403, `host "nas" was revoked`)
	bearer(s.url, token).want(t, 401, "not valid")
	l, err := s.admin().List()
	check(t, err)
	if len(l.Hosts) != 1 || l.Hosts[0].Revoked.IsZero() || !l.Hosts[0].Token.IsZero() {
		t.Errorf("the list says %+v", l.Hosts)
	}
	third, err := s.admin().Token("nas")
	check(t, err)
	bearer(s.url, third).want(t, 200, "")
	bearer(s.url, next).want(t, 401, "not valid")
}

// TestTokenAfterJoining: an invitation that is used ends the token of the former machine,
// also where that was revoked; until then it goes on.
func TestTokenAfterJoining(t *testing.T) {
	s := newSite(t)
	client := newClient(t, &tls.Config{RootCAs: s.a.pool})
	for _, revoked := range []bool{false, true} {
		token, err := s.admin().Token("nas")
		check(t, err)
		bearer := func() outcome { return publish(t, client, s.url, "nas", "Authorization", "Bearer "+token) }
		s.invite("nas")
		bearer().want(t, 200, "")
		if revoked {
			check(t, s.admin().Revoke("nas"))
		}
		m := s.join("nas")
		m.publish(s, "nas").want(t, 200, "")
		bearer().want(t, 401, "not valid")
		// One that is made then stands beside the certificate.
		token, err = s.admin().Token("nas")
		check(t, err)
		bearer().want(t, 200, "")
		m.publish(s, "nas").want(t, 200, "")
	}
}

// TestTokenAfterRevoking: a token lets a host back in, and not its certificates.
func TestTokenAfterRevoking(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	check(t, s.admin().Revoke("web"))
	token, err := s.admin().Token("web")
	check(t, err)
	publish(t, newClient(t, &tls.Config{RootCAs: s.a.pool}), s.url, "web", "Authorization", "Bearer "+token).want(t, 200, "")
	m.publish(s, "web").want(t, 403, "or revoked")
}

// TestDamagedRegister: nobody is let in, nothing is overwritten, and all is well again
// when it has been mended.
func TestDamagedRegister(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	path := filepath.Join(s.dir, fileRegister)
	good, err := os.ReadFile(path)
	check(t, err)
	for name, bad := range map[string]string{
		"empty": "", "cut off": string(good[:len(good)/2]), "zeros": strings.Repeat("\x00", 100),
		"newer": strings.Replace(string(good), `"schema": 1`, `"schema": 2`, 1),
		"more":  strings.Replace(string(good), `"schema": 1`, `"schema": 1, "groups": []`, 1),
		"twice": string(good) + string(good), "null": "null", "nothing": "{}",
	} {
		t.Run(name, func(t *testing.T) {
			check(t, replaceFile(path, []byte(bad), 0o600))
			m.publish(s, "web").want(t, 503, "register of hosts")
			wantCure := func(err error) { wantError(t, err, path); wantError(t, err, "restore it from a backup") }
			_, err := Open(s.dir, s.options())
			wantCure(err)
			wantCure(s.a.Revoke("web"))
			_, err = s.a.Invite("db", time.Hour)
			wantCure(err)
			_, err = s.a.List()
			wantCure(err)
			if text, err := os.ReadFile(path); err != nil || string(text) != bad {
				t.Errorf("it was overwritten: %q, %v", text, err)
			}
			check(t, replaceFile(path, good, 0o600))
			m.publish(s, "web").want(t, 200, "")
		})
	}
	check(t, os.Remove(path))
	m.publish(s, "web").want(t, 503, "register of hosts")
	_, err = Create(s.dir, "https://x:8443", []string{"x"}, Options{})
	wantError(t, err, "restore register.json from a backup")
}
