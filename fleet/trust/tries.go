package trust

import (
	"net/netip"
	"sync"
	"time"
)

// tries bounds how often somebody may try something: so many at once, and one more
// each time that passed. Any goroutine may use it.
type tries struct {
	mu sync.Mutex
	// mu protects the fields below.
	spent map[string]time.Time // when all will have been given back
	swept time.Time            // when room was last made
}

const (
	triesAtOnce = 20
	triesEvery  = 3 * time.Second
	// maxTriers bounds the memory; those beyond it share one.
	maxTriers = 10_000
)

func newTries() *tries { return &tries{spent: make(map[string]time.Time)} }

// take spends one try, or says how long to wait for the next.
func (t *tries) take(who string, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.spent[who]; !there && len(t.spent) >= maxTriers {
		t.sweep(now)
		if len(t.spent) >= maxTriers {
			who = "" // the others
		}
	}
	until := t.spent[who]
	if until.Before(now) {
		until = now
	}
	if most := now.Add(triesAtOnce * triesEvery); until.After(most) {
		until = most // the clock was set back
	}
	until = until.Add(triesEvery)
	if over := until.Sub(now) - triesAtOnce*triesEvery; over > 0 {
		return over, false
	}
	t.spent[who] = until
	return 0, true
}

// sweep forgets those who have all their tries again. It is dear, so it is not done
// for each of those who come when there is no room.
func (t *tries) sweep(now time.Time) {
	if since := now.Sub(t.swept); since >= 0 && since < triesEvery {
		return
	}
	t.swept = now
	for who, until := range t.spent {
		if !until.After(now) {
			delete(t.spent, who)
		}
	}
}

// giveBack undoes a take.
func (t *tries) giveBack(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until, there := t.spent[who]; there {
		t.spent[who] = until.Add(-triesEvery)
	}
}

// networkOf is whose tries those from an address are: of IPv6 everybody has a /64.
func networkOf(remote string) string {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	a := p.Addr().Unmap().WithZone("")
	if a.Is6() {
		if site, err := a.Prefix(64); err == nil {
			return site.String()
		}
	}
	return a.String()
}
