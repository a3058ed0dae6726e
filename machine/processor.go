package machine

import (
	"path/filepath"

	"github.com/prometheus/procfs"

	"bwmon/traffic"
)

// processor measures the time of all processors together (proc_stat(5)).
type processor struct {
	fs   procfs.FS
	last *procfs.CPUStat // nil: not measured in the last reading
}

func (s *processor) close() { s.last = nil }

func (s *processor) read(r *reading) {
	if !r.want(traffic.SeriesCPU, "") {
		s.last = nil
		return
	}
	stat, err := s.fs.Stat()
	if err != nil {
		s.last = nil
		r.fault("cpu", err)
		r.done(unreadable(err))
		return
	}
	now := stat.CPUTotal
	if s.last != nil && r.rates {
		r.processorShares(s.last, &now)
	}
	r.add("processors", float64(len(stat.CPU)))
	r.done("")
	s.last = &now
}

// processorShares adds what the time between two readings was used for. The time of
// guests is in user and nice already. The time of a processor that was taken offline
// leaves the sum, and iowait may fall by itself: what falls is 0.
func (r *reading) processorShares(before, now *procfs.CPUStat) {
	since := func(now, before float64) float64 { return max(0, now-before) }
	user := since(now.User, before.User) + since(now.Nice, before.Nice)
	system, idle := since(now.System, before.System), since(now.Idle, before.Idle)
	iowait, steal := since(now.Iowait, before.Iowait), since(now.Steal, before.Steal)
	irq, softirq := since(now.IRQ, before.IRQ), since(now.SoftIRQ, before.SoftIRQ)
	all := user + system + idle + iowait + irq + softirq + steal
	if all <= 0 {
		return // the readings are closer than the kernel's clock ticks
	}
	r.add("used_percent", share(all-idle-iowait, all))
	r.add("user_percent", share(user, all))
	r.add("system_percent", share(system, all))
	r.add("iowait_percent", share(iowait, all))
	r.add("irq_percent", share(irq, all))
	r.add("softirq_percent", share(softirq, all))
	r.add("steal_percent", share(steal, all))
	r.add("idle_percent", share(idle, all))
}

// load measures how many processes run and wait (proc_loadavg(5)).
type load struct {
	fs   procfs.FS
	file *procFile
}

func newLoad(fs procfs.FS, proc string) *load {
	return &load{fs: fs, file: newProcFile(filepath.Join(proc, "loadavg"))}
}

func (s *load) close() { s.file.close() }

func (s *load) read(r *reading) {
	if !r.want(traffic.SeriesLoad, "") {
		return
	}
	mean, err := s.fs.LoadAvg()
	if err != nil {
		r.fault("load", err)
		r.done(unreadable(err))
		return
	}
	r.add("load1", mean.Load1)
	r.add("load5", mean.Load5)
	r.add("load15", mean.Load15)
	// procfs leaves out the fourth word.
	if text, err := s.file.read(); err == nil {
		if runnable, processes, ok := parseTasks(text); ok {
			r.add("runnable", float64(runnable))
			r.add("processes", float64(processes))
		}
	}
	r.done("")
}

// parseTasks reads how many of how many tasks are runnable in the fourth word of
// /proc/loadavg: "2/345". A task is a thread.
func parseTasks(text []byte) (runnable, tasks uint64, ok bool) {
	line, _ := nextLine(text)
	f := fields{line}
	for range 3 {
		f.next()
	}
	word := f.next()
	for i, c := range word {
		if c == '/' {
			runnable, ok1 := decimal(word[:i])
			tasks, ok2 := decimal(word[i+1:])
			return runnable, tasks, ok1 && ok2
		}
	}
	return 0, 0, false
}
