package socket

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Processes makes owners of what the kernel noted of processes. It is called
// from Run's goroutine.
type Processes interface {
	// Describe returns the owner that the process is. start is in clock ticks
	// after boot. cmdline is as in /proc/PID/cmdline, and cut where it was
	// longer; cgroup is the number of its cgroup. What /proc still knows of
	// the process completes what is missing.
	Describe(pid int, start uint64, uid uint32, comm string, cmdline []byte, cut bool, cgroup uint64) *traffic.Owner
}

// owners knows the owners of processes by what the kernel calls them.
type owners struct {
	table     *ebpf.Map // the kernel's; set while it is open
	processes Processes
	known     map[bpfWho]*traffic.Owner
	// gone is the processes that ended in this round, and in those before: a
	// flow of theirs may still be told of.
	gone [goneRounds][]bpfWho
	// past is those that ended earlier, in turn. What they left to others, such
	// as a listener, bears their name until somebody uses it.
	past []bpfWho
}

// maxPast is how many of those are remembered.
const maxPast = 1 << 14

// goneRounds is for how many rounds an ended process is remembered.
const goneRounds = 3

func newOwners(p Processes) *owners {
	return &owners{processes: p, known: make(map[bpfWho]*traffic.Owner)}
}

// ticksPerSecond is the unit of start times in /proc (USER_HZ), the same on
// every architecture Go runs on.
const ticksPerSecond = 100

// of returns the process's owner, nil where nobody is known.
func (o *owners) of(who bpfWho) *traffic.Owner {
	if who.Start == 0 || o.table == nil {
		return o.known[who]
	}
	if known := o.known[who]; known != nil {
		return known
	}
	var v bpfOwner
	if o.table.Lookup(&who, &v) != nil {
		return nil // it found no room
	}
	comm, _, _ := bytes.Cut(v.Comm[:], []byte{0})
	args := v.Args[:min(int(v.Length), len(v.Args))]
	known := o.processes.Describe(int(who.Pid), who.Start/(1e9/ticksPerSecond), v.Uid, string(comm), args,
		v.Length == 0 || int(v.Length) > len(v.Args), v.Cgroup)
	o.known[who] = known
	return known
}

// renamed forgets what a process was called.
func (o *owners) renamed(who bpfWho) { delete(o.known, who) }

// ended learns a process that is no more while it can still be learnt.
func (o *owners) ended(who bpfWho) {
	o.of(who)
	o.gone[0] = append(o.gone[0], who)
}

// turn takes those that ended some rounds ago out of the kernel's table.
func (o *owners) turn() error {
	last := o.gone[goneRounds-1]
	o.past = append(o.past, last...)
	if err := remove(o.table, last); err != nil {
		return fmt.Errorf("forget processes: %w", err)
	}
	if n := len(o.past) - maxPast; n > 0 {
		for _, who := range o.past[:n] {
			delete(o.known, who)
		}
		o.past = append(o.past[:0], o.past[n:]...)
	}
	copy(o.gone[1:], o.gone[:])
	o.gone[0] = last[:0]
	return nil
}

// sweep finds the processes that ended without a word.
func (o *owners) sweep() error {
	whos, values := make([]bpfWho, sweepBatch), make([]bpfOwner, sweepBatch)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := o.table.BatchLookup(&cursor, whos, values, nil)
		for _, who := range whos[:n] {
			if errors.Is(unix.Kill(int(who.Pid), 0), unix.ESRCH) {
				o.ended(who)
			}
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read processes: %w", err)
		}
	}
}
