package main

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"
)

// TestSignal: a signal reaches the process that is shown, and none that has taken
// over its number.
func TestSignal(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s := newSignaller(traffic.NewMask(true))
	pid := cmd.Process.Pid
	// Start returns while the kernel is still in execve: the process has its name
	// by then, and no command line yet.
	for end := time.Now().Add(10 * time.Second); s.pids.Describe(pid).Command != "sleep 600"; {
		if time.Now().After(end) {
			t.Fatalf("the process's command line is %q", s.pids.Describe(pid).Command)
		}
		time.Sleep(time.Millisecond)
	}
	if err := s.signal(pid, "sleep 601", syscall.SIGKILL); err == nil || !strings.Contains(err.Error(), "another one by now: sleep 600") {
		t.Errorf("a signal to another command: %v", err)
	}
	if err := s.signal(pid, "sleep 600", syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-ended; !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v", err)
	}
	if err := s.signal(pid, "sleep 600", syscall.SIGTERM); err == nil || !strings.Contains(err.Error(), "no process") {
		t.Errorf("a signal to a process that has ended: %v", err)
	}
}
