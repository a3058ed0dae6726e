package trust

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// manyHosts is an authority with so many members.
func manyHosts(b *testing.B, n int) *Authority {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "fleet")
	a, err := Create(dir, "https://x:8443", []string{"x"}, Options{})
	check(b, err)
	now := time.Now().UTC()
	check(b, a.change(func(r *register) error {
		for i := range n {
			s := newSecret()
			r.invite(fmt.Sprintf("host-%d", i), s, now, time.Hour)
			r.admit(r.Invitations[s.key()], s.hash(), now, now.Add(lifeHost))
		}
		return nil
	}))
	return a
}

// BenchmarkWho is what every request costs: a look at the register's file, and at the
// host's entry.
func BenchmarkWho(b *testing.B) {
	a := manyHosts(b, 10_000)
	key, err := newKey()
	check(b, err)
	der, err := a.issuer.host("host-7", 1, key.Public(), time.Now(), lifeHost)
	check(b, err)
	leaf, err := x509.ParseCertificate(der)
	check(b, err)
	r := requestBetween("192.0.2.1:1", "192.0.2.2:2")
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, a.ca}}}
	b.ReportAllocs()
	for b.Loop() {
		if host, _, err := a.Who(r); host != "host-7" || err != nil {
			b.Fatal(host, err)
		}
	}
}

// BenchmarkAdmit is what a host that joins or renews costs the receiver: its register is
// written, and a certificate signed.
func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := manyHosts(b, n)
			key, err := newKey()
			check(b, err)
			b.ReportAllocs()
			for b.Loop() {
				check(b, a.change(func(r *register) error { r.member("host-7").Renewed = a.o.Now(); return nil }))
				_, err := a.certify("host-7", 1, key.Public(), a.o.Now())
				check(b, err)
			}
		})
	}
}
