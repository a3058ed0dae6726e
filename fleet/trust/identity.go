package trust

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"bwmon/fleet"
)

// The files of an Identity.
const (
	fileIdentity = "identity.pem" // where the receiver is, key, certificate, CA
	filePending  = "pending.pem"  // the key of an invitation that is being used
)

// The PEM blocks that only we know: a URL, and what an invitation is called.
const (
	pemReceiver   = "BWMON RECEIVER"
	pemInvitation = "BWMON INVITATION"
)

// Identity is who a host is to its receiver. Any goroutine may use it.
type Identity struct {
	dir string
	o   Options

	mu sync.Mutex
	// mu protects the fields below.
	held *papers
	seen stamp
}

// papers are what is in the file. They do not change.
type papers struct {
	receiver string
	host     string
	pair     tls.Certificate
	leaf     *x509.Certificate
	ca       *x509.Certificate
}

// OpenIdentity reads the directory that Join wrote. It starts nothing; what of it
// changes afterwards takes effect by itself. A certificate that has expired is no error
// here: connections tell.
func OpenIdentity(dir string, o Options) (*Identity, error) {
	i := &Identity{dir: dir, o: o.withDefaults()}
	if _, err := i.now(); err != nil {
		return nil, err
	}
	return i, nil
}

// Host is the name that the certificate is for, Receiver the URL of where it is from,
// and Expires when it ends.
func (i *Identity) Host() string       { return i.last().host }
func (i *Identity) Receiver() string   { return i.last().receiver }
func (i *Identity) Expires() time.Time { return i.last().leaf.NotAfter }

// last is what now would return, or did when the file was last right.
func (i *Identity) last() *papers {
	if p, err := i.now(); err == nil {
		return p
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.held
}

// now is what the file holds.
func (i *Identity) now() (*papers, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	path := filepath.Join(i.dir, fileIdentity)
	seen, err := stampOf(path)
	if err == nil && i.held != nil && seen == i.seen {
		return i.held, nil
	}
	var p *papers
	if err == nil {
		p, err = loadPapers(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(`this host is in no fleet: %w: run what "bwmon fleet invite" prints where the receiver is`, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read who this host is: %w", err)
	}
	i.held, i.seen = p, seen
	return p, nil
}

func loadPapers(path string) (*papers, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	p, err := parsePapers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: restore it, or have the host invited anew", path, err)
	}
	return p, nil
}

func parsePapers(text []byte) (*papers, error) {
	b, err := parseBundle(text)
	switch {
	case err != nil:
		return nil, err
	case b.key == nil || len(b.certificates) != 2:
		return nil, errors.New("want a key, its certificate and that of a CA")
	}
	leaf, ca := b.certificates[0], b.certificates[1]
	p := &papers{
		receiver: string(b.other[pemReceiver]), host: leaf.Subject.CommonName, leaf: leaf, ca: ca,
		pair: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: b.key, Leaf: leaf},
	}
	if _, err := parseReceiver(p.receiver); err != nil {
		return nil, err
	}
	if err := fleet.CheckName(p.host); err != nil {
		return nil, err
	}
	if !sameKey(leaf.PublicKey, b.key) {
		return nil, errors.New("the key is not that of the certificate")
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: newPool(ca), CurrentTime: leaf.NotAfter, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return p, err
}

func (p *papers) encode() ([]byte, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: pemReceiver, Bytes: []byte(p.receiver)})
	key, err := x509.MarshalPKCS8PrivateKey(p.pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: key})...)
	text = append(text, encodeCertificate(p.leaf.Raw)...)
	return append(text, encodeCertificate(p.ca.Raw)...), nil
}

// TLSConfig is for connections to receivers of the fleet: they have to show a
// certificate of its CA, and are shown that of this host, as it is when the connection
// is made. Where the identity is replaced by one of another CA, ask for another Config.
// Explain tells people what its errors mean.
func (i *Identity) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       i.o.Now,
		RootCAs:    newPool(i.last().ca),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			p, err := i.now()
			if err != nil {
				return nil, err
			}
			if now := i.o.Now(); now.After(p.leaf.NotAfter) {
				return nil, p.expired(now)
			}
			return &p.pair, nil
		},
	}
}

// ExpiredError says that a host was not renewed in time.
type ExpiredError struct {
	Host, Receiver string
	At             time.Time // when its certificate ended
	Now            time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf(`the certificate of host %q expired at %s (it is %s here): run "bwmon fleet invite %s" where %s is, and here what that prints`,
		e.Host, e.At.UTC().Format(time.RFC3339), e.Now.UTC().Format(time.RFC3339), e.Host, e.Receiver)
}

func (p *papers) expired(now time.Time) error {
	return &ExpiredError{Host: p.host, Receiver: p.receiver, At: p.leaf.NotAfter, Now: now}
}

// Explain adds what to do about it to an error of a connection to a receiver, at a time.
// Other errors are returned as they are, and nil, too.
func Explain(err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: it is %s here, and the receiver's certificate is valid from %s to %s: is the clock right?",
			err, now.UTC().Format(time.RFC3339), invalid.Cert.NotBefore.Format(time.RFC3339), invalid.Cert.NotAfter.Format(time.RFC3339))
	case errors.As(err, &name):
		return fmt.Errorf(`%w: "bwmon fleet init --renew-server --name NAME" gives the receiver a certificate for that name`, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: that is not the CA of this host's fleet: somebody is in between, or it is the receiver of another fleet", err)
	}
	return err
}
