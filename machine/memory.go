package machine

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"

	"bwmon/traffic"
)

// memory measures memory and swap (proc_meminfo(5), proc_vmstat(5)).
type memory struct {
	fs     procfs.FS
	vmstat *procFile

	at      time.Time // of the counters below; zero: swap was not measured
	in, out uint64    // pages
	page    float64   // bytes
}

func newMemory(fs procfs.FS, proc string) *memory {
	return &memory{fs: fs, vmstat: newProcFile(filepath.Join(proc, "vmstat")), page: float64(os.Getpagesize())}
}

func (s *memory) close() { s.vmstat.close() }

func (s *memory) read(r *reading) {
	memory, swap := r.things.note(traffic.SeriesMemory, ""), r.things.note(traffic.SeriesSwap, "")
	if !swap {
		s.at = time.Time{}
	}
	if !memory && !swap {
		return
	}
	info, err := s.fs.Meminfo()
	if err != nil {
		r.fault("memory", err)
	}
	if memory {
		r.start(traffic.SeriesMemory, "")
		if err == nil {
			r.memory(&info)
		}
		r.done(unreadable(err))
	}
	if swap {
		r.start(traffic.SeriesSwap, "")
		if err == nil {
			s.swap(r, &info)
		}
		r.done(unreadable(err))
	}
}

// unreadable is the detail of a series whose source could not be read, which the
// monitor's own says more of; "" of no error.
func unreadable(err error) string {
	if err == nil {
		return ""
	}
	return "it cannot be read"
}

func (s *memory) swap(r *reading, info *procfs.Meminfo) {
	if info.SwapTotalBytes != nil && info.SwapFreeBytes != nil {
		total, free := float64(*info.SwapTotalBytes), float64(*info.SwapFreeBytes)
		r.add("total_bytes", total)
		r.add("used_bytes", total-free)
		r.add("free_bytes", free)
		r.add("used_percent", share(total-free, total)) // 0 where there is no swap
	}
	s.swapped(r)
}

// memory adds what /proc/meminfo says. Used is what programs could not get without
// swapping: all but MemAvailable, as free(1) has it since procps 4. Kernels before 3.14
// have no such figure; there it is what is free, cached or buffered.
func (r *reading) memory(m *procfs.Meminfo) {
	value := func(p *uint64) float64 {
		if p == nil {
			return 0
		}
		return float64(*p)
	}
	total := value(m.MemTotalBytes)
	available := value(m.MemAvailableBytes)
	if m.MemAvailableBytes == nil {
		available = value(m.MemFreeBytes) + value(m.CachedBytes) + value(m.BuffersBytes)
	}
	r.add("total_bytes", total)
	r.add("used_bytes", total-available)
	r.add("available_bytes", available)
	r.add("used_percent", share(total-available, total))
	for _, one := range []struct {
		name  string
		value *uint64
	}{
		{"cached_bytes", m.CachedBytes}, {"buffers_bytes", m.BuffersBytes},
		{"dirty_bytes", m.DirtyBytes}, {"writeback_bytes", m.WritebackBytes},
	} {
		if one.value != nil {
			r.add(one.name, float64(*one.value))
		}
	}
}

// swapped adds what was read from swap and written there since the last reading.
func (s *memory) swapped(r *reading) {
	text, err := s.vmstat.read()
	if err != nil {
		r.fault("swap", err)
		s.at = time.Time{}
		return
	}
	in, out, ok := parseSwapped(text)
	if !ok {
		s.at = time.Time{} // a kernel without swap
		return
	}
	if seconds := r.at.Sub(s.at).Seconds(); r.rates && !s.at.IsZero() && in >= s.in && out >= s.out {
		r.add("in_bytes_per_s", float64(in-s.in)*s.page/seconds)
		r.add("out_bytes_per_s", float64(out-s.out)*s.page/seconds)
	}
	s.at, s.in, s.out = r.at, in, out
}

// parseSwapped finds the pages swapped in and out in /proc/vmstat, which procfs does not
// read.
func parseSwapped(text []byte) (in, out uint64, ok bool) {
	var ok1, ok2 bool
	for line := []byte(nil); len(text) > 0 && !(ok1 && ok2); {
		line, text = nextLine(text)
		if number, found := bytes.CutPrefix(line, []byte("pswpin ")); found {
			in, ok1 = decimal(number)
		} else if number, found := bytes.CutPrefix(line, []byte("pswpout ")); found {
			out, ok2 = decimal(number)
		}
	}
	return in, out, ok1 && ok2
}
