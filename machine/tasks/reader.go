package tasks

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Files of /proc/PID that are kept open of processes that move: reading one anew costs
// a fifth of opening it, too, and fails when the process has ended, whoever has its
// number now.
const (
	fileOwn   = iota // of its first thread
	fileWhole        // of all its threads, and of children it waited for
	fileStat
	keptFiles
)

// maxHot bounds the processes of which files are kept open, and hotShare the part of the
// descriptors that this process may have which these take: others need some, too.
const (
	maxHot   = 256
	hotShare = 8
)

// files are descriptors, each plus one: 0 is none.
type files [keptFiles]int

// reader reads what /proc says of processes. It has one buffer and belongs to one
// goroutine at a time.
type reader struct {
	proc string
	// clocked: processes have the numbers here that they have in proc, so that their
	// processor clocks can be read.
	clocked bool
	page    uint64
	buf     []byte
	hot     int // processes of which files are open
	maxHot  int
}

func newReader(proc string) *reader {
	r := &reader{proc: proc, page: uint64(os.Getpagesize()), buf: make([]byte, 4096)}
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &most); err == nil {
		r.maxHot = int(min(most.Cur/hotShare/keptFiles, maxHot))
	}
	self, err := os.Readlink(filepath.Join(proc, "self"))
	_, known := r.clock(os.Getpid())
	r.clocked = err == nil && self == strconv.Itoa(os.Getpid()) && known
	return r
}

// clock reads the processor time of a process, with that of its threads that ended. It
// costs a tenth of what reading it from /proc does, and where it stands still nothing
// of the process ran: it used nothing else either. ok is false when there is no such
// process (any more).
//
// The clock's number is that of clock_getcpuclockid(3): CPUCLOCK_SCHED in
// include/linux/posix-timers.h.
func (r *reader) clock(pid int) (t time.Duration, ok bool) {
	const scheduler = 2
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|scheduler), &ts)
	return time.Duration(ts.Nano()), err == nil
}

// gone tells the errors of a process that is no more from others.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// crowded tells the errors of want of room from others: another try may succeed.
func crowded(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// path is where a file of a process is.
func (r *reader) path(pid int, name string) string {
	return r.proc + "/" + strconv.Itoa(pid) + "/" + name
}

// read returns the beginning of a file of a process, as far as the buffer holds it. It
// is valid until the next call of any method.
func (r *reader) read(pid int, name string) ([]byte, error) {
	fd, err := unix.Open(r.path(pid, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, r.buf)
	return r.buf[:max(n, 0)], err
}

// kept reads a file of p that is kept open if p is hot.
func (r *reader) kept(p *process, file int, name string) ([]byte, error) {
	if p.files[file] == 0 {
		fd, err := unix.Open(r.path(p.pid, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		p.files[file] = fd + 1
	}
	n, err := unix.Pread(p.files[file]-1, r.buf, 0)
	return r.buf[:max(n, 0)], err
}

// stat reads p's stat. What it says is valid until the next call of any method.
func (r *reader) stat(p *process) (stat, error) {
	b, err := r.kept(p, fileStat, "stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// own reads what p's first thread used.
func (r *reader) own(p *process) (usage, error) {
	return r.io(p, fileOwn, "task/"+strconv.Itoa(p.pid)+"/io")
}

// all reads what p's threads used, those that ended among them, and children that p
// waited for (wait_task_zombie in kernel/exit.c).
func (r *reader) all(p *process) (usage, error) { return r.io(p, fileWhole, "io") }

func (r *reader) io(p *process, file int, name string) (usage, error) {
	b, err := r.kept(p, file, name)
	if err != nil {
		return usage{}, err
	}
	return parseIO(b)
}

// settle keeps p's files open where it is hot and there is room, and else closes them.
func (r *reader) settle(p *process, hot bool) {
	if hot && !p.hot && r.hot < r.maxHot {
		p.hot = true
		r.hot++
	}
	if !hot || !p.hot {
		r.shut(p)
	}
}

// shut closes p's files.
func (r *reader) shut(p *process) {
	for i, fd := range p.files {
		if fd != 0 {
			unix.Close(fd - 1)
		}
		p.files[i] = 0
	}
	if p.hot {
		p.hot = false
		r.hot--
	}
}

// list calls f with the number of each process.
func (r *reader) list(f func(pid int)) error {
	return r.numbers(r.proc, f)
}

// numbers calls f for each entry of a directory whose name is a number.
func (r *reader) numbers(dir string, f func(n int)) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		if n, ok := pidOf(name); ok {
			f(n)
		}
	}
	return err
}

func pidOf(name string) (int, bool) {
	n, err := strconv.Atoi(name)
	return n, err == nil && n > 0 && n <= maxPID
}

// living sums what p's threads used that live. One that ends meanwhile is not in it, as
// little as those left out.
func (r *reader) living(p *process, leftOut []int) (sum usage, err error) {
	err = r.numbers(r.path(p.pid, "task"), func(tid int) {
		if slices.Contains(leftOut, tid) {
			return
		}
		b, err := r.read(p.pid, "task/"+strconv.Itoa(tid)+"/io")
		if err != nil {
			return
		}
		if u, err := parseIO(b); err == nil {
			sum = sum.add(u)
		}
	})
	return sum, err
}
