package aggregate

import (
	"time"

	"bwmon/traffic"
)

// work is what an account's processes used of the machine beside the network, as one
// source has it. At every moment its memory is the sum of its workers'.
type work struct {
	src    *source
	disk   meter  // rx is what was read, tx what was written
	cpu    meter  // rx is nanoseconds
	cache  octets // likewise of read and write calls
	memory uint64
}

// worker is a process of one source.
type worker struct {
	owner    *traffic.Owner
	account  *account
	last     spent
	memory   uint64
	rulebook uint8 // by which it was judged
}

// spent is the totals of a process.
type spent struct {
	disk, cache octets
	cpu         time.Duration
}

func spentOf(p *traffic.ProcessTotal) spent {
	return spent{
		disk: octets{p.DiskRead, p.DiskWrite}, cache: octets{p.CacheRead, p.CacheWrite}, cpu: max(p.CPU, 0),
	}
}

// since is what was spent after an earlier total. What fell began anew.
func (s spent) since(o spent) spent {
	return spent{
		disk:  octets{grown(s.disk.rx, o.disk.rx), grown(s.disk.tx, o.disk.tx)},
		cache: octets{grown(s.cache.rx, o.cache.rx), grown(s.cache.tx, o.cache.tx)},
		cpu:   time.Duration(grown(uint64(s.cpu), uint64(o.cpu))),
	}
}

func grown(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// work returns the account's of a source; the pointer is good until the next call.
func (a *account) work(src *source) *work {
	for i := range a.works {
		if a.works[i].src == src {
			return &a.works[i]
		}
	}
	a.works = append(a.works, work{src: src})
	return &a.works[len(a.works)-1]
}

func (w *work) book(s spent) {
	w.disk.book(&w.src.window, s.disk)
	w.cpu.book(&w.src.window, octets{rx: uint64(s.cpu)})
	w.cache = w.cache.add(s.cache)
}

func (w *work) merge(o *work) {
	w.disk.merge(&w.src.window, o.disk)
	w.cpu.merge(&w.src.window, o.cpu)
	w.cache = w.cache.add(o.cache)
	w.memory += o.memory
}

// resources is what the account's processes used.
func (a *account) resources() traffic.Resources {
	var r traffic.Resources
	for i := range a.works {
		w := &a.works[i]
		memory := w.memory
		if w.src.window.silent { // who knows
			memory = 0
		}
		disk, cpu := w.disk.rate(&w.src.window), w.cpu.rate(&w.src.window)
		r = r.Add(traffic.Resources{
			DiskReadBytes: w.disk.total.rx, DiskWriteBytes: w.disk.total.tx, DiskReadRate: disk.Rx, DiskWriteRate: disk.Tx,
			CacheReadBytes: w.cache.rx, CacheWriteBytes: w.cache.tx,
			CPUPercent: cpu.Rx * 100 / float64(time.Second), MemoryBytes: memory,
		})
	}
	return r
}

// bookProcess books what p adds to what is known of its process.
func (l *Ledger) bookProcess(src *source, p *traffic.ProcessTotal) {
	if p.Owner == nil {
		return
	}
	id := process{p.Owner.PID, p.Owner.Start}
	w := src.workers[id]
	if w == nil {
		w = &worker{}
		if src.workers == nil {
			src.workers = make(map[process]*worker)
		}
		src.workers[id] = w
		l.employ(src, w, id, p.Owner)
	} else if w.rulebook != l.rulebook || w.owner != p.Owner && !sameOwner(w.owner, p.Owner) {
		l.dismiss(src, w, id)
		l.employ(src, w, id, p.Owner)
	}
	now := spentOf(p)
	work := w.account.work(src)
	work.book(now.since(w.last))
	work.memory += p.Memory - w.memory
	w.owner, w.last, w.memory = p.Owner, now, p.Memory
	if p.Final {
		l.dismiss(src, w, id)
		delete(src.workers, id)
	}
}

// employ has a process work for the account that its command is booked to.
func (l *Ledger) employ(src *source, w *worker, id process, o *traffic.Owner) {
	a := l.app(src.app(o, "", l.opts.Rules))
	w.owner, w.account, w.rulebook = o, l.accountOn(&a.shelf, a, commandKey(o)), l.rulebook
	w.account.joinCrew(o, id)
	l.countBusy(w.account, 0, +1)
}

func (a *account) joinCrew(o *traffic.Owner, id process) {
	if !o.IsKernel() {
		a.crew.join(id, false)
		a.app.crew.join(id, false)
	}
}

func (a *account) leaveCrew(o *traffic.Owner, id process) {
	if !o.IsKernel() {
		a.crew.leave(id, false)
		a.app.crew.leave(id, false)
	}
}

// dismiss ends that. What it used stays; its memory is free.
func (l *Ledger) dismiss(src *source, w *worker, id process) {
	a := w.account
	a.work(src).memory -= w.memory
	w.memory = 0
	a.leaveCrew(w.owner, id)
	l.countBusy(a, 0, -1)
	if a.busy == 0 && a.isBare() {
		src.leavers = append(src.leavers, leaver{a, src.window.epoch})
	}
}

// dismissAll ends all processes of a source.
func (l *Ledger) dismissAll(src *source) {
	for id, w := range src.workers {
		l.dismiss(src, w, id)
	}
	src.workers = nil
}

// leaver is an account whose last process has ended, and when.
type leaver struct {
	account *account
	epoch   uint32
}

// isBare reports whether an account has nothing that is worth a row for itself: no
// traffic and no disk I/O. A machine starts thousands of commands an hour.
func (a *account) isBare() bool {
	if a.shelf == nil || a.open > 0 || a.busy > 0 || len(a.flows) > 0 || a.closed != (traffic.Closed{}) {
		return false
	}
	for i := range a.meters {
		if a.meters[i].total != (octets{}) {
			return false
		}
	}
	for i := range a.works {
		if a.works[i].disk.total != (octets{}) {
			return false
		}
	}
	return true
}

// shownFor is how many windows the last figures of such a command are shown: the open
// one, and the one in which it is published.
const shownFor = 2

// dropLeavers takes the rows away of commands that used nothing but processor time
// and memory, and whose last process ended so many windows ago.
func (l *Ledger) dropLeavers(src *source, shown uint32) {
	n := 0
	for _, v := range src.leavers {
		if src.window.epoch-v.epoch < shown {
			break
		}
		n++
		a := v.account
		if a.into != nil || a.shelf == nil || a.shelf.rows[a.key] != a || !a.isBare() {
			continue
		}
		a.shelf.remove(a)
		l.rows--
		l.dropEmpty(a.app)
	}
	src.leavers = append(src.leavers[:0], src.leavers[n:]...)
}
