package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificate is a key pair in files, which may be renewed while it is used. Any
// goroutine may ask for it.
type certificate struct {
	cert, key string // paths
	warn      func(string)

	mu sync.Mutex
	// mu protects the fields below.
	pair  *tls.Certificate
	asked time.Time    // when the files were last looked at
	seen  [2]time.Time // when those in use were written
	wrong [2]time.Time // when those were that cannot be used
}

// lookEvery is how often the files are looked at.
const lookEvery = 10 * time.Second

// get is tls.Config.GetCertificate. A pair that cannot be read, being written just
// now perhaps, leaves the one before in its place.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.asked) < lookEvery {
		return c.pair, nil
	}
	c.asked = time.Now()
	seen, err := c.written()
	if c.pair != nil && (err != nil || seen == c.seen) {
		return c.pair, nil
	}
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	switch {
	case err == nil:
		c.pair, c.seen = &pair, seen
	case c.pair == nil:
		return nil, fmt.Errorf("read the certificate and its key: %w", err)
	case seen != c.wrong: // say it once
		c.wrong = seen
		c.warn(fmt.Sprintf("http.tls_cert: the new certificate cannot be used, the one before goes on: %v", err))
	}
	return c.pair, nil
}

func (c *certificate) written() (at [2]time.Time, err error) {
	for i, path := range []string{c.cert, c.key} {
		st, err := os.Stat(path)
		if err != nil {
			return at, err
		}
		at[i] = st.ModTime()
	}
	return at, nil
}
