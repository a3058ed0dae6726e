package machine

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"bwmon/traffic"
)

// interfaces measures what went wrong on the network interfaces, from /proc/net/dev of
// the thread that reads. Drops there are those of too little room in the driver, too
// (rx_missed_errors of linux/if_link.h).
type interfaces struct {
	fs   procfs.FS
	last map[string]troubles
	at   time.Time
}

// troubles is what the kernel counted of an interface since it was made.
type troubles struct{ rxErrors, txErrors, rxDrops, txDrops uint64 }

// newInterfaces reads below /proc/thread-self, since /proc/net is that of the process's
// first thread.
func newInterfaces(fs procfs.FS, proc string) *interfaces {
	if own, err := procfs.NewFS(filepath.Join(proc, "thread-self")); err == nil {
		fs = own
	} // else it is a kernel before 3.17, or a copy of /proc
	return &interfaces{fs: fs}
}

func (s *interfaces) close() {}

func (s *interfaces) read(r *reading) {
	list, err := s.fs.NetDev()
	if err != nil {
		r.fault("interfaces", err)
		return
	}
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	elapsed := r.at.Sub(s.at).Seconds()
	last := s.last
	s.last, s.at = make(map[string]troubles, len(list)), r.at
	for _, raw := range names {
		line := list[raw]
		now := troubles{line.RxErrors, line.TxErrors, line.RxDropped, line.TxDropped}
		s.last[raw] = now
		if !r.want(traffic.SeriesInterface, traffic.CleanText(raw, traffic.MaxWord)) {
			continue
		}
		if before, ok := last[raw]; ok && r.rates {
			r.add("rx_errors_per_s", float64(grown(now.rxErrors, before.rxErrors))/elapsed)
			r.add("tx_errors_per_s", float64(grown(now.txErrors, before.txErrors))/elapsed)
			r.add("rx_drops_per_s", float64(grown(now.rxDrops, before.rxDrops))/elapsed)
			r.add("tx_drops_per_s", float64(grown(now.txDrops, before.txDrops))/elapsed)
		}
		r.add("rx_errors_total", float64(now.rxErrors))
		r.add("tx_errors_total", float64(now.txErrors))
		r.add("rx_drops_total", float64(now.rxDrops))
		r.add("tx_drops_total", float64(now.txDrops))
		r.done("")
	}
}
