package trust

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is how many lines of a log have all of the texts.
func (n *notes) said(texts ...string) (lines int) {
	for line := range strings.Lines(n.String()) {
		if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) }) {
			lines++
		}
	}
	return lines
}

// TestRefusedIsTold: the log says who was refused and why, once a minute, and whoever
// shows the hosts hears of those that were known for sure.
func TestRefusedIsTold(t *testing.T) {
	s := newSite(t)
	s.clock.still = time.Now()
	type told struct{ host, why string }
	var mu sync.Mutex
	var heard []told
	o := s.options()
	o.Refused = func(host, why string) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, told{host, why})
	}
	var err error
	s.a, err = Open(s.dir, o)
	check(t, err)
	s.serve(s.a)
	m := s.join("web")
	token, err := s.admin().Token("nas")
	check(t, err)
	client := newClient(t, &tls.Config{RootCAs: s.a.pool})
	bearer := func(token string) outcome {
		return publish(t, client, s.url, "nas", "Authorization", "Bearer "+token)
	}
	m.publish(s, "web").want(t, 200, "")
	bearer(token).want(t, 200, "")
	if n := s.log.said("refused"); n > 0 || len(heard) > 0 {
		t.Fatalf("who was let in was refused: %d, %v", n, heard)
	}

	check(t, s.admin().Revoke("web"))
	check(t, s.admin().Revoke("nas"))
	wrong, _ := parseToken(token)
	wrong.proof[0] ^= 1
	for range 3 {
		m.publish(s, "web").want(t, 403, "revoked")
		bearer(token).want(t, 403, "revoked")
		bearer(wrong.token()).want(t, 401, "not valid")
		bearer(newSecret().token()).want(t, 401, "not valid")
		bearer("x").want(t, 401, "not valid")
		_ = m.i.Renew(t.Context())
	}
	for _, texts := range [][]string{
		{"refused", `host=web `, `host \"web\" was revoked`, "/fleet/batches"},
		{"refused", `host=nas `, `host \"nas\" was revoked`},
		{"refused", "from=127.0.0.1", `token of host \"nas\" with a wrong secret`},
		{"refused", "from=127.0.0.1", "token unknown or replaced"},
		{"refused", "from=127.0.0.1", "no token of a host"},
	} {
		if n := s.log.said(texts...); n != 1 {
			t.Errorf("%q is said %d times:\n%s", texts, n, s.log)
		}
	}
	s.clock.advance(refusalsEvery)
	m.publish(s, "web").want(t, 403, "revoked")
	if n := s.log.said("refused", "host=web ", "more=5"); n != 1 { // two of publishing, three of renewing
		t.Errorf("after a minute it is said %d times:\n%s", n, s.log)
	}
	for _, secret := range []string{token, wrong.token()} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log has a token in it")
		}
	}

	mu.Lock()
	defer mu.Unlock()
	count := make(map[told]int)
	for _, h := range heard {
		count[h]++
	}
	if web, nas := count[told{"web", `host "web" was revoked`}], count[told{"nas", `host "nas" was revoked`}]; web != 7 || nas != 3 || len(count) != 2 {
		t.Errorf("heard %v", count)
	}
}

// TestRefusalsAreBounded: in lines for each reason, and in memory for all.
func TestRefusalsAreBounded(t *testing.T) {
	r, at := newRefusals(), time.Unix(1e9, 0)
	lines := 0
	for i := range 4 * maxRefusals {
		if _, ok := r.take(refusal{fmt.Sprint(i), "x"}, at); ok {
			lines++
		}
	}
	if lines != maxRefusals+1 || len(r.told) != maxRefusals+1 {
		t.Errorf("%d lines, %d are remembered", lines, len(r.told))
	}
	if _, ok := r.take(refusal{"0", "x"}, at.Add(refusalsEvery-1)); ok {
		t.Error("told again too early")
	}
	if more, ok := r.take(refusal{"0", "x"}, at.Add(refusalsEvery)); !ok || more != 1 {
		t.Errorf("after that time: %v, %d more", ok, more)
	}
	if _, ok := r.take(refusal{"0", "x"}, at.Add(-time.Hour)); !ok {
		t.Error("not told after the clock was set back")
	}
	if _, ok := r.take(refusal{"another", "x"}, at.Add(3*refusalsEvery)); !ok || len(r.told) > 2 {
		t.Errorf("%d are remembered after a while", len(r.told))
	}
}
