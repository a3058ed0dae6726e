package tasks

import (
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// fixture is a procfs of made-up processes, and a table that reads it.
type fixture struct {
	t    *testing.T
	proc string
	*table
	b   *book
	now time.Duration

	image int // of the programs that are put
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, proc: t.TempDir(), b: newBook(t), now: time.Hour}
	f.table = newTable(newReader(f.proc))
	names := &namer{owners: plain{}, seed: maphash.MakeSeed()}
	f.who = &watcher{read: newReader(f.proc), names: names}
	f.recorded = true
	f.begins(f.now, 0)
	t.Cleanup(func() {
		for _, p := range f.order {
			f.read.shut(p)
		}
	})
	return f
}

// put makes, or changes, a process.
func (f *fixture) put(pid int, start uint64, command string, written int) {
	f.t.Helper()
	dir := filepath.Join(f.proc, strconv.Itoa(pid))
	own := filepath.Join(dir, "task", strconv.Itoa(pid))
	if err := os.MkdirAll(own, 0o755); err != nil {
		f.t.Fatal(err)
	}
	io := fmt.Sprintf("rchar: 0\nwchar: %d\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: %d\ncancelled_write_bytes: 0\n", written, written)
	stat := fmt.Sprintf("%d (x) S 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0 %d 0 10 0 %d 0 0\n", pid, written/4096, start, f.image)
	for name, text := range map[string]string{
		"stat": stat, "io": io, "task/" + strconv.Itoa(pid) + "/io": io, "cmdline": strings.ReplaceAll(command, " ", "\x00") + "\x00", "cgroup": "0::/\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

// turn is what a monitor does at an interval.
func (f *fixture) turn(beginning bool) {
	f.t.Helper()
	f.now += time.Second
	f.round++
	if err := f.scan(f.now, beginning); err != nil {
		f.t.Fatal(err)
	}
	f.lookAtAll(f.now)
	f.round++
	f.b.take(traffic.Batch{Processes: f.sayAll(false)})
}

func (f *fixture) want(command string, written uint64) {
	f.t.Helper()
	if got := f.b.of(command).DiskWrite; got != written {
		f.t.Errorf("%q wrote %d, want %d", command, got, written)
	}
}

// TestNumberUsedAgain: another process has the number of one that ended.
func TestNumberUsedAgain(t *testing.T) {
	f := newFixture(t)
	f.put(100, 5, "older", 8192)
	f.turn(true)
	f.put(100, 5, "older", 12288)
	f.turn(false)
	f.want("older", 4096)
	start := f.ticks(f.now) + 10
	f.put(100, start, "younger", 4096)
	f.turn(false)
	f.turn(false)
	f.want("older", 4096)
	f.want("younger", 4096)
	if !f.b.ended[identity{100, 5}] || f.b.ended[identity{100, start}] {
		t.Errorf("ends: %v", f.b.ended)
	}
	// The same, told by events: both ends, and both lives.
	at := f.now + time.Second
	f.now = at
	f.died(record{thread: 100, process: 100, usage: usage{write: 20480}, last: true})
	f.began(event{kind: eventFork, at: at, parent: 1, thread: 100, process: 100})
	f.put(100, f.ticks(at), "third", 40960)
	f.turn(false)
	f.turn(false)
	f.want("younger", 20480)
	f.want("third", 40960)
	// And an event that comes after its process was found is no other process.
	f.began(event{kind: eventFork, at: at, parent: 1, thread: 100, process: 100})
	f.turn(false)
	f.want("third", 40960)
	if f.b.ended[identity{100, f.ticks(at)}] {
		t.Error("a late event ended a process")
	}
}

// TestRecords: what the kernel tells of ends is told once, of whom it was, whatever
// is missing before it.
func TestRecords(t *testing.T) {
	f := newFixture(t)
	f.put(100, 5, "parent", 0)
	f.turn(true)
	at := f.now
	f.began(event{kind: eventFork, at: at, parent: 100, thread: 200, process: 200})
	f.executed(execution{pid: 200, at: at + time.Millisecond, known: true, facts: facts{
		start: f.ticks(at), own: usage{cacheRead: 300}, owner: &traffic.Owner{PID: 200, Start: f.ticks(at), Command: "child"},
	}})
	// A thread of a kernel that does not say whose: its exit tells.
	thread := record{thread: 201, usage: usage{write: 4096}}
	if !f.unplaced(&thread) || f.unplaced(&thread) {
		t.Error("a record is to wait once")
	}
	f.happened(event{kind: eventExit, thread: 201, process: 200})
	f.died(thread)
	f.died(record{thread: 200, process: 200, usage: usage{write: 8192}, last: true})
	f.died(record{thread: 202, process: 200, usage: usage{write: 1024}}) // later than the last
	f.turn(false)
	f.want("child", 8192+4096+1024)
	f.died(record{thread: 203, process: 200, usage: usage{write: 1 << 30}}) // after its end was told
	f.turn(false)
	f.want("child", 8192+4096+1024)
	f.want("parent", 0)

	// Nobody saw these: one that never executed a program, and one that did.
	f.died(record{thread: 300, process: 300, parent: 100, forked: true, usage: usage{write: 1024}, last: true})
	f.died(record{thread: 301, process: 301, parent: 100, comm: "gone\x1b[2J", usage: usage{write: 2048}, last: true})
	// This one's program was seen, but not in time.
	f.began(event{kind: eventFork, at: at, parent: 100, thread: 302, process: 302})
	f.executed(execution{pid: 302, at: at})
	f.died(record{thread: 302, process: 302, comm: "late", usage: usage{write: 512}, last: true})
	f.turn(false)
	f.want("parent", 1024)
	f.want("[late]", 512)
	for command := range f.b.by {
		if command != traffic.CleanText(command, traffic.MaxCommand) {
			t.Errorf("%q is not clean", command)
		}
	}
}

// TestSplit: a process that executes another program is two.
func TestSplit(t *testing.T) {
	f := newFixture(t)
	f.put(100, 5, "before", 4096)
	f.turn(true)
	f.put(100, 5, "before", 8192)
	f.turn(false)
	owner := &traffic.Owner{PID: 100, Start: 5, Command: "after"}
	f.executed(execution{pid: 100, at: f.now + 900*time.Millisecond, late: time.Millisecond / 10, known: true,
		facts: facts{start: 5, own: usage{write: 20480}, owner: owner}})
	f.put(100, 5, "after", 24576)
	f.turn(false)
	f.want("before", 16384)
	f.want("after", 4096)
	// One that was read too late tells nothing of before.
	f.executed(execution{pid: 100, at: f.now, late: time.Second, known: true,
		facts: facts{start: 5, own: usage{write: 28672}, owner: &traffic.Owner{PID: 100, Start: 5, Command: "last"}}})
	f.put(100, 5, "last", 28672)
	f.turn(false)
	f.want("after", 4096)
	f.want("last", 4096)
	// Nobody was asked who this is: it is at the next reading.
	f.executed(execution{pid: 100, at: f.now + time.Second/2})
	f.put(100, 5, "unasked", 32768)
	f.turn(false)
	f.want("last", 4096)
	f.want("unasked", 4096)
}

// TestStopped: what was done while the monitor did not run is nobody's, whatever program
// did it and whether it can be read at once or not.
func TestStopped(t *testing.T) {
	f := newFixture(t)
	f.who.conn = &connector{} // nothing comes of it
	f.image = 7
	f.put(100, 5, "before", 4096)
	f.put(101, 5, "still", 4096)
	f.turn(true)
	f.put(100, 5, "before", 8192)
	f.put(101, 5, "still", 8192)
	f.turn(false)
	f.image = 8
	f.put(100, 5, "after", 20<<20)
	f.put(101, 5, "titled", 20<<20)
	stat := filepath.Join(f.proc, "101", "stat")
	for _, err := range []error{os.Rename(stat, stat+"."), os.Symlink(stat, stat)} { // no reading, but not gone
		if err != nil {
			t.Fatal(err)
		}
	}
	f.turn(true)
	for _, err := range []error{os.Remove(stat), os.Rename(stat+".", stat)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.turn(false)
	f.put(100, 5, "after", 20<<20+4096)
	f.put(101, 5, "titled", 20<<20+4096)
	f.turn(false)
	for _, command := range []string{"before", "after", "still", "titled"} {
		f.want(command, 4096)
	}
	// One that ends before it could be read tells nothing.
	f.turn(true)
	f.all[101].unread = true
	f.died(record{thread: 101, process: 101, usage: usage{write: 30 << 20}, last: true})
	f.turn(false)
	f.want("titled", 4096)
}

// TestSplitParent: what was told of a process that executed another program is not taken
// back when its first child begins.
func TestSplitParent(t *testing.T) {
	f := newFixture(t)
	f.turn(true)
	at := f.now
	start := f.ticks(at)
	f.began(event{kind: eventFork, at: at, parent: 1, thread: 100, process: 100})
	for i, command := range []string{"shell", "interpreter"} {
		at += 100 * time.Millisecond
		f.executed(execution{pid: 100, at: at, late: time.Millisecond, known: true, facts: facts{start: start, image: uint64(i + 1),
			own: usage{cacheRead: uint64(i) * 11788}, whole: usage{cacheRead: uint64(i) * 11788, cacheWrite: uint64(i)},
			owner: &traffic.Owner{PID: 100, Start: start, Command: command}}})
	}
	f.began(event{kind: eventFork, at: at, parent: 100, thread: 200, process: 200})
	f.died(record{thread: 100, process: 100, usage: usage{cacheRead: 11264}, last: true}) // whole KiB
	f.turn(false)
	f.turn(false)
	if got := f.b.of("shell"); got.CacheRead != 11788 || f.b.of("interpreter").CacheRead != 0 {
		t.Errorf("%+v", got)
	}
}

// TestStarts: whatever is thought of the clocks, a process is told by one start, which is
// its own where that could be read.
func TestStarts(t *testing.T) {
	f := newFixture(t)
	f.turn(true)
	start := f.ticks(f.now + time.Hour) // it slept for an hour, of which nobody has told
	facts := facts{start: start, image: 7, own: usage{write: 4096}, whole: usage{write: 4096}}
	facts.owner = &traffic.Owner{PID: 100, Start: start, Command: "writer"}
	f.began(event{kind: eventFork, at: f.now, parent: 1, thread: 100, process: 100})
	f.b.take(traffic.Batch{Processes: f.sayAll(false)}) // before it could be read
	f.executed(execution{pid: 100, at: f.now + time.Second, late: time.Millisecond, known: true, facts: facts})
	f.put(100, start, "writer", 8192)
	f.turn(false)
	f.died(record{thread: 100, process: 100, usage: usage{write: 8192}, last: true})
	// Of this one the program is told when it has ended.
	at := f.now
	f.began(event{kind: eventFork, at: at, parent: 1, thread: 200, process: 200})
	f.died(record{thread: 200, process: 200, comm: "late", usage: usage{write: 4096}, last: true})
	f.b.take(traffic.Batch{Processes: f.sayAll(false)})
	facts.owner = &traffic.Owner{PID: 200, Start: start, Command: "late"}
	f.executed(execution{pid: 200, at: at + time.Second, late: time.Second, known: true, facts: facts})
	for range 2 {
		f.round++
		f.b.take(traffic.Batch{Processes: f.sayAll(false)})
	}
	var sum uint64
	for id, p := range f.b.known {
		if sum += p.DiskWrite; !f.b.ended[id] {
			t.Errorf("the end of %+v was not told", id)
		}
	}
	if len(f.b.known) != 2 || sum != 8192+4096 || !f.b.ended[identity{100, start}] {
		t.Errorf("%d bytes of %+v", sum, f.b.known)
	}
	// Who is older than the monitor is so whatever the clocks say later.
	m := New(Options{})
	m.table = f.table
	before := f.ticks(f.now)
	f.boot = -time.Hour
	if err := m.drain(&sources{}); err != nil || f.boot < bootAhead()-time.Second || f.old(before) {
		t.Errorf("%v: ahead by %v", err, f.boot)
	}
	f.boot += time.Hour
	if f.old(before) {
		t.Error("a process that began before the machine slept is taken for an older one")
	}
}

// TestKernelThreads: they are one owner.
func TestKernelThreads(t *testing.T) {
	f := newFixture(t)
	f.put(kernelParent, 0, "", 0)
	f.turn(true)
	for pid := 50; pid < 53; pid++ {
		f.began(event{kind: eventFork, at: f.now, parent: kernelParent, thread: pid, process: pid})
		f.died(record{thread: pid, process: pid, forked: true, usage: usage{write: 4096}, last: true})
	}
	f.turn(false)
	f.want(traffic.AppKernel, 3*4096)
	f.turn(false)
	f.want(traffic.AppKernel, 3*4096)
}

// TestSealed: of a process whose io may not be read the rest is told.
func TestSealed(t *testing.T) {
	f := newFixture(t)
	f.put(100, 5, "secret", 4096)
	f.turn(true)
	for _, name := range []string{"io", "task/100/io"} {
		if err := os.WriteFile(filepath.Join(f.proc, "100", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.turn(false)
	if got := f.b.of("secret"); !f.all[100].sealed || got.Memory == 0 || got.DiskWrite != 0 {
		t.Errorf("%+v", got)
	}
}

// limitFiles changes how many descriptors there may be until the returned function is called.
func limitFiles(t *testing.T, most uint64) (restore func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = most
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFewDescriptors: no more than an eighth of them is kept, and where there are none
// for a moment, a process is read again.
func TestFewDescriptors(t *testing.T) {
	restore := limitFiles(t, 1024)
	f := newFixture(t)
	restore()
	const count = 100
	for pid := 100; pid < 100+count; pid++ {
		f.put(pid, 5, "many", 4096)
	}
	before := openFiles()
	f.turn(true)
	for range 2 {
		f.turn(false)
	}
	if n := openFiles() - before; n > 1024/8 || n < 1024/16 {
		t.Errorf("%d descriptors are kept of 1,024", n)
	}

	f.put(300, 5, "late", 4096)
	p := f.add(300, f.now)
	next, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	restore = limitFiles(t, uint64(next)+1)
	p.clock = 1
	ok := f.look(p, f.now) // its stat can be opened, then no more
	restore()
	if ok || p.sealed || p.clock != 0 || p.ending != 0 {
		t.Errorf("read without a descriptor: %t, %+v", ok, p)
	}
	f.turn(false)
	f.put(300, 5, "late", 8192)
	f.turn(false)
	f.want("late", 4096)
}

// TestInterval: batches come at the interval, be it a multiple of that of drains or not.
func TestInterval(t *testing.T) {
	const interval, count = 560 * time.Millisecond, 3
	began := time.Now()
	b, stop := watch(t, Options{Interval: interval, Proc: t.TempDir(), NoEvents: true})
	await(t, "batches", func() bool { return b.batches() > count })
	if took := time.Since(began); took < count*interval || took > count*interval+time.Second {
		t.Errorf("%d intervals of %v took %v", count, interval, took)
	}
	stop()
}

// TestHostile: whatever a process calls itself, what is told is clean and short.
func TestHostile(t *testing.T) {
	f := newFixture(t)
	for i, command := range []string{"a\x1b]0;x\x07b", "\xff\xfe", strings.Repeat("long ", 10000), "\u202eevil", "<script>", "[red]x[-]", "=1+1", ") R 1 1 1", "\n\n"} {
		f.put(100+i, 5, command, 0)
	}
	f.turn(true)
	if len(f.b.by) < 9 {
		t.Errorf("%d commands", len(f.b.by))
	}
	for command := range f.b.by {
		if command != traffic.CleanText(command, traffic.MaxCommand) {
			t.Errorf("%q is not clean", command)
		}
	}
}
