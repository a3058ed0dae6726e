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

// Writer returns the process that writes into the pipe that this process reads as
// descriptor fd; 0 where fd is no pipe or nobody is seen. It walks through /proc.
func (e Ends) Writer(fd int) int { return e.other(fd, unix.O_WRONLY, unix.Stdout) }

// Reader returns the process that reads the pipe into which this process writes as
// descriptor fd; 0 where fd is no pipe or nobody is seen. It walks through /proc.
func (e Ends) Reader(fd int) int { return e.other(fd, unix.O_RDONLY, unix.Stdin) }

func (e Ends) other(fd int, mode uint64, usual int) int {
	link, err := os.Readlink(filepath.Join(e.Proc, "self/fd", strconv.Itoa(fd)))
	if err != nil {
		return 0
	}
	if kind, err := kindOf(fd); err != nil || kind != kindPipe {
		return 0
	}
	return likeliest(e.holders(link, mode), usual)
}

// holders lists those but us that have the file open in that mode, in the order of
// their start as far as pids tell it.
func (e Ends) holders(link string, mode uint64) []holder {
	var found []holder
	for _, pid := range numbered(e.Proc) {
		if pid == os.Getpid() {
			continue
		}
		dir := filepath.Join(e.Proc, strconv.Itoa(pid))
		// What cannot be read belongs to others, or has just ended.
		for _, fd := range numbered(filepath.Join(dir, "fd")) {
			name := strconv.Itoa(fd)
			if l, err := os.Readlink(filepath.Join(dir, "fd", name)); err != nil || l != link {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, "fdinfo", name))
			if err != nil {
				continue
			}
			if flags, err := parseFlags(text); err == nil && flags&unix.O_ACCMODE == mode {
				found = append(found, holder{pid, fd})
			}
		}
	}
	return found
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
