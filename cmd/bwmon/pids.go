package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bwmon/process"
	"bwmon/socket"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// pids describes processes by number. It belongs to one goroutine.
type pids struct {
	proc      string
	describer *process.Describer
}

func newPIDs(proc string, mask *traffic.Mask) *pids {
	root, err := socket.Root(proc)
	if err != nil {
		root = "" // containers and units go without names
	}
	return &pids{proc, process.NewDescriber(process.Options{Proc: proc, Mask: mask}, root)}
}

// Describe implements pipe.Processes.
func (d *pids) Describe(pid int) *traffic.Owner {
	dir := filepath.Join(d.proc, strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return nil
	}
	comm, start, ok := parseStat(string(stat))
	if !ok {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil
	}
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return nil
	}
	return d.describer.Describe(pid, start, st.Uid, comm, cmdline, false, 0)
}

// parseStat takes the name and the start time, field 22, from a process's stat
// line. The name may hold parentheses and spaces (proc(5)).
func parseStat(text string) (comm string, start uint64, ok bool) {
	open, shut := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || shut < open {
		return "", 0, false
	}
	fields := strings.Fields(text[shut+1:])
	const at = 22 - 3
	if len(fields) <= at {
		return "", 0, false
	}
	start, err := strconv.ParseUint(fields[at], 10, 64)
	return text[open+1 : shut], start, err == nil
}
