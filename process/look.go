package process

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/thread"
	"bwmon/traffic"
)

// source is one table of sockets: sock_diag's, or where the kernel has none
// the file of the same content.
type source struct {
	proto  traffic.Proto
	family uint8  // 0: there is only the file
	file   string // below the directory of network files; "" none
}

// listSources is the tables this kernel may have. SCTP is left out where it is
// not loaded, because asking for its sockets would load it.
func listSources(net string) []source {
	list := []source{
		{traffic.TCP, unix.AF_INET, "tcp"}, {traffic.TCP, unix.AF_INET6, "tcp6"},
		{traffic.UDP, unix.AF_INET, "udp"}, {traffic.UDP, unix.AF_INET6, "udp6"},
		{procNetRaw, 0, "raw"}, {procNetRaw, 0, "raw6"},
		{traffic.ICMP, 0, "icmp"}, {traffic.ICMPv6, 0, "icmp6"},
	}
	if _, err := os.Stat(filepath.Join(net, "udplite")); err == nil {
		list = append(list, source{traffic.UDPLite, unix.AF_INET, "udplite"}, source{traffic.UDPLite, unix.AF_INET6, "udplite6"})
	}
	if _, err := os.Stat(filepath.Join(net, "sctp")); err == nil {
		list = append(list, source{traffic.SCTP, unix.AF_INET, ""}, source{traffic.SCTP, unix.AF_INET6, ""})
	}
	return list
}

// heldStates are the states in which a process may hold the socket.
const heldStates = ^uint32(1<<stateTimeWait | 1<<stateSynRecv | 1<<stateNewSynRecv)

// How much of what is known a look checks.
const (
	checkSockets = 256                     // sockets whether their holder still holds them
	checkProcess = int64(30 * time.Second) // how old an identity may be
)

// look dumps all sockets, books those whose holders are known and looks for
// the others' in /proc. Wants are served in between.
func (w *worker) look() {
	w.looking = true
	used := thread.CPUTime()
	defer func() { w.looking, w.lookTime = false, thread.CPUTime()-used }()
	w.r.mu.Lock()
	w.r.asked = false
	w.r.mu.Unlock()
	at := w.r.opts.Now().UnixNano()
	w.scan.now = at
	w.fault = ""
	w.scan.holders.turn()
	w.unheld.turn()
	w.fail(w.scan.procs.list(at))
	w.inLook = 0
	w.slow.leads = w.slow.leads[:0]
	for i := range w.sources {
		w.fail(w.read(&w.sources[i], func(s []socket) {
			w.absorb(s, at)
			w.poll()
		}))
	}
	w.sockets = w.inLook
	w.dig()
	w.looks++
	w.hasBegun, w.lastLook = true, w.r.opts.Now()
	w.r.mu.Lock()
	w.r.stats.Looks = w.looks
	w.r.mu.Unlock()
}

// read dumps one source.
func (w *worker) read(src *source, visit func([]socket)) error {
	if src.family != 0 && w.dumper != nil {
		err := w.dumper.dump(src.family, src.proto, heldStates, visit)
		if !errors.Is(err, errAbsent) {
			return err
		}
	}
	src.family = 0 // the kernel has none: ask no more
	if src.file == "" {
		return nil
	}
	return readProcNet(w.net, src.file, src.proto, visit)
}

// absorb books the sockets whose holders are known and makes leads of the
// others.
func (w *worker) absorb(sockets []socket, at int64) {
	w.inLook += len(sockets)
	for i := range sockets {
		if h, ok := w.scan.holders.get(sockets[i].inode); ok {
			if w.doubtful(h, sockets[i].key, i, at) {
				w.verify(sockets[i].inode)
			} else {
				w.scan.holders.put(sockets[i].inode, h) // it outlives the turn
			}
		}
	}
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	for i := range sockets {
		s := &sockets[i]
		if s.inode == 0 {
			continue
		}
		if h, ok := w.scan.holders.get(s.inode); ok && h.owner != nil {
			w.r.cache.record(s, h.owner, at)
			continue
		}
		w.slow.leads = append(w.slow.leads, lead{socket: *s, at: at})
	}
}

// doubtful reports whether to verify that h still holds the socket k, the i-th
// of a piece: its process has ended, or is somebody else by now, or was not
// looked at for long, or the socket is asked for, or in the sample that each
// look takes.
func (w *worker) doubtful(h holder, k key, i int, at int64) bool {
	every := w.sockets/checkSockets + 1
	if _, asked := w.doubted[k]; asked {
		return true
	}
	return h.p.gone || h.owner != h.p.owner || at-h.p.checked > checkProcess || (i+int(w.looks%1024))%every == 0
}

// dig looks for the holders of what is left, in the end in all processes.
func (w *worker) dig() {
	if !w.looking {
		w.looking = true
		defer func() { w.looking = false }()
	}
	e := &w.slow
	w.scan.now = w.r.opts.Now().UnixNano()
	for i := range w.deferred {
		// Most are closed by now, and a pass over all processes would be in
		// vain.
		if w.isOpen(&w.deferred[i]) {
			e.leads = append(e.leads, w.deferred[i])
		}
	}
	w.deferred = w.deferred[:0]
	e.want.reset()
	for i := range e.leads {
		s := &e.leads[i].socket
		if u, known := w.unheld.get(s.inode); known {
			w.unheld.put(s.inode, u)
			if w.scan.now < u.next {
				continue
			}
		}
		e.want.add(s.inode, s.uid)
	}
	if len(e.want.inodes) > 0 {
		w.scan.hints(e.want)
	}
	if len(e.want.inodes) > 0 {
		e.left = math.MaxInt
		w.fail(w.scan.thorough(&e.search))
	}
	for inode := range e.want.inodes {
		u, _ := w.unheld.get(inode)
		// A socket nobody held for a while is the kernel's own.
		u.next = w.scan.now + int64(w.r.opts.Interval)<<u.tries
		u.tries = min(u.tries+1, 10)
		w.unheld.put(inode, u)
	}
	w.settle(e)
	if cap(e.leads) > maxWants {
		e.leads = nil // the first look at a large host needs much, the next do not
	}
	e.leads = e.leads[:0]
}

// isOpen reports whether the socket that l led to is still there.
func (w *worker) isOpen(l *lead) bool {
	k := l.asked
	if l.socket.state == stateListen {
		k = k.bound()
	}
	s, ok, err := w.find(k)
	return err == nil && ok && s.inode == l.socket.inode
}
