package trust

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCreateTwice: what is there is not touched.
func TestCreateTwice(t *testing.T) {
	s := newSite(t)
	before := filesOf(t, s.dir)
	_, err := Create(s.dir, "https://other.example:8443", []string{"other.example"}, Options{})
	wantError(t, err, "there is a fleet in "+s.dir+" already")
	wantError(t, err, "--renew-server")
	if diff := cmp.Diff(before, filesOf(t, s.dir)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
}

func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	list, err := os.ReadDir(dir)
	check(t, err)
	for _, f := range list {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		check(t, err)
		files[f.Name()] = string(text)
	}
	return files
}

func TestCreateChecks(t *testing.T) {
	for _, c := range []struct {
		name, receiver string
		names          []string
		want           string
	}{
		{"no name", "https://x:1", nil, "a receiver has a name"},
		{"port", "https://x:1", []string{"x:8443"}, "without a port"},
		{"wildcard", "https://x:1", []string{"*.example"}, "not the name of a receiver"},
		{"zone", "https://x:1", []string{"fe80::1%eth0"}, "not the name of a receiver"},
		{"flag", "https://x:1", []string{"-x"}, "not the name of a receiver"},
		{"clear text", "http://x:1", []string{"x"}, "want a URL such as https"},
		{"path", "https://x:1/y", []string{"x"}, "nothing in its URL"},
	} {
		dir := filepath.Join(t.TempDir(), "fleet")
		_, err := Create(dir, c.receiver, c.names, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v; want one with %q", c.name, err, c.want)
		}
		if exists(dir) {
			t.Errorf("%s: the directory was made", c.name)
		}
	}
}

// TestManyAtOnce: the command line and receivers change the register together, and
// nothing is lost.
func TestManyAtOnce(t *testing.T) {
	s := newSite(t)
	var wait sync.WaitGroup
	for n := range 8 {
		a := s.admin() // each has a lock of its own, as processes have
		wait.Go(func() {
			for i := range 8 {
				name := fmt.Sprintf("host-%d-%d", n, i)
				if _, err := a.Invite(name, time.Hour); err != nil {
					t.Error(err)
				}
				if _, err := a.Token(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	l, err := s.a.List()
	check(t, err)
	if len(l.Hosts) != 64 || len(l.Invitations) != 64 {
		t.Errorf("there are %d hosts and %d invitations", len(l.Hosts), len(l.Invitations))
	}
	for _, f := range []string{"ca.pem", "ca.key", "server.pem", "register.json", "lock"} {
		if !exists(filepath.Join(s.dir, f)) {
			t.Errorf("%s is gone", f)
		}
	}
	if n := len(filesOf(t, s.dir)); n != 5 {
		t.Errorf("%d files: something was left behind", n)
	}
}

// TestFirstComes: of many who use one invitation at once, one is admitted.
func TestFirstComes(t *testing.T) {
	s := newSite(t)
	text := s.invite("web")
	var mu sync.Mutex
	var wait sync.WaitGroup
	admitted := 0
	for range 6 {
		dir := t.TempDir()
		wait.Go(func() {
			_, err := Join(t.Context(), dir, s.url, text, Options{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				admitted++
			} else if !strings.Contains(err.Error(), "not valid") {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if admitted != 1 {
		t.Errorf("%d were admitted", admitted)
	}
}

// TestForgottenInvitations: the register does not grow with what is over.
func TestForgottenInvitations(t *testing.T) {
	s := newSite(t)
	s.invite("a")
	s.clock.advance(remembered)
	s.invite("b")
	if n := len(s.register().Invitations); n != 2 {
		t.Errorf("%d invitations after 30 days", n)
	}
	s.clock.advance(2 * time.Hour)
	s.invite("c")
	if n := len(s.register().Invitations); n != 2 {
		t.Errorf("%d invitations an hour later", n)
	}
	l, err := s.a.List()
	check(t, err)
	if len(l.Invitations) != 1 || l.Invitations[0].Host != "c" {
		t.Errorf("open are %+v", l.Invitations)
	}
}

func TestInviteChecks(t *testing.T) {
	s := newSite(t)
	for _, ttl := range []time.Duration{0, -time.Hour, time.Second, 31 * 24 * time.Hour} {
		if _, err := s.a.Invite("web", ttl); err == nil {
			t.Errorf("%v is taken", ttl)
		}
	}
	for _, name := range badNames {
		if _, err := s.a.Invite(name, time.Hour); err == nil {
			t.Errorf("invited %q", name)
		}
		if _, err := s.a.Token(name); err == nil {
			t.Errorf("made a token of %q", name)
		}
	}
}

var badNames = []string{"", ".", ".x", "a b", "a/b", "a\n", "ä", "a\u202eb", "a:b", strings.Repeat("x", 129), "*", `"`}

// TestOpenChecks: files that do not belong together, or are open to everybody.
func TestOpenChecks(t *testing.T) {
	s, other := newSite(t), newSite(t)
	_, err := Open(t.TempDir(), Options{})
	wantError(t, err, `"bwmon fleet init" makes one`)
	if !errors.Is(err, ErrNoFleet) {
		t.Errorf("nothing there: %v", err)
	}
	for _, gone := range []string{"ca.pem", "server.pem", "register.json"} {
		check(t, os.Rename(s.dir+"/"+gone, s.dir+"/away"))
		if _, err := Open(s.dir, Options{}); err == nil || errors.Is(err, ErrNoFleet) || !strings.Contains(err.Error(), gone) {
			t.Errorf("without %s: %v", gone, err)
		}
		check(t, os.Rename(s.dir+"/away", s.dir+"/"+gone))
	}
	check(t, os.Chmod(s.dir+"/ca.key", 0o644))
	_, err = Open(s.dir, Options{})
	wantError(t, err, "chmod 600")
	key, err := os.ReadFile(other.dir + "/ca.key")
	check(t, err)
	check(t, replaceFile(s.dir+"/ca.key", key, 0o600))
	_, err = Open(s.dir, Options{})
	wantError(t, err, "it is not the key of ca.pem")
	check(t, os.Remove(s.dir+"/ca.key"))
	_, err = Open(s.dir, Options{}) // a copy
	check(t, err)
	check(t, os.Remove(s.dir+"/server.pem"))
	_, err = Open(s.dir, Options{})
	wantError(t, err, "server.pem")
}
