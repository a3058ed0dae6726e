package tasks

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// lockThread makes the calling goroutine's thread end with it.
func lockThread() { runtime.LockOSThread() }

// TestShortWriters: 1,000 dd that live some milliseconds. What they wrote is on the right
// command line, or on that of a dd of which nobody could say more, and none of it on
// their parent's as well. On a machine that is not too busy at least 99 % is on the right
// one, in one of three tries: scripts/tasks asks for that (BWMON_FIGURES=1), here it is
// half.
func TestShortWriters(t *testing.T) {
	needKernel(t)
	const tries = 3 // on a machine that is too busy, some are gone before they are seen
	for try := 1; ; try++ {
		share := shortWriters(t)
		if share >= 0.99 {
			return
		}
		if share >= 0.5 && os.Getenv("BWMON_FIGURES") == "" {
			return
		}
		if try == tries {
			t.Fatalf("%d times had less", tries)
		}
	}
}

// shortWriters returns which part of what they wrote is on the right command line.
func shortWriters(t *testing.T) float64 {
	t.Helper()
	b, stop := watch(t, Options{})
	parent := child("writers", "writers", diskFile(t))
	out, err := parent.Output()
	stop()
	var want []wrote
	if err := errors.Join(err, json.Unmarshal(out, &want)); err != nil {
		t.Fatal(err)
	}
	var sum, right, exact uint64
	var mean time.Duration
	for _, w := range want {
		got := b.of(w.Command).DiskWrite
		sum, right, mean = sum+w.Bytes, right+min(got, w.Bytes), mean+w.Lived/time.Duration(len(want))
		if got > w.Bytes {
			t.Errorf("%s: %d bytes booked, it wrote %d", w.Command, got, w.Bytes)
		}
		if got == w.Bytes {
			exact++
		} else {
			t.Logf("%s: %d bytes booked, it wrote %d", w.Command, got, w.Bytes)
		}
	}
	if got := b.of(strings.Join(parent.Args, " ")).DiskWrite; got > sum/100 {
		t.Errorf("%d bytes are booked to the parent, which wrote none", got)
	}
	t.Logf("%d bytes written, %d (%.2f %%) on the right command line; %d of %d dd exactly; they lived %v on average; %s",
		sum, right, 100*float64(right)/float64(sum), exact, len(want), mean, b.last.Detail)
	return float64(right) / float64(max(sum, 1))
}

// talk starts a child and returns functions that wait for it to be done with a step,
// which return what it has written by then, and that make it take the next.
func talk(t *testing.T, cmd *exec.Cmd) (done func() uint64, next func()) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	done = func() uint64 {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("wait for the child: %v", lines.Err())
		}
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return done, func() {
		t.Helper()
		if _, err := in.Write([]byte("g")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThreads: what threads did that ended before their process is told, and what the
// last did after the last reading.
func TestThreads(t *testing.T) {
	needKernel(t)
	for name, interval := range map[string]time.Duration{"readings between": 50 * time.Millisecond, "no reading": time.Hour} {
		t.Run(name, func(t *testing.T) {
			b, stop := watch(t, Options{Interval: interval})
			cmd := child("threads", "threads "+name, diskFile(t))
			done, next := talk(t, cmd)
			wrote := done()
			if interval < time.Hour {
				await(t, "what four threads wrote", func() bool { return b.of(strings.Join(cmd.Args, " ")).DiskWrite == wrote })
			}
			next()
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			stop()
			sameAsTruth(t, b.of(strings.Join(cmd.Args, " ")), cmd)
			if !b.final(cmd.Process.Pid) {
				t.Error("its end was not told")
			}
		})
	}
}

func sameAsTruth(t *testing.T, got traffic.ProcessTotal, cmd *exec.Cmd) {
	t.Helper()
	if read, wrote := truth(cmd); got.DiskWrite != wrote || wrote == 0 || got.DiskRead != read {
		t.Errorf("%s: read and wrote %d and %d, want %d and %d", cmd.Args, got.DiskRead, got.DiskWrite, read, wrote)
	}
	// What giving up its memory took comes after the kernel's record.
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if got.CPU > used+time.Millisecond || got.CPU < used*3/4-2*time.Millisecond {
		t.Errorf("%s: computed for %v, want %v", cmd.Args, got.CPU, used)
	}
}

// TestOlder: of a process that was there before the monitor only what it did since is
// told, be there threads that had ended by then or not.
func TestOlder(t *testing.T) {
	needKernel(t)
	cmd := child("steps", "older", diskFile(t))
	done, next := talk(t, cmd)
	next()
	before := done()
	b, stop := watch(t, Options{Interval: 50 * time.Millisecond})
	next()
	wrote := done() - before
	command := strings.Join(cmd.Args, " ")
	await(t, "a step", func() bool { return b.of(command).DiskWrite == wrote })
	next()
	wrote = done() - before
	stop()
	if got := b.of(command).DiskWrite; got != wrote {
		t.Errorf("it wrote %d since, want %d", got, wrote)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// TestOlderEnds: what it did between the last reading and its end is told, too.
func TestOlderEnds(t *testing.T) {
	needKernel(t)
	cmd := child("threads", "older", diskFile(t))
	done, next := talk(t, cmd)
	before := done()
	b, stop := watch(t, Options{Interval: time.Hour})
	next()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	_, wrote := truth(cmd)
	if got := b.of(strings.Join(cmd.Args, " ")).DiskWrite; got != wrote-before || got == 0 {
		t.Errorf("it wrote %d since, want %d", got, wrote-before)
	}
}

// TestOrphan: what an orphan did is not told of who takes it in, too, and waits for it.
func TestOrphan(t *testing.T) {
	needKernel(t)
	for name, interval := range map[string]time.Duration{"readings between": 50 * time.Millisecond, "no reading": time.Hour} {
		t.Run(name, func(t *testing.T) {
			b, stop := watch(t, Options{Interval: interval})
			reaper := child("init", "init", name)
			reaper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
			if err := reaper.Start(); err != nil {
				t.Skipf("make a PID namespace: %v", err)
			}
			defer func() {
				reaper.Process.Kill()
				reaper.Wait()
			}()
			time.Sleep(200 * time.Millisecond) // for it to be looked at without children
			file := diskFile(t)
			dd := "dd if=/dev/zero of=" + file + " bs=4096 count=64 conv=fsync status=none"
			out, err := exec.Command("nsenter", "-p", "-t", strconv.Itoa(reaper.Process.Pid),
				"sh", "-c", `(exec sh -c "sleep 0.5; `+dd+`") >/dev/null 2>&1 &`).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			await(t, "the orphan to write", func() bool { f, err := os.Stat(file); return err == nil && f.Size() == 64*4096 })
			time.Sleep(300 * time.Millisecond) // for it to be waited for, and read
			stop()
			if got := b.of(dd).DiskWrite; got < 64*4096 || got > 70*4096 { // the file system's own pages
				t.Errorf("the orphan's dd wrote %d, want %d", got, 64*4096)
			}
			if got := b.of("init " + name); got.Owner == nil || got.DiskWrite+got.CacheWrite > 4096 {
				t.Errorf("who waited for it is told to have written %d, and %d by calls", got.DiskWrite, got.CacheWrite)
			}
		})
	}
}

// TestExec: what a process did before it executed another program stays with what it
// was.
func TestExec(t *testing.T) {
	needKernel(t)
	for name, interval := range map[string]time.Duration{"readings between": 50 * time.Millisecond, "no reading": time.Hour} {
		t.Run(name, func(t *testing.T) {
			// An exec that is read late finds that the next program has written already:
			// on a busy machine it takes more than one attempt. The sum is right in each.
			const tries = 8
			for try := 1; ; try++ {
				off := execs(t, interval)
				if off == 0 {
					return
				}
				if try == tries {
					t.Fatalf("%d times what the first program wrote was booked to the other; %d bytes at last", tries, off)
				}
			}
		})
	}
}

// execs has a process write, execute another program and write again. It returns by how
// much the first one's bytes are off; those of both together must not be.
func execs(t *testing.T, interval time.Duration) (off int64) {
	t.Helper()
	b, stop := watch(t, Options{Interval: interval})
	file := diskFile(t)
	cmd := child("exec", "before", file)
	done, next := talk(t, cmd)
	before := done()
	if interval < time.Hour {
		await(t, "what it was", func() bool { return b.of("before "+file).DiskWrite == before })
	} else {
		// Long enough for the reading at its exec to come soon after it, busy as
		// the machine may be.
		time.Sleep(200 * time.Millisecond)
	}
	next()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	was := b.of("before " + file)
	is := b.of("dd if=/dev/zero of=" + file + "dd bs=4096 count=9 conv=fsync status=none")
	_, wrote := truth(cmd)
	if was.DiskWrite+is.DiskWrite != wrote {
		t.Errorf("before the exec it wrote %d, then %d; want %d and %d", was.DiskWrite, is.DiskWrite, before, wrote-before)
	}
	if is.Owner != nil && (is.Owner.Comm != "dd" || is.Owner.PID != cmd.Process.Pid) {
		t.Errorf("its owner is %+v", is.Owner)
	}
	return int64(was.DiskWrite - before)
}

// TestAgain: a monitor that runs again goes on with its totals; what was done in
// between is not told.
func TestAgain(t *testing.T) {
	needKernel(t)
	cmd := child("steps", "again", diskFile(t))
	done, next := talk(t, cmd)
	m := New(Options{Interval: 20 * time.Millisecond})
	b := newBook(t)
	var want, unseen uint64
	for run := range 3 {
		b.count = 0
		stop := runs(t, m, b)
		next()
		seen := done()
		stop()
		want += seen - unseen
		if got := b.of(strings.Join(cmd.Args, " ")).DiskWrite; got != want {
			t.Errorf("after run %d: %d, want %d", run, got, want)
		}
		next()
		unseen = done()
	}
	cmd.Process.Kill()
	cmd.Wait()
}

func TestNoEvents(t *testing.T) {
	b, stop := watch(t, Options{Interval: 20 * time.Millisecond, NoEvents: true})
	cmd := child("steps", "no events", diskFile(t))
	done, next := talk(t, cmd)
	next()
	wrote := done()
	await(t, "a step", func() bool { return b.of(strings.Join(cmd.Args, " ")).DiskWrite == wrote })
	cmd.Process.Kill()
	cmd.Wait()
	await(t, "its end", func() bool { return b.final(cmd.Process.Pid) })
	stop()
	if !strings.Contains(b.last.Detail, "no events of processes: switched off") {
		t.Errorf("the detail is %q", b.last.Detail)
	}
}

// TestCgroup: only processes of a cgroup are told of, also those that were forked into
// it.
func TestCgroup(t *testing.T) {
	needKernel(t)
	dir := ""
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		try := fmt.Sprintf("%s/bwmon-tasks-%d", root, os.Getpid())
		if _, err := openGroup(root); err == nil && os.Mkdir(try, 0o755) == nil {
			dir = try
			break
		}
	}
	if dir == "" {
		t.Skip("no cgroup v2 can be made here")
	}
	t.Cleanup(func() {
		await(t, "the cgroup to go", func() bool { err := os.Remove(dir); return err == nil || os.IsNotExist(err) })
	})
	group, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	b, stop := watch(t, Options{Interval: 20 * time.Millisecond, Cgroup: dir})
	var wrote uint64
	for _, name := range []string{"inside", "outside"} {
		cmd := child("steps", name, diskFile(t))
		if name == "inside" {
			cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
		}
		done, next := talk(t, cmd)
		next()
		if n := done(); name == "inside" {
			wrote = n
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	stop()
	for command, p := range b.by {
		if !strings.HasPrefix(command, "inside") || p.DiskWrite != wrote {
			t.Errorf("%s is told of, it wrote %d; want that of %d", command, p.DiskWrite, wrote)
		}
	}
	if len(b.by) != 1 {
		t.Errorf("%d commands are told of, want one", len(b.by))
	}
	if _, err := openGroup(t.TempDir()); err == nil {
		t.Error("a directory that is no cgroup is taken")
	}
}

// TestElsewhere: a monitor in another network namespace opens its sockets in the
// initial one, or says that it cannot.
func TestElsewhere(t *testing.T) {
	needKernel(t)
	runtime.LockOSThread() // and never unlocked: the thread is of no use to others
	here := fmt.Sprintf("/proc/%d/ns/net", os.Getpid())
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("make a network namespace: %v", err)
	}
	o := New(Options{Namespace: here}).opts
	src := o.openSources()
	if src.lean != nil || src.accounting == nil || src.execs == nil {
		t.Errorf("from another network namespace: %v", src.lean)
	}
	src.close()
	o.Namespace = t.TempDir() + "/none"
	src = o.openSources()
	if len(src.lean) != 2 || !strings.Contains(src.lean[0], "network namespace") {
		t.Errorf("without a way there: %q", src.lean)
	}
	src.close()
}

// TestHaste: the watcher's thread runs before others only while it may ask who executes
// programs.
func TestHaste(t *testing.T) {
	needKernel(t)
	urgent := func() (n int) {
		err := newReader("/proc").numbers("/proc/self/task", func(tid int) {
			if attr, err := unix.SchedGetAttr(tid, 0); err == nil && attr.Nice < 0 {
				n++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	time.Sleep(100 * time.Millisecond) // for the threads of other tests to end, all but the first
	others := urgent()
	conn, err := openConnector(onlyExecs())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.close()
	w, err := newWatcher(conn, newReader("/proc"), New(Options{}).names)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run()
	}()
	defer func() {
		w.halt()
		<-done
	}()
	for _, share := range []time.Duration{time.Second, 0, time.Second} {
		w.mu.Lock()
		w.budget = budget{share: share, began: monotonic()}
		w.mu.Unlock()
		want := 0
		if share > 0 {
			want = 1
		}
		await(t, fmt.Sprintf("%d urgent threads", want), func() bool {
			if err := exec.Command("true").Run(); err != nil {
				t.Fatal(err)
			}
			return urgent() == others+want
		})
	}
}

// TestBudget: where more programs start than may be read at once, those that live on are
// known at the next reading, and the others are told of.
func TestBudget(t *testing.T) {
	b := budget{share: 10 * time.Millisecond}
	for _, c := range []struct {
		now, spend time.Duration
		want       bool
	}{
		{5 * time.Second, 6 * time.Millisecond, true}, {5100 * time.Millisecond, 6 * time.Millisecond, true},
		{5900 * time.Millisecond, 0, false}, {6 * time.Second, 0, true},
	} {
		if got := b.allows(c.now); got != c.want {
			t.Errorf("at %v: %t", c.now, got)
		}
		b.spent += c.spend
	}
}
