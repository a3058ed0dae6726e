package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// TestDetach: it returns once the daemon counts, which then is on its own; the file
// has the daemon's number, and its log is a file.
func TestDetach(t *testing.T) {
	s := newServed(t, "")
	pid := s.path("pid")
	held, hold, err := os.Pipe() // as of a shell that waits for all who hold it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cmd := s.command(nil, "--detach", "--pid-file", pid)
	cmd.ExtraFiles = []*os.File{hold}
	err = cmd.Run()
	hold.Close()
	number, _ := strconv.Atoi(strings.TrimSpace(readLog(t, pid)))
	if err != nil || number <= 0 || number == cmd.Process.Pid || s.errs.String() != "" {
		t.Fatalf("%v; process %d wrote %d; it says %q", err, cmd.Process.Pid, number, s.errs)
	}
	t.Cleanup(func() { syscall.Kill(number, unix.SIGKILL) })
	var shown traffic.Snapshot
	if err := get(dialer("unix", s.socket), "/api/v1/snapshot", &shown); err != nil {
		t.Errorf("it has returned, and the daemon does not answer: %v", err)
	}
	if sid, err := unix.Getsid(number); err != nil || sid != number {
		t.Errorf("its session is %d, %v", sid, err)
	}
	for fd, want := range map[int]string{0: "/dev/null", 1: "/dev/null", 2: s.path("bwmon.log")} {
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", number, fd)); err != nil || got != want {
			t.Errorf("its descriptor %d is %s, %v; want %s", fd, got, err, want)
		}
	}
	if _, err := io.ReadAll(held); err != nil { // ends when nobody holds it
		t.Error(err)
	}
	if err := syscall.Kill(number, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	poll(t, "its file is gone", func() bool { _, err := os.Stat(pid); return err != nil })
	if text := readLog(t, s.path("bwmon.log")); !strings.Contains(text, "msg=running") || !strings.Contains(text, "msg=ended") {
		t.Errorf("the log has %s", text)
	}
}

// TestDetachFails: why the daemon does not run is said by who started it.
func TestDetachFails(t *testing.T) {
	s := newServed(t, "")
	if err := os.WriteFile(s.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := s.command(nil, "--detach", "--pid-file", s.path("pid")).Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(s.errs.String(), "is there and is no socket") {
		t.Errorf("%v: %s", err, s.errs)
	}
	if _, err := os.Stat(s.path("pid")); err == nil {
		t.Error("the file with its number is still there")
	}
	s = newServed(t, "[log]\nto = \"stderr\"\n")
	err = s.command(nil, "--detach").Run()
	if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || !strings.Contains(s.errs.String(), "nobody reads that with --detach") {
		t.Errorf("%v: %s", err, s.errs)
	}
}

// TestDetachOnOldKernels: what this process was given does not go on to the daemon
// where a kernel cannot see to that in one call.
func TestDetachOnOldKernels(t *testing.T) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	old := func(uint, uint, uint) error { return unix.EINVAL }
	if err := keepBack(ends[1], old); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, unix.FD_CLOEXEC} {
		if flags, err := unix.FcntlInt(uintptr(ends[i]), unix.F_GETFD, 0); err != nil || flags != want {
			t.Errorf("end %d has flags %d, %v; want %d", i, flags, err, want)
		}
	}
}
