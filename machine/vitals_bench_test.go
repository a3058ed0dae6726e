package machine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// BenchmarkVitals takes readings of this machine: all of it, and each source alone. Its
// "CPU-ms" is the processor time of the process for one reading, the kernel's part and
// the garbage collector's included; at one reading a second ten of them are 1 % of a
// core.
func BenchmarkVitals(b *testing.B) {
	one := newBench(b, VitalsOptions{})
	parts := map[string][]vital{"all": one.v.sources}
	for _, s := range one.v.sources {
		parts[sourceName(s)] = []vital{s}
	}
	for _, name := range []string{"all", "cpu", "load", "memory", "pressure", "disks", "mounts", "interfaces", "sensors"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			one.v.sources = parts[name]
			before := processorTime(b)
			for b.Loop() {
				one.v.readAt(time.Now(), time.Now)
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(time.Millisecond)/float64(b.N), "CPU-ms/op")
		})
	}
	one.v.sources = parts["all"]
}

// BenchmarkRun lets the monitor run at one reading a second; an op is one of them.
// "core-%" is what the whole process took of one processor, the benchmark's own part
// included, which is next to nothing.
func BenchmarkRun(b *testing.B) {
	v := NewVitals(VitalsOptions{Interval: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := b.N
	var begin time.Time
	var before time.Duration
	err := v.Run(ctx, func(traffic.Batch) {
		if begin.IsZero() { // what is found and opened first is not of a reading
			begin, before = time.Now(), processorTime(b)
			b.ResetTimer()
			return
		}
		if left--; left == 0 {
			b.ReportMetric(100*float64(processorTime(b)-before)/float64(time.Since(begin)), "core-%")
			cancel()
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

func sourceName(s vital) string {
	switch s.(type) {
	case *processor:
		return "cpu"
	case *load:
		return "load"
	case *memory:
		return "memory"
	case *pressure:
		return "pressure"
	case *disks:
		return "disks"
	case *mounts:
		return "mounts"
	case *interfaces:
		return "interfaces"
	}
	return "sensors"
}

// processorTime is what this process has used of the processors.
func processorTime(t testing.TB) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkCgroups reads the io.stat of 200 units, which are files of a copy here: what
// the kernel takes to add up its own comes on top.
func BenchmarkCgroups(b *testing.B) {
	root := b.TempDir()
	files := map[string]string{"cgroup.controllers": "io\n", "cgroup.stat": "nr_descendants 200\n"}
	for i := range 200 {
		files[fmt.Sprintf("system.slice/u%d.service/io.stat", i)] =
			"8:0 rbytes=123456789 wbytes=123456789 rios=12345 wios=12345 dbytes=0 dios=0\n"
	}
	write(b, root, files)
	one := newBench(b, VitalsOptions{Proc: root, Sys: root, Cgroup: root, Name: names})
	one.v.sources = one.v.sources[len(one.v.sources)-1:]
	b.ReportAllocs()
	for b.Loop() {
		one.v.readAt(time.Now(), time.Now)
	}
}
