package trust

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServerCertificate: renewed in time while the receiver runs, by itself or by hand.
func TestServerCertificate(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	serial := func() string {
		m.client.CloseIdleConnections()
		o := m.publish(s, "web")
		o.want(t, 200, "")
		return o.shown.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	pair, err := s.a.server.get(s.a)
	check(t, err)
	// Both clocks go on together, and the host is renewed meanwhile.
	step := dueAt(pair.Leaf).Sub(s.clock.now()) - time.Minute
	for range 4 {
		s.clock.advance(step / 4)
		m.clock.advance(step / 4)
		check(t, m.i.Renew(t.Context()))
	}
	if serial() != first {
		t.Error("renewed before its time")
	}
	s.clock.advance(2 * time.Minute)
	m.clock.advance(2 * time.Minute)
	second := serial()
	if second == first {
		t.Error("not renewed")
	}

	// By hand, with another name.
	check(t, s.admin().RenewServer([]string{"new.example", "192.0.2.1"}, "https://new.example"))
	third := serial()
	if third == second {
		t.Error("what was renewed by hand is not shown")
	}
	l, err := s.a.List()
	check(t, err)
	if want := []string{"new.example", "localhost", "192.0.2.1", "127.0.0.1", "::1"}; !slices.Equal(l.ServerNames, want) || l.Receiver != "https://new.example" {
		t.Errorf("the receiver is %v at %s, want %v", l.ServerNames, l.Receiver, want)
	}
	check(t, s.admin().RenewServer(nil, ""))
	if l, err = s.a.List(); err != nil || len(l.ServerNames) != 5 {
		t.Errorf("renewed without names it has %v", l.ServerNames)
	}

	// A file that is damaged or another CA's leaves the one in use, and the log says so.
	fourth := serial()
	foreign, err := os.ReadFile(newSite(t).dir + "/server.pem")
	check(t, err)
	for _, bad := range []string{"", "nonsense", string(foreign)} {
		check(t, replaceFile(s.dir+"/server.pem", []byte(bad), 0o600))
		if serial() != fourth {
			t.Errorf("with %.20q: another certificate", bad)
		}
	}
	if n := strings.Count(s.log.String(), "the one before goes on"); n != 3 {
		t.Errorf("the log says it %d times", n)
	}
}

// TestServerCertificateAfterASleep: a receiver that was off too long begins with a new one.
func TestServerCertificateAfterASleep(t *testing.T) {
	s := newSite(t)
	s.clock.advance(lifeServer + time.Hour)
	s.serve(s.admin())
	late := &clock{late: lifeServer + time.Hour}
	i, err := Join(t.Context(), t.TempDir(), s.url, s.invite("web"), Options{Now: late.now})
	check(t, err)
	publish(t, newClient(t, i.TLSConfig()), s.url, "web").want(t, 200, "")
}

// TestCopy: another receiver verifies who joined at the first one, before and after.
func TestCopy(t *testing.T) {
	s := newSite(t)
	m, gone := s.join("web"), s.join("gone")
	to := filepath.Join(t.TempDir(), "copy")
	check(t, s.admin().Copy(to, []string{"second.example"}))
	if exists(filepath.Join(to, fileCAKey)) {
		t.Fatal("the CA's key was copied")
	}
	second := &site{t: t, dir: to, clock: s.clock, log: &notes{}}
	second.a = second.admin()
	second.serve(second.a)
	check(t, m.i.Renew(t.Context())) // at the first
	late := s.join("late")
	for _, m := range []*guest{m, late} {
		m.publish(second, m.i.Host()).want(t, 200, "")
	}
	_, err := second.a.Invite("x", time.Hour)
	wantError(t, err, "it is a copy")
	_, err = Join(t.Context(), t.TempDir(), second.url, s.invite("x"), Options{})
	wantError(t, err, "503: this receiver admits and renews nobody")

	gone.publish(second, "gone").want(t, 200, "")
	check(t, s.admin().Revoke("gone"))
	gone.publish(second, "gone").want(t, 200, "") // it does not know
	text, err := os.ReadFile(filepath.Join(s.dir, fileRegister))
	check(t, err)
	check(t, replaceFile(filepath.Join(to, fileRegister), text, 0o600))
	gone.publish(second, "gone").want(t, 403, "revoked")
	back := s.join("gone")
	back.publish(second, "gone").want(t, 200, "")

	// A name that has moved to another machine.
	moved := s.join("web")
	moved.publish(second, "web").want(t, 200, "")
	m.publish(second, "web").want(t, 200, "") // it does not know
	text, err = os.ReadFile(filepath.Join(s.dir, fileRegister))
	check(t, err)
	check(t, replaceFile(filepath.Join(to, fileRegister), text, 0o600))
	moved.publish(second, "web").want(t, 200, "")
	m.publish(second, "web").want(t, 403, "admitted anew")
	wantError(t, s.admin().Copy(to, []string{"x"}), "there is a fleet in")
	if second.a.TLSConfig().ClientAuth != tls.VerifyClientCertIfGiven {
		t.Error("a copy does not verify")
	}
}
