package trust

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The files of an Authority.
const (
	fileCA       = "ca.pem"     // certificate, for everybody
	fileCAKey    = "ca.key"     // not in copies for other receivers
	fileServer   = "server.pem" // key and certificate of the receiver
	fileRegister = "register.json"
)

// Options are those of Open and OpenIdentity. All may be left out.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Log is told who was admitted and refused, and what goes wrong.
	Log *slog.Logger
	// Ask: who is on the same machine is asked for credentials like everybody else.
	Ask bool
	// Life is how long the certificates of hosts are to live; 0: 30 days.
	Life time.Duration
	// Refused is called when Guard or Renew refuses a host that is known for sure, by its
	// certificate or its token, with its name and why: each time, from the goroutine of
	// the request, so that the host can be shown as refused.
	Refused func(host, why string)
	// Renewed is called after an Identity was renewed, from the goroutine that did it:
	// connections that are open show the former certificate.
	Renewed func()
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Life <= 0 {
		o.Life = lifeHost
	}
	return o
}

// Authority is who decides for a receiver. Any goroutine may use it.
type Authority struct {
	dir string
	o   Options
	ca  *x509.Certificate
	// issuer is nil in a copy, which has no key of the CA.
	issuer *issuer
	pool   *x509.CertPool
	tries  *tries
	renews *tries
	told   *refusals
	server serverPair

	writing sync.Mutex // held while this process changes the register

	mu sync.Mutex
	// mu protects the fields below.
	known *register
	seen  stamp
	wrong error // why the register at seen cannot be read
}

// ErrNoFleet says that a directory has nothing of an authority in it.
var ErrNoFleet = errors.New("there is no fleet")

// Open reads the directory of an authority. An error is ErrNoFleet where there is none. It starts nothing; what of the directory
// changes afterwards takes effect by itself, but for another CA. An error says what to
// do about it; the directory is left as it is.
func Open(dir string, o Options) (*Authority, error) {
	a := &Authority{dir: dir, o: o.withDefaults(), pool: x509.NewCertPool(), tries: newTries(), renews: newTries(), told: newRefusals()}
	if !slices.ContainsFunc([]string{fileCA, fileCAKey, fileServer, fileRegister}, func(f string) bool { return exists(a.path(f)) }) {
		return nil, fmt.Errorf("%w in %s: \"bwmon fleet init\" makes one", ErrNoFleet, dir)
	}
	if err := a.openCA(); err != nil {
		return nil, fmt.Errorf("open the fleet's directory: %w", err)
	}
	if _, err := a.read(); err != nil {
		return nil, err
	}
	if _, err := a.server.get(a); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) openCA() error {
	path := a.path(fileCA)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: restore it from a backup", err)
	}
	var b bundle
	if err == nil {
		b, err = parseBundle(text)
	}
	if err == nil && (len(b.certificates) != 1 || !b.certificates[0].IsCA) {
		err = errors.New("want the certificate of one CA in it")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.ca = b.certificates[0]
	a.pool.AddCert(a.ca)

	path = a.path(fileCAKey)
	text, err = readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a copy
	}
	if err == nil {
		b, err = parseBundle(text)
	}
	if err == nil && (b.key == nil || !sameKey(a.ca.PublicKey, b.key)) {
		err = fmt.Errorf("it is not the key of %s: restore both from one backup", fileCA)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.issuer = &issuer{a.ca, b.key}
	return nil
}

func (a *Authority) path(file string) string { return filepath.Join(a.dir, file) }

// Fingerprint is the CA's: SHA-256 of its certificate.
func (a *Authority) Fingerprint() string {
	f := fingerprint(a.ca)
	return hex.EncodeToString(f[:])
}

// errCopy says what a copy cannot do.
func (a *Authority) errCopy() error {
	return fmt.Errorf("%s has no %s: it is a copy, which admits and renews nobody: do that where the fleet was made", a.dir, fileCAKey)
}

// read is the register as it is now. Where that cannot be read nobody is let in: who was
// revoked might be among them.
func (a *Authority) read() (*register, error) {
	path := a.path(fileRegister)
	seen, err := stampOf(path)
	if err != nil {
		return nil, fmt.Errorf("read the register of hosts: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if seen == a.seen {
		return a.known, a.wrong
	}
	known, err := loadRegister(path)
	a.known, a.wrong, a.seen = known, err, seen
	if err != nil {
		a.o.Log.Error("nobody is let in", "error", err)
	}
	return known, err
}

func loadRegister(path string) (*register, error) {
	text, err := readFile(path)
	if err == nil {
		var r *register
		if r, err = parseRegister(text); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("read the register of hosts: %s: %w: mend it, or restore it from a backup", path, err)
}

// change changes the register: do gets a copy of what is there now, which is
// written unless do returns an error. It survives a crash when change returns nil.
func (a *Authority) change(do func(*register) error) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	unlock, err := lockDir(a.dir)
	if err != nil {
		return fmt.Errorf("change the register of hosts: %w", err)
	}
	defer unlock()
	path := a.path(fileRegister)
	known, err := a.read()
	if err != nil {
		return err
	}
	r := known.clone()
	if err := do(r); err != nil {
		return err
	}
	r.prune(a.o.Now())
	r.index()
	text, err := r.encode()
	if err == nil {
		err = replaceFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("change the register of hosts: %w", err)
	}
	if seen, err := stampOf(path); err == nil { // else it is read again
		a.mu.Lock()
		a.known, a.wrong, a.seen = r, nil, seen
		a.mu.Unlock()
	}
	return nil
}

// exists reports whether there is anything of that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
