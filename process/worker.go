package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// lead is a socket whose holder is looked for, and the flow it was looked up
// for, if it was.
type lead struct {
	socket socket
	asked  key // the zero key: it came from a dump
	at     int64
}

// flow is the key to look the socket up by.
func (l *lead) flow() key {
	if l.asked != (key{}) {
		return l.asked
	}
	return l.socket.key
}

// errand is a search and the leads it is made for.
type errand struct {
	search
	leads []lead
}

// worker does a Resolver's work; it belongs to the goroutine in Run.
type worker struct {
	r             *Resolver
	exact, dumper *diagSocket // nil: the kernel has no sock_diag
	net           string      // the directory of this thread's network files
	sources       []source
	scan          *scanner
	budget        *budget

	fast, slow errand
	deferred   []lead // what the fast errand did not find
	retries    retryQueue
	unheld     aging[uint32, unheld]
	doubted    map[key]struct{} // whose holders the present look verifies

	batch    []key
	hasBegun bool          // there was a first look
	lastLook time.Time     // when it ended
	sockets  int           // in the latest look
	inLook   int           // so far in the present one
	lookTime time.Duration // processor time the latest look took
	looks    uint64
	looking  bool // within a look or a dig, which do not nest
	exacts   uint64
	gone     uint64 // sockets that had closed before they were looked up
	fault    string
}

// unheld is a socket that a pass over all processes did not find: the
// kernel's own, or of a process that cannot be seen.
type unheld struct {
	next  int64 // when another pass is worth while
	tries uint8
}

func newWorker(r *Resolver) (*worker, error) {
	w := &worker{
		r: r, net: filepath.Join(r.opts.Proc, "thread-self", "net"),
		scan:   newScanner(r.opts.Proc, r.opts.Passwd, r.opts.Mask),
		budget: openBudget(r.opts.Share, r.opts.Now()),
		fast:   errand{search: newSearch(func() {})},
		unheld: newAging[uint32, unheld](maxHolders), doubted: make(map[key]struct{}),
	}
	w.slow = errand{search: newSearch(w.poll)}
	if _, err := os.Stat(filepath.Join(r.opts.Proc, "self", "stat")); err != nil {
		return nil, fmt.Errorf("find processes: %w (is procfs mounted on %s?)", err, r.opts.Proc)
	}
	var err error
	if w.exact, err = openDiag(); err == nil {
		w.dumper, err = openDiag()
	}
	if err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) {
		w.close()
		return nil, err
	}
	w.sources = listSources(w.net)
	return w, nil
}

func (w *worker) close() {
	for _, d := range []*diagSocket{w.exact, w.dumper} {
		if d != nil {
			d.close()
		}
	}
	w.scan.close()
}

// run works until ctx is cancelled. It begins with a look at all sockets, so
// that whoever asks about what was there before finds it answered.
func (w *worker) run(ctx context.Context) {
	w.r.mu.Lock()
	w.r.asked = true
	w.r.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wants := w.r.wants
		if w.budget.wait() > 0 {
			wants = nil // let them gather: together they cost less
		}
		select {
		case <-ctx.Done():
			return
		case k := <-wants:
			w.serve(k)
		case <-w.r.kick:
		case <-timer.C:
		}
		w.chores()
		w.budget.settle(w.r.opts.Now())
		w.publish()
		timer.Stop()
		if wait, any := w.idle(); any {
			timer.Reset(wait)
		}
	}
}

// idle is how long there is nothing to do but to serve wants; any is false
// when nothing at all is planned.
func (w *worker) idle() (wait time.Duration, any bool) {
	now := w.r.opts.Now()
	afford := w.budget.wait()
	spare := w.budget.untilSpare()
	plan := func(d time.Duration) {
		if d = max(d, 0); !any || d < wait {
			wait, any = d, true
		}
	}
	if w.wanted() {
		plan(max(w.untilLook(now), spare))
	}
	if len(w.deferred) > 0 {
		plan(spare)
	}
	if due, ok := w.retries.next(); ok {
		plan(max(time.Duration(due-now.UnixNano()), afford))
	}
	if afford > 0 {
		plan(afford) // wants may be waiting
	}
	return wait, any
}

// chores does what is due apart from wants, if it can be afforded.
func (w *worker) chores() {
	if w.budget.wait() > 0 {
		return
	}
	now := w.r.opts.Now()
	if due := w.retries.due(nil, now.UnixNano()); len(due) > 0 {
		w.lookUp(due, false)
	}
	switch {
	case !w.budget.canSpare():
	case w.wanted() && w.untilLook(now) <= 0:
		w.look()
	case len(w.deferred) > 0:
		w.dig()
	}
	w.r.mu.Lock()
	w.r.cache.age(now.UnixNano())
	w.r.mu.Unlock()
}

func (w *worker) wanted() bool {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.r.asked
}

func (w *worker) untilLook(now time.Time) time.Duration {
	if !w.hasBegun {
		return 0
	}
	return w.lastLook.Add(w.r.opts.Interval).Sub(now)
}

// serve looks up first and everything else that is wanted by now.
func (w *worker) serve(first key) {
	// Taken out, because a look in the midst of it may serve others.
	batch := w.batch
	w.batch = nil
	batch = w.drain(append(batch[:0], first))
	w.lookUp(batch, true)
	w.batch = batch
}

// drain appends what is in the queue to batch.
func (w *worker) drain(batch []key) []key {
	for len(batch) < maxWants {
		select {
		case k := <-w.r.wants:
			batch = append(batch, k)
		default:
			return batch
		}
	}
	return batch
}

// poll serves wants in the midst of a long job.
func (w *worker) poll() {
	if len(w.r.wants) > 0 {
		now := w.scan.now
		w.serve(<-w.r.wants)
		w.scan.now = now
	}
}

// fail notes what went wrong; the work goes on with what there is.
func (w *worker) fail(err error) {
	if err != nil {
		w.fault = err.Error()
	}
}

func (w *worker) publish() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	s := &w.r.stats
	s.Sockets, s.Exact, s.Passes = w.sockets, w.exacts, w.scan.passes
	s.Gone = w.gone
	s.Descriptors, s.Denied = w.scan.fds.read, w.scan.denied
	s.Unheld, s.CPU, s.Fault = len(w.unheld.young), w.budget.spent, w.fault
}

// settle books the leads of e whose holders are known by now and keeps the
// others. Those that led into the midst of an exec are looked up again soon.
func (w *worker) settle(e *errand) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	left := e.leads[:0]
	for i := range e.leads {
		l := &e.leads[i]
		h, ok := w.scan.holders.get(l.socket.inode)
		if !ok {
			left = append(left, *l)
			continue
		}
		if h.p.inExec(w.scan.now) {
			w.retries.again(l.flow(), w.scan.now)
		}
		if h.owner != nil {
			w.book(l, h.owner)
		}
	}
	e.leads = left
}

// book writes a lead that led to o into the cache. The caller holds mu.
func (w *worker) book(l *lead, o *traffic.Owner) {
	w.r.cache.record(&l.socket, o, l.at)
	if l.asked != (key{}) {
		w.r.cache.recordFlow(l.asked, o, l.at)
	}
}
