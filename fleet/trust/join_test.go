package trust

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
)

func TestJoinAndPublish(t *testing.T) {
	s := newSite(t)
	m := s.join("web-1.example")
	o := m.publish(s, "web-1.example")
	o.want(t, 200, "")
	if o.answer != (answer{Host: "web-1.example"}) {
		t.Errorf("the receiver takes the host for %+v", o.answer)
	}
	m.publish(s, "web-2.example").want(t, 403, "not your name")
	if m.i.Host() != "web-1.example" || m.i.Receiver() != s.url {
		t.Errorf("the identity is of %q at %q", m.i.Host(), m.i.Receiver())
	}
	for path, mode := range map[string]os.FileMode{
		m.dir: 0o700, m.dir + "/identity.pem": 0o600,
		s.dir: 0o700, s.dir + "/ca.key": 0o600, s.dir + "/server.pem": 0o600, s.dir + "/register.json": 0o600,
	} {
		info, err := os.Stat(path)
		check(t, err)
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
		}
	}
	if exists(filepath.Join(m.dir, filePending)) {
		t.Error("the key of the invitation is still there")
	}
}

// TestRestart: what was agreed holds for a receiver and a host that are started anew.
func TestRestart(t *testing.T) {
	s := newSite(t)
	m := s.join("db")
	s.serve(s.admin())
	i, err := OpenIdentity(m.dir, m.options())
	check(t, err)
	publish(t, newClient(t, i.TLSConfig()), s.url, "db").want(t, 200, "")
}

// TestSecretsAreNotKept: neither invitations nor tokens can be read out of the register.
func TestSecretsAreNotKept(t *testing.T) {
	s := newSite(t)
	inv, err := ParseInvitation(s.invite("a"))
	check(t, err)
	text, err := s.a.Token("b")
	check(t, err)
	token, ok := parseToken(text)
	if !ok {
		t.Fatalf("%q is no token", text)
	}
	register, err := readFile(filepath.Join(s.dir, fileRegister))
	check(t, err)
	for _, proof := range [][]byte{inv.secret.proof[:], token.proof[:]} {
		if strings.Contains(string(register), wrap("", proof)) || strings.Contains(string(register), wrap("", proof)[:30]) {
			t.Errorf("a secret stands in the register:\n%s", register)
		}
	}
}

// TestRefusedInvitations: the caller is told the same whatever is wrong, the log is not.
func TestRefusedInvitations(t *testing.T) {
	s := newSite(t)
	used := s.invite("used")
	_, err := Join(t.Context(), t.TempDir(), s.url, used, s.options())
	check(t, err)
	expired := s.invite("expired")
	revoked := s.invite("revoked")
	first := t.TempDir()
	_, err = Join(t.Context(), first, s.url, revoked, s.options())
	check(t, err)
	check(t, s.admin().Revoke("revoked"))
	again, err := ParseInvitation(revoked)
	check(t, err)
	of, err := (&Identity{dir: first, o: s.options()}).now()
	check(t, err)
	s.clock.advance(59 * time.Minute)
	withdrawn := s.invite("withdrawn")
	check(t, s.admin().Revoke("withdrawn"))
	replaced := s.invite("replaced")
	s.invite("replaced")
	fresh, err := ParseInvitation(s.invite("forged"))
	check(t, err)
	forged := fresh
	forged.secret.proof[3] ^= 1
	unknown := fresh
	unknown.secret.id[3] ^= 1
	// Who was revoked does not come back with the invitation that it has used.
	check(t, replaceFile(filepath.Join(first, filePending), pendingText(t, again, of), 0o600))
	_, err = Join(t.Context(), first, s.url, revoked, s.options())
	wantError(t, err, "403: this invitation is not valid")
	if !strings.Contains(s.log.String(), errInvitationRevoked.Error()) {
		t.Errorf("the log does not say that the host was revoked:\n%s", s.log)
	}
	s.clock.advance(90 * time.Second)

	told := make(map[string]bool)
	for _, c := range []struct{ name, invitation, log string }{
		{"used", used, errInvitationUsed.Error()},
		{"expired", expired, errInvitationExpired.Error()},
		{"withdrawn", withdrawn, errInvitationUnknown.Error()},
		{"replaced", replaced, errInvitationUnknown.Error()},
		{"forged", forged.String(), errInvitationForged.Error()},
		{"unknown", unknown.String(), errInvitationUnknown.Error()},
	} {
		s.clock.advance(refusalsEvery) // what is the same is told once in that time
		before := len(s.log.String())
		dir := t.TempDir()
		_, err := Join(t.Context(), dir, s.url, c.invitation, Options{Now: s.clock.now})
		wantError(t, err, "403: this invitation is not valid")
		told[err.Error()] = true
		if log := s.log.String()[before:]; !strings.Contains(log, c.log) {
			t.Errorf("%s: the log says %q, want %q", c.name, log, c.log)
		}
		if exists(filepath.Join(dir, fileIdentity)) {
			t.Errorf("%s: there is an identity", c.name)
		}
	}
	if len(told) != 1 {
		t.Errorf("callers are told different things: %q", slices.Collect(maps.Keys(told)))
	}
}

// TestLostAnswer: the receiver has admitted a host that never heard of it. The same
// invitation serves again, to the same key only.
func TestLostAnswer(t *testing.T) {
	s := newSite(t)
	var cut http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.a.Enrol().ServeHTTP(discard{}, r) // a body that can be read, an answer that is not sent
		panic(http.ErrAbortHandler)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	serveOn(t, l, cut, s.a.TLSConfig())
	dir, text := filepath.Join(t.TempDir(), "identity"), s.invite("web")
	_, err = Join(t.Context(), dir, "https://"+l.Addr().String(), text, Options{})
	if err == nil || exists(dir+"/identity.pem") {
		t.Fatalf("there is an identity without an answer: %v", err)
	}
	if !exists(dir + "/pending.pem") {
		t.Fatal("the key is gone")
	}
	if m := s.register().Hosts["web"]; m == nil || m.Generation != 1 {
		t.Fatalf("the receiver has not admitted it: %+v", m)
	}
	_, err = Join(t.Context(), t.TempDir(), s.url, text, Options{})
	wantError(t, err, "not valid") // somebody else
	i, err := Join(t.Context(), dir, s.url, text, Options{})
	check(t, err)
	publish(t, newClient(t, i.TLSConfig()), s.url, "web").want(t, 200, "")
	if m := s.register().Hosts["web"]; m.Generation != 1 {
		t.Errorf("admitted twice: %+v", m)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestSomebodyInBetween: nothing of an invitation is told to who is not its receiver.
func TestSomebodyInBetween(t *testing.T) {
	s, other := newSite(t), newSite(t)
	text := s.invite("web")
	_, err := Join(t.Context(), t.TempDir(), other.url, text, Options{})
	wantError(t, err, "somebody is in between")

	// The CA's certificate is no secret: showing it proves nothing.
	pair, err := other.a.server.get(other.a)
	check(t, err)
	liar := other.a.TLSConfig()
	liar.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{pair.Leaf.Raw, s.a.ca.Raw}, PrivateKey: pair.PrivateKey}, nil
	}
	_, err = Join(t.Context(), t.TempDir(), "https://"+other.listen(other.a, liar), text, Options{})
	wantError(t, err, "somebody is in between")

	// Nor is a host of the same fleet a receiver.
	m := s.join("mallory")
	papers, err := m.i.now()
	check(t, err)
	liar.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{papers.leaf.Raw, s.a.ca.Raw}, PrivateKey: papers.pair.PrivateKey}, nil
	}
	_, err = Join(t.Context(), t.TempDir(), "https://"+other.listen(other.a, liar), text, Options{})
	wantError(t, err, "x509")

	if n := other.arrived(); n > 0 {
		t.Errorf("%d requests were sent to who is not the receiver", n)
	}
	// The invitation is as good as before.
	_, err = Join(t.Context(), t.TempDir(), s.url, text, Options{})
	check(t, err)
}

// TestJoinChecks: what is wrong is said before anything is sent.
func TestJoinChecks(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	l, err := net.Listen("tcp", "127.0.0.2:0")
	check(t, err)
	serveOn(t, l, s.handler(s.a), s.a.TLSConfig())
	for _, c := range []struct{ name, dir, url, invitation, want string }{
		{"clear text", t.TempDir(), "http://127.0.0.1:1", s.invite("a"), "want a URL such as https"},
		{"path", t.TempDir(), s.url + "/fleet", s.invite("a"), "nothing in its URL but"},
		{"user", t.TempDir(), strings.Replace(s.url, "://", "://me@", 1), s.invite("a"), "nothing in its URL but"},
		{"cut off", t.TempDir(), s.url, s.invite("a")[:60], "all of it"},
		{"token", t.TempDir(), s.url, newSecret().token(), "this is no invitation"},
		{"another fleet's identity", m.dir, s.url, newSite(t).invite("a"), "another fleet"},
		{"nobody there", t.TempDir(), "https://127.0.0.1:1", s.invite("a"), "refused"},
		{"name", t.TempDir(), "https://" + l.Addr().String(), s.invite("a"), "--renew-server --name"},
	} {
		_, err := Join(t.Context(), c.dir, c.url, c.invitation, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v; want one with %q", c.name, err, c.want)
		}
	}
	m.publish(s, "web").want(t, 200, "")
}

// TestJoinAgain: a host that is invited anew replaces its former self.
func TestJoinAgain(t *testing.T) {
	s := newSite(t)
	former := s.join("web")
	former.publish(s, "web").want(t, 200, "")
	s.invite("web")
	former.publish(s, "web").want(t, 200, "") // being invited changes nothing
	s.join("web").publish(s, "web").want(t, 200, "")
	former.publish(s, "web").want(t, 403, "admitted anew")
	if err := former.i.Renew(t.Context()); err == nil {
		t.Error("the former one was renewed")
	}
}

// TestSkew: clocks differ by less than an hour, or the host is told.
func TestSkew(t *testing.T) {
	s := newSite(t)
	behind := &clock{late: -50 * time.Minute}
	_, err := Join(t.Context(), t.TempDir(), s.url, s.invite("a"), Options{Now: behind.now})
	check(t, err)
	behind.advance(-time.Hour)
	_, err = Join(t.Context(), t.TempDir(), s.url, s.invite("b"), Options{Now: behind.now})
	wantError(t, err, "is the clock right?")
}

// TestRequestedNames: who a host is decides the invitation alone.
func TestRequestedNames(t *testing.T) {
	s := newSite(t)
	key, err := newKey()
	check(t, err)
	csr := requestOf(t, key, &x509.CertificateRequest{
		Subject: subject("root", "7"), DNSNames: []string{"receiver.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	status, text := s.enrol(application{Invitation: s.invite("plain"), Request: csr})
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	p, err := parseAdmission(text, s.url, key)
	check(t, err)
	if p.host != "plain" || len(p.leaf.DNSNames)+len(p.leaf.IPAddresses) > 0 || p.leaf.Subject.SerialNumber != "1" || p.leaf.IsCA {
		t.Errorf("the certificate is for %v %v %v", p.leaf.Subject, p.leaf.DNSNames, p.leaf.IPAddresses)
	}
}

// TestEnrolInClearText: an invitation that is sent to the wrong port is not taken.
func TestEnrolInClearText(t *testing.T) {
	s := newSite(t)
	resp, err := http.Post(s.plain+fleet.PathEnrol, "application/json", strings.NewReader("{}"))
	check(t, err)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != 403 {
		t.Errorf("got %s", resp.Status)
	}
}
