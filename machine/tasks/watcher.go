package tasks

import (
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/thread"
	"bwmon/traffic"
)

// Owners makes owners of processes; process.Describer does. Its calls are never at the
// same time, but from more than one goroutine.
type Owners interface {
	// Describe returns the owner that a process is, never nil. start is in clock ticks after
	// boot; comm and cmdline are as in /proc; cut says that the command line goes on,
	// and cgroup is 0: both are then found in /proc while the process is there.
	Describe(pid int, start uint64, uid uint32, comm string, cmdline []byte, cut bool, cgroup uint64) *traffic.Owner
}

// execution is a program that a process began to execute.
type execution struct {
	pid int
	at  time.Duration // CLOCK_MONOTONIC
	// late is how long after that it was read.
	late time.Duration
	// known: the process was still there, and what follows was read.
	known bool
	facts facts
}

// facts is who a process is, and what it had used when that was read.
type facts struct {
	start   uint64
	image   uint64
	own     usage // of its first thread
	whole   usage // see reader.all
	kernel  bool
	sealed  bool
	outside bool
	cmdline uint64
	owner   *traffic.Owner // nil of kernel threads, and where nothing changed
}

// maxExecutions bounds what waits to be taken.
const maxExecutions = 1 << 16

// watcher reads who a process is the moment that it executes a program: it may be gone
// some milliseconds later. It does so on a goroutine of its own.
type watcher struct {
	stop [2]int // a pipe; a closed end ends run

	mu     sync.Mutex // protects the fields below
	conn   *connector // nil: nothing is told
	read   *reader
	names  *namer
	queue  []execution
	missed uint64 // executions that found no room
	failed error
	budget budget
	unread uint64 // executions for which that was spent
}

// budget is what reading of who executes may cost.
type budget struct {
	share time.Duration // of each second
	began time.Duration // the present second, on CLOCK_MONOTONIC
	spent time.Duration // in it
}

// execShare is a tenth of a core: some hundred programs a second. Of those beyond, only
// who still runs at the next reading is asked who it is.
const execShare = 100 * time.Millisecond

// allows reports whether anything is left at a time.
func (b *budget) allows(now time.Duration) bool {
	if now-b.began >= time.Second {
		b.began, b.spent = now, 0
	}
	return b.spent < b.share
}

// namer finds out who processes are.
type namer struct {
	owners Owners
	group  group
	seed   maphash.Seed
}

func newWatcher(conn *connector, read *reader, names *namer) (*watcher, error) {
	w := &watcher{conn: conn, read: read, names: names, stop: [2]int{-1, -1}, budget: budget{share: execShare}}
	if conn == nil {
		return w, nil
	}
	if err := unix.Pipe2(w.stop[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return w, nil
}

// run waits for programs that are executed until halt is called or something fails.
func (w *watcher) run() {
	// A process may live 10 ms: be quick to ask who it is. The thread ends with this
	// goroutine, and its priority with it. When nobody is to be asked, there is no haste.
	runtime.LockOSThread()
	calm, hurries := thread.Hurry(), true
	fds := []unix.PollFd{{Fd: int32(w.conn.fd), Events: unix.POLLIN}, {Fd: int32(w.stop[0])}}
	for {
		_, err := unix.Poll(fds, -1)
		if fds[1].Revents != 0 {
			return
		}
		w.mu.Lock()
		if err == nil || err == unix.EINTR {
			err = w.receive()
		}
		w.failed = err
		left := w.budget.spent < w.budget.share
		w.mu.Unlock()
		if err != nil {
			return
		}
		switch {
		case hurries && !left:
			calm()
		case !hurries && left:
			calm = thread.Hurry()
		}
		hurries = left
	}
}

// halt makes run return.
func (w *watcher) halt() {
	if w.stop[1] >= 0 {
		unix.Close(w.stop[1])
		w.stop[1] = -1
	}
}

// close gives up the pipe, after run has returned.
func (w *watcher) close() {
	w.halt()
	if w.stop[0] >= 0 {
		unix.Close(w.stop[0])
		w.stop[0] = -1
	}
}

// passedOver is for how many executions nobody was asked who it is.
func (w *watcher) passedOver() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unread
}

// take returns all that was executed until now, some of it read on the spot, and gives
// w another list to fill. lost is as that of a connector.
func (w *watcher) take(empty []execution) (list []execution, lost uint64, err error) {
	if w.conn == nil {
		return nil, 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err = w.failed; err == nil {
		err = w.receive()
	}
	list, w.queue = w.queue, empty
	return list, w.conn.lost + w.missed, err
}

// receive reads who those are that executed a program. w.mu is held.
func (w *watcher) receive() error {
	return w.conn.drain(func(e event) {
		if e.kind != eventExec {
			return // came before there was a filter
		}
		if len(w.queue) >= maxExecutions {
			w.missed++
			return
		}
		x, now := execution{pid: e.process, at: e.at}, monotonic()
		if w.budget.allows(now) {
			x.facts, x.known = w.names.look(w.read, &process{pid: e.process}, true)
		} else {
			w.unread++
		}
		done := monotonic()
		x.late = done - e.at
		w.budget.spent += done - now
		w.queue = append(w.queue, x)
	})
}

// look reads who p is, and, where an exec makes that urgent, what it used. The owner is
// nil where its command line, user and name are those it has been told by. It is called
// by any goroutine.
func (w *watcher) look(r *reader, p *process) (facts, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names.look(r, p, false)
}

// describe makes an owner of a process that is gone.
func (w *watcher) describe(pid int, start uint64, uid uint32, comm string) *traffic.Owner {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names.owners.Describe(pid, start, uid, comm, nil, false, 0)
}

// look is what watcher.look does. The command line comes first: it is what is gone
// soonest.
func (n *namer) look(r *reader, p *process, used bool) (f facts, ok bool) {
	b, err := r.read(p.pid, "cmdline")
	if err != nil {
		return facts{}, false
	}
	cut := len(b) == len(r.buf)
	cmdline := append(make([]byte, 0, len(b)), b...)
	if used {
		f.whole, err = r.all(p)
		f.sealed = err != nil && !gone(err) && !crowded(err)
		if f.whole.write+f.whole.cacheWrite > 0 {
			f.own, _ = r.own(p)
		} // else it is not worth telling apart, and most have just begun
		if r.clocked {
			f.own.cpu, _ = r.clock(p.pid)
		}
	}
	st, err := r.stat(p)
	if used {
		defer r.shut(p)
	}
	if err != nil || p.start != 0 && st.start != p.start {
		return facts{}, false
	}
	if !r.clocked {
		f.own.cpu = st.cpu
	}
	f.start, f.image, f.kernel = st.start, st.image, st.flags&flagKernelThread != 0
	var owner unix.Stat_t // task_dump_owner in fs/proc/base.c: the effective user
	if unix.Stat(r.path(p.pid, ""), &owner) != nil {
		return f, false
	}
	comm := string(st.comm) // st lies in the buffer
	f.outside = !n.group.has(r, p.pid)
	if f.kernel || f.outside {
		return f, true
	}
	if len(cmdline) == 0 && (p.owner != nil || p.like != nil) {
		f.cmdline = p.cmdline // who is exiting has lost its arguments, but had them
		return f, true
	}
	f.cmdline = n.hash(cmdline, owner.Uid, comm)
	if p.owner == nil || p.cmdline != f.cmdline {
		f.owner = n.owners.Describe(p.pid, f.start, owner.Uid, comm, cmdline, cut, 0)
	}
	return f, true
}

func (n *namer) hash(cmdline []byte, uid uint32, comm string) uint64 {
	var h maphash.Hash
	h.SetSeed(n.seed)
	maphash.WriteComparable(&h, uid)
	_, _ = h.WriteString(comm)
	_ = h.WriteByte(0)
	_, _ = h.Write(cmdline)
	return h.Sum64()
}
