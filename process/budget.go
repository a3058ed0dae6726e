package process

import (
	"time"

	"bwmon/thread"
)

// budget keeps the processor time of one thread to a share of a core on
// average. What was not used is saved up to burst, so that a host where
// nothing happened for a while can be looked through at once.
type budget struct {
	share float64
	burst time.Duration

	saved time.Duration // negative: in debt
	wall  time.Time
	used  time.Duration // the thread's processor time at wall
	spent time.Duration // since the budget was opened
}

// burstTime is the processor time that may be used at a stretch.
const burstTime = 500 * time.Millisecond

// openBudget begins to count the calling thread's processor time at now.
func openBudget(share float64, now time.Time) *budget {
	return &budget{share: share, burst: burstTime, saved: burstTime, wall: now, used: thread.CPUTime()}
}

// settle books what was used since the former call.
func (b *budget) settle(now time.Time) { b.book(now, thread.CPUTime()) }

func (b *budget) book(now time.Time, used time.Duration) {
	earned := time.Duration(float64(max(now.Sub(b.wall), 0)) * b.share)
	cost := used - b.used
	b.saved = min(b.saved+earned-cost, b.burst)
	b.spent += cost
	b.wall, b.used = now, used
}

// wait is how long it takes until there is something left to use; 0 now.
func (b *budget) wait() time.Duration {
	if b.saved > 0 {
		return 0
	}
	return time.Duration(float64(-b.saved)/b.share) + time.Millisecond
}

// canSpare reports whether there is enough for work that can wait: half of
// the savings are kept for flows that begin, whose sockets close soon.
func (b *budget) canSpare() bool { return b.saved > b.burst/2 }

// untilSpare is how long it takes until canSpare when nothing is used.
func (b *budget) untilSpare() time.Duration {
	if b.canSpare() {
		return 0
	}
	return time.Duration(float64(b.burst/2-b.saved)/b.share) + time.Millisecond
}
