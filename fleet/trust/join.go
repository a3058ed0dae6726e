package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bwmon/fleet"
)

// Join makes this host a member of a fleet: a key is made in dir, and the receiver
// gives a certificate for it in exchange for an invitation. It trusts nobody but a
// receiver whose CA has the fingerprint of the invitation. Where it failed, or was
// killed, the same invitation may be used again in the same directory. A former
// identity of the same fleet is replaced; one of another fleet is an error.
func Join(ctx context.Context, dir, receiver, invitation string, o Options) (*Identity, error) {
	i := &Identity{dir: dir, o: o.withDefaults()}
	if err := i.join(ctx, receiver, invitation); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	return i, nil
}

func (i *Identity) join(ctx context.Context, receiver, text string) error {
	at, err := parseReceiver(receiver)
	if err != nil {
		return err
	}
	receiver = strings.TrimSuffix(receiver, "/")
	inv, err := ParseInvitation(text)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(i.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDir(i.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if exists(filepath.Join(i.dir, fileIdentity)) {
		p, err := i.now()
		if err != nil {
			return err
		}
		if fingerprint(p.ca) != inv.ca {
			return fmt.Errorf("%s holds the identity of this host with %s, which is another fleet: give another --dir, or remove it", i.dir, p.receiver)
		}
	}
	key, err := i.pendingKey(inv)
	if err != nil {
		return err
	}
	ask := asker{receiver: receiver, path: fleet.PathEnrol, now: i.o.Now, tls: i.pinnedConfig(at.Hostname(), inv)}
	p, err := ask.papers(ctx, key, text)
	if err != nil {
		return err
	}
	if fingerprint(p.ca) != inv.ca {
		return errors.New("the receiver answered with another CA than that of the invitation")
	}
	if err := i.keep(p); err != nil {
		return err
	}
	return os.Remove(filepath.Join(i.dir, filePending))
}

// pinnedConfig is for a connection to a receiver of which nothing is known but its name
// and the fingerprint of its CA.
func (i *Identity) pinnedConfig(name string, inv Invitation) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Time: i.o.Now,
		InsecureSkipVerify: true, // verified here, against what the receiver shows as its CA
		VerifyConnection: func(c tls.ConnectionState) error {
			ca, err := pinned(c, inv.ca)
			if err != nil {
				return err
			}
			// The name is ours: a connection does not know the address it was made to.
			_, err = c.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: newPool(ca), CurrentTime: i.o.Now(), DNSName: name})
			if unknown := new(x509.UnknownAuthorityError); errors.As(err, unknown) {
				return errNotPinned(inv.ca)
			}
			return err
		},
	}
}

// pinned is the certificate with that fingerprint among those that a receiver shows.
func pinned(c tls.ConnectionState, want [sha256.Size]byte) (*x509.Certificate, error) {
	for _, shown := range c.PeerCertificates {
		if fingerprint(shown) == want && shown.IsCA {
			return shown, nil
		}
	}
	return nil, errNotPinned(want)
}

func errNotPinned(want [sha256.Size]byte) error {
	return fmt.Errorf("who answers there is not of the CA that the invitation names (fingerprint %s…): somebody is in between, or the invitation is of another receiver", hex.EncodeToString(want[:8]))
}

// pendingKey is the key to use an invitation with: that of an attempt before, or a
// new one. It is on disk before anybody hears of it.
func (i *Identity) pendingKey(inv Invitation) (crypto.Signer, error) {
	path := filepath.Join(i.dir, filePending)
	text, err := readSecret(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if b, wrong := parseBundle(text); err == nil && wrong == nil && b.key != nil && bytes.Equal(b.other[pemInvitation], inv.secret.id[:]) {
		return b.key, nil
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	secret, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	id := pem.EncodeToMemory(&pem.Block{Type: pemInvitation, Bytes: inv.secret.id[:]})
	return key, replaceFile(path, append(id, secret...), 0o600)
}

// keep writes papers down, and has later connections use them.
func (i *Identity) keep(p *papers) error {
	text, err := p.encode()
	if err != nil {
		return err
	}
	path := filepath.Join(i.dir, fileIdentity)
	if err := replaceFile(path, text, 0o600); err != nil {
		return err
	}
	_, err = i.now()
	return err
}

// asker asks a receiver for a certificate.
type asker struct {
	receiver, path string
	tls            *tls.Config
	now            func() time.Time
}

// The bounds of a receiver's answer: in bytes, and in time.
const (
	maxAnswer   = 64 << 10
	askPatience = 30 * time.Second
)

// papers asks for a certificate of a key and checks what comes back.
func (a asker) papers(ctx context.Context, key crypto.Signer, invitation string) (*papers, error) {
	// The names in it are not looked at: who a host is says its invitation.
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(application{Invitation: invitation, Request: csr})
	if err != nil {
		return nil, err
	}
	text, err := a.post(ctx, body)
	if err != nil {
		return nil, err
	}
	p, err := parseAdmission(text, a.receiver, key)
	if err != nil {
		return nil, fmt.Errorf("the answer of %s is not a certificate for this host: %w", a.receiver, err)
	}
	if now := a.now(); now.Before(p.leaf.NotBefore) || now.After(p.leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate is valid from %s to %s, and it is %s here: set the clock",
			p.leaf.NotBefore.Format(time.RFC3339), p.leaf.NotAfter.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return p, nil
}

// parseAdmission checks an answer by writing it as it would be kept, and reading that.
func parseAdmission(text []byte, receiver string, key crypto.Signer) (*papers, error) {
	var in admission
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(in.Certificate)
	if err != nil {
		return nil, err
	}
	ca, err := x509.ParseCertificate(in.CA)
	if err != nil {
		return nil, err
	}
	p := &papers{receiver: receiver, pair: tls.Certificate{PrivateKey: key}, leaf: leaf, ca: ca}
	kept, err := p.encode()
	if err != nil {
		return nil, err
	}
	return parsePapers(kept)
}

func (a asker) post(ctx context.Context, body []byte) ([]byte, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: a.tls, DisableKeepAlives: true}
	defer t.CloseIdleConnections()
	client := &http.Client{Transport: t, Timeout: askPatience, CheckRedirect: refuseRedirect}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.receiver+a.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, Explain(err, a.now())
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", a.receiver, err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct {
			Detail string `json:"detail"`
		}
		if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
			problem.Detail = "is that a receiver of a fleet?"
		}
		return nil, fmt.Errorf("%s answered %d: %s", a.receiver, resp.StatusCode, cleaned(problem.Detail))
	}
	return text, nil
}

// refuseRedirect: a receiver sends nobody elsewhere, and an invitation is for nobody else.
func refuseRedirect(*http.Request, []*http.Request) error {
	return errors.New("it sends us elsewhere, which no receiver does")
}
