package tasks

import (
	"fmt"
	"slices"
	"time"

	"bwmon/traffic"
)

// scan lists the processes that are there, adds those that are new, and notes the ends
// of those that are not. At the beginning of a Run what all have used is not ours to
// tell.
func (t *table) scan(now time.Duration, beginning bool) error {
	there := make(map[int]bool, len(t.all))
	err := t.read.list(func(pid int) {
		there[pid] = true
		p := t.all[pid]
		if p == nil || p.ending != 0 && t.replaced(p) {
			p = t.add(pid, now)
		}
		if beginning && p.ending == 0 {
			t.begin(p, now)
		}
	})
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for pid, p := range t.all {
		if !there[pid] {
			p.reaped = true
			p.end(t.round)
		}
		if parent := t.all[p.parent]; parent != nil {
			parent.begat()
		}
	}
	if beginning {
		t.kernel = t.kernelTold
	}
	return nil
}

// doubt is told whether records of threads that ended may have been lost.
func (t *table) doubt(lost bool) {
	for _, p := range t.order {
		p.unsure = p.unsure || lost
	}
}

// replaced reports whether the number of p, which ended, is another's by now. Else
// nobody has waited for it yet.
func (t *table) replaced(p *process) bool {
	defer t.read.shut(p)
	st, err := t.read.stat(p)
	return err == nil && p.start != 0 && st.start != p.start
}

// begin makes what p has used until now what is not told of it, or until it can be read.
func (t *table) begin(p *process, now time.Duration) {
	defer t.read.shut(p)
	p.dead, p.past, p.whole, p.leaving, p.kids = usage{}, usage{}, usage{}, nil, true
	if t.read.clocked {
		p.clock, _ = t.read.clock(p.pid)
	}
	p.latest, p.firm = usage{}, usage{} // what its threads that live used, from now on
	p.rebase()
	p.unread = true
	// It may have executed a program while nobody was told: no event is to come, and who
	// it is is to be asked again.
	p.waits, p.looked, p.doubt = true, now, 0
	if !t.look(p, now) {
		return
	}
	p.rebase()
	p.firm, p.blind = p.latest, p.sealed
	p.looked -= time.Duration(p.pid) * time.Second % refresh // not all of them at once
	if p.whole != (usage{}) {
		p.past, p.kids = p.whole.sub(p.latest), false
	}
}

// lookAtAll looks at all processes. Those that did not run since the last time cost one
// system call each.
func (t *table) lookAtAll(now time.Duration) {
	for _, p := range t.order {
		if p.ending == 0 && t.moved(p, now) {
			t.look(p, now)
		}
	}
}

// moved reports whether p is worth reading: it ran, or was not read for long.
func (t *table) moved(p *process, now time.Duration) bool {
	due := p.start == 0 || p.unread || now-p.looked >= refresh && !p.kernel
	if p.outside && !due {
		return false
	}
	if !t.read.clocked {
		return true
	}
	clock, ok := t.read.clock(p.pid)
	if !ok {
		p.reaped = true
		p.end(t.round)
		return false
	}
	moved := clock != p.clock
	p.clock = clock
	return moved || due
}

// look reads p anew, and reports whether that was possible.
func (t *table) look(p *process, now time.Duration) bool {
	cold := p.start != 0 && now-p.looked >= refresh
	p.looked = now
	defer func() { t.read.settle(p, !cold && p.ending == 0) }()
	if p.kernel && p.start != 0 && t.read.clocked && !cold && !p.unread {
		return t.lookAtIO(p, usage{cpu: p.clock}, stat{threads: 1})
	}
	st, err := t.read.stat(p)
	if err != nil {
		t.failed(p, err)
		return false
	}
	newborn := p.start == 0
	if !newborn && st.start != p.start {
		t.add(p.pid, now) // its number is another's by now
		return false
	}
	exec := p.image != 0 && st.image != 0 && st.image != p.image && st.state != 'Z'
	if exec && t.who.conn != nil && !p.waits {
		// The event is on its way, with what it had used until then.
		p.waits, p.clock = true, 0
		return false
	}
	p.waits = false
	p.memory = st.rss * t.read.page
	u := usage{cpu: p.clock}
	if !t.read.clocked {
		u.cpu = st.cpu
	}
	if parent := t.all[st.parent]; parent != nil && (newborn || st.parent != p.parent) {
		parent.begat() // or it took in an orphan
	}
	p.parent = st.parent
	if newborn {
		p.kernel = st.flags&flagKernelThread != 0
	}
	st.comm = nil // the buffer is read into again
	if !t.lookAtIO(p, u, st) {
		return false
	}
	if newborn || exec || p.nameless || !p.kernel && now >= p.doubt && (!cold || p.outside) {
		t.recognise(p, now)
	}
	return true
}

// lookAtIO notes what p used, and reads what its own threads read and wrote, where we
// may know it. st is p's stat; it reports whether p is still there.
func (t *table) lookAtIO(p *process, u usage, st stat) bool {
	if !p.sealed {
		io, err := t.readIO(p, st.flags, st.threads)
		if gone(err) || crowded(err) {
			t.failed(p, err)
			return false
		}
		if p.sealed = err != nil; !p.sealed {
			io.cpu = u.cpu
			u = io
		}
	}
	if t.hasPast(p, st.start) {
		p.latest, p.firm, p.blind = u, u, p.sealed
		p.rebase()
		p.kids = true
	}
	t.move(p, u)
	return true
}

// readIO reads what p's own threads read and wrote, those that ended among them. Its
// whole io file has also what its children did whom it waited for, which is theirs.
func (t *table) readIO(p *process, flags, threads uint64) (usage, error) {
	var living usage
	var err error
	leaving := flags&flagExiting != 0 && t.recorded // its first thread: the kernel has told of it, or will
	if threads <= 1 {
		if !leaving {
			living, err = t.read.own(p)
		}
		return p.settle(living, t.recorded), err
	}
	whole, err := t.read.all(p)
	if err != nil {
		return usage{}, err
	}
	if !p.kids {
		return whole.sub(p.past), nil
	}
	if whole == p.whole && !p.unsure {
		return p.latest, nil
	}
	p.whole = whole
	if leaving {
		p.leaving = append(p.leaving, p.pid)
	}
	living, err = t.read.living(p, p.leaving)
	return p.settle(living, t.recorded), err
}

// failed notes the end of a process that cannot be read because it is gone. Where we
// only ran out of descriptors, the next look may succeed.
func (t *table) failed(p *process, err error) {
	if !gone(err) {
		p.clock = 0 // it is to be tried again
		return
	}
	p.reaped = true
	p.end(t.round)
}

// recognise compares who p is with /proc.
func (t *table) recognise(p *process, now time.Duration) {
	if f, ok := t.who.look(t.read, p); ok {
		t.identify(p, f, now)
	}
}

// say is what there is to say of p now.
func (t *table) say(p *process) traffic.ProcessTotal {
	owner, total := t.ownerOf(p), p.total()
	if p.isTold() && owner.Start != p.toldOwner.Start { // which was taken from an event
		o := *owner
		o.Start = p.toldOwner.Start
		owner, p.owner = &o, &o
	}
	p.told, p.toldMemory, p.toldOwner = total, p.memory, owner
	p.firm = p.latest // what is told is not taken back
	return traffic.ProcessTotal{
		Owner: owner, DiskRead: total.read, DiskWrite: total.write,
		CacheRead: total.cacheRead, CacheWrite: total.cacheWrite,
		CPU: total.cpu, Memory: p.memory,
	}
}

// sayAll is what changed since it was last called, with the last totals of processes
// that ended. last says that no more will be learnt: all ends are told.
func (t *table) sayAll(last bool) []traffic.ProcessTotal {
	list := t.splits
	t.splits = nil
	for _, p := range t.order {
		if total, ok := t.news(p, last); ok {
			list = append(list, total)
		}
		p.firm, p.leaving = p.latest, p.leaving[:0]
	}
	if t.kernel != t.kernelTold && t.who.names.group == "" {
		t.kernelTold = t.kernel
		list = append(list, traffic.ProcessTotal{
			Owner: t.kernelIs, DiskRead: t.kernel.read, DiskWrite: t.kernel.write,
			CacheRead: t.kernel.cacheRead, CacheWrite: t.kernel.cacheWrite, CPU: t.kernel.cpu,
		})
	}
	t.forget()
	return list
}

// news is what there is to say of p, if anything.
func (t *table) news(p *process, last bool) (total traffic.ProcessTotal, ok bool) {
	if p.final || p.kernel && p.ending == 0 {
		return total, false
	}
	p.final = p.ending != 0 && (p.ending < t.round || last)
	left := p.outside && p.isTold() // the cgroup that is asked for
	switch {
	case p.kernel, p.outside && !left:
		return total, false
	case p.start == 0 && p.ending == 0:
		return total, false // it is told by when it started as soon as that is read
	case p.final && !p.isTold() && p.total() == usage{}:
		return total, false
	}
	if p.ending != 0 {
		p.memory = 0
	}
	if !p.final && !left && p.isTold() && p.total() == p.told && p.memory == p.toldMemory && p.owner == p.toldOwner {
		return total, false
	}
	total = t.say(p)
	if left {
		p.toldOwner = nil
	}
	total.Final = p.final || left
	return total, true
}

// forget drops the processes whose end was told. One that nobody has waited for yet is
// still listed and must not be taken for a new one.
func (t *table) forget() {
	t.order = slices.DeleteFunc(t.order, func(p *process) bool {
		if !p.final {
			return false
		}
		t.read.shut(p)
		if !p.reaped && t.read.clocked {
			_, there := t.read.clock(p.pid)
			p.reaped = !there
		}
		if p.reaped && t.all[p.pid] == p {
			delete(t.all, p.pid)
			t.former[p.pid] = t.round
		}
		return p.reaped
	})
	for pid, round := range t.former {
		if t.round-round > formerRounds {
			delete(t.former, pid)
		}
	}
	clear(t.groups)
}
