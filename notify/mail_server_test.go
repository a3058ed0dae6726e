package notify

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server on loopback with a certificate of its own.
type mailServer struct {
	addr   string
	caFile string

	mu     sync.Mutex
	refuse map[string]int // recipients, with the code they are refused with
	mails  []string
	rcpts  [][]string
	auths  []string
}

func newMailServer(t *testing.T, direct, plain bool) *mailServer {
	t.Helper()
	m := &mailServer{refuse: make(map[string]int)}
	certified := httptest.NewTLSServer(nil) // for its certificate: 127.0.0.1
	certified.Close()
	m.caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}
	if err := os.WriteFile(m.caFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = ln.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	s.AllowInsecureAuth = true
	s.MaxMessageBytes = 16 << 20
	s.ErrorLog = log.New(io.Discard, "", 0) // it tells of clients that hang up
	if config := (&tls.Config{Certificates: certified.TLS.Certificates}); direct {
		ln = tls.NewListener(ln, config)
	} else if !plain {
		s.TLSConfig = config
	}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ln) }()
	t.Cleanup(func() { s.Close(); <-done })
	return m
}

func (m *mailServer) options(t *testing.T) MailOptions {
	t.Helper()
	host, port, err := net.SplitHostPort(m.addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return MailOptions{
		Name: "mail", Host: host, Port: n, CAFile: m.caFile, User: "bwmon", Password: SecretText("hunter2"),
		From: "bwmon <bwmon@example.org>", To: []string{"ops@example.org", "Boss <boss@example.org>"}, Timeout: 5 * time.Second,
	}
}

func (m *mailServer) received() ([]string, [][]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails), slices.Clone(m.rcpts)
}

// mailSession is one connection.
type mailSession struct {
	server *mailServer
	known  bool
	to     []string
}

func (s *mailSession) AuthMechanisms() []string { return []string{"PLAIN", "LOGIN"} }

func (s *mailSession) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.auths = append(s.server.auths, mech)
		if user != "bwmon" || password != "hunter2" {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}
	if mech == "LOGIN" {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer is the server's side of LOGIN.
type loginServer struct {
	check func(user, password string) error
	step  int
	user  string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (s *mailSession) Reset()        { s.to = nil }
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if code := s.server.refuse[to]; code != 0 {
		return &smtp.SMTPError{Code: code, Message: "not here"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, string(data))
	s.server.rcpts = append(s.server.rcpts, s.to)
	return nil
}
