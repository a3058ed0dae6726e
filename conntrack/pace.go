package conntrack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// pace decides when to dump.
type pace struct {
	interval time.Duration
	share    float64

	lastDump time.Time     // when the last dump began
	cost     time.Duration // CPU time of the last dump
	quiet    bool          // the last dump was taken in quiet

	checked time.Time // when it was last looked what the interfaces carry
	carried uint64    // by all of them until then
	calm    time.Time // when it was last found quiet since the last dump; zero: never
}

const (
	// While the interfaces carry less than quietRate, bytes per second, all
	// together, dumps are quietFactor times rarer: nothing that moves is
	// worth one. They then cost less than quietShare of a core, as long as
	// that does not make them rarer than quietLongest.
	quietRate    = 2 << 10
	quietFactor  = 5
	quietShare   = 0.003
	quietLongest = 30 * time.Second
)

func (p *pace) startOver() { p.lastDump = time.Time{} }

// due reports whether a dump is worth its cost now. A dump that has something
// to make good is not put off by quiet.
func (p *pace) due(now time.Time, proc string, resync bool) bool {
	// A ticker's tick may come a little early.
	early := p.interval / 10
	since := now.Sub(p.lastDump) + early
	if !p.lastDump.IsZero() && since < p.every() {
		return false
	}
	bytes, err := carried(proc)
	quiet := err == nil && !p.lastDump.IsZero() && float64(bytes-p.carried) < quietRate*(now.Sub(p.checked)+early).Seconds()
	p.checked, p.carried = now, bytes
	if quiet && p.quiet && !resync && since < p.spacing() {
		p.calm = now
		return false // the first dump of a quiet time has shown that nothing moves
	}
	p.quiet = quiet
	return true
}

// broke returns when it was last quiet, if a dump that is due now ends a quiet
// time.
func (p *pace) broke() (time.Time, bool) { return p.calm, !p.quiet && !p.calm.IsZero() }

// every is the shortest time between two dumps that keeps them within their
// share of a core.
func (p *pace) every() time.Duration {
	return max(p.interval, time.Duration(float64(p.cost)/p.share))
}

// spacing is the time from the last dump to the next as things stand now.
func (p *pace) spacing() time.Duration {
	if !p.quiet {
		return p.every()
	}
	saving := time.Duration(float64(p.cost) / quietShare)
	return max(quietFactor*p.every(), min(saving, quietLongest))
}

func (p *pace) dumped(at time.Time, cost time.Duration) {
	p.lastDump, p.cost, p.calm = at, cost, time.Time{}
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
