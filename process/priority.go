package process

import "golang.org/x/sys/unix"

// urgent is the nice value of the resolver's thread. On a busy machine a
// thread of ordinary priority waits for milliseconds, and a short connection is
// over by then: of connections of 2 ms on two busy cores it missed 3 to 20 in
// 100 and, so, none. What the thread may use altogether is bounded by
// Options.Share.
const urgent = -10

// hurry raises the calling thread's priority, where that is allowed, and
// returns the function that restores it. The goroutine must be locked to its
// thread in between.
func hurry() (restore func()) {
	const self = 0
	was, err := unix.Getpriority(unix.PRIO_PROCESS, self) // of the thread; the kernel says 20-nice
	if err != nil || 20-was <= urgent {
		return func() {}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, self, urgent); err != nil {
		return func() {}
	}
	return func() { _ = unix.Setpriority(unix.PRIO_PROCESS, self, 20-was) }
}
