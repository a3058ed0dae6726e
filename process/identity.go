package process

import (
	"bytes"
	"errors"
	"hash/maphash"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// maxArgs is how many arguments an Owner keeps for grouping.
const maxArgs = 16

var errStat = errors.New("malformed stat line")

// identities reads who a process is from /proc. It has one buffer and belongs
// to one goroutine.
type identities struct {
	proc  string
	users *users
	mask  *traffic.Mask
	buf   []byte
	seed  maphash.Seed
}

func newIdentities(proc, passwd string, mask *traffic.Mask) *identities {
	return &identities{
		proc: proc, users: newUsers(passwd), mask: mask,
		// The longest command line kept, and room to see that it went on.
		buf:  make([]byte, 2*traffic.MaxCommand),
		seed: maphash.MakeSeed(),
	}
}

// stat is what is wanted of /proc/PID/stat.
type stat struct {
	comm  string // as the kernel has it, not cleaned
	flags uint64
	start uint64 // clock ticks after boot
}

// Flags of processes that have no command line, or no longer
// (include/linux/sched.h).
const (
	flagExiting      = 0x00000004 // PF_EXITING
	flagKernelThread = 0x00200000 // PF_KTHREAD
)

// parseStat reads a line of /proc/PID/stat. The second field is in
// parentheses and may itself hold spaces, parentheses and newlines (a process
// names itself with prctl), so the fields after it are counted from the last
// closing one.
func parseStat(b []byte) (stat, error) {
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open {
		return stat{}, errStat
	}
	const flags, start = 9 - 3, 22 - 3 // the first field after the parenthesis is the third
	st := stat{comm: string(b[open+1 : shut])}
	field := 0
	for word := range bytes.FieldsSeq(b[shut+1:]) {
		if field == flags || field == start {
			n, err := strconv.ParseUint(string(word), 10, 64)
			if err != nil {
				return stat{}, errStat
			}
			if field == start {
				st.start = n
				return st, nil
			}
			st.flags = n
		}
		field++
	}
	return stat{}, errStat
}

// parseCmdline turns /proc/PID/cmdline into the arguments and their joined
// line, both clean. A program that writes its title over its arguments leaves
// one word and a tail of NULs or spaces, which is dropped. Both are empty for
// kernel threads and zombies. What the mask hides is in neither.
func parseCmdline(b []byte, mask *traffic.Mask) (args []string, line string) {
	text := mask.Hide(strings.TrimRight(string(b), "\x00 "))
	if text == "" {
		return nil, ""
	}
	line = traffic.CleanText(strings.ReplaceAll(text, "\x00", " "), traffic.MaxCommand)
	for word := range strings.SplitSeq(text, "\x00") {
		if len(args) == maxArgs {
			break
		}
		args = append(args, traffic.CleanText(word, traffic.MaxWord))
	}
	return args, line
}

// parseUID finds the effective user in /proc/PID/status.
func parseUID(b []byte) (uint32, bool) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("Uid:"))
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		if len(f) < 2 {
			return 0, false
		}
		n, ok := parseUint(f[1], 10, 0xffffffff)
		return uint32(n), ok
	}
	return 0, false
}

// refresh brings p's owner up to date: a new one where there was none, where
// the pid belongs to another process by now, or where the process has since
// executed another program, given itself another title, or changed its user or
// cgroup. In the midst of an exec (see inExec) the owner stays what it was, nil
// where there was none. It reports whether the process is still there.
func (id *identities) refresh(p *process, now int64) bool {
	st, err := id.stat(p.pid)
	if err != nil {
		return false
	}
	place, err := id.place(p.pid)
	if err != nil {
		return false
	}
	line, err := id.read(p.pid, "cmdline")
	if err != nil {
		return false
	}
	if p.owner != nil && p.owner.Start != st.start {
		p.owner, p.blank = nil, 0
	}
	if len(line) > 0 {
		p.blank = 0
	} else if id.waits(p, now) || p.owner != nil {
		return true // a process that is exiting has lost its arguments, but had them
	}
	hash := maphash.Bytes(id.seed, line)
	if p.owner != nil && p.place == place && p.cmdline == hash {
		return true
	}
	args, command := parseCmdline(line, id.mask)
	o, ok := id.owner(p.pid, st, args, command)
	if ok {
		p.owner, p.cmdline, p.place = o, hash, place
	}
	return ok
}

// stat reads a process's stat line.
func (id *identities) stat(pid int) (stat, error) {
	text, err := id.read(pid, "stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// place is a hash that changes when the process changes its user or cgroup.
// The user is the owner of its directory (task_dump_owner in fs/proc/base.c),
// which costs a tenth of its status.
func (id *identities) place(pid int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(id.proc+"/"+strconv.Itoa(pid), &st); err != nil {
		return 0, err
	}
	var h maphash.Hash
	h.SetSeed(id.seed)
	maphash.WriteComparable(&h, st.Uid)
	// A kernel without cgroups has no such file.
	if text, err := id.read(pid, "cgroup"); err == nil {
		_, _ = h.Write(text)
	}
	return h.Sum64(), nil
}

// waits reports whether the command line of p, which is empty, is likely to be
// there soon.
func (id *identities) waits(p *process, now int64) bool {
	// Read after the command line: who exits says so before losing it.
	st, err := id.stat(p.pid)
	if err != nil || st.flags&(flagExiting|flagKernelThread) != 0 {
		return false
	}
	if p.blank == 0 {
		p.blank = now
	}
	return p.inExec(now)
}

// owner makes the owner of a process that has those arguments.
func (id *identities) owner(pid int, st stat, args []string, command string) (*traffic.Owner, bool) {
	comm := traffic.CleanText(st.comm, traffic.MaxWord)
	if command == "" {
		command = "[" + comm + "]"
	}
	o := &traffic.Owner{PID: pid, Start: st.start, Command: command, Args: args, Comm: comm}
	text, err := id.read(pid, "status")
	if err != nil {
		return nil, false
	}
	o.UID, _ = parseUID(text)
	o.User = id.users.name(o.UID)
	// A kernel without cgroups has no such file; the rest is worth having.
	if text, err = id.read(pid, "cgroup"); err == nil {
		o.Container, o.Unit = parseCgroup(string(text))
	}
	return o, true
}

// read reads the beginning of one file of a process into the buffer, which
// the next call overwrites.
func (id *identities) read(pid int, file string) ([]byte, error) {
	fd, err := unix.Open(id.proc+"/"+strconv.Itoa(pid)+"/"+file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	for n < len(id.buf) {
		m, err := unix.Read(fd, id.buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return id.buf[:n], nil
}
