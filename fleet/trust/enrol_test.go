package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
)

func subject(cn, serial string) pkix.Name { return pkix.Name{CommonName: cn, SerialNumber: serial} }

func requestOf(t testing.TB, key crypto.Signer, r *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, r, key)
	check(t, err)
	return der
}

func pendingText(t *testing.T, inv Invitation, p *papers) []byte {
	t.Helper()
	key, err := encodeKey(p.pair.PrivateKey.(crypto.Signer))
	check(t, err)
	return append(pem.EncodeToMemory(&pem.Block{Type: pemInvitation, Bytes: inv.secret.id[:]}), key...)
}

func (s *site) register() *register {
	s.t.Helper()
	r, err := loadRegister(filepath.Join(s.dir, fileRegister))
	check(s.t, err)
	return r
}

func (s *site) enrol(app application) (int, []byte) {
	s.t.Helper()
	body, err := json.Marshal(app)
	check(s.t, err)
	return s.post(fleet.PathEnrol, "application/json", body)
}

func (s *site) post(path, kind string, body []byte) (int, []byte) {
	s.t.Helper()
	client := newClient(s.t, &tls.Config{RootCAs: s.a.pool})
	resp, err := client.Post(s.url+path, kind, bytes.NewReader(body))
	check(s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(s.t, err)
	return resp.StatusCode, text
}

// TestHostileApplications: nothing that is sent uses an invitation up, but a right one.
func TestHostileApplications(t *testing.T) {
	s := newSite(t)
	inv := s.invite("web")
	p256, err := newKey()
	check(t, err)
	good := requestOf(t, p256, &x509.CertificateRequest{})
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	odd, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	check(t, err)
	forged := bytes.Clone(good)
	forged[len(forged)-5] ^= 1
	encode := func(app application) []byte {
		text, err := json.Marshal(app)
		check(t, err)
		return text
	}
	for _, c := range []struct {
		name, kind string
		body       []byte
		status     int
		says       string
	}{
		{"nothing", "application/json", nil, 400, "want an object"},
		{"kind", "text/plain", encode(application{inv, good}), 415, "want application/json"},
		{"not JSON", "application/json", []byte("\x00\xff"), 400, "want an object"},
		{"more", "application/json", []byte(`{"invitation":"` + inv + `","host":"root"}`), 400, "want an object"},
		{"no request", "application/json", encode(application{Invitation: inv}), 400, "PKCS #10"},
		{"RSA", "application/json", encode(application{inv, requestOf(t, weak, &x509.CertificateRequest{})}), 400, "want a key"},
		{"P-224", "application/json", encode(application{inv, requestOf(t, odd, &x509.CertificateRequest{})}), 400, "want a key"},
		{"not its key", "application/json", encode(application{inv, forged}), 400, "does not have its key"},
		{"large", "application/json", encode(application{inv, make([]byte, maxApplication)}), 413, "at most 16384 bytes"},
		{"no invitation", "application/json", encode(application{"", good}), 403, "not valid"},
		{"odd invitation", "application/json", encode(application{"bwmon-invitation-\u202e", good}), 403, "not valid"},
	} {
		status, text := s.post(fleet.PathEnrol, c.kind, c.body)
		if status != c.status || !strings.Contains(string(text), c.says) {
			t.Errorf("%s: got %d %s; want %d %q", c.name, status, text, c.status, c.says)
		}
	}
	if i := s.register().Invitations; len(i) != 1 || len(s.register().Hosts) != 0 {
		t.Errorf("the register has %v", i)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	if status, text := s.enrol(application{inv, requestOf(t, key, &x509.CertificateRequest{})}); status != 200 {
		t.Errorf("Ed25519: %d %s", status, text)
	}
}

// TestTries: who tries invitations is slowed down; who joins is not.
func TestTries(t *testing.T) {
	s := newSite(t)
	s.clock.still = time.Now()
	key, err := newKey()
	check(t, err)
	csr := requestOf(t, key, &x509.CertificateRequest{})
	for range 2 * triesAtOnce { // by the same key, which is admitted again and again
		if status, text := s.enrol(application{s.invite("web"), csr}); status != 200 {
			t.Fatalf("a host that is right: %d %s", status, text)
		}
	}
	wrong := Invitation{secret: newSecret()}.String()
	for i := range triesAtOnce {
		if status, text := s.enrol(application{wrong, csr}); status != 403 {
			t.Fatalf("try %d: %d %s", i, status, text)
		}
	}
	right := application{s.invite("web"), csr}
	if status, text := s.enrol(right); status != http.StatusTooManyRequests || !strings.Contains(string(text), "the next one in 3s") {
		t.Errorf("one try too many: %d %s", status, text)
	}
	s.clock.advance(triesEvery)
	if status, text := s.enrol(right); status != 200 {
		t.Errorf("after that time: %d %s", status, text)
	}
}

// TestUsedAgain: who used an invitation may come again with the same key, and not without
// limit, wherever it comes from.
func TestUsedAgain(t *testing.T) {
	s := newSite(t)
	s.clock.still = time.Now()
	key, err := newKey()
	check(t, err)
	app := application{s.invite("web"), requestOf(t, key, &x509.CertificateRequest{})}
	body, err := json.Marshal(app)
	check(t, err)
	from := func(address string) int {
		r := httptest.NewRequest(http.MethodPost, fleet.PathEnrol, bytes.NewReader(body))
		r.RemoteAddr, r.TLS = address, &tls.ConnectionState{}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.a.Enrol().ServeHTTP(w, r)
		return w.Code
	}
	for i := range triesAtOnce + 1 { // the first use is not counted
		if status := from("192.0.2.1:1"); status != 200 {
			t.Fatalf("use %d: %d", i, status)
		}
	}
	before := filesOf(t, s.dir)[fileRegister]
	s.clock.advance(time.Second)
	for _, address := range []string{"192.0.2.1:1", "192.0.2.2:1"} {
		if status := from(address); status != http.StatusTooManyRequests {
			t.Errorf("one use too many from %s: %d", address, status)
		}
	}
	if filesOf(t, s.dir)[fileRegister] != before {
		t.Error("the register was written for nothing")
	}
	s.clock.advance(2 * triesEvery)
	if status := from("192.0.2.2:1"); status != 200 {
		t.Errorf("after that time: %d", status)
	}
	// Another host is not held up by it.
	if status, text := s.enrol(application{s.invite("db"), app.Request}); status != 200 {
		t.Errorf("another host: %d %s", status, text)
	}
}

// TestTriesAreBounded: in number for each, and in memory for all.
func TestTriesAreBounded(t *testing.T) {
	b, at := newTries(), time.Unix(1e9, 0)
	for i := range triesAtOnce {
		if _, ok := b.take("a", at); !ok {
			t.Fatalf("try %d is refused", i)
		}
	}
	if wait, ok := b.take("a", at); ok || wait != triesEvery {
		t.Errorf("one more: %v, wait %v", ok, wait)
	}
	if _, ok := b.take("b", at); !ok {
		t.Error("another one is refused")
	}
	if _, ok := b.take("a", at.Add(triesEvery)); !ok {
		t.Error("refused after the time it was told")
	}
	if wait, ok := b.take("a", at.Add(-time.Hour)); ok || wait != triesEvery {
		t.Errorf("after the clock was set back: %v, wait %v", ok, wait)
	}
	b.giveBack("a")
	if _, ok := b.take("a", at.Add(triesEvery)); !ok {
		t.Error("refused what was given back")
	}
	for i := range 2 * maxTriers {
		b.take(string(rune(i))+"x", at)
	}
	if len(b.spent) > maxTriers+1 {
		t.Errorf("%d are remembered", len(b.spent))
	}
	if _, ok := b.take("one of those without a place", at); ok {
		t.Error("those beyond the bound are not bounded together")
	}
	if _, ok := b.take("later", at.Add(time.Hour)); !ok || len(b.spent) > maxTriers/2 {
		t.Errorf("%d are remembered after an hour", len(b.spent))
	}
	for remote, want := range map[string]string{
		"192.0.2.7:99": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "@": "@",
	} {
		if got := networkOf(remote); got != want {
			t.Errorf("networkOf(%q) = %q, want %q", remote, got, want)
		}
	}
}
