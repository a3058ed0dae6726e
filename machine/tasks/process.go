package tasks

import (
	"time"

	"bwmon/traffic"
)

// process is a process that is known. All of them belong to the table.
type process struct {
	pid   int
	start uint64        // clock ticks after boot; 0 until it was read, of one that was seen to begin
	begun time.Duration // when the kernel told of its beginning, or it was found (CLOCK_MONOTONIC)

	owner    *traffic.Owner // nil until somebody asks who it is
	like     *traffic.Owner // whose child it is, as long as it runs the same program
	nameless bool           // it executed a program, and was gone before that could be read
	image    uint64         // see stat
	waits    bool           // for the event of an exec that was noticed
	cmdline  uint64         // hash of what owner was made from
	named    time.Duration  // when its owner was made
	doubt    time.Duration  // from when on its owner is to be compared with /proc if it moves

	kernel  bool // a kernel thread
	unread  bool // it was there when the monitor began, and could not be read since
	outside bool // of the cgroup that is asked for
	sealed  bool // its io may not be read
	blind   bool // nor could it when the monitor began: how much of it is older is not known

	clock  time.Duration // its processor clock when it was last looked at
	looked time.Duration // when all of it was last read
	files  files
	hot    bool // they stay open

	// latest is what it used in all, as far as is known; base is what of that is not
	// ours to tell, and carried what a former Run told. firm is latest as it was told.
	latest, base, carried, firm usage
	// dead is what those of its threads used that ended since it is known. past is what
	// its io file has beyond its own: what threads used that had ended before, and
	// children it had waited for.
	dead, past usage
	whole      usage // its io file, as last read
	leaving    []int // threads of which the kernel told in the last rounds
	// kids: it has children or had some, so that its io file has, or will have, what
	// they used: the kernel adds that when they are waited for.
	kids   bool
	unsure bool // a record of one of its threads may have been lost
	parent int
	memory uint64

	told       usage
	toldMemory uint64
	toldOwner  *traffic.Owner // nil: nothing was told of it

	// ending is the round in which its end was learnt; 0: it lives. What its threads
	// left may be told in the next round.
	ending uint64
	final  bool // its last totals were told
	reaped bool // its number may be another's
}

// total is what p used since the monitor knows it.
func (p *process) total() usage { return p.carried.add(p.latest.sub(p.base)) }

// rebase leaves out what p has used until now: it is not ours to tell.
func (p *process) rebase() { p.carried, p.base = p.told, p.latest }

// begat notes that p has children. What was read of its io file and not told yet may
// have had what the first of them used.
func (p *process) begat() {
	if !p.kids && !p.kernel {
		p.kids, p.latest = true, usage{cpu: p.latest.cpu}.max(p.firm)
		p.clock = 0 // it is to be read anew
	}
}

// settle is what p's threads used in all: those that live and those that ended. Where
// it is not told what these used, it is taken from what was known of them.
func (p *process) settle(living usage, recorded bool) usage {
	if !recorded || p.unsure {
		p.dead = p.dead.max(p.latest.sub(living))
		p.unsure = false
	}
	return p.dead.add(living)
}

// end notes that p has ended, unless that is known.
func (p *process) end(round uint64) {
	if p.ending == 0 {
		p.ending = round
	}
}

// isTold reports whether p was in a batch.
func (p *process) isTold() bool { return p.toldOwner != nil }
