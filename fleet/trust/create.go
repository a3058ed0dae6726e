package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Create makes an authority in a directory that has none: the CA, the certificate of a
// receiver that is reached by names, and an empty register. receiver is the URL that
// hosts are told. What is there already is not touched, and an error.
func Create(dir, receiver string, names []string, o Options) (*Authority, error) {
	o = o.withDefaults()
	a, err := create(dir, receiver, names, o)
	if err != nil {
		return nil, fmt.Errorf("make a fleet: %w", err)
	}
	return a, nil
}

func create(dir, receiver string, names []string, o Options) (*Authority, error) {
	names, err := serverNames(names)
	if err != nil {
		return nil, err
	}
	if _, err := parseReceiver(receiver); err != nil {
		return nil, err
	}
	unlock, err := claim(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	ca, err := newCA(key, names[0], o.Now())
	if err != nil {
		return nil, err
	}
	secret, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(dir+"/"+fileCAKey, secret, 0o600); err != nil {
		return nil, err
	}
	if err := replaceFile(dir+"/"+fileCA, encodeCertificate(ca), 0o644); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, o: o}
	a.pool = newPool()
	if err := a.openCA(); err != nil {
		return nil, err
	}
	if err := a.issueServer(dir, names, lifeServer); err != nil {
		return nil, err
	}
	text, err := newRegister(receiver).encode()
	if err != nil {
		return nil, err
	}
	if err := replaceFile(a.path(fileRegister), text, 0o600); err != nil {
		return nil, err
	}
	return Open(dir, o)
}

// claim makes a directory, if there is none, sees that there is no authority in it, and
// keeps others from making one there until unlock is called. One that is there stays as it
// is: where others may enter or write it, it is an error.
func claim(dir string) (unlock func(), err error) {
	if err := vacant(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = closed(dir)
	}
	if err != nil {
		return nil, err
	}
	if unlock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := vacant(dir); err != nil { // another one may have been quicker
		unlock()
		return nil, err
	}
	return unlock, nil
}

// vacant sees that there is nothing of an authority in a directory, or no directory.
func vacant(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, fileRegister)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // nor can it be told of the others
	}
	has := func(file string) bool { return exists(filepath.Join(dir, file)) }
	switch {
	case has(fileRegister):
		return fmt.Errorf("there is a fleet in %s already: %w; --renew-server makes a new certificate of its receiver", dir, os.ErrExist)
	case has(fileCA), has(fileCAKey):
		return fmt.Errorf("there is a CA in %s, but no register of hosts: restore %s from a backup, or remove the directory to begin anew, with every host to be invited anew: %w", dir, fileRegister, os.ErrExist)
	case has(fileServer):
		return fmt.Errorf("there is a %s in %s: %w: name a directory of its own", fileServer, dir, os.ErrExist)
	}
	return nil
}

// closed sees that a directory is for its owner alone.
func closed(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name another one", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf(`%s is open to others (mode %04o), and keys are to lie in it: name a directory that is not there yet, or run "chmod 700 %s" if it is for this alone`, dir, info.Mode().Perm(), dir)
	}
	return nil
}

// RenewServer makes a new certificate of the receiver, which takes effect while it runs.
// No names: those of the former one. receiver is the URL that hosts are told from now
// on; "": as before.
func (a *Authority) RenewServer(names []string, receiver string) error {
	if a.issuer == nil {
		return a.errCopy()
	}
	if len(names) == 0 {
		pair, err := a.server.get(a)
		if err != nil {
			return err
		}
		names = namesOf(pair.Leaf)
	}
	names, err := serverNames(names)
	if err != nil {
		return err
	}
	if receiver != "" {
		if _, err := parseReceiver(receiver); err != nil {
			return err
		}
		if err := a.change(func(r *register) error { r.Receiver = receiver; return nil }); err != nil {
			return err
		}
	}
	unlock, err := lockDir(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	return a.issueServer(a.dir, names, lifeServer)
}

// Copy makes a directory for another receiver, which is reached by names: everything but
// the CA's key, and a certificate of its own. It verifies hosts, and admits and renews
// none. to must not have an authority in it.
func (a *Authority) Copy(to string, names []string) error {
	if a.issuer == nil {
		return a.errCopy()
	}
	names, err := serverNames(names)
	if err != nil {
		return err
	}
	unlock, err := claim(to)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := a.read()
	if err != nil {
		return err
	}
	register, err := known.encode()
	if err != nil {
		return err
	}
	if err := a.issueServer(to, names, lifeElsewhere); err != nil {
		return err
	}
	if err := replaceFile(to+"/"+fileCA, encodeCertificate(a.ca.Raw), 0o644); err != nil {
		return err
	}
	return replaceFile(to+"/"+fileRegister, register, 0o600)
}

// parseReceiver checks the URL of a receiver.
func parseReceiver(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		err = fmt.Errorf("receiver %q: want a URL such as https://receiver.example:8443", cleaned(text))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		err = errors.New("receiver: want nothing in its URL but a host and a port")
	}
	return u, err
}
