// Package thread is what a goroutine that is locked to its thread may ask of
// the scheduler for it.
package thread

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is the processor time, user and system, that the calling thread has
// used (CLOCK_THREAD_CPUTIME_ID). It is 0 where the kernel does not tell.
func CPUTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// On a busy machine a thread of ordinary priority waits for milliseconds, and a
// short connection is over by then: of connections of 2 ms on two busy cores
// 3 to 20 in 100 were missed. A short slice lets the scheduler run the thread
// as soon as it wakes (kernel 6.12 and later; others pass it over).
const (
	urgentNice  = -10
	urgentSlice = 100_000 // ns, the least the kernel takes
)

// Hurry makes the calling thread run before others when it wakes, where that
// is allowed, and returns the function that restores it. A scheduling policy
// that somebody chose is left alone. The goroutine must be locked to its
// thread from before the call until after the restoring one, or end with it.
func Hurry() (restore func()) {
	const self = 0
	was, err := unix.SchedGetAttr(self, 0)
	if err != nil || was.Policy != unix.SCHED_NORMAL {
		return func() {}
	}
	urgent := *was
	urgent.Nice, urgent.Runtime = min(was.Nice, urgentNice), urgentSlice
	if err := unix.SchedSetAttr(self, &urgent, 0); err != nil {
		return func() {}
	}
	return func() { _ = unix.SchedSetAttr(self, was, 0) }
}
