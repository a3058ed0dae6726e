package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// smallDisk mounts one, or skips the test. It leaves a line where the lab does, so
// that CI can tell that it ran.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0755"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	lab.Record(t)
	return dir
}

// fill takes all room of a disk but so many bytes; what it returns gives it back.
func fill(t *testing.T, dir string, but int64) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	size := int64(0)
	for {
		n, err := f.Write(block)
		size += int64(n)
		if err != nil {
			break
		}
	}
	if err := f.Truncate(max(0, size-but)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: it is seen, reports still know all, and when there is room again it
// catches up without having lost a byte.
func TestFullDisk(t *testing.T) {
	long(t)
	for _, left := range []int64{0, 8 << 10, 40 << 10, 200 << 10} {
		dir := smallDisk(t, "4m")
		m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
		path := filepath.Join(dir, "history.db")
		s := openStore(t, Options{Path: path, Now: m.now, Keep: unlimited})
		tick := func(minutes int) (failed bool) {
			for n := range minutes {
				for i := range 50 {
					m.carry("app", "command "+strings.Repeat("x", i)+m.at.Format(time.RFC3339), 3, 4)
				}
				m.carry("app", "always", uint64(n), 1)
				m.rows.Apps[0].Commands = lastCommands(m.rows.Apps[0].Commands, 300)
				s.take(m.after(time.Minute).snapshot())
				if s.flush() == nil {
					s.tend()
				} else {
					failed = true
				}
			}
			return failed
		}
		if tick(5) {
			t.Fatalf("at first: %+v", s.Status())
		}
		empty := fill(t, dir, left)
		if !tick(60) {
			t.Fatalf("%d bytes were enough", left)
		}
		state := s.Status()
		if state.State != traffic.StateFailed || !strings.Contains(state.Detail, "no room") || state.Waiting == 0 {
			t.Errorf("full: %+v", state)
		}
		if row := state.Monitor(); row.State != traffic.StateFailed || row.Name != "history" || !strings.Contains(row.Detail, path) {
			t.Errorf("full: %+v", row)
		}
		want := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepHour})
		empty()
		if s.flush() != nil {
			t.Fatalf("there is room again: %+v", s.Status())
		}
		s.tend()
		if state := s.Status(); state.State != traffic.StateRunning || state.Waiting != 0 {
			t.Errorf("with room again: %+v", state)
		}
		got := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepHour})
		if len(got.Rows) != 1 || got.Rows[0].RxBytes != want.Rows[0].RxBytes || got.Rows[0].RxBytes < 65*50*3 {
			t.Errorf("before %+v, after %+v", want, got)
		}
		inspect(t, path)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// lastCommands keeps the last rows, and the first; the ledger folds likewise.
func lastCommands(rows []traffic.Command, n int) []traffic.Command {
	if len(rows) <= n {
		return rows
	}
	return append(rows[:0:0], rows[len(rows)-n:]...)
}

// TestFullFromTheStart: a disk that is full when the daemon starts keeps it from
// nothing but writing.
func TestFullFromTheStart(t *testing.T) {
	dir := smallDisk(t, "1m")
	empty := fill(t, dir, 0)
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Path: filepath.Join(dir, "history.db"), Now: m.now})
	if s.Status().State != traffic.StateFailed {
		t.Errorf("%+v", s.Status())
	}
	m.carry("app", "command", 7, 8)
	s.take(m.snapshot())
	if s.flush() == nil {
		t.Error("it was written")
	}
	if _, err := s.Report(t.Context(), traffic.Query{By: traffic.ByApp}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("report: %v", err)
	}
	empty()
	mustFlush(t, s)
	if r := report(t, s, traffic.Query{By: traffic.ByApp}); r.Total.RxBytes != 7 {
		t.Errorf("%+v", r)
	}
}

// TestPendingIsBounded: however long nothing can be written, memory is bounded, and
// no byte is lost, nor leaves its day while there is another way.
func TestPendingIsBounded(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now, Keep: unlimited})
	s.pending.max = 600
	var want [3]uint64
	for n := range 3 * 24 * 60 {
		for i := range 20 {
			m.carry("app", "command "+string(rune('a'+i)), uint64(n), 1)
		}
		m.after(time.Minute)
		want[int(m.at.Sub(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))/(24*time.Hour))%3] += 20 * uint64(n)
		if n == 3*24*60-1 {
			m.at = m.at.Add(-time.Second)
			want[0], want[2] = want[0]-20*uint64(n), want[2]+20*uint64(n)
		}
		s.take(m.snapshot())
		if s.pending.n > 700 {
			t.Fatalf("%d figures are waiting", s.pending.n)
		}
	}
	if n := len(s.pending.buckets); n < 4 || n > 30 {
		t.Errorf("%d buckets", n)
	}
	for range 2 {
		r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
		if got := [3]uint64(r.Rows[0].Rx); got != want {
			t.Errorf("by day %v, want %v", got, want)
		}
		mustFlush(t, s)
	}
	inspect(t, s.opts.Path)
}
