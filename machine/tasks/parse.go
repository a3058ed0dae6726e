package tasks

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"time"
)

var (
	errStat = errors.New("malformed stat line")
	errIO   = errors.New("malformed io file")
)

// stat is what is wanted of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	comm    []byte // as the kernel has it, not cleaned; a piece of what was parsed
	state   byte
	parent  int
	flags   uint64
	cpu     time.Duration // user and system, in whole ticks
	start   uint64        // clock ticks after boot
	rss     uint64        // pages that are resident
	image   uint64        // changes with an exec; 0 where we may not know
	threads uint64        // how many there are
}

const (
	// Of include/linux/sched.h.
	flagExiting      = 0x00000004 // PF_EXITING
	flagKernelThread = 0x00200000 // PF_KTHREAD

	// tick is the unit of times in /proc (USER_HZ), the same on every architecture Go
	// runs on.
	tick = 10 * time.Millisecond
)

// Fields of /proc/PID/stat, less the three up to the state.
const (
	statParent  = 0
	statFlags   = 9 - 4
	statUser    = 14 - 4
	statSystem  = 15 - 4
	statThreads = 20 - 4
	statStart   = 22 - 4
	statRSS     = 24 - 4
	statCode    = 26 - 4 // where the program's code begins
	statStack   = 28 - 4 // and its stack: both are shuffled at each exec
	statNeeded  = statStart
)

// parseStat reads a line of /proc/PID/stat. The second field is in parentheses and may
// itself hold spaces, parentheses and newlines (a process names itself with prctl), so
// the fields after it are counted from the last closing one.
func parseStat(b []byte) (stat, error) {
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open || shut+3 >= len(b) || b[shut+1] != ' ' || b[shut+3] != ' ' {
		return stat{}, errStat
	}
	st := stat{comm: b[open+1 : shut], state: b[shut+2]}
	b = b[shut+4:]
	for field := 0; field <= statStack; field++ {
		n, rest, ok := number(b)
		if !ok {
			if field <= statNeeded {
				return stat{}, errStat
			}
			break
		}
		b = rest
		switch field {
		case statParent:
			st.parent = int(min(n, maxPID))
		case statFlags:
			st.flags = n
		case statUser, statSystem:
			st.cpu += time.Duration(min(n, maxTicks)) * tick
		case statThreads:
			st.threads = n
		case statStart:
			st.start = n
		case statRSS:
			st.rss = n
		case statCode, statStack:
			st.image ^= n
		}
	}
	return st, nil
}

// maxTicks keeps a time that nobody can have used from wrapping around.
const maxTicks = 1 << 38

// number takes a decimal number and the spaces before it from the front of b. A
// negative one, as a terminal or a priority may be, is 0, and so is one that is too
// large.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	i := 0
	large := false
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		digit := uint64(b[i] - '0')
		large = large || n > (math.MaxUint64-digit)/10
		n = n*10 + digit
		i++
	}
	if negative || large {
		n = 0
	}
	return n, b[i:], i > 0
}

// parseIO reads /proc/PID/io. cancelled_write_bytes, which is what was to be written
// and then was not since the file was cut short or deleted, is left alone: it may be
// another process's, and pidstat shows it apart, too. Kernels without
// CONFIG_TASK_IO_ACCOUNTING tell of calls only.
func parseIO(b []byte) (usage, error) {
	var u usage
	calls := 0
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		name, value, ok := bytes.Cut(line, []byte(": "))
		n, _, isNumber := number(value)
		if !ok || !isNumber {
			return usage{}, errIO
		}
		switch string(name) {
		case "rchar":
			u.cacheRead = n
			calls++
		case "wchar":
			u.cacheWrite = n
			calls++
		case "read_bytes":
			u.read = n
		case "write_bytes":
			u.write = n
		}
	}
	if calls < 2 {
		return usage{}, errIO
	}
	return u, nil
}

// unifiedPath finds the path of the cgroup v2 in /proc/PID/cgroup.
func unifiedPath(b []byte) (string, bool) {
	for line := range bytes.Lines(b) {
		if path, ok := bytes.CutPrefix(line, []byte("0::")); ok {
			return strings.TrimSuffix(string(path), "\n"), true
		}
	}
	return "", false
}
