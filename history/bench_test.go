package history

import (
	"os"
	"testing"
	"time"

	"bwmon/traffic"
)

// BenchmarkTake books a Snapshot of 500 apps with 5,000 commands, of which some 150
// carried something in the second since the last one, and 20,000 remote hosts.
func BenchmarkTake(b *testing.B) {
	y := newTraffic(500, 5000, 20000, false)
	s := openStore(b, Options{})
	snapshots := make([]*traffic.Snapshot, 20)
	for i := range snapshots {
		snapshots[i] = clone(y.live(time.Second))
	}
	s.take(snapshots[0])
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n == len(snapshots) {
			b.StopTimer()
			s.intake.begin()
			s.take(snapshots[0])
			s.pending.clear()
			n = 1
			b.StartTimer()
		}
		s.take(snapshots[n])
	}
}

// clone copies the lists that a year writes to again.
func clone(s *traffic.Snapshot) *traffic.Snapshot {
	c := *s
	c.Apps = append(c.Apps[:0:0], c.Apps...)
	for i := range c.Apps {
		c.Apps[i].Commands = append(c.Apps[i].Commands[:0:0], c.Apps[i].Commands...)
	}
	c.RemoteHosts = append(c.RemoteHosts[:0:0], c.RemoteHosts...)
	c.LANHosts = append(c.LANHosts[:0:0], c.LANHosts...)
	c.Interfaces = append(c.Interfaces[:0:0], c.Interfaces...)
	return &c
}

// BenchmarkFlush writes what ten seconds carried, of a small machine and of a large
// one, and says how much goes to the disk.
func BenchmarkFlush(b *testing.B) {
	for _, size := range []struct {
		name                    string
		apps, commands, remotes int
	}{{"20 apps", 20, 60, 100}, {"500 apps", 500, 5000, 20000}} {
		b.Run(size.name, func(b *testing.B) {
			y := newTraffic(size.apps, size.commands, size.remotes, false)
			s := openStore(b, Options{})
			s.take(y.live(24 * time.Hour))
			mustFlush(b, s)
			if err := s.checkpoint(0); err != nil {
				b.Fatal(err)
			}
			before := int64(0)
			written := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				s.take(y.live(10 * time.Second))
				b.StartTimer()
				mustFlush(b, s)
				b.StopTimer()
				if info, err := os.Stat(s.opts.Path + "-wal"); err == nil {
					if info.Size() >= before {
						written += info.Size() - before
					}
					before = info.Size()
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(written)/1024/float64(b.N), "KiB/op")
		})
	}
}
