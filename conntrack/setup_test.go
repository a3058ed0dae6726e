package conntrack

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	ti "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// state is what set-up changes on a host: accounting, and who uses our table.
func state(t *testing.T, h *lab.Host) (acct int, users []taggedUser, tables int) {
	t.Helper()
	err := h.Do(func() (err error) {
		s := setup{proc: "/proc"}
		if acct, err = s.accounting(); err == nil {
			users, err = s.users()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return acct, users, countTables(t, h)
}

// Kernel facts: accounting is off by default, and nothing is tracked before a
// rule asks for it.
func TestSetupAndUndo(t *testing.T) {
	_, ours, _ := pair(t)
	if acct, _, tables := state(t, ours); acct != 0 || tables != 0 {
		t.Fatalf("a new namespace has accounting %d and %d tables", acct, tables)
	}
	b := watch(t, ours, Options{})
	acct, users, _ := state(t, ours)
	if acct != 1 || len(users) != 1 || users[0].pid != os.Getpid() || users[0].acct != 0 {
		t.Errorf("while running: accounting %d, users %+v", acct, users)
	}
	if err := ours.Do(func() error {
		if ok, err := tracks(); err != nil || !ok {
			return fmt.Errorf("nothing is tracked: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	b.stop()
	if acct, _, tables := state(t, ours); acct != 0 || tables != 0 {
		t.Errorf("afterwards: accounting %d, %d tables", acct, tables)
	}
}

func TestSetupLeavesAloneWhatSuffices(t *testing.T) {
	_, ours, _ := pair(t)
	accounted(ours)
	_, _, before := state(t, ours)
	b := watch(t, ours, Options{})
	acct, users, tables := state(t, ours)
	if acct != 1 || len(users) != 0 || tables != before {
		t.Errorf("accounting %d, users %+v, %d tables, want 1, none, %d", acct, users, tables, before)
	}
	b.stop()
	if acct, _, tables := state(t, ours); acct != 1 || tables != before {
		t.Errorf("afterwards: accounting %d, %d tables, want 1, %d", acct, tables, before)
	}
}

func TestSetupAfterCrash(t *testing.T) {
	_, ours, _ := pair(t)
	// What a bwmon that was killed leaves behind: its rule, and accounting on.
	if err := ours.Do(func() error {
		dead := setup{proc: "/proc"}
		if err := dead.register(nil, 0); err != nil {
			return err
		}
		users, err := dead.users()
		if err != nil {
			return err
		}
		if err := dead.setAccounting(1); err != nil {
			return err
		}
		return forgeUser(users[0], user{pid: 1 << 22, start: 1, acct: 0})
	}); err != nil {
		t.Fatal(err)
	}
	b := watch(t, ours, Options{})
	_, users, _ := state(t, ours)
	if len(users) != 1 || users[0].pid != os.Getpid() || users[0].acct != 0 {
		t.Errorf("users %+v, want only ourselves with accounting 0 before", users)
	}
	b.stop()
	if acct, _, tables := state(t, ours); acct != 0 || tables != 0 {
		t.Errorf("afterwards: accounting %d, %d tables", acct, tables)
	}
}

// Two of us share one table; it goes with the last.
func TestSetupIsShared(t *testing.T) {
	_, ours, _ := pair(t)
	// Another process's bwmon: one that lives, init.
	start, err := (&setup{proc: "/proc"}).startTime(1)
	if err != nil {
		t.Fatal(err)
	}
	var theirs taggedUser
	if err := ours.Do(func() error {
		other := setup{proc: "/proc"}
		if err := other.register(nil, 0); err != nil {
			return err
		}
		users, err := other.users()
		if err != nil {
			return err
		}
		theirs = users[0]
		if err := other.setAccounting(1); err != nil {
			return err
		}
		return forgeUser(users[0], user{pid: 1, start: start, acct: 0})
	}); err != nil {
		t.Fatal(err)
	}
	b := watch(t, ours, Options{})
	if _, users, _ := state(t, ours); len(users) != 2 {
		t.Errorf("users %+v, want two", users)
	}
	b.stop()
	acct, users, tables := state(t, ours)
	if acct != 1 || tables != 1 || len(users) != 1 || users[0].pid != 1 {
		t.Errorf("afterwards: accounting %d, %d tables, users %+v (first was %+v), want the other's set-up intact", acct, tables, users, theirs)
	}
}

// A firewall reload removes every table; ours comes back.
func TestSetupSurvivesFlush(t *testing.T) {
	_, ours, _ := pair(t)
	b := watch(t, ours, Options{})
	if err := ours.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		c.FlushRuleset()
		return c.Flush()
	}); err != nil {
		t.Fatal(err)
	}
	b.until("the table's return", func() bool { _, users, _ := state(t, ours); return len(users) == 1 })
	b.stop()
	if acct, _, tables := state(t, ours); acct != 0 || tables != 0 {
		t.Errorf("afterwards: accounting %d, %d tables", acct, tables)
	}
}

// stream has ours send to peer for that long, 100 kB a second.
func stream(ours, peer *lab.Host, life time.Duration) (*lab.Child, *lab.Child) {
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	return server, ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr,
		Send: uint64(100_000 * life.Seconds()), Chunk: 1000, Spread: true, Life: life,
	})
}

// Whether the kernel tracks is tried out only where nothing else tells it: the
// trial itself is traffic. Four checks fall into each of the two times.
func TestChecksStayOutOfTheBooks(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	b := watch(t, ours, Options{MaxShare: 100})
	server, client := stream(ours, peer, 2*time.Second)
	client.Wait()
	server.Stop()
	time.Sleep(2 * time.Second)
	b.stop()
	if got, n := b.sum(scoped(traffic.ScopeLoopback)); n > 0 {
		t.Errorf("%d loopback flows of %d bytes that nobody but bwmon sent", n, got.Bytes())
	}
	if _, n := b.sum(scoped(traffic.ScopeLocal)); n != 1 {
		t.Errorf("%d local flows, want 1", n)
	}
}

// Somebody else's firewall made the kernel track, and no longer does.
func TestTrackingThatOthersEnd(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	b := watch(t, ours, Options{})
	server, client := stream(ours, peer, 5*time.Second)
	time.Sleep(200 * time.Millisecond)
	if err := ours.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		c.FlushRuleset()
		return c.Flush()
	}); err != nil {
		t.Fatal(err)
	}
	b.until("our own table", func() bool { _, users, _ := state(t, ours); return len(users) == 1 })
	client.Wait()
	server.Stop()
	b.stop()
}

func TestNoSetupRefuses(t *testing.T) {
	_, ours, _ := pair(t)
	err := ours.Go(func() error {
		return New(Options{NoSetup: true}).Run(context.Background(), func(traffic.Batch) {})
	})()
	if err == nil {
		t.Fatal("ran without accounting or tracking")
	}
	for _, want := range []string{"accounting is off", "sysctl net.netfilter.nf_conntrack_acct=1", "track connections", "--no-setup"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if acct, _, tables := state(t, ours); acct != 0 || tables != 0 {
		t.Errorf("it changed accounting to %d and added %d tables", acct, tables)
	}
	accounted(ours)
	b := watch(t, ours, Options{NoSetup: true})
	b.stop()
}

func TestForeignTableIsNotTouched(t *testing.T) {
	_, ours, _ := pair(t)
	err := ours.Do(func() error {
		c, table, chain, err := ruleset()
		if err != nil {
			return err
		}
		c.AddTable(table)
		c.AddChain(chain)
		c.AddRule(&nftables.Rule{Table: table, Chain: chain})
		return c.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	err = ours.Go(func() error { return New(Options{}).Run(context.Background(), func(traffic.Batch) {}) })()
	if err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("error %v, want one about a table that is not ours", err)
	}
	if tables := countTables(t, ours); tables != 1 {
		t.Errorf("%d tables, want the foreign one", tables)
	}
}

func countTables(t *testing.T, h *lab.Host) (tables int) {
	t.Helper()
	if err := h.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		all, err := c.ListTables()
		tables = len(all)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return tables
}

// The probe leaves nothing behind.
func TestTracksLeavesNoEntry(t *testing.T) {
	_, ours, _ := pair(t)
	ours.Track()
	ours.Conntrack(func(c *ti.Conn) error { return c.Flush() })
	if err := ours.Do(func() error {
		if ok, err := tracks(); err != nil || !ok {
			return fmt.Errorf("tracks() = %v, %v", ok, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Second); len(ours.Entries()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left behind: %+v", ours.Entries())
		}
	}
}

func TestPrivilegeTellsTheCure(t *testing.T) {
	err := privilege(fmt.Errorf("open: %w", unix.EPERM))
	if !strings.Contains(err.Error(), "CAP_NET_ADMIN") || !strings.Contains(err.Error(), "root") {
		t.Errorf("error %q does not name the cure", err)
	}
}
