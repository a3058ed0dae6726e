package aggregate

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// labelled is a sample of what a pipe of that name carried.
func labelled(n int, rx, tx uint64, o *traffic.Owner, label string) traffic.Sample {
	s := sample(n, rx, tx, o)
	s.Scope, s.Label = traffic.ScopePipe, label
	return s
}

func final(s traffic.Sample) traffic.Sample {
	s.Final = true
	return s
}

// expectPipes compares pipes as "name rx tx connections".
func expectPipes(t *testing.T, s *traffic.Snapshot, want ...string) {
	t.Helper()
	var got []string
	for _, p := range s.Pipes {
		got = append(got, fmt.Sprint(p.Name, " ", p.RxBytes, " ", p.TxBytes, " ", p.Connections))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pipes (-want +got):\n%s", diff)
	}
}

// expectRemotes compares remote hosts as "address name rx tx connections".
func expectRemotes(t *testing.T, s *traffic.Snapshot, want ...string) {
	t.Helper()
	var got []string
	for _, h := range s.RemoteHosts {
		got = append(got, fmt.Sprint(h.Host, " ", h.Name, " ", h.RxBytes, " ", h.TxBytes, " ", h.Connections))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("remote hosts (-want +got):\n%s", diff)
	}
}

// TestPipeTotalsNeverFall: whoever turns out to own the flows, however they are
// shown, and whatever else bears the name.
func TestPipeTotalsNeverFall(t *testing.T) {
	l := newLedger(Options{MaxCommands: 1, Filters: map[string]Filter{"pipe": {Exclude: regexes(t, "^secret")}}})
	l.Book(complete("pipe", 0))
	l.Book(complete("pipe", 1,
		labelled(1, 10, 20, nil, "curl"), labelled(2, 100, 200, owner(2, "tar c"), "curl"),
		final(labelled(3, 1000, 2000, owner(3, "zcat"), "curl")),
		labelled(4, 1, 1, owner(4, "tar x"), ""), labelled(5, 3, 4, nil, traffic.PipesFolded),
		sample(6, 7000, 7000, owner(6, "curl http://198.19.0.1"))))
	s := l.Tick(at(1), nil, false)
	expectPipes(t, s, "[(other pipes)] 3 4 1", "curl 1110 2220 2")
	if p := s.Pipes[1]; p.RxRate != 1110 || p.TxRate != 2220 || len(p.Recent) != 1 || p.Recent[0] != (traffic.Rate{Rx: 1110, Tx: 2220}) {
		t.Errorf("its rates: %+v", p)
	}
	if got := commandsOf(s, "curl")[traffic.CommandsFolded]; got == 0 {
		t.Error("no commands were folded: the test shows nothing")
	}
	l.Book(complete("pipe", 2, labelled(1, 11, 20, owner(7, "secret"), "curl"), labelled(2, 100, 201, owner(8, "secret"), "curl")))
	expectPipes(t, l.Tick(at(2), nil, false), "[(other pipes)] 3 4 1", "curl 1111 2221 2")
	l.Book(complete("pipe", 3, labelled(1, 12, 20, owner(9, "cat"), "curl"), labelled(2, 100, 202, traffic.KernelOwner(), "curl")))
	s = l.Tick(at(3), nil, false)
	expectPipes(t, s, "[(other pipes)] 3 4 1", "curl 1112 2222 2")
	// What was nobody's, secret's, and then cat's again under its label.
	if got := usages(s)["curl"].RxBytes; got != 7000+100+1000+1 {
		t.Errorf("the app has %d bytes, want those of its rule and those labelled", got)
	}
	l.End("pipe")
	expectPipes(t, l.Tick(at(4), nil, false), "[(other pipes)] 3 4 0", "curl 1112 2222 0")
}

// TestPipeIsFoldedWithItsApp: what is said of its flows after that goes with it.
func TestPipeIsFoldedWithItsApp(t *testing.T) {
	l := newLedger(Options{MaxApps: 2})
	ended := final(labelled(1, 10, 20, nil, "pipe-a"))
	l.Book(complete("pipe", 1, ended, labelled(2, 100, 200, nil, "pipe-b")))
	expectPipes(t, l.Tick(at(1), nil, false), "pipe-a 10 20 0", "pipe-b 100 200 1")
	l.Book(complete("socket", 2, sample(3, 1, 1, owner(3, "ssh"))))
	expectPipes(t, l.Tick(at(2), nil, false), "pipe-b 100 200 1", "(other pipes) 10 20 0")
	ended.Counts = bytesOf(15, 25)
	ended.Owner = owner(4, "cat")
	opening := complete("pipe", 3, ended)
	opening.Opening = true
	l.Book(opening)
	expectPipes(t, l.Tick(at(3), nil, false), "pipe-b 100 200 1", "(other pipes) 15 25 0")
	l.Book(complete("pipe", 4, final(labelled(2, 100, 200, nil, "pipe-b")), labelled(5, 1, 1, nil, "pipe-a")))
	expectPipes(t, l.Tick(at(4), nil, false), "pipe-a 1 1 1", "(other pipes) 115 225 0")
}

// TestOwnerOfAFoldedPipeIsLearntLate: the rules name its app, as nothing else
// is left that does.
func TestOwnerOfAFoldedPipeIsLearntLate(t *testing.T) {
	l := newLedger(Options{MaxApps: 2})
	ended := final(labelled(1, 10, 20, nil, "pipe-a"))
	l.Book(complete("pipe", 1, ended, final(labelled(2, 100, 200, nil, "pipe-b")), labelled(3, 1, 1, nil, "pipe-c")))
	ended.Owner = owner(4, "cat")
	l.Book(complete("pipe", 2, ended))
	s := l.Tick(at(2), nil, false)
	expectPipes(t, s, "pipe-c 1 1 1", "(other pipes) 110 220 0")
	if got := usages(s)["cat"].RxBytes; got != 10 {
		t.Errorf("cat has %d bytes, want 10: %+v", got, usages(s))
	}
}

// TestPipesOfNoAppAreBounded: where all their clients are excluded, there is no
// app that they are folded with.
func TestPipesOfNoAppAreBounded(t *testing.T) {
	l := newLedger(Options{MaxApps: 2, Filters: map[string]Filter{"pipe": {Exclude: regexes(t, "")}}})
	for n := range 5 {
		l.Book(complete("pipe", float64(n), final(labelled(n, 1<<n, 0, owner(1, "tar"), fmt.Sprint("pipe-", n)))))
	}
	expectPipes(t, l.Tick(at(5), nil, false), "pipe-3 8 0 0", "pipe-4 16 0 0", "(other pipes) 7 0 0")
}

func from(scope traffic.Scope, n int, remote string, rx, tx uint64) traffic.Sample {
	s := sample(n, rx, tx, nil)
	s.Scope, s.Flow.Remote = scope, netip.AddrPort{}
	if remote != "" {
		s.Flow.Remote = netip.AddrPortFrom(netip.MustParseAddr(remote), 443)
	}
	return s
}

func TestRemoteHosts(t *testing.T) {
	l := newLedger(Options{})
	opening := complete("m", 0, from(traffic.ScopeLocal, 1, "192.0.2.1", 1000, 2000))
	opening.Opening = true
	l.Book(opening)
	l.Book(complete("m", 1,
		from(traffic.ScopeLocal, 1, "192.0.2.1", 1010, 2020),
		from(traffic.ScopeInner, 2, "::ffff:192.0.2.1", 1, 2),
		from(traffic.ScopeForwarded, 3, "192.0.2.1", 3, 4),
		final(from(traffic.ScopeRelay, 4, "192.0.2.1", 5, 6)),
		from(traffic.ScopeForwarded, 5, "2001:db8::1", 7, 8),
		from(traffic.ScopeLocal, 6, "", 100, 0), from(traffic.ScopeLocal, 7, "0.0.0.0", 200, 0),
		final(from(traffic.ScopeInner, 8, "::", 400, 0)),
		from(traffic.ScopeLoopback, 10, "127.0.0.1", 1e6, 1e6), from(traffic.ScopePassing, 11, "192.0.2.9", 1e6, 1e6),
		from(traffic.ScopePipe, 12, "192.0.2.9", 1e6, 1e6)))
	s := l.Tick(at(1), nil, true)
	expectRemotes(t, s, "invalid IP (no address) 700 0 2", "192.0.2.1  1019 2032 3", "2001:db8::1  7 8 1")
	if u := s.RemoteHosts[1].Usage; u.RxRate != 19 || u.TxRate != 32 {
		t.Errorf("rates without the opening balance: %+v, want 19 and 32", u)
	}
	// Whose it is changes nothing.
	owned := from(traffic.ScopeLocal, 1, "192.0.2.1", 1010, 2021)
	owned.Owner = owner(1, "curl")
	l.Book(complete("m", 2, owned))
	owned.Owner = owner(2, "wget")
	l.Book(complete("m", 3, owned))
	expectRemotes(t, l.Tick(at(3), nil, true), "invalid IP (no address) 700 0 2", "192.0.2.1  1019 2033 3", "2001:db8::1  7 8 1")
}

// TestRemoteHostsIdleLongestAreFolded: what is said of their flows after that
// goes with them.
func TestRemoteHostsIdleLongestAreFolded(t *testing.T) {
	l := newLedger(Options{MaxRemotes: 2})
	ended := final(from(traffic.ScopeLocal, 1, "192.0.2.1", 1, 0))
	l.Book(complete("m", 1, ended, final(from(traffic.ScopeLocal, 2, "192.0.2.2", 2, 0)), from(traffic.ScopeLocal, 3, "", 4, 0)))
	l.Book(complete("m", 2, from(traffic.ScopeLocal, 4, "192.0.2.3", 8, 0))) // .1 was idle before .2 was
	ended.Counts = bytesOf(17, 0)
	l.Book(complete("m", 3, ended))
	expectRemotes(t, l.Tick(at(3), nil, true),
		"invalid IP (no address) 4 0 1", "192.0.2.2  2 0 0", "192.0.2.3  8 0 1", "invalid IP (other hosts) 17 0 0")
	l.Book(complete("m", 4, from(traffic.ScopeLocal, 5, "192.0.2.2", 32, 0), from(traffic.ScopeLocal, 6, "192.0.2.4", 64, 0)))
	expectRemotes(t, l.Tick(at(4), nil, true), // nobody is idle
		"invalid IP (no address) 4 0 1", "192.0.2.2  34 0 1", "192.0.2.3  8 0 1", "invalid IP (other hosts) 81 0 1")
}

func TestRemoteHostsAreThereWithFlowsOrAlways(t *testing.T) {
	for _, always := range []bool{false, true} {
		for _, flows := range []bool{false, true} {
			l := newLedger(Options{Remotes: always})
			l.Book(complete("m", 1, from(traffic.ScopeLocal, 1, "192.0.2.1", 1, 0)))
			s := l.Tick(at(1), nil, flows)
			if got := len(s.RemoteHosts) == 1; got != (always || flows) {
				t.Errorf("Remotes %v, flows wanted %v: %+v", always, flows, s.RemoteHosts)
			}
			if s = s.WithoutFlows(); s.RemoteHosts != nil {
				t.Errorf("Remotes %v, flows wanted %v: without flows %+v", always, flows, s.RemoteHosts)
			}
		}
	}
}
