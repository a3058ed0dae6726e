package conntrack

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ti "github.com/ti-mo/conntrack"

	"bwmon/lab"
)

// BenchmarkRefresh sets one refresh of the flow table beside a bare receive
// loop over the same dump and beside another library's dump, in turn, and
// prints medians. The kernel's own limit on entries is raised for as long as
// it runs. Run it with -benchtime 1x.
func BenchmarkRefresh(b *testing.B) {
	for _, n := range []int{262_144, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			raiseLimit(b, n+1000)
			h := lab.New(b).Host("full")
			h.Sysctl("net/netfilter/nf_conntrack_acct", "1")
			fill(b, h, n)
			for b.Loop() {
				compare(b, h, n)
			}
		})
	}
}

func raiseLimit(b *testing.B, n int) {
	const file = "/proc/sys/net/netfilter/nf_conntrack_max"
	old, err := os.ReadFile(file)
	if err != nil {
		b.Skipf("no conntrack: %v", err)
	}
	if limit, _ := strconv.Atoi(strings.TrimSpace(string(old))); limit >= n {
		return
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(n)), 0); err != nil {
		b.Skipf("the kernel holds fewer than %d entries: %v", n, err)
	}
	b.Cleanup(func() { _ = os.WriteFile(file, old, 0) })
}

func fill(b *testing.B, h *lab.Host, n int) {
	h.Conntrack(func(c *ti.Conn) error {
		for i := range n {
			if err := c.Create(flowOf(i)); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
		}
		return nil
	})
	runtime.GC()
	debug.FreeOSMemory()
}

func compare(b *testing.B, h *lab.Host, n int) {
	var s *dumpSocket
	if err := h.Do(func() (err error) { s, err = openDump(); return err }); err != nil {
		b.Fatal(err)
	}
	defer s.close()
	tab := newTable()
	ours := func() {
		tab.beginDump()
		receiveAll(b, s, func(buf []byte) (bool, error) { return tab.take(buf, true, func(uint32) {}) })
		tab.endDump(true, func(uint32) { b.Error("vanished") })
	}
	bare := func() {
		receiveAll(b, s, func(buf []byte) (bool, error) {
			m, _, err := nextMessage(buf)
			return m.kind == nlmsgDone, err
		})
	}
	ours()
	if tab.live != n {
		b.Fatalf("table holds %d flows, want %d", tab.live, n)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var oursTime, bareTime []time.Duration
	for range 7 {
		bareTime = append(bareTime, timed(bare))
		oursTime = append(oursTime, timed(ours))
	}
	runtime.ReadMemStats(&after)
	resident := residentMB(b)

	var otherTime []time.Duration
	h.Conntrack(func(c *ti.Conn) error {
		for range 3 {
			otherTime = append(otherTime, timed(func() {
				if flows, err := c.Dump(nil); err != nil || len(flows) != n {
					b.Errorf("other library: %d flows, %v", len(flows), err)
				}
			}))
		}
		return nil
	})
	mid := func(d []time.Duration) float64 { slices.Sort(d); return d[len(d)/2].Seconds() }
	b.ReportMetric(mid(oursTime)*1e3, "ms/refresh")
	b.ReportMetric(mid(bareTime)*1e3, "ms/bare-loop")
	b.ReportMetric(mid(otherTime)*1e3, "ms/ti-mo-dump")
	b.ReportMetric(mid(oursTime)/mid(bareTime), "of-bare-loop")
	b.ReportMetric(mid(oursTime)/mid(otherTime), "of-ti-mo")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(7*n), "allocs/flow")
	b.ReportMetric(resident, "MB-resident")
	b.ReportMetric(0, "ns/op")
}

func receiveAll(b *testing.B, s *dumpSocket, each func([]byte) (bool, error)) {
	if err := s.request(); err != nil {
		b.Fatal(err)
	}
	for done := false; !done; {
		buf, err := s.receive()
		if err != nil {
			b.Fatal(err)
		}
		if done, err = each(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// residentMB is this process's resident set (VmRSS), test binary and all.
func residentMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1000
}
