package tasks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// BenchmarkRun tells what a monitor costs with 500 processes at one reading a second, in
// percent of one core, and how many processes and threads began on the machine
// meanwhile: scripts/tasks runs it.
func BenchmarkRun(b *testing.B) {
	for name, crowd := range map[string]struct{ busy, short int }{"idle": {}, "busy": {busy: 50}, "short": {short: 1}} {
		b.Run(name, func(b *testing.B) {
			needKernel(b)
			dir := b.TempDir()
			for range 500 - crowd.busy - crowd.short {
				start(b, exec.Command("sleep", "1000"))
			}
			for i := range crowd.busy {
				start(b, child("busy", "busy", filepath.Join(dir, fmt.Sprint(i))))
			}
			if crowd.short > 0 {
				start(b, child("short", "short", ""))
			}
			time.Sleep(time.Second) // for these to have begun
			m := New(Options{})
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			batches, total, before := 0, 0, 0
			var began time.Time
			var used time.Duration
			err := m.Run(ctx, func(batch traffic.Batch) {
				if batches == 0 { // the first one is of all processes
					began, used, before = time.Now(), processTime(), begun(b)
					b.ResetTimer()
				} else {
					total += len(batch.Processes)
				}
				if batches++; batches == b.N+1 {
					b.ReportMetric(100*float64(processTime()-used)/float64(time.Since(began)), "core-%")
					b.ReportMetric(float64(total)/float64(b.N), "told/op")
					b.ReportMetric(float64(begun(b)-before)/float64(b.N), "begun/op")
					cancel()
				}
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func start(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// begun is how many processes and threads began since the machine did.
func begun(b *testing.B) (n int) {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nprocesses ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		b.Fatal(err)
	}
	return n
}

// processTime is the processor time of this process.
func processTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// BenchmarkStill looks at a process that did not run since the last time, and
// BenchmarkLook at one that did.
func BenchmarkStill(b *testing.B) {
	t, p := tableOfOne(b)
	b.ReportAllocs()
	for b.Loop() {
		if t.moved(p, p.looked) {
			b.Fatal("it moved")
		}
	}
}

func BenchmarkLook(b *testing.B) {
	t, p := tableOfOne(b)
	p.doubt = 1 << 60
	b.ReportAllocs()
	for b.Loop() {
		t.look(p, p.looked)
	}
}

func tableOfOne(b *testing.B) (*table, *process) {
	cmd := exec.Command("sleep", "1000")
	start(b, cmd)
	time.Sleep(100 * time.Millisecond)
	t := newTable(newReader("/proc"))
	t.who = &watcher{read: newReader("/proc"), names: New(Options{}).names}
	p := t.add(cmd.Process.Pid, monotonic())
	t.moved(p, 0)
	t.look(p, monotonic())
	b.Cleanup(func() { t.read.shut(p) })
	return t, p
}

func BenchmarkParseStat(b *testing.B) {
	line := []byte("42 (some name) S 7 42 42 34816 42 4194560 1 2 3 4 150 50 6 7 20 0 3 0 4764874 1000 250 18446744073709551615 256 4096 768 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseStat(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRecord(b *testing.B) {
	body := recordOf(16, 42, 0, false)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := parseRecord(body); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
