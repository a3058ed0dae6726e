package machine

import (
	"errors"
	"io/fs"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// pressure measures the time lost by waiting for processors, memory and storage
// (Documentation/accounting/psi.rst).
type pressure struct {
	fs   procfs.FS
	has  [len(pressed)]bool // the kernel told of it
	last [len(pressed)]stall
}

// pressed is what there may be too little of.
var pressed = [...]string{"cpu", "memory", "io"}

// stall is the total of one reading, in microseconds; at is zero where it was not
// measured.
type stall struct {
	at         time.Time
	some, full uint64
}

func (s *pressure) close() {}

func (s *pressure) read(r *reading) {
	for i, what := range pressed {
		// Asking costs the kernel something: of what is not wanted it is asked once.
		wanted := s.has[i] && r.things.note(traffic.SeriesPressure, what)
		if s.has[i] && !wanted {
			s.last[i] = stall{}
			continue
		}
		now, err := s.fs.PSIStatsForResource(what)
		if err != nil {
			s.has[i], s.last[i] = false, stall{}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
				r.note(`no pressure figures: the kernel has none: boot it with "psi=1"`)
				return
			}
			r.fault("pressure", err)
			continue
		}
		s.has[i] = true
		if !wanted && !r.things.note(traffic.SeriesPressure, what) {
			s.last[i] = stall{}
			continue
		}
		r.start(traffic.SeriesPressure, what)
		before := s.last[i]
		s.last[i] = stall{at: r.at}
		if now.Some != nil {
			s.last[i].some = now.Some.Total
		}
		if now.Full != nil { // that of cpu came with Linux 5.13
			s.last[i].full = now.Full.Total
		}
		if elapsed := float64(r.at.Sub(before.at)) / float64(time.Microsecond); r.rates && !before.at.IsZero() {
			r.stalled("some_percent", now.Some, before.some, elapsed)
			r.stalled("full_percent", now.Full, before.full, elapsed)
		}
		if l := now.Some; l != nil {
			r.add("some_avg10_percent", l.Avg10)
			r.add("some_avg60_percent", l.Avg60)
			r.add("some_avg300_percent", l.Avg300)
		}
		if l := now.Full; l != nil {
			r.add("full_avg10_percent", l.Avg10)
			r.add("full_avg60_percent", l.Avg60)
			r.add("full_avg300_percent", l.Avg300)
		}
		r.done("")
	}
}

// stalled adds the part of the time since the last reading that was lost. Totals are up
// to date whenever they are read; only the averages are made anew every two seconds
// (psi_show in kernel/sched/psi.c).
func (r *reading) stalled(name string, now *procfs.PSILine, before uint64, elapsed float64) {
	if now != nil && now.Total >= before {
		r.add(name, min(100, share(float64(now.Total-before), elapsed)))
	}
}
