package trust

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/fleet"
)

// How long certificates live.
const (
	lifeCA     = 20 * 365 * 24 * time.Hour
	lifeServer = 90 * 24 * time.Hour
	// lifeElsewhere is that of the certificate of a receiver that cannot renew it itself.
	lifeElsewhere = 365 * 24 * time.Hour
	lifeHost      = 30 * 24 * time.Hour
)

// skew is how far clocks may be behind that of the authority: certificates are valid
// that long before they are made.
const skew = time.Hour

// organization stands in all our certificates.
const organization = "bwmon fleet"

func template(cn string, now time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: cn, Organization: []string{organization}},
		NotBefore: now.Add(-skew).UTC().Truncate(time.Second), NotAfter: now.Add(life).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		SerialNumber: newSerial(),
	}
}

func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f // positive
	b[15] |= 1   // and not 0
	return new(big.Int).SetBytes(b)
}

func newCA(key crypto.Signer, name string, now time.Time) ([]byte, error) {
	t := template(organization+" of "+name, now, lifeCA)
	t.IsCA, t.MaxPathLenZero = true, true
	t.KeyUsage |= x509.KeyUsageCertSign
	return x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
}

// issuer signs. Its fields do not change.
type issuer struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// host certifies that a key is the one of a host, in one generation of its admission.
func (i issuer) host(name string, generation uint64, key crypto.PublicKey, now time.Time, life time.Duration) ([]byte, error) {
	t := template(name, now, life)
	t.Subject.SerialNumber = strconv.FormatUint(generation, 10)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return i.sign(t, key)
}

// server certifies that a key is the one of a receiver with those names.
func (i issuer) server(names []string, key crypto.PublicKey, now time.Time, life time.Duration) ([]byte, error) {
	t := template(names[0], now, life)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range names {
		if a, err := netip.ParseAddr(n); err == nil {
			t.IPAddresses = append(t.IPAddresses, net.IP(a.Unmap().AsSlice()))
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	return i.sign(t, key)
}

func (i issuer) sign(t *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	// What outlives the CA would be refused all the same, without a word about why.
	if t.NotAfter.After(i.certificate.NotAfter) {
		t.NotAfter = i.certificate.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, t, i.certificate, key, i.key)
}

// generationOf is the generation in a host's certificate.
func generationOf(c *x509.Certificate) (uint64, error) {
	return strconv.ParseUint(c.Subject.SerialNumber, 10, 64)
}

// here are names that every receiver has for who is on the same machine.
var here = [...]string{"localhost", "127.0.0.1", "::1"}

// serverNames are the names that a receiver's certificate is for: checked, with those
// that every receiver has, and each once.
func serverNames(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("a receiver has a name: want that by which hosts reach it, such as receiver.example, or an address")
	}
	var all []string
	for _, n := range append(slices.Clone(names), here[:]...) {
		if a, err := netip.ParseAddr(n); err == nil && a.Zone() == "" {
			n = a.Unmap().String()
		} else if n = strings.ToLower(strings.TrimSuffix(n, ".")); fleet.CheckName(n) != nil || strings.HasPrefix(n, "-") {
			return nil, fmt.Errorf("%q is not the name of a receiver: want a name of DNS or an address, without a port", cleaned(n))
		}
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all, nil
}

// namesOf are the names in a receiver's certificate, the first one first.
func namesOf(c *x509.Certificate) []string {
	names := []string{c.Subject.CommonName}
	for _, n := range c.DNSNames {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, a := range c.IPAddresses {
		if !slices.Contains(names, a.String()) {
			names = append(names, a.String())
		}
	}
	return names
}

// dueAt is when a certificate is to be renewed: after two thirds of its life, and
// later by up to a thirtieth, told by its serial, so that hosts that joined together
// do not come together.
func dueAt(c *x509.Certificate) time.Time {
	life := c.NotAfter.Sub(c.NotBefore)
	low := new(big.Int).Mod(c.SerialNumber, big.NewInt(1<<16)).Int64()
	return c.NotBefore.Add(life*2/3 + life/30/(1<<16)*time.Duration(low))
}
