package main

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// signaller sends signals to processes as the full-screen view shows them.
type signaller struct {
	mu sync.Mutex
	// mu protects the fields below.
	pids *pids
}

func newSignaller(mask *traffic.Mask) *signaller { return &signaller{pids: newPIDs("/proc", mask)} }

// signal sends sig to the process of that number, if it still runs that command:
// the number may be another's by now. Any goroutine may call it.
func (s *signaller) signal(pid int, command string, sig syscall.Signal) error {
	// Held from here on, so that the number cannot pass to another.
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("there is no process %d any more", pid)
	case err != nil:
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	s.mu.Lock()
	o := s.pids.Describe(pid)
	s.mu.Unlock()
	switch {
	case o == nil:
		return fmt.Errorf("there is no process %d any more", pid)
	case o.Command != command:
		return fmt.Errorf("process %d is another one by now: %s", pid, traffic.CleanText(o.Command, maxShown))
	}
	switch err := unix.PidfdSendSignal(fd, sig, nil, 0); {
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("process %d has just ended", pid)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("may not send a signal to process %d: it is another user's", pid)
	case err != nil:
		return fmt.Errorf("send a signal to process %d: %w", pid, err)
	}
	return nil
}
