package notify

import (
	"time"

	"bwmon/traffic"
)

// steady evens out that totals do not grow with time but with the reports of
// monitors. One that reports every second may be heard twice between two ticks,
// and then not at all; one that reads a table of a million flows is heard every
// 20 s. So bytes are told at the rate that the snapshot has for them, measured
// from report to report, and what is ahead of it waits, but no more of it than
// that rate explains. No byte is lost, and none is told before it is booked.
type steady struct {
	total octets // booked
	told  octets
	rate  traffic.Rate
	since int64 // the rate is what it is
	gap   int64 // how long the rate before was
}

// longestGap is longer than any monitor is silent that still has a rate.
const longestGap = int64(time.Minute)

// begin is at a total that is told as a whole.
func (s *steady) begin(total octets, rate traffic.Rate, c *clock) {
	*s = steady{total: total, told: total, rate: rate, since: c.now, gap: int64(c.elapsed)}
}

// advance books what was carried and returns the total that is told.
func (s *steady) advance(carried octets, rate traffic.Rate, c *clock) octets {
	s.total = s.total.add(carried)
	if rate != s.rate {
		s.gap = min(c.now-s.since, longestGap)
		s.rate, s.since = rate, c.now
	}
	waiting := s.total.sub(s.told)
	if waiting == (octets{}) {
		return s.told
	}
	elapsed := c.elapsed.Seconds()
	gap := float64(max(s.gap, min(c.now-s.since, longestGap), int64(c.elapsed))) / 1e9
	s.told = s.told.add(octets{
		due(waiting.rx, rate.Rx, elapsed, gap),
		due(waiting.tx, rate.Tx, elapsed, gap),
	})
	return s.told
}

// due is what of the bytes that wait is to be told after a tick of so many
// seconds, when a report covers a gap of so many.
func due(waiting uint64, rate, elapsed, gap float64) uint64 {
	tick := wholeBytes(rate * elapsed)
	if waiting <= tick+1 {
		return waiting
	}
	return max(tick, waiting-min(waiting, wholeBytes(rate*gap)))
}
