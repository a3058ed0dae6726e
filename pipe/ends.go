package pipe

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// Processes describes processes by number. Its method is called by one goroutine
// at a time, and may read files.
type Processes interface {
	// Describe returns nil where there is no such process any more.
	Describe(pid int) *traffic.Owner
}

// Ends finds out who is at the other end of a pipe of ours.
type Ends struct {
	Proc string // where procfs is mounted
}

// holder is a process that has an end of a pipe open.
type holder struct {
	pid int
	fd  int
}

// end is one of our ends of a pipe, and what is looked for at the other.
type end struct {
	link  string // as /proc shows the pipe; "" where it is none
	mode  uint64 // of the other end
	usual int    // descriptor that programs have it as
}

// Find returns the process that writes into the pipe that we read as descriptor
// from, and the one that reads the pipe into which we write as descriptor to. They
// are 0 where that is no pipe or nobody is seen. It walks through /proc once.
func (e Ends) Find(from, to int) (writer, reader int) {
	in := end{e.link(from), unix.O_WRONLY, unix.Stdout}
	out := end{e.link(to), unix.O_RDONLY, unix.Stdin}
	if in.link == "" && out.link == "" {
		return 0, 0
	}
	found := e.holders(in, out)
	return likeliest(found[0], in.usual), likeliest(found[1], out.usual)
}

func (e Ends) link(fd int) string {
	if kind, err := kindOf(fd); err != nil || kind != kindPipe {
		return ""
	}
	link, err := os.Readlink(filepath.Join(e.Proc, "self/fd", strconv.Itoa(fd)))
	if err != nil {
		return ""
	}
	return link
}

// holders lists for each end those but us that have the other one, in the order of
// their start as far as pids tell it.
func (e Ends) holders(ends ...end) [][]holder {
	found := make([][]holder, len(ends))
	self := os.Getpid()
	for _, pid := range numbered(e.Proc) {
		if pid == self {
			continue
		}
		dir := filepath.Join(e.Proc, strconv.Itoa(pid))
		// What cannot be read belongs to others, or has just ended.
		for _, fd := range numbered(filepath.Join(dir, "fd")) {
			name := strconv.Itoa(fd)
			link, err := os.Readlink(filepath.Join(dir, "fd", name))
			if err != nil || link == "" {
				continue
			}
			for i, end := range ends {
				if link == end.link && e.mode(dir, name) == end.mode {
					found[i] = append(found[i], holder{pid, fd})
				}
			}
		}
	}
	return found
}

// mode is how a process has a file open; 3, which is none, if that is not known.
func (e Ends) mode(dir, fd string) uint64 {
	text, err := os.ReadFile(filepath.Join(dir, "fdinfo", fd))
	if err != nil {
		return unix.O_ACCMODE
	}
	flags, err := parseFlags(text)
	if err != nil {
		return unix.O_ACCMODE
	}
	return flags & unix.O_ACCMODE
}

// numbered lists the entries of a directory whose names are numbers, in order.
func numbered(dir string) []int {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1) // what came before an error counts
	var list []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// likeliest chooses among holders: one that has the pipe where programs expect it,
// and of these the last, since a shell that started others holds it, too.
func likeliest(list []holder, usual int) int {
	pid := 0
	for _, h := range list {
		if h.fd == usual {
			pid = h.pid
		}
	}
	if pid == 0 && len(list) > 0 {
		pid = list[len(list)-1].pid
	}
	return pid
}

var errFlags = errors.New("no flags")

// parseFlags finds the flags of open(2) in a file of /proc/PID/fdinfo, where they
// are octal (fs/proc/fd.c).
func parseFlags(b []byte) (uint64, error) {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			return strconv.ParseUint(strings.TrimSpace(string(rest)), 8, 64)
		}
	}
	return 0, errFlags
}
