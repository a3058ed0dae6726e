package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"bwmon/pipe"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// failed is the error that pipe returns for one of a mover: errSaid where it stands
// in the summary, which is to be all that a program has to read.
func (j *pipeJob) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case j.flags.format == "json" && !j.flags.quiet:
		return errSaid
	}
	return errors.New(explain(err))
}

// explain says what it was that failed, and the cure. Its text is clean.
func explain(err error) string {
	var end *pipe.EndError
	if !errors.As(err, &end) {
		return traffic.CleanText(err.Error(), traffic.MaxCommand)
	}
	op, fd := "read standard input", unix.Stdin
	if end.Output {
		op, fd = "write standard output", unix.Stdout
	}
	if name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil && strings.HasPrefix(name, "/") {
		op += " (" + name + ")"
	}
	cure := ""
	switch {
	case errors.Is(end, unix.ENOSPC), errors.Is(end, unix.EDQUOT):
		cure = ": make room there and begin again"
	case errors.Is(end, unix.EISDIR):
		cure = `: give it a file, such as "< file"`
	case errors.Is(end, unix.EBADF):
		cure = ": it is closed, or open for the other direction"
	}
	return traffic.CleanText(op+": "+end.Err.Error()+cure, traffic.MaxCommand)
}

// exitStatus ends the program with a code of its own.
type exitStatus struct {
	code int
	err  error // nil: all has been said
}

func (e exitStatus) Error() string {
	if e.err == nil {
		return "exit status " + strconv.Itoa(e.code)
	}
	return e.err.Error()
}

func (e exitStatus) Unwrap() error { return e.err }

// dieOf ends the process as the signal does by default, so that who waits for it
// learns of that. Where it does not, as for the first process of a container, the
// exit code is what a shell would make of it.
func dieOf(s unix.Signal) {
	// The kernel's struct sigaction of all zeros is SIG_DFL, everywhere; package
	// signal has no way to give SIGPIPE its default effect.
	var def [64]byte
	const setSize = 8
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&def)), 0, setSize, 0, 0)
	if unix.Kill(os.Getpid(), s) == nil {
		time.Sleep(100 * time.Millisecond) // another thread may be the one to take it
	}
	os.Exit(128 + int(s))
}
