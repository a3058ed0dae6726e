package conntrack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// pace decides when to dump.
type pace struct {
	interval time.Duration
	share    float64

	lastDump time.Time     // when the last dump began
	cost     time.Duration // CPU time of the last dump
	carried  uint64        // by all interfaces at the last dump
	quiet    bool          // the last dump ended a quiet time
}

const (
	// While the interfaces carry less than quietRate, bytes per second, all
	// together, dumps are quietFactor times rarer: nothing that moves is
	// worth one.
	quietRate   = 2 << 10
	quietFactor = 5
)

func (p *pace) startOver() { p.lastDump = time.Time{} }

// due reports whether a dump is worth its cost now.
func (p *pace) due(now time.Time, proc string) bool {
	if p.lastDump.IsZero() {
		p.carried, _ = carried(proc)
		return true
	}
	// A ticker's tick may come a little early.
	since := now.Sub(p.lastDump) + p.interval/10
	if since < p.every() {
		return false
	}
	bytes, err := carried(proc)
	quiet := err == nil && float64(bytes-p.carried) < quietRate*since.Seconds()
	if quiet && p.quiet && since < quietFactor*p.every() {
		return false // the first dump of a quiet time has shown that nothing moves
	}
	p.quiet = quiet
	p.carried = bytes
	return true
}

// every is the shortest time between two dumps that keeps them within their
// share of a core.
func (p *pace) every() time.Duration {
	return max(p.interval, time.Duration(float64(p.cost)/p.share))
}

func (p *pace) dumped(at time.Time, cost time.Duration) { p.lastDump, p.cost = at, cost }

// threadTime is the CPU time of the calling thread, user and system.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// carried sums rx and tx bytes of all interfaces of the calling thread's
// namespace, loopback too.
func carried(proc string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(proc, "thread-self/net/dev"))
	if err != nil {
		return 0, fmt.Errorf("read interface counters: %w", err)
	}
	return sumBytes(b), nil
}

// sumBytes sums the first and ninth figure of every line of net/dev.
func sumBytes(dev []byte) uint64 {
	var sum uint64
	for line := range bytes.Lines(dev) {
		_, figures, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		field := 0
		for f := range bytes.FieldsSeq(figures) {
			if field == 0 || field == 8 {
				sum += decimal(f)
			}
			field++
		}
	}
	return sum
}

func decimal(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}
