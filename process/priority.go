package process

import "golang.org/x/sys/unix"

// The resolver's thread runs with a nice value and a time slice of its own.
// On a busy machine a thread of ordinary priority waits for milliseconds, and a
// short connection is over by then: of connections of 2 ms on two busy cores it
// missed 3 to 20 in 100. A short slice lets the scheduler run the thread as soon
// as it wakes (kernel 6.12 and later; others pass it over). What the thread may
// use altogether is bounded by Options.Share.
const (
	urgentNice  = -10
	urgentSlice = 100_000 // ns, the least the kernel takes
)

// hurry makes the calling thread urgent, where that is allowed, and returns
// the function that restores it. The goroutine must be locked to its thread in
// between.
func hurry() (restore func()) {
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
