package trust

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/fleet"
)

// TestRenewal: new connections show the new certificate, which has another key; those
// that are open go on.
func TestRenewal(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	m.publish(s, "web").want(t, 200, "")
	before, err := m.i.now()
	check(t, err)
	// Another process of this host has the same directory.
	other, err := OpenIdentity(m.dir, m.options())
	check(t, err)
	s.clock.advance(20 * 24 * time.Hour)
	m.clock.advance(20 * 24 * time.Hour)
	check(t, m.i.Renew(t.Context()))
	after, err := other.now()
	check(t, err)
	if after.leaf.SerialNumber.Cmp(before.leaf.SerialNumber) == 0 || sameKey(after.leaf.PublicKey, before.pair.PrivateKey.(crypto.Signer)) {
		t.Error("the other process has the former certificate or key")
	}
	if !other.Expires().After(before.leaf.NotAfter.Add(19 * 24 * time.Hour)) {
		t.Errorf("it expires at %v, the former one at %v", other.Expires(), before.leaf.NotAfter)
	}
	if o := m.publish(s, "web"); o.status != 200 || !o.reused {
		t.Errorf("the open connection: %d %q, reused %v", o.status, o.detail, o.reused)
	}
	// Beyond the life of the first one.
	s.clock.advance(15 * 24 * time.Hour)
	m.clock.advance(15 * 24 * time.Hour)
	m.client.CloseIdleConnections()
	m.publish(s, "web").want(t, 200, "")
	publish(t, newClient(t, other.TLSConfig()), s.url, "web").want(t, 200, "")
	l, err := s.a.List()
	check(t, err)
	if h := l.Hosts[0]; h.Renewed.IsZero() || !h.Renewed.After(h.Joined) || h.Expires.Before(h.Renewed) {
		t.Errorf("the register has %+v", h)
	}
}

// TestRenewalShowsTheFormer: without a certificate there is no other one.
func TestRenewalShowsTheFormer(t *testing.T) {
	s := newSite(t)
	if status, text := s.post(fleet.PathRenew, "application/json", []byte("{}")); status != 401 {
		t.Errorf("%d %s", status, text)
	}
}

// TestRunRenews: by itself, when it is time, and says so to who has connections.
func TestRunRenews(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	due, err := m.i.now()
	check(t, err)
	renewed := make(chan struct{}, 1)
	o := m.options()
	o.Renewed = func() { renewed <- struct{}{} }
	i, err := OpenIdentity(m.dir, o)
	check(t, err)
	late := dueAt(due.leaf).Sub(m.clock.now()) + time.Minute
	m.clock.advance(late)
	s.clock.advance(late)
	stop := running(t, i)
	select {
	case <-renewed:
	case <-time.After(10 * time.Second):
		t.Fatalf("not renewed: %s", m.log)
	}
	stop()
	if !m.i.Expires().After(due.leaf.NotAfter) {
		t.Error("there is no newer certificate")
	}
}

// TestRunTriesAgain: ever more rarely, at least once an hour, and says what to do when
// it is too late. An identity put there by hand is taken up.
func TestRunTriesAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, err := Create(filepath.Join(dir, "fleet"), "https://127.0.0.1:1", []string{"x"}, Options{})
		check(t, err)
		mine := filepath.Join(dir, "identity")
		check(t, os.Mkdir(mine, 0o700))
		start := time.Now()
		store(t, a, mine, "web")
		log := &timed{}
		i, err := OpenIdentity(mine, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
		check(t, err)
		stop := running(t, i)
		time.Sleep(lifeHost - time.Hour)
		at, _ := log.lines()
		if len(at) < 24*5 {
			t.Fatalf("%d tries", len(at))
		}
		if first := at[0].Sub(start); first < lifeHost*2/3-skew || first > lifeHost*2/3+26*time.Hour {
			t.Errorf("the first try is after %v", first)
		}
		for n := 1; n < len(at); n++ {
			least := 40 * time.Second
			if n > 10 {
				least = 47 * time.Minute
			}
			if gap := at[n].Sub(at[n-1]); gap < least || gap > retryMost+time.Minute {
				t.Errorf("try %d comes %v after the one before", n, gap)
			}
		}
		time.Sleep(3 * time.Hour)
		if _, text := log.lines(); !strings.Contains(text, `run \"bwmon fleet invite web\" where https://127.0.0.1:1 is`) {
			t.Errorf("nobody says what to do:\n%.2000s", text[max(0, len(text)-2000):])
		}
		store(t, a, mine, "web")
		time.Sleep(2 * time.Hour)
		at, _ = log.lines()
		time.Sleep(10 * 24 * time.Hour)
		if later, _ := log.lines(); len(later) != len(at) {
			t.Errorf("%d more complaints about a certificate that is new", len(later)-len(at))
		}
		stop()
	})
}

// timed is a log that knows when its lines were written.
type timed struct {
	notes
	at []time.Time
}

func (l *timed) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.at = append(l.at, time.Now())
	l.mu.Unlock()
	return l.notes.Write(p)
}

func (l *timed) lines() ([]time.Time, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.at), l.text.String()
}

// store writes an identity that an authority made.
func store(t *testing.T, a *Authority, dir, host string) {
	t.Helper()
	key, err := newKey()
	check(t, err)
	der, err := a.issuer.host(host, 1, key.Public(), a.o.Now(), lifeHost)
	check(t, err)
	text := fmt.Appendf(nil, `{"host":%q,"certificate":%q,"ca":%q}`, host, b64(der), b64(a.ca.Raw))
	p, err := parseAdmission(text, "https://127.0.0.1:1", key)
	check(t, err)
	check(t, (&Identity{dir: dir, o: Options{}.withDefaults()}).keep(p))
}

func running(t *testing.T, i *Identity) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// TestDamagedIdentity: an error that says what to do; what worked goes on.
func TestDamagedIdentity(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	path := filepath.Join(m.dir, fileIdentity)
	good, err := os.ReadFile(path)
	check(t, err)
	other, err := os.ReadFile(filepath.Join(s.join("other").dir, fileIdentity))
	check(t, err)
	key, rest, _ := strings.Cut(string(good), "-----END PRIVATE KEY-----\n")
	_, otherRest, _ := strings.Cut(string(other), "-----END PRIVATE KEY-----\n")
	for name, bad := range map[string]string{
		"empty": "", "cut off": string(good[:len(good)/2]), "no key": rest, "more": string(good) + "nonsense",
		"two keys' mix": key + "-----END PRIVATE KEY-----\n" + otherRest,
	} {
		check(t, replaceFile(path, []byte(bad), 0o600))
		if _, err := OpenIdentity(m.dir, m.options()); err == nil || !strings.Contains(err.Error(), "have the host invited anew") {
			t.Errorf("%s: got error %v", name, err)
		}
		if m.i.Host() != "web" {
			t.Errorf("%s: who it was is forgotten", name)
		}
	}
	check(t, replaceFile(path, good, 0o644))
	_, err = OpenIdentity(m.dir, m.options())
	wantError(t, err, "chmod 600")
	check(t, replaceFile(path, good, 0o600))
	m.publish(s, "web").want(t, 200, "")
	_, err = OpenIdentity(t.TempDir(), Options{})
	wantError(t, err, "this host is in no fleet")
}

// TestTwoRenewals: processes that renew at the same time do not mix their keys.
func TestTwoRenewals(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	var wait sync.WaitGroup
	for range 4 {
		i, err := OpenIdentity(m.dir, m.options())
		check(t, err)
		wait.Go(func() {
			if err := i.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	publish(t, newClient(t, m.i.TLSConfig()), s.url, "web").want(t, 200, "")
}

// TestRenewalsTakeTurns: while somebody else has the directory nobody is asked.
func TestRenewalsTakeTurns(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	unlock, err := lockDir(m.dir)
	check(t, err)
	before := s.arrived()
	done := make(chan error, 1)
	go func() { done <- m.i.Renew(t.Context()) }()
	select {
	case err := <-done:
		t.Errorf("it did not wait: %v", err)
		done <- nil
	case <-time.After(50 * time.Millisecond):
	}
	if s.arrived() != before {
		t.Error("the receiver was asked")
	}
	unlock()
	check(t, <-done)
}

// TestOddAnswers: a receiver that has gone wrong cannot make a host somebody else.
func TestOddAnswers(t *testing.T) {
	s, other := newSite(t), newSite(t)
	var answer func(key any) (*admission, error)
	h := s.a.answers(func(r *http.Request) (*admission, error) {
		_, key, err := readApplication(r.Body)
		if err != nil {
			return nil, err
		}
		return answer(key)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	serveOn(t, l, h, s.a.TLSConfig())
	url := "https://" + l.Addr().String()
	own, err := newKey()
	check(t, err)
	now := time.Now()
	answer = func(key any) (*admission, error) { return s.a.certify("web", 1, key, now) }
	dir := t.TempDir()
	i, err := Join(t.Context(), dir, url, s.invite("web"), Options{})
	check(t, err)
	for name, odd := range map[string]func(key any) (*admission, error){
		"another CA":  func(key any) (*admission, error) { return other.a.certify("web", 1, key, now) },
		"another key": func(any) (*admission, error) { return s.a.certify("web", 1, own.Public(), now) },
		"expired":     func(key any) (*admission, error) { return s.a.certify("web", 1, key, now.Add(-2*lifeHost)) },
		"an odd name": func(key any) (*admission, error) { return s.a.certify("../web", 1, key, now) },
		"nothing":     func(any) (*admission, error) { return &admission{}, nil },
		"not its CA's": func(key any) (*admission, error) {
			in, err := other.a.certify("web", 1, key, now)
			in.CA = s.a.ca.Raw
			return in, err
		},
	} {
		answer = odd
		if _, err := Join(t.Context(), t.TempDir(), url, s.invite("web"), Options{}); err == nil {
			t.Errorf("%s: it has joined", name)
		}
		if err := i.Renew(t.Context()); err == nil {
			t.Errorf("%s: it was renewed", name)
		}
	}
	answer = func(key any) (*admission, error) { return s.a.certify("root", 1, key, now) }
	wantError(t, i.Renew(t.Context()), "another host")
	if i.Host() != "web" {
		t.Errorf("it is %q now", i.Host())
	}
}
