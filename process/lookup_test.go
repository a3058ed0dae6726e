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

	"bwmon/lab"
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

// forking is one way in which a connection comes to the child of a server that
// forks for each.
type forking struct {
	name    string
	known   bool // the first look has seen the listener
	late    bool // wanted when it is accepted and not at its first packet
	retries int  // how many there are before the exec
}

// A server that forks for each connection: its child executes a program of
// another name, which owns the connection. One want at the connection's start
// finds each of them at the next retry, without another look.
func TestLabForkingServer(t *testing.T) {
	for _, c := range []forking{
		{name: "at once", known: true},
		{name: "forked for a while", known: true, retries: 1},
		{name: "forked for long", known: true, retries: 2},
		{name: "new listener", retries: 1},
		{name: "told of late", known: true, late: true, retries: 1},
		{name: "new listener, told of late", late: true, retries: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := lab.New(t).Host("alone").Do(func() error { return c.test(t) }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (c forking) test(t *testing.T) error {
	const parent, heir = "forker --listen", "worker --of connection"
	server := newChild(t, "forker", nil, strings.Fields(parent)...)
	var w *worker
	var now *time.Time
	if !c.known {
		w, now = stepped(t, "/proc")
	}
	f := traffic.Flow{Proto: traffic.TCP, Local: netip.MustParseAddrPort(server.tell("LISTEN 127.0.0.1:0"))}
	if c.known {
		w, now = stepped(t, "/proc")
	}
	conn, err := net.Dial("tcp", f.Local.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	f.Remote = addrPort(conn.LocalAddr())
	owned := func(pid, command string) {
		t.Helper()
		if o := w.r.Owner(f, now.Add(slack)); o == nil || fmt.Sprint(o.PID) != pid || o.Command != command {
			t.Errorf("owner is %+v, want %s of pid %s", o, command, pid)
		}
	}
	if !c.late {
		w.lookUp([]key{keyOf(f)}, true)
		owned(fmt.Sprint(server.cmd.Process.Pid), parent)
	}
	pid, command := server.tell("ACCEPT"), parent
	awaitCommand(t, pid, command)
	if c.late {
		w.lookUp([]key{keyOf(f)}, true)
		owned(pid, command)
	}
	wanted := *now
	for i, after := range retryAfter {
		if i == c.retries {
			server.tell("EXEC")
			command = heir
			awaitCommand(t, pid, command)
		}
		*now = wanted.Add(after)
		w.chores()
		owned(pid, command)
	}
	if wait, any := w.idle(); any || w.looks != 1 {
		t.Errorf("%d looks, something more is planned in %v: %v", w.looks, wait, any)
	}
	return nil
}

// awaitCommand waits until a process is of that command.
func awaitCommand(t *testing.T, pid, command string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if err != nil {
			t.Fatal(err)
		}
		if _, line := parseCmdline(b, nil); line == command {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("pid %s is %q, want %s", pid, b, command)
		}
	}
}

// What the budget put off until later is looked for if it is still open, and
// not in all descriptors of all processes if it is not.
func TestPutOffUntilItIsClosed(t *testing.T) {
	for _, open := range []bool{true, false} {
		w, now := stepped(t, "/proc")
		client, server, _ := pair(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
		k := keyOf(flowOf(client, traffic.TCP))
		s, ok, err := w.find(k)
		if err != nil || !ok {
			t.Fatalf("socket %v, %v", ok, err)
		}
		w.deferred = append(w.deferred, lead{socket: s, asked: k, at: now.UnixNano()})
		// The test's own are found without a pass over all.
		for _, p := range w.scan.procs.all {
			w.scan.procs.cool(p)
		}
		if !open {
			reset(t, client, server)
		}
		before := w.scan.passes
		w.dig()
		if _, found := w.r.cache.tuples.get(k); found != open || (w.scan.passes > before) != open {
			t.Errorf("open %v: found %v in %d passes", open, found, w.scan.passes-before)
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
