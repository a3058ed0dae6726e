package tasks

import (
	"time"

	"bwmon/traffic"
)

// table is the processes that are known, and those whose end is yet to be told. It
// belongs to Run's goroutine; time is CLOCK_MONOTONIC.
type table struct {
	read *reader
	who  *watcher

	all   map[int]*process // by number; one that was used again has its latest process here
	order []*process       // all, and those whose number was used again

	round uint64
	// boot is what CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: start times are in that.
	// It grows while the machine sleeps.
	boot time.Duration
	// since is when the present Run began, first the same as start times are given: a
	// process that is older has a past that is not ours to tell.
	since time.Duration
	first uint64

	kernel     usage // of all kernel threads
	kernelTold usage
	kernelIs   *traffic.Owner

	// recorded: the kernel tells what threads used when they end.
	recorded bool

	groups map[int]int            // the process of a thread that ended, where records do not tell
	former map[int]uint64         // processes that ended in the last rounds
	splits []traffic.ProcessTotal // of processes that executed another program, for the next batch
}

const (
	// kernelParent is the number of kthreadd, whose children are the kernel's.
	kernelParent = 2
	// formerRounds is for how long an ended process is remembered.
	formerRounds = 8
	// refresh is how often all is read of a process that does not move: its memory may
	// be taken from it.
	refresh = time.Minute
	// firstDoubt and lastDoubt are how long after it was named a process's command line
	// is compared again when it moves, since programs give themselves titles: at first
	// and at last.
	firstDoubt = time.Second
	lastDoubt  = time.Minute
)

func newTable(read *reader) *table {
	return &table{
		read: read, all: make(map[int]*process), round: 1, kernelIs: traffic.KernelOwner(),
		groups: make(map[int]int), former: make(map[int]uint64),
	}
}

// ticks is a time as start times are given.
func (t *table) ticks(at time.Duration) uint64 { return uint64(max(at+t.boot, 0) / tick) }

// begins notes that a Run begins, and what the clocks say of that.
func (t *table) begins(now, boot time.Duration) {
	t.since, t.boot = now, boot
	t.first = t.ticks(now)
}

// add adds a process that began, or was found, at a time.
func (t *table) add(pid int, begun time.Duration) *process {
	if former := t.all[pid]; former != nil {
		former.reaped = true
		former.end(t.round)
	}
	p := &process{pid: pid, begun: begun}
	t.all[pid] = p
	t.order = append(t.order, p)
	delete(t.former, pid)
	return p
}

// began is told of a process that was forked.
func (t *table) began(e event) {
	if known := t.all[e.process]; known != nil && (e.at <= known.begun || known.start != 0 && near(known.start, t.ticks(e.at))) {
		return // it was found before its beginning was told
	}
	p := t.add(e.process, e.at)
	p.kernel = e.parent == kernelParent
	p.parent = e.parent
	if parent := t.all[e.parent]; parent != nil {
		parent.begat()
		p.outside = parent.outside
		p.like = parent.owner
		if p.like == nil {
			p.like = parent.like
		}
	}
}

// near reports whether two start times are the same, one of them having been noted a
// little later.
func near(a, b uint64) bool { return max(a, b)-min(a, b) <= 2 }

// An exec's reading, which is a little late, has something of the new program, too.
// It is taken for what was used before where it came within prompt, and after a small
// part of the time that the former program ran; else all since the reading before is
// told of the new one.
const (
	prompt    = 5 * time.Millisecond
	smallPart = 10
)

// inTime reports whether what was read at an exec of p was used before.
func (p *process) inTime(x execution) bool {
	return x.late <= prompt && x.late*smallPart <= x.at-max(p.begun, p.named)
}

// executed is told of a program that a process executes. What it did until then stays
// with what it was; what a process read before its first program is told of together
// with that, since a program is read before it is executed.
func (t *table) executed(x execution) {
	p := t.all[x.pid]
	if p == nil || x.known && p.start != 0 && p.start != x.facts.start {
		p = t.add(x.pid, x.at)
	}
	if x.at < p.begun && p.start != 0 {
		return // it was found afterwards
	}
	if !x.known {
		p.nameless, p.image = true, 0
		return
	}
	if t.hasPast(p, x.facts.start) {
		p.latest, p.firm, p.blind = x.facts.own, x.facts.own, x.facts.sealed
		p.rebase()
		p.kids = true
	}
	if p.inTime(x) {
		u := p.dead.add(x.facts.own)
		if !p.kids {
			u = u.max(x.facts.whole.sub(p.past))
		}
		u.cpu = x.facts.own.cpu
		t.move(p, u)
	}
	now := p.total()
	if !p.kernel && !p.outside && (p.isTold() && now != p.told || !p.isTold() && now.write+now.cacheWrite > 0) {
		p.start, p.named = x.facts.start, x.at // what is told now is told by that
		t.splits = append(t.splits, t.say(p))
	}
	if p.kernel {
		p.carried, p.base = usage{}, p.latest // until now it was the kernel's
	}
	p.sealed = x.facts.sealed
	t.identify(p, x.facts, x.at)
}

// old reports whether a process that started then was there before the monitor was.
func (t *table) old(start uint64) bool { return start < t.first }

// hasPast reports whether what p has used until now, when it is read, is not ours to
// tell. start is when it started.
func (t *table) hasPast(p *process, start uint64) bool {
	was := p.unread || p.start == 0 && t.old(start)
	p.unread = false
	return was
}

// move notes what p has used by now.
func (t *table) move(p *process, u usage) {
	before := p.latest
	p.latest = p.latest.max(u)
	if p.kernel {
		t.kernel = t.kernel.add(p.latest.sub(before))
	}
}

// identify notes who p is.
func (t *table) identify(p *process, f facts, now time.Duration) {
	if p.start == 0 || p.image != f.image {
		p.named = now
	}
	if p.start != 0 && p.outside && !f.outside {
		p.rebase() // it has come from elsewhere
	}
	p.start, p.image, p.cmdline = f.start, f.image, f.cmdline
	p.kernel, p.outside, p.nameless = f.kernel, f.outside, false
	if f.owner != nil {
		p.owner, p.like = f.owner, nil
	}
	p.doubt = now + min(max(firstDoubt, now-p.named), lastDoubt)
}

// changed is told of a process that took another name or user.
func (t *table) changed(e event) {
	if p := t.all[e.process]; p != nil && e.thread == e.process {
		p.doubt = 0
	}
}

// died is told what a thread had used when it ended.
func (t *table) died(r record) {
	pid := r.process
	if pid == 0 {
		pid = r.thread
		if group, ok := t.groups[r.thread]; ok {
			pid = group
		}
	}
	p := t.all[pid]
	if p != nil && p.final {
		return
	}
	if p == nil {
		if _, ended := t.former[pid]; ended {
			return
		}
		p = t.unseen(pid, r)
	}
	if parent := t.all[r.parent]; parent != nil {
		parent.begat() // where it took in an orphan that nobody looked at since
	}
	switch {
	case p.unread:
		r.usage = usage{} // how much of it is older is not known
	case p.blind:
		r.usage = usage{cpu: r.usage.cpu}
	}
	p.dead = p.dead.add(r.usage)
	p.leaving = append(p.leaving, r.thread)
	p.whole, p.clock = usage{}, 0 // it is to be read anew, without that thread
	t.move(p, p.dead)
	if r.last {
		p.end(t.round)
	}
	if p.outside || p.kernel {
		return
	}
	if p.owner == nil && (p.like == nil || !r.forked) || p.nameless {
		t.name(p, r.uid, r.comm)
	}
}

// unseen adds a process of which nothing but an end was told.
func (t *table) unseen(pid int, r record) *process {
	p := t.add(pid, t.since)
	p.kernel = r.parent == kernelParent && r.forked
	if parent := t.all[r.parent]; parent != nil {
		p.outside = parent.outside
		p.like = parent.owner
	} else {
		p.outside = t.who.names.group != ""
	}
	return p
}

// name makes an owner of a process that is gone, and whose command line nobody saw. It
// is taken to have been in its parent's container and unit.
func (t *table) name(p *process, uid uint32, comm string) {
	o := *t.who.describe(p.pid, t.startOf(p), uid, comm)
	if o.Container == "" && o.Unit == "" && p.like != nil {
		o.Container, o.Unit = p.like.Container, p.like.Unit
	}
	p.owner, p.like, p.nameless = &o, nil, false
}

// startOf is when p started; as the kernel told of it, where it was gone before that
// could be read.
func (t *table) startOf(p *process) uint64 {
	if p.start != 0 {
		return p.start
	}
	return t.ticks(p.begun)
}

// ownerOf is who p is.
func (t *table) ownerOf(p *process) *traffic.Owner {
	if p.owner == nil && p.like != nil {
		o := *p.like
		o.PID, o.Start = p.pid, t.startOf(p)
		p.owner = &o
	}
	if p.owner == nil {
		p.owner = &traffic.Owner{PID: p.pid, Start: t.startOf(p), Command: "[]"}
	}
	return p.owner
}
