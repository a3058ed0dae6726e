package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The types of PEM blocks in our files.
const (
	pemKey         = "PRIVATE KEY"
	pemCertificate = "CERTIFICATE"
)

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})
}

// bundle is what a PEM file of ours holds.
type bundle struct {
	key          crypto.Signer // nil: none
	certificates []*x509.Certificate
	other        map[string][]byte // blocks of other types, by type
}

// maxBlocks bounds the blocks of one file.
const maxBlocks = 16

func parseBundle(text []byte) (b bundle, err error) {
	b.other = make(map[string][]byte)
	for n := 0; ; n++ {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && len(bytes.TrimSpace(text)) > 0:
			return b, errors.New("what is in it is not PEM")
		case block == nil:
			return b, nil
		case n >= maxBlocks:
			return b, fmt.Errorf("there are more than %d things in it", maxBlocks)
		case block.Type == pemCertificate:
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return b, err
			}
			b.certificates = append(b.certificates, c)
		case block.Type == pemKey:
			if b.key, err = parseKey(block.Bytes); err != nil {
				return b, err
			}
		default:
			b.other[block.Type] = block.Bytes
		}
	}
}

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("a key of that kind signs nothing")
	}
	return s, nil
}

// sameKey reports whether a certificate, or request, is of that key.
func sameKey(public crypto.PublicKey, key crypto.Signer) bool {
	p, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(public)
}

// checkPublic refuses keys that are weak, or dear to verify.
func checkPublic(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("want a key of ECDSA P-256 or P-384, or Ed25519")
}

// fingerprint is that of a certificate.
func fingerprint(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.Raw) }
