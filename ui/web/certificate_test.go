package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// authority makes certificates for tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, a.cert, _ = a.make(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) make(template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, tls.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// TestTLS: on an address that others reach, over HTTP/2 and HTTP/1.1, with client
// certificates.
func TestTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	_, _, server := ca.make(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	_, _, client := ca.make(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	_, _, other := stranger.make(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	config := &tls.Config{
		Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
	}
	s := openAt(t, Options{}, Access{}, "0.0.0.0:0", config)
	s.Publish(typical(1))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "https://"))
	s.url = "https://127.0.0.1:" + port
	plain := s.client
	use := func(h2 bool, certs ...tls.Certificate) {
		transport := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: ca.pool(), Certificates: certs}}
		t.Cleanup(transport.CloseIdleConnections)
		s.client = &http.Client{Transport: transport, Timeout: patience}
	}
	for _, h2 := range []bool{true, false} {
		use(h2, client)
		a := s.get("/api/v1/snapshot").want(t, 200)
		if (a.ProtoMajor == 2) != h2 {
			t.Errorf("over %s", a.Proto)
		}
		r := s.stream("/api/v1/stream")
		r.next()
		s.Publish(typical(2))
		r.next()
		s.Publish(typical(1))
		s.get("/", "Host: evil.example").want(t, 403)
	}
	for _, certs := range [][]tls.Certificate{nil, {other}} {
		use(true, certs...)
		if resp, err := s.client.Get(s.url + "/healthz"); err == nil {
			resp.Body.Close()
			t.Errorf("let in with %d certificates of strangers", len(certs))
		}
	}
	s.client = plain
	old := &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{client}, MaxVersion: tls.VersionTLS11}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if c, err := (&tls.Dialer{Config: old}).DialContext(ctx, "tcp", "127.0.0.1:"+port); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestCertificateIsProof: who shows one that is verified may change something without a
// token, and no page of others may have it do so. One that nobody has verified is none.
func TestCertificateIsProof(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	_, _, server := ca.make(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	_, _, client := ca.make(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	_, _, other := stranger.make(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	const stop = "/api/v1/monitors/socket/stop"
	for _, c := range []struct {
		name  string
		auth  tls.ClientAuthType
		token string
		certs []tls.Certificate
		want  int // without a token
	}{
		{"verified", tls.RequireAndVerifyClientCert, "", []tls.Certificate{client}, 204},
		{"verified where some come without", tls.VerifyClientCertIfGiven, "", []tls.Certificate{client}, 204},
		{"none", tls.VerifyClientCertIfGiven, "", nil, 403},
		{"not verified", tls.RequireAnyClientCert, "", []tls.Certificate{other}, 403},
		{"not verified, though it could be", tls.RequestClientCert, "", []tls.Certificate{client}, 403},
		{"verified, and a token is wanted", tls.RequireAndVerifyClientCert, testToken, []tls.Certificate{client}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			var done control
			s := openAt(t, done.options(), Access{Token: c.token}, "127.0.0.1:0", &tls.Config{
				Certificates: []tls.Certificate{server}, ClientAuth: c.auth, ClientCAs: ca.pool(),
			})
			s.Publish(typical(1))
			for _, h2 := range []bool{true, false} {
				transport := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: ca.pool(), Certificates: c.certs}}
				t.Cleanup(transport.CloseIdleConnections)
				s.client = &http.Client{Transport: transport, Timeout: patience}
				done.said = nil
				s.ask("POST", stop, "").want(t, c.want)
				s.ask("POST", stop, "", "Origin: "+s.url, "Sec-Fetch-Site: same-origin").want(t, c.want)
				if len(done.said) > 0 != (c.want == 204) {
					t.Errorf("%q were done", done.said)
				}
				done.said = nil
				for _, header := range []string{
					"Origin: https://evil.example", "Origin: null", "Origin: " + strings.Replace(s.url, "https:", "http:", 1),
					"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: none",
				} {
					if a := s.ask("POST", stop, "", header); a.StatusCode != 403 && a.StatusCode != 401 {
						t.Errorf("%s: %d", header, a.StatusCode)
					}
				}
				if len(done.said) > 0 {
					t.Errorf("pages of others did %q", done.said)
				}
			}
		})
	}
}
