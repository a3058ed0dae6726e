package process

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// recheck is how long a process is taken to be who it was, in nanoseconds:
// reading it again costs as much as twenty descriptors.
const recheck = int64(200e6)

// pollEvery is after how many descriptors a long scan looks whether something
// more urgent has come.
const pollEvery = 256

// holder is who holds a socket, and in which descriptor.
type holder struct {
	p     *process
	owner *traffic.Owner // nil while p is in the midst of an exec
	fd    int32
}

// wanted is a set of inodes whose holders are looked for.
type wanted struct {
	inodes map[uint32]struct{}
	uids   []uint32 // of their sockets: whose processes to try first
}

func newWanted() *wanted { return &wanted{inodes: make(map[uint32]struct{})} }

func (w *wanted) reset() {
	clear(w.inodes)
	w.uids = w.uids[:0]
}

func (w *wanted) add(inode, uid uint32) {
	w.inodes[inode] = struct{}{}
	if len(w.uids) < 8 && !slices.Contains(w.uids, uid) {
		w.uids = append(w.uids, uid)
	}
}

// search is one search for the holders of sockets. There are two, a short one
// and a long one that the short one may interrupt.
type search struct {
	want *wanted
	buf  []byte // for listing descriptors
	poll func() // called now and then in between; may run the other search
	left int    // how many descriptors may be read
}

func newSearch(poll func()) search {
	return search{want: newWanted(), buf: make([]byte, 32<<10), poll: poll}
}

// over reports whether all is found, or as much read as may be.
func (q *search) over() bool { return len(q.want.inodes) == 0 || q.left <= 0 }

// scanner finds the processes that hold sockets. It belongs to one goroutine.
type scanner struct {
	procs   *processes
	ids     *identities
	fds     descriptors
	holders aging[uint32, holder]
	now     int64 // set by its user before each call

	order  []*process // reused by ordered
	denied uint64     // fd directories that the latest pass was not let read
	passes uint64     // passes over all processes
}

// maxHolders bounds the sockets whose holders are remembered.
const maxHolders = 500_000

func newScanner(proc, passwd string, mask *traffic.Mask) *scanner {
	return &scanner{
		procs: newProcesses(proc), ids: newIdentities(proc, passwd, mask),
		holders: newAging[uint32, holder](maxHolders),
	}
}

// hints looks for w in the descriptors where the hot processes had their last
// sockets: a program that opens and closes connections in a loop gets the same
// descriptor again and again, as the kernel hands out the lowest free one.
func (s *scanner) hints(w *wanted) {
	hot := s.ordered(w)
	for level := range keptFDs {
		for _, p := range hot {
			if len(w.inodes) == 0 {
				return
			}
			if p.dir >= 0 && p.fds[level] >= 0 {
				s.try(w, p, p.fds[level])
			}
		}
	}
	// Connections that are opened while others are open get the descriptors
	// after theirs.
	for _, p := range hot {
		if len(w.inodes) == 0 {
			return
		}
		if p.dir >= 0 && p.fds[0] >= 0 {
			s.try(w, p, slices.Max(p.fds[:])+1)
		}
	}
}

// ordered is the hot processes, those of the wanted sockets' users first. The
// slice is reused by the next call.
func (s *scanner) ordered(w *wanted) []*process {
	s.order = s.order[:0]
	for _, same := range []bool{true, false} {
		for _, p := range s.procs.hot {
			if (p.owner != nil && slices.Contains(w.uids, p.owner.UID)) == same {
				s.order = append(s.order, p)
			}
		}
	}
	return s.order
}

// try looks whether p's descriptor fd is a wanted socket.
func (s *scanner) try(w *wanted, p *process, fd int32) {
	inode, ok := s.fds.socketAtFD(p.dir, fd)
	if !ok {
		return
	}
	if _, is := w.inodes[inode]; is {
		s.hold(w, p, inode, fd)
	}
}

// hold notes that p holds the wanted inode in descriptor fd.
func (s *scanner) hold(w *wanted, p *process, inode uint32, fd int32) {
	former := p.owner
	if !s.identify(p) {
		return
	}
	h := holder{p: p, owner: p.owner, fd: fd}
	// A new name may come from an exec in between that closed the descriptor.
	if p.owner != former && !s.holds(h, inode) {
		return
	}
	delete(w.inodes, inode)
	s.holders.put(inode, h)
	s.procs.heat(p, fd, s.now)
}

// identify brings p's owner up to date unless it was lately. It reports
// whether the process is still there, as far as it looked.
func (s *scanner) identify(p *process) bool {
	age := recheck
	if s.procs.fresh(p, s.now) || p.blank != 0 {
		age = 0 // it may show its parent's command line, or none, and soon its own
	}
	if p.checked != 0 && s.now-p.checked <= age {
		return true
	}
	if !s.ids.refresh(p, s.now) {
		return false
	}
	p.checked = s.now
	return true
}

// warm looks for what q wants in all descriptors of the hot processes.
func (s *scanner) warm(q *search) {
	for _, p := range slices.Clone(s.ordered(q.want)) {
		if q.over() {
			return
		}
		s.walk(q, p)
	}
}

// young looks for what q wants in the processes that were started lately.
func (s *scanner) young(q *search) error {
	if err := s.procs.list(s.now); err != nil {
		return err
	}
	for _, p := range s.procs.youngest(s.now) {
		if q.over() {
			return nil
		}
		s.walk(q, p)
	}
	return nil
}

// thorough looks for what q wants in every process, those first that opened
// sockets last.
func (s *scanner) thorough(q *search) error {
	if err := s.procs.list(s.now); err != nil {
		return err
	}
	s.passes++
	s.denied = 0
	for _, p := range s.procs.byRecency() {
		if q.over() {
			return nil
		}
		s.walk(q, p)
	}
	return nil
}

// walk looks for what q wants in all descriptors of p.
func (s *scanner) walk(q *search, p *process) {
	dir, err := s.procs.openFDs(p)
	if err != nil {
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			s.denied++
		}
		return
	}
	defer unix.Close(dir)
	seen := 0
	err = numberedEntries(dir, q.buf, func(fd int32, name *byte) bool {
		if seen++; seen%pollEvery == 0 {
			q.poll()
		}
		if inode, ok := s.fds.socketAt(dir, name); ok {
			if _, is := q.want.inodes[inode]; is {
				s.hold(q.want, p, inode, fd)
			}
		}
		q.left--
		return !q.over()
	})
	if err != nil {
		s.procs.forget(p) // it has ended
	}
}

// holds reports whether h still holds inode. It costs one readlink for a hot
// process, two more calls for another.
func (s *scanner) holds(h holder, inode uint32) bool {
	dir := h.p.dir
	if dir < 0 {
		var err error
		if dir, err = s.procs.openFDs(h.p); err != nil {
			return false
		}
		defer unix.Close(dir)
	}
	got, ok := s.fds.socketAtFD(dir, h.fd)
	return ok && got == inode
}

func (s *scanner) close() { s.procs.close() }
