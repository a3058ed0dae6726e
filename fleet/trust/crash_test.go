package trust

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// childEnv names the directory in which a child of the tests works.
const childEnv = "BWMON_TRUST_CHILD"

// childMain makes tokens and server certificates until it is killed, and says what
// it has done.
func childMain(dir string) int {
	a, err := Open(dir, Options{})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for n := 0; ; n++ {
		host := fmt.Sprintf("h%d-%d", os.Getpid(), n)
		if _, err := a.Token(host); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println(host)
		if err := a.RenewServer(nil, ""); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
}

// TestKilled: whoever changes the directory may be killed at any moment: what was
// done is there, nobody waits for the dead, and nothing piles up.
func TestKilled(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	var done []string
	for round := range 6 {
		var children []*exec.Cmd
		var outs []*bufio.Scanner
		for range 2 {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), childEnv+"="+s.dir)
			out, err := c.StdoutPipe()
			check(t, err)
			check(t, c.Start())
			children, outs = append(children, c), append(outs, bufio.NewScanner(out))
		}
		for range 3 { // both are at work
			for _, out := range outs {
				if !out.Scan() {
					t.Fatal("a child has ended")
				}
				done = append(done, out.Text())
			}
		}
		// The moment differs from round to round; any is right.
		time.Sleep(time.Duration(round) * 700 * time.Microsecond)
		for i, c := range children {
			check(t, c.Process.Kill())
			for outs[i].Scan() {
				done = append(done, outs[i].Text())
			}
			c.Wait()
		}
	}
	if i := slices.IndexFunc(done, func(s string) bool { return strings.HasPrefix(s, "error") }); i >= 0 {
		t.Fatal(done[i])
	}
	r := s.register()
	for _, host := range done {
		if r.Hosts[host] == nil {
			t.Errorf("%s is lost", host)
		}
	}
	s.invite("next")
	check(t, s.admin().RenewServer(nil, ""))
	m.client.CloseIdleConnections()
	m.publish(s, "web").want(t, 200, "")
	for name := range filesOf(t, s.dir) {
		if !slices.Contains([]string{"ca.pem", "ca.key", "server.pem", "register.json", "lock"}, name) {
			t.Errorf("%s was left behind", name)
		}
	}
}

// TestStaleFiles: what a crash leaves of a file that was being written is in nobody's way.
func TestStaleFiles(t *testing.T) {
	s := newSite(t)
	m := s.join("web")
	for _, path := range []string{s.dir + "/register.json.new", m.dir + "/identity.pem.new", m.dir + "/pending.pem.new"} {
		check(t, os.WriteFile(path, []byte("half"), 0o644))
	}
	s.invite("x")
	check(t, m.i.Renew(t.Context()))
	_, err := Join(t.Context(), m.dir, s.url, s.invite("web"), m.options())
	check(t, err)
	for _, dir := range []string{s.dir, m.dir} {
		if left, err := filepath.Glob(dir + "/*.new"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
	info, err := os.Stat(m.dir + "/identity.pem")
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v", info.Mode().Perm())
	}
}

// TestLockIsHeld: who waits for a lock in vain says for what.
func TestLockIsHeld(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(dir)
	check(t, err)
	got := make(chan error, 1)
	go func() {
		again, err := lockDir(dir)
		if err == nil {
			again()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("two have the lock: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	check(t, <-got)
}
