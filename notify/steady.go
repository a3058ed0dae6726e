package notify

import (
	"time"

	"bwmon/traffic"
)

// steady evens out that totals do not grow with time but with the reports of
// monitors. One that reports every second may be heard twice between two ticks,
// and then not at all; one that reads a table of a million flows is heard every
// 20 s. So bytes are told at the rates that the snapshot has for them, measured
// from report to report, and what is ahead of these waits: as much as they carry
// between two reports and a tick, no more. No byte is lost, and none is told
// before it is booked.
type steady struct {
	total octets // booked
	told  octets
	rate  traffic.Rate
	// What waits may have been carried at the rate before this one.
	before traffic.Rate
	since  int64    // the rate is what it is
	gaps   [2]int64 // between the last reports, as seen by changes of the rate
}

// longestGap is longer than any monitor is silent that still has a rate.
const longestGap = int64(time.Minute)

// begin is at a total that is told as a whole.
func (s *steady) begin(total octets, rate traffic.Rate, c *clock) {
	*s = steady{total: total, told: total, rate: rate, since: c.now}
}

// advance books what was carried and returns the total that is told.
func (s *steady) advance(carried octets, rate traffic.Rate, c *clock) octets {
	s.total = s.total.add(carried)
	if rate != s.rate {
		s.gaps[1], s.gaps[0] = s.gaps[0], 0
		if s.rate != (traffic.Rate{}) { // else it was idle, which says nothing
			s.gaps[0] = c.now - s.since
		}
		s.before, s.rate, s.since = s.rate, rate, c.now
	}
	waiting := s.total.sub(s.told)
	if waiting == (octets{}) {
		return s.told
	}
	gap := max(s.gaps[0], s.gaps[1], int64(c.elapsed))
	if rate != (traffic.Rate{}) {
		gap = max(gap, c.now-s.since)
	}
	held := float64(min(gap, longestGap)+int64(c.elapsed)) / 1e9
	elapsed := c.elapsed.Seconds()
	s.told = s.told.add(octets{
		due(waiting.rx, max(rate.Rx, s.before.Rx), elapsed, held),
		due(waiting.tx, max(rate.Tx, s.before.Tx), elapsed, held),
	})
	return s.told
}

// due is what of the bytes that wait is told after a tick of so many seconds,
// when what is carried in so many others may be held.
func due(waiting uint64, rate, elapsed, held float64) uint64 {
	tick := wholeBytes(rate * elapsed)
	if waiting <= tick+1 {
		return waiting
	}
	return max(tick, waiting-min(waiting, wholeBytes(rate*held)))
}
