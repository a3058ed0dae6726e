package trust

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bwmon/fleet"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// FuzzEnrol: whatever is sent, nobody is admitted who was not invited, the answer is
// one that there is, and it is JSON.
func FuzzEnrol(f *testing.F) {
	a, err := Create(filepath.Join(f.TempDir(), "fleet"), "https://x:1", []string{"x"}, Options{Now: func() time.Time { return time.Unix(1.8e9, 0) }})
	check(f, err)
	key, err := newKey()
	check(f, err)
	body, err := json.Marshal(application{Invitation{secret: newSecret()}.String(), requestOf(f, key, &x509.CertificateRequest{})})
	check(f, err)
	f.Add(body)
	f.Add([]byte(`{"invitation":null,"request":"AAAA"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, fleet.PathEnrol, bytes.NewReader(body))
		r.TLS = &tls.ConnectionState{}
		r.Header.Set("Content-Type", "application/json")
		a.tries = newTries()
		w := httptest.NewRecorder()
		a.Enrol().ServeHTTP(w, r)
		if c := w.Code; c != 400 && c != 403 && c != 413 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", c, w.Body)
		}
	})
}

func FuzzInvitation(f *testing.F) {
	f.Add(Invitation{secret: newSecret()}.String())
	f.Add(newSecret().token())
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := ParseInvitation(text); err == nil && i.String() != text {
			t.Errorf("%q is read as %q", text, i)
		}
		if s, ok := parseToken(text); ok && s.token() != text {
			t.Errorf("%q is read as %q", text, s.token())
		}
	})
}

func FuzzRegister(f *testing.F) {
	r := newRegister("https://x:1")
	s := newSecret()
	r.invite("web", s, time.Unix(1.8e9, 0).UTC(), time.Hour)
	r.admit(r.Invitations[s.key()], s.hash(), time.Unix(1.8e9, 0).UTC(), time.Unix(1.9e9, 0).UTC())
	r.giveToken("nas", s, time.Unix(1.8e9, 0).UTC())
	text, err := r.encode()
	check(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRegister(text)
		if err != nil {
			return
		}
		again, err := r.encode()
		check(t, err)
		if _, err := parseRegister(again); err != nil {
			t.Errorf("%v: %s", err, again)
		}
		for id, i := range r.Invitations {
			if (secret{}).matches(i.Hash) {
				continue
			}
			if _, err := r.find(secret{}, nil, i.Made); err == nil {
				t.Errorf("%q is found without its secret", id)
			}
		}
	})
}

// FuzzAdmission: a receiver's answer, and an identity's file.
func FuzzAdmission(f *testing.F) {
	dir := f.TempDir()
	a, err := Create(filepath.Join(dir, "fleet"), "https://x:1", []string{"x"}, Options{})
	check(f, err)
	key, err := newKey()
	check(f, err)
	in, err := a.certify("web", 1, key.Public(), time.Now())
	check(f, err)
	text, err := json.Marshal(in)
	check(f, err)
	f.Add(text)
	p, err := parseAdmission(text, "https://x:1", key)
	check(f, err)
	file, err := p.encode()
	check(f, err)
	f.Add(file)
	server, err := os.ReadFile(filepath.Join(dir, "fleet", fileServer))
	check(f, err)
	f.Add(server)
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := parseAdmission(text, "https://x:1", key); err == nil && (fleet.CheckName(p.host) != nil || !sameKey(p.leaf.PublicKey, key)) {
			t.Errorf("an identity of %q", p.host)
		}
		if p, err := parsePapers(text); err == nil {
			if again, err := p.encode(); err != nil {
				t.Error(err)
			} else if _, err := parsePapers(again); err != nil {
				t.Errorf("%v: %s", err, again)
			}
		}
	})
}
