package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// TLSConfig is for the receiver's listener: the certificate of the receiver, renewed in
// time and read again when it is changed, and certificates of hosts verified where
// they are shown. Who was let in so is not known to be welcome yet: ask Who at every
// request.
func (a *Authority) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		Time:       a.o.Now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return a.server.get(a)
		},
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  a.pool,
		// Every connection shows a certificate: there is no former one to lean on.
		SessionTicketsDisabled: true,
	}
}

// serverPair is the receiver's certificate as it is in use.
type serverPair struct {
	mu sync.Mutex
	// mu protects the fields below.
	pair   *tls.Certificate
	seen   stamp
	wrong  stamp     // of a file that cannot be used, which was told
	failed time.Time // when renewing was last tried in vain
}

// retryServer is how long after a renewal that failed the next one is tried, and a
// receiver that cannot renew says so again.
const retryServer = time.Hour

// get is the certificate to show. A file that cannot be used leaves the one before
// in its place; the log is told.
func (s *serverPair) get(a *Authority) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read(a); err != nil {
		return nil, fmt.Errorf("read the receiver's certificate: %w", err)
	}
	now := a.o.Now()
	if now.Before(dueAt(s.pair.Leaf)) || now.Sub(s.failed) < retryServer && now.After(s.failed) {
		return s.pair, nil
	}
	if err := s.renew(a, now); err != nil {
		s.failed = now
		a.o.Log.Warn("the receiver's certificate cannot be renewed", "expires", s.pair.Leaf.NotAfter, "error", err)
	} else {
		a.o.Log.Info("the receiver's certificate was renewed", "expires", s.pair.Leaf.NotAfter)
	}
	return s.pair, nil
}

// renew makes another certificate, unless somebody else just did.
func (s *serverPair) renew(a *Authority, now time.Time) error {
	if a.issuer == nil {
		return errors.New(`this is a copy of a fleet's directory: make another one with "bwmon fleet server"`)
	}
	unlock, err := lockDir(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.read(a); err != nil || now.Before(dueAt(s.pair.Leaf)) {
		return err
	}
	if err := a.issueServer(a.dir, namesOf(s.pair.Leaf), lifeServer); err != nil {
		return err
	}
	return s.read(a)
}

// read reads the file if it is another one than that in use.
func (s *serverPair) read(a *Authority) error {
	path := a.path(fileServer)
	seen, err := stampOf(path)
	if err == nil && s.pair != nil && seen == s.seen {
		return nil
	}
	var pair *tls.Certificate
	if err == nil {
		pair, err = loadServer(path, a)
	}
	switch {
	case err == nil:
		s.pair, s.seen = pair, seen
	case s.pair == nil:
		return err
	case seen != s.wrong:
		s.wrong = seen
		a.o.Log.Warn("the receiver's new certificate cannot be used, the one before goes on", "error", err)
	}
	return nil
}

func loadServer(path string, a *Authority) (*tls.Certificate, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	b, err := parseBundle(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if b.key == nil || len(b.certificates) == 0 || !sameKey(b.certificates[0].PublicKey, b.key) {
		return nil, fmt.Errorf(`%s: want a key and its certificate: "bwmon fleet init --renew-server" makes them`, path)
	}
	leaf := b.certificates[0]
	// It may have expired: it is renewed then.
	_, err = leaf.Verify(x509.VerifyOptions{Roots: a.pool, CurrentTime: leaf.NotAfter, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return nil, fmt.Errorf("%s is not of %s: %w", path, fileCA, err)
	}
	// The CA goes with it: a host that joins knows but its fingerprint.
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.ca.Raw}, PrivateKey: b.key, Leaf: leaf}, nil
}

// issueServer writes a key and a certificate of a receiver, in one file, into a
// directory that is locked.
func (a *Authority) issueServer(dir string, names []string, life time.Duration) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	der, err := a.issuer.server(names, key.Public(), a.o.Now(), life)
	if err != nil {
		return err
	}
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, fileServer), append(text, encodeCertificate(der)...), 0o600)
}

func newPool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}
