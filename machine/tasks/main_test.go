package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// TestMain lets the test binary be its own child: see childMain.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(childMain(role))
	}
	before := openFiles()
	code := lab.Main(m)
	if code == 0 {
		if now := openFiles(); now > before+8 { // the runtime and the test log have some
			println("the tests left", now-before, "descriptors open")
			code = 1
		}
	}
	os.Exit(code)
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// identity is what the ledger tells processes apart by.
type identity struct {
	pid   int
	start uint64
}

// book does what the ledger does with totals: it books the difference to who the
// process is at the time.
type book struct {
	t     testing.TB
	mu    sync.Mutex // protects the fields below
	known map[identity]traffic.ProcessTotal
	ended map[identity]bool
	by    map[string]traffic.ProcessTotal // sums by command line
	last  traffic.Batch
	count int
}

func newBook(t testing.TB) *book {
	return &book{t: t, known: map[identity]traffic.ProcessTotal{}, ended: map[identity]bool{}, by: map[string]traffic.ProcessTotal{}}
}

func (b *book) take(batch traffic.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = batch
	b.count++
	for _, p := range batch.Processes {
		id := identity{p.Owner.PID, p.Owner.Start}
		if b.ended[id] {
			b.t.Errorf("%+v (%s) is told of after its end", id, p.Owner.Command)
		}
		was, sum := b.known[id], b.by[p.Owner.Command]
		if p.DiskRead < was.DiskRead || p.DiskWrite < was.DiskWrite || p.CacheRead < was.CacheRead ||
			p.CacheWrite < was.CacheWrite || p.CPU < was.CPU {
			b.t.Errorf("the totals of %s fell: from %+v to %+v", p.Owner.Command, was, p)
		}
		sum.DiskRead += p.DiskRead - was.DiskRead
		sum.DiskWrite += p.DiskWrite - was.DiskWrite
		sum.CacheRead += p.CacheRead - was.CacheRead
		sum.CacheWrite += p.CacheWrite - was.CacheWrite
		sum.CPU += p.CPU - was.CPU
		sum.Owner, sum.Memory = p.Owner, p.Memory
		b.by[p.Owner.Command], b.known[id] = sum, p
		if p.Final {
			b.ended[id] = true
		}
	}
}

func (b *book) of(command string) traffic.ProcessTotal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.by[command]
}

func (b *book) batches() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

func (b *book) final(pid int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.ended {
		if id.pid == pid {
			return true
		}
	}
	return false
}

// await polls until ok or fails.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// watch runs a monitor until the returned function is called.
func watch(t testing.TB, o Options) (*book, func()) {
	t.Helper()
	b := newBook(t)
	return b, runs(t, New(o), b)
}

// runs runs m until the returned function is called.
func runs(t testing.TB, m *Monitor, b *book) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, b.take) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run the monitor: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	await(t, "the first batch", func() bool { return b.batches() > 0 })
	return stop
}

// needKernel skips tests of what only root is told.
func needKernel(t testing.TB) {
	t.Helper()
	o := New(Options{}).opts
	src := o.openSources()
	defer src.close()
	if len(src.lean) > 0 {
		t.Skipf("the kernel does not tell: %v", src.lean)
	}
	lab.Record(t)
}

// diskFile returns the name of a file that is not there yet on a real disk.
func diskFile(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		t.Skip("the directory for temporary files is on no disk: set TMPDIR")
	}
	return filepath.Join(dir, "file")
}

// child is the command of the test binary as a child; see childMain.
func child(role string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self)
	cmd.Args = args
	cmd.Env = append(os.Environ(), childRole+"="+role, "GOMAXPROCS=2")
	cmd.Stderr = os.Stderr
	return cmd
}

const childRole = "TASKS_TEST_CHILD"

// childMain is what the test binary does as a child. Each role waits for lines on its
// standard input, and says what it has written after each.
func childMain(role string) int {
	step := func() bool {
		var b [1]byte
		n, err := os.Stdin.Read(b[:])
		return n == 1 && err == nil
	}
	file := os.Args[1]
	switch role {
	case "busy": // writes a page and computes a little, 20 times a second
		f, err := os.Create(file)
		if err != nil {
			panic(err)
		}
		for range time.Tick(50 * time.Millisecond) {
			f.WriteAt(make([]byte, 4096), 0)
		}
	case "short": // starts 50 processes a second
		for range time.Tick(20 * time.Millisecond) {
			exec.Command("true").Run()
		}
	case "writers":
		writers(file)
		return 0
	case "threads": // four threads write and end, and another one when it is told to go on
		var wait sync.WaitGroup
		for i := range 4 {
			wait.Go(func() { write(file+strconv.Itoa(i), 8) })
		}
		wait.Wait()
		say()
		step()
		write(file+"last", 5)
		return 0
	case "steps": // writes at each step
		for i := 0; step(); i++ {
			write(file+strconv.Itoa(i), 4)
			say()
		}
		return 0
	case "init": // waits for whom it is given
		for {
			if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
	case "exec": // writes, and becomes dd at a step
		write(file, 6)
		say()
		step()
		dd, _ := exec.LookPath("dd")
		err := syscall.Exec(dd, []string{"dd", "if=/dev/zero", "of=" + file + "dd", "bs=4096", "count=9", "conv=fsync", "status=none"}, os.Environ())
		println(err.Error())
		return 1
	}
	return 2
}

// wrote is what a dd says that was waited for.
type wrote struct {
	Command string
	Bytes   uint64
	Lived   time.Duration
}

// writers runs 1,000 dd, four at a time, and prints what each wrote, as a list.
func writers(file string) {
	const count, together = 1000, 4
	list := make([]wrote, count)
	work := make(chan int)
	var wait sync.WaitGroup
	for range together {
		wait.Go(func() {
			for i := range work {
				cmd := exec.Command("dd", "if=/dev/zero", "of="+file, "bs=4096", fmt.Sprint("count=", 4+i%4),
					fmt.Sprint("seek=", 16*i), "conv=notrunc,fsync", "oflag=dsync", "status=none")
				began := time.Now()
				if err := cmd.Run(); err != nil {
					panic(err)
				}
				_, bytes := truth(cmd)
				list[i] = wrote{strings.Join(cmd.Args, " "), bytes, time.Since(began)}
			}
		})
	}
	for i := range count {
		work <- i
	}
	close(work)
	wait.Wait()
	json.NewEncoder(os.Stdout).Encode(list)
}

// truth is what a child that was waited for read and wrote: the kernel keeps it for
// wait4(2), in blocks of 512 bytes (task_io_get_oublock).
func truth(cmd *exec.Cmd) (read, write uint64) {
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return uint64(u.Inblock) * 512, uint64(u.Oublock) * 512
}

// say tells how much this process has written by its own account.
func say() {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		panic(err)
	}
	u, err := parseIO(text)
	if err != nil {
		panic(err)
	}
	fmt.Println(u.write)
}

// write writes and syncs that many pages, on a thread that ends with it.
func write(name string, pages int) {
	done := make(chan bool)
	go func() {
		defer close(done)
		lockThread()
		f, err := os.Create(name)
		if err != nil {
			panic(err)
		}
		defer f.Close()
		for range pages {
			f.Write(make([]byte, 4096))
		}
		f.Sync()
	}()
	<-done
}
