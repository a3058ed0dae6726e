// Package tasks is the monitor of what processes use of the machine beside the network:
// storage and cache I/O, processor time, memory.
//
// What a process used is read from /proc/PID/io and its processor clock, which have the
// sums of all its threads; where the clock stands still nothing ran and nothing else is
// read. What it did between the last reading and its end the kernel tells when its
// threads exit (taskstats), so that one that lives 10 ms is counted like any other; and
// who that was is read when it executes its program, of which the proc connector tells.
package tasks

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/thread"
	"bwmon/traffic"
)

// Options says how a Monitor works. The zero value of a field is its default.
type Options struct {
	Interval time.Duration // between two readings; default 1 s
	Cgroup   string        // absolute directory of a cgroup (v2): only processes in it and below; "": all
	Owners   Owners        // nil: processes are called by their command lines and have no user, container or unit
	Proc     string        // where procfs is mounted; default /proc

	// Namespace is the initial network namespace; default Proc/1/ns/net.
	Namespace string
	// Processors lists those that there may be; default /sys/devices/system/cpu/possible.
	Processors string
	// NoEvents: only /proc is read.
	NoEvents bool
}

const (
	defaultInterval = time.Second
	// drainEvery is how often what the kernel tells is taken, so that it finds room.
	drainEvery = 500 * time.Millisecond
	// scanEvery is how often all processes are listed though events tell of them, and
	// at least how often they are after something was lost.
	scanEvery = time.Minute
)

// Monitor is a traffic.Monitor; see there. Its totals are of what processes did since
// Run began; of those that began later, all.
//
// Storage I/O is what the kernel calls read_bytes and write_bytes: what it fetched for
// the process, and what the process made it write, when it did, which is before it is
// written. What was cancelled since (by deleting the file) is not subtracted. Records of
// exits are cut to whole KiB a thread, which storage I/O of whole pages is anyway, and
// lack the processor time of giving up the memory.
//
// What a process did is told of it alone. The kernel adds it to its parent's io file as
// well when that waits for it, where pidstat -d shows it again.
type Monitor struct {
	opts  Options
	names *namer
	table *table
	held  []record // of threads whose process is not known yet
	lost  uint64   // in former Runs
	seen  uint64   // in this one
	// behind: something was lost since all processes were last listed.
	behind bool
}

var _ traffic.Monitor = (*Monitor)(nil)

// New returns a monitor that has not started.
func New(o Options) *Monitor {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Owners == nil {
		o.Owners = plain{}
	}
	o.Proc = cmp.Or(o.Proc, "/proc")
	o.Namespace = cmp.Or(o.Namespace, o.Proc+"/1/ns/net")
	o.Processors = cmp.Or(o.Processors, "/sys/devices/system/cpu/possible")
	return &Monitor{opts: o, names: &namer{owners: o.Owners, seed: maphash.MakeSeed()}}
}

// plain is the Owners of a monitor that was given none.
type plain struct{}

func (plain) Describe(pid int, start uint64, uid uint32, comm string, cmdline []byte, _ bool, _ uint64) *traffic.Owner {
	line := strings.ReplaceAll(strings.TrimRight(string(cmdline), "\x00"), "\x00", " ")
	comm = traffic.CleanText(comm, traffic.MaxWord)
	command := cmp.Or(traffic.CleanText(line, traffic.MaxCommand), "["+comm+"]")
	return &traffic.Owner{PID: pid, Start: start, UID: uid, Command: command, Comm: comm}
}

// Name is "processes".
func (m *Monitor) Name() string { return "processes" }

// Run implements traffic.Monitor. It starts one goroutine and waits for it.
func (m *Monitor) Run(ctx context.Context, emit func(traffic.Batch)) (err error) {
	if m.names.group, err = openGroup(m.opts.Cgroup); err != nil {
		return err
	}
	// The watcher waits for what this goroutine has of it: be as quick as that.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer thread.Hurry()()
	src := m.opts.openSources()
	defer src.close()
	w, err := newWatcher(src.execs, newReader(m.opts.Proc), m.names)
	if err != nil {
		return err
	}
	defer w.close()
	if w.conn != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.run()
		}()
		defer func() {
			w.halt()
			<-done
		}()
	}
	if err := m.begin(src, w); err != nil {
		return err
	}
	return m.work(ctx, src, emit)
}

// begin takes the opening readings, and lets go what was told before those.
func (m *Monitor) begin(src *sources, w *watcher) error {
	if m.table == nil {
		m.table = newTable(newReader(m.opts.Proc))
	}
	t := m.table
	t.who, m.held, m.seen = w, nil, 0
	t.recorded = src.accounting != nil
	t.begins(monotonic(), bootAhead())
	if err := t.scan(t.since, true); err != nil {
		return err
	}
	if src.accounting != nil {
		// Of threads that ended while others of theirs were read.
		if _, err := src.accounting.drain(nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *Monitor) work(ctx context.Context, src *sources, emit func(traffic.Batch)) error {
	// What is open when it stops is closed, whatever stops it.
	defer func() {
		for _, p := range m.table.order {
			m.table.read.shut(p)
		}
		m.lost += m.seen
	}()
	var next, scanned time.Duration
	for {
		now, last := monotonic(), ctx.Err() != nil
		if err := m.drain(src); err != nil {
			return err
		}
		if last || now >= next {
			if m.behind || src.lives == nil || now-scanned >= scanEvery {
				scanned = now
				m.table.doubt(m.behind)
				m.behind = false
				if err := m.table.scan(now, false); err != nil {
					return err
				}
			}
			m.table.lookAtAll(now)
			// What happened meanwhile: it corrects what was read, and tells what those
			// used that are gone.
			if err := m.drain(src); err != nil {
				return err
			}
			emit(m.batch(src, last))
			if next += m.opts.Interval; next <= now {
				next = now + m.opts.Interval
			}
		}
		if last {
			return nil
		}
		select {
		case <-time.After(min(drainEvery, next-monotonic())):
		case <-ctx.Done():
		}
	}
}

// drain takes what the kernel has told since it was last called.
//
// A record of an end is applied after all that happened before it: records are taken
// first and events are sent before the records of what they are about.
func (m *Monitor) drain(src *sources) (err error) {
	t := m.table
	t.round++
	t.boot = max(t.boot, bootAhead())
	records := m.held
	m.held = nil
	if src.accounting != nil {
		if records, err = src.accounting.drain(records); err != nil {
			return err
		}
	}
	var events []event
	if src.lives != nil {
		if err := src.lives.drain(func(e event) { events = append(events, e) }); err != nil {
			return err
		}
	}
	executions, missed, err := t.who.take(nil)
	if err != nil {
		return err
	}
	t.apply(events, executions)
	for _, r := range records {
		if t.unplaced(&r) {
			m.held = append(m.held, r)
			continue
		}
		t.died(r)
	}
	n := src.lost() + missed
	m.behind = m.behind || n != m.seen
	m.seen = n
	return nil
}

// apply is told of what happened, in order.
func (t *table) apply(events []event, executions []execution) {
	byTime := func(e event, f event) int { return cmp.Compare(e.at, f.at) }
	slices.SortStableFunc(events, byTime) // each processor sends its own
	slices.SortStableFunc(executions, func(x, y execution) int { return cmp.Compare(x.at, y.at) })
	for _, x := range executions {
		for len(events) > 0 && events[0].at <= x.at {
			t.happened(events[0])
			events = events[1:]
		}
		t.executed(x)
	}
	for _, e := range events {
		t.happened(e)
	}
}

func (t *table) happened(e event) {
	switch e.kind {
	case eventFork:
		t.began(e)
	case eventExit:
		t.groups[e.thread] = e.process
	case eventUID, eventComm:
		t.changed(e)
	}
}

// unplaced reports whether it is to be learnt yet whose thread r is of: the event of its
// exit comes after it.
func (t *table) unplaced(r *record) bool {
	if r.process != 0 || t.all[r.thread] != nil || t.groups[r.thread] != 0 || r.held {
		return false
	}
	r.held = true
	return true
}

func (m *Monitor) batch(src *sources, last bool) traffic.Batch {
	return traffic.Batch{
		Monitor: m.Name(), At: time.Now(), Processes: m.table.sayAll(last), Complete: true,
		Lost: m.lost + m.seen, Detail: m.detail(src),
	}
}

func (m *Monitor) detail(src *sources) string {
	living, sealed := 0, 0
	for _, p := range m.table.order {
		if p.outside || p.kernel || p.ending != 0 {
			continue
		}
		living++
		if p.sealed {
			sealed++
		}
	}
	parts := []string{fmt.Sprintf("%d processes", living)}
	if sealed > 0 {
		parts = append(parts, fmt.Sprintf("the I/O of %d may not be read", sealed))
	}
	if n := m.lost + m.seen; n > 0 {
		parts = append(parts, fmt.Sprintf("%d times messages of the kernel were lost", n))
	}
	if n := m.table.who.passedOver(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of too many programs at once were not asked for their command lines", n))
	}
	return strings.Join(append(parts, src.lean...), "; ")
}

// monotonic and bootTime are clocks of the kernel; a failure is not possible.
func monotonic() time.Duration { return kernelTime(unix.CLOCK_MONOTONIC) }
func bootTime() time.Duration  { return kernelTime(unix.CLOCK_BOOTTIME) }

// bootAhead is what bootTime is ahead of monotonic, or less where this thread was made to
// wait between the two.
func bootAhead() time.Duration { return bootTime() - monotonic() }

func kernelTime(clock int32) time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(clock, &ts)
	return time.Duration(ts.Nano())
}
