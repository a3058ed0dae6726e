package process

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// stepped is a worker whose clock stands still but for what a test adds to it.
func stepped(t *testing.T, proc string) (w *worker, clock *time.Time) {
	t.Helper()
	now := time.Now()
	w, err := newWorker(New(Options{Proc: proc, Now: func() time.Time { return now }}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	if w.exact == nil {
		t.Skip("this kernel has no sock_diag")
	}
	w.look()
	return w, &now
}

// reset closes both ends of a connection so that its sockets are gone at once.
func reset(t *testing.T, client, server net.Conn) {
	t.Helper()
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	server.Close()
}

// Each retry of a connection that was gone and led to its listener planned
// three more.
func TestConnectionGoneIsLookedUpAFewTimes(t *testing.T) {
	w, now := stepped(t, "/proc")
	client, server, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	k := keyOf(flowOf(server, traffic.TCP))
	reset(t, client, server)
	w.lookUp([]key{k}, true)
	for end := now.Add(2 * time.Second); now.Before(end) && w.exacts < 10; *now = now.Add(time.Millisecond) {
		w.chores()
	}
	if w.exacts <= uint64(len(retryAfter)) || w.exacts >= 10 {
		t.Errorf("%d exact look-ups in two seconds, want each retry and fewer than 10", w.exacts)
	}
	if wait, any := w.idle(); any {
		t.Errorf("something more is planned in %v", wait)
	}
}

// A connection that was seen counted as missed when it had ended at its
// retries.
func TestOnlyWhatWasNeverSeenCountsAsGone(t *testing.T) {
	w, now := stepped(t, "/proc")
	client, server, ln := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	k := keyOf(flowOf(server, traffic.TCP))
	w.lookUp([]key{k}, true)
	reset(t, client, server)
	ln.Close()
	for end := now.Add(2 * time.Second); now.Before(end); *now = now.Add(10 * time.Millisecond) {
		w.chores()
	}
	if w.gone != 0 {
		t.Errorf("%d sockets count as closed before they were seen", w.gone)
	}
	w.lookUp([]key{k}, true)
	if w.gone != 1 {
		t.Errorf("%d sockets count as closed before they were seen, want 1", w.gone)
	}
}

// settled waits until the owner of f, as it is at every retry, is so.
func settled(t *testing.T, r *Resolver, f traffic.Flow, since time.Time, so func(*traffic.Owner) bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		o := r.Owner(f, since)
		if o != nil && so(o) {
			t.Logf("after %v; %s", time.Since(since).Round(time.Millisecond), r.Detail())
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("owner is %+v; %s", o, r.Detail())
		}
	}
}

// A server that forks for each connection: its child executes a program of
// another name, which owns the connection. The interval keeps all looks but the
// first away, so that it is the one Want at the connection's start that finds
// the owner.
func TestLabForkingServer(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool // the first look has seen the listener
		late  bool // wanted when it is accepted and not at its first packet
		exec  time.Duration
	}{
		{name: "at once", known: true},
		{name: "forked for a while", known: true, exec: 30 * time.Millisecond},
		{name: "new listener", exec: 30 * time.Millisecond},
		{name: "told of late", known: true, late: true, exec: 30 * time.Millisecond},
		{name: "new listener, told of late", late: true, exec: 30 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, peer := twoHosts(t)
			var server *child
			serve := func() netip.AddrPort {
				if err := ours.Do(func() error {
					server = newChild(t, "forker", nil, "forker", "--listen")
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				return netip.MustParseAddrPort(server.tell("LISTEN 198.18.0.1:0"))
			}
			var addr netip.AddrPort
			if c.known {
				addr = serve()
			}
			w := watch(t, ours, Options{Interval: time.Hour})
			awaitLook(t, w.resolver)
			if !c.known {
				addr = serve()
			}
			since := time.Now()
			w.deaf.Store(c.late)
			f := traffic.Flow{Proto: traffic.TCP, Local: addr}
			if err := peer.Do(func() error {
				conn, err := net.Dial("tcp", addr.String())
				if err == nil {
					t.Cleanup(func() { conn.Close() })
					f.Remote = addrPort(conn.LocalAddr())
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			pid := server.tell("ACCEPT %v", c.exec)
			if c.late {
				w.resolver.Want(f)
			}
			settled(t, w.resolver, f, since, func(o *traffic.Owner) bool {
				return fmt.Sprint(o.PID) == pid && o.Command == "worker --of connection"
			})
		})
	}
}

// awaitLook waits for r's first look at all sockets.
func awaitLook(t *testing.T, r *Resolver) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); r.Stats().Looks == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("there was no first look")
		}
	}
}

// heldConnection is a connection of a child of that command line.
func heldConnection(t *testing.T, args ...string) (*child, traffic.Flow) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c := newChild(t, "client", nil, args...)
	local := netip.MustParseAddrPort(c.tell("HOLD %s", ln.Addr()))
	return c, traffic.Flow{Proto: traffic.TCP, Local: local, Remote: addrPort(ln.Addr())}
}

// A process without a command line is asked for it again soon, and goes by its
// kernel name only when it has none for long.
func TestCommandLineThatComesLater(t *testing.T) {
	for _, c := range []struct {
		name  string
		comes time.Duration // 0: never
		want  string
	}{
		{"soon", 20 * time.Millisecond, "shy client"},
		{"late", 200 * time.Millisecond, "shy client"},
		{"never", 0, "[client]"},
		{"soon, long there", 20 * time.Millisecond, "shy client"},
		{"late, long there", 200 * time.Millisecond, "shy client"},
		{"never, long there", 0, "[client]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			child, f := heldConnection(t, "some-client")
			proc := besides(t, child.cmd.Process.Pid)
			name := func(line string) {
				fixture(t, proc, child.cmd.Process.Pid, map[string]string{"cmdline": line})
			}
			name("")
			w, now := stepped(t, proc)
			if strings.HasSuffix(c.name, "long there") {
				w.scan.procs.began = 0
			}
			since := *now
			w.lookUp([]key{keyOf(f)}, true)
			w.look()
			if e, ok := w.r.cache.tuples.get(keyOf(f)); ok {
				t.Errorf("owner is %+v, want none yet", e.owner)
			}
			// Look-ups alone have to find it.
			for end := now.Add(500 * time.Millisecond); now.Before(end); *now = now.Add(5 * time.Millisecond) {
				if c.comes > 0 && now.Sub(since) >= c.comes {
					name("shy\x00client\x00")
				}
				w.chores()
				_, ok := w.r.cache.tuples.get(keyOf(f))
				if c.comes > 0 && now.Sub(since) == c.comes+60*time.Millisecond && !ok {
					t.Error("no owner 60 ms after the command line came")
				}
			}
			if e, _ := w.r.cache.tuples.get(keyOf(f)); e.owner == nil || e.owner.Command != c.want {
				t.Errorf("owner is %+v, want %s", e.owner, c.want)
			}
			if wait, any := w.idle(); any || w.exacts > 20 {
				t.Errorf("%d exact look-ups, something more is planned in %v: %v", w.exacts, wait, any)
			}
		})
	}
}

// besides is a procfs that knows one process alone, which it calls client, and
// shows only its descriptors as they are.
func besides(t *testing.T, pid int) (proc string) {
	t.Helper()
	proc = t.TempDir()
	fixture(t, proc, pid, map[string]string{"stat": statLine("client"), "status": "Uid:\t0\t0\t0\t0\n"})
	dir := filepath.Join(proc, fmt.Sprint(pid))
	if err := os.Remove(filepath.Join(dir, "fd")); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{
		filepath.Join(dir, "fd"): fmt.Sprintf("/proc/%d/fd", pid),
		proc + "/self":           "/proc/self",
		proc + "/thread-self":    "/proc/thread-self",
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

// A daemon that gave up its privileges stayed root's, as did the sockets that
// were not looked up again one by one.
func TestOwnerThatChangesUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to change the user")
	}
	c, f := heldConnection(t, "daemon")
	other := f
	other.Local = netip.MustParseAddrPort(c.tell("HOLD %s", f.Remote))
	w, now := stepped(t, "/proc")
	first := w.r.Owner(f, time.Time{})
	if first == nil || first.UID != 0 {
		t.Fatalf("owner is %+v, want root", first)
	}
	c.tell("DROP 65534")
	*now = now.Add(checkTime)
	since := *now
	w.lookUp([]key{keyOf(f)}, true)
	o := w.r.Owner(f, since)
	if o == nil || o.UID != 65534 || o.PID != first.PID || o.Start != first.Start || first.UID != 0 {
		t.Errorf("owner is %+v, was %+v; want another of user 65534", o, first)
	}
	w.sockets = 1 << 20 // the sample of so many is small
	w.look()
	if got := w.r.Owner(other, since); got != o {
		t.Errorf("owner of the other connection is %+v, want %+v", got, o)
	}
	w.lookUp([]key{keyOf(f)}, true)
	*now = now.Add(checkTime)
	w.lookUp([]key{keyOf(f)}, true)
	if again := w.r.Owner(f, since); again != o {
		t.Errorf("nothing changed, but the owner is another: %+v", again)
	}
}

// checkTime is so long that the process is no longer young and its identity
// due to be checked, but not all of its sockets.
const checkTime = 10 * time.Second

func TestDetail(t *testing.T) {
	r := New(Options{})
	for _, c := range []struct {
		stats Stats
		want  string
	}{
		{Stats{}, "0 sockets, 0 looks, 0 passes over /proc, 0s CPU"},
		{Stats{Sockets: 1, Looks: 1, Passes: 1}, "1 socket, 1 look, 1 pass over /proc, 0s CPU"},
		{Stats{Unheld: 1, Gone: 1, Dropped: 1, Denied: 1, Fault: "broken"},
			"0 sockets, 0 looks, 0 passes over /proc, 0s CPU, 1 socket without a process, 1 socket closed before it was seen, " +
				"1 look-up dropped, 1 process not readable (run as root), broken"},
		{Stats{Sockets: 2, Looks: 3, Passes: 4, Unheld: 5, Gone: 6, Dropped: 7, Denied: 8},
			"2 sockets, 3 looks, 4 passes over /proc, 0s CPU, 5 sockets without a process, 6 sockets closed before they were seen, " +
				"7 look-ups dropped, 8 processes not readable (run as root)"},
	} {
		r.stats = c.stats
		if got := r.Detail(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
