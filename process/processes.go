package process

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// process is a process that was seen in /proc.
type process struct {
	pid   int
	owner *traffic.Owner // nil until it was found to hold a socket

	cmdline uint64 // hash of the command line owner was made from
	place   uint64 // hash of the user and cgroup it was made from
	blank   int64  // since when its command line is empty and need not be; 0: it is not
	checked int64  // when owner was last compared with /proc
	found   int64  // when a new socket was last found in it
	seen    int64  // when it was first listed; 0: it was there at the start
	gone    bool   // it has ended

	// Of a hot process: its open fd directory (else -1), which keeps meaning
	// this process when the pid is reused, and the numbers of the descriptors
	// in which sockets were found last, the latest first.
	dir int
	fds [keptFDs]int32
}

// execTime is how long an empty command line is taken for that of a process in
// the midst of an exec; the new one comes with the last steps of it. It is less
// than what lies between the first and the last retry, so that a process that
// has none is settled by the last.
const execTime = int64(250 * time.Millisecond)

// inExec reports whether p is taken to be in the midst of an exec.
func (p *process) inExec(now int64) bool { return p.blank != 0 && now-p.blank < execTime }

// keptFDs is how many descriptor numbers are remembered of a process.
const keptFDs = 4

// maxHot bounds the processes whose fd directory is kept open: those that
// opened sockets most recently.
const maxHot = 128

// processes is the table of processes, kept by the scanner.
type processes struct {
	proc  string
	all   map[int]*process
	hot   []*process // the one that opened a socket last is first
	buf   []byte     // for listing
	pids  []int      // of the latest list
	began int64      // when they were first listed
}

func newProcesses(proc string) *processes {
	return &processes{proc: proc, all: make(map[int]*process), buf: make([]byte, 32<<10)}
}

// list reads the pids that are there, adds new ones to the table and forgets
// those that are gone.
func (t *processes) list(now int64) error {
	dir, err := unix.Open(t.proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	defer unix.Close(dir)
	if len(t.all) == 0 {
		t.began, now = now, 0
	}
	t.pids = t.pids[:0]
	err = numberedEntries(dir, t.buf, func(pid int32, _ *byte) bool {
		t.pids = append(t.pids, int(pid))
		if t.all[int(pid)] == nil {
			p := &process{pid: int(pid), seen: now, dir: -1}
			for i := range p.fds {
				p.fds[i] = -1
			}
			t.all[p.pid] = p
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	if len(t.all) > len(t.pids) {
		slices.Sort(t.pids)
		for pid, p := range t.all {
			if _, there := slices.BinarySearch(t.pids, pid); !there {
				t.forget(p)
			}
		}
	}
	return nil
}

// The processes that count as young, and how many of them are looked at.
const (
	youth    = int64(5 * time.Second)
	maxYoung = 256
)

// fresh reports whether p may have been started lately.
func (t *processes) fresh(p *process, now int64) bool { return now-max(p.seen, t.began) < youth }

// youngest is the processes first listed within the last seconds, latest
// first. A program opens its first connection some milliseconds after it was
// started, so it is looked at more than once.
func (t *processes) youngest(now int64) []*process {
	var out []*process
	for _, p := range t.all {
		if p.seen != 0 && now-p.seen < youth && p.dir < 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *process) int {
		return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(b.pid, a.pid))
	})
	return out[:min(len(out), maxYoung)]
}

// byRecency is all processes, those that opened a socket last first, then the
// youngest.
func (t *processes) byRecency() []*process {
	out := make([]*process, 0, len(t.all))
	for _, p := range t.all {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *process) int {
		return cmp.Or(cmp.Compare(b.found, a.found), cmp.Compare(b.pid, a.pid))
	})
	return out
}

// openFDs opens the directory of p's descriptors, to be closed by the caller.
// Of a hot process it opens the same directory anew, which fails when the
// process has ended, whoever has its pid now.
func (t *processes) openFDs(p *process) (int, error) {
	if p.dir >= 0 {
		return unix.Openat(p.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	return unix.Open(t.proc+"/"+strconv.Itoa(p.pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// heat moves p to the front of the hot ones, a socket having been found in its
// descriptor fd.
func (t *processes) heat(p *process, fd int32, now int64) {
	p.found = now
	at := slices.Index(p.fds[:], fd)
	if at < 0 {
		at = len(p.fds) - 1
	}
	copy(p.fds[1:at+1], p.fds[:at])
	p.fds[0] = fd

	if p.dir < 0 {
		dir, err := t.openFDs(p)
		if err != nil {
			return // it has just ended
		}
		p.dir = dir
		if len(t.hot) >= maxHot {
			t.cool(t.hot[len(t.hot)-1])
		}
		t.hot = append(t.hot, p)
	}
	i := slices.Index(t.hot, p)
	copy(t.hot[1:i+1], t.hot[:i])
	t.hot[0] = p
}

// cool closes what is kept open of p.
func (t *processes) cool(p *process) {
	if p.dir < 0 {
		return
	}
	unix.Close(p.dir)
	p.dir = -1
	if i := slices.Index(t.hot, p); i >= 0 {
		t.hot = slices.Delete(t.hot, i, i+1)
	}
}

// forget drops p from the table. Its owner lives on where it was handed out.
func (t *processes) forget(p *process) {
	t.cool(p)
	p.gone = true
	if t.all[p.pid] == p {
		delete(t.all, p.pid)
	}
}

// close gives up all descriptors.
func (t *processes) close() {
	for len(t.hot) > 0 {
		t.cool(t.hot[0])
	}
}
