package publish

import (
	"os"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
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

// fill takes all room of a disk; what it returns gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := dir + "/ballast"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: batches wait in memory, can be sent from there, and are written when there
// is room.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "1m")
	s := newSchedule(t, 4)
	s.o.Dir = dir + "/queue"
	s.p.Close()
	s.open()
	for range 5 {
		s.tick()
	}
	empty := fill(t, dir)
	carry := func(n int) {
		for range n {
			s.now = s.now.Add(10 * time.Second)
			s.last = s.m.next(10 * time.Second)
			s.p.latest = s.last
			s.p.tick()
			s.queued[s.last.Run] = totals(s.last)
		}
		s.p.note()
	}
	carry(20)
	row := s.p.Status()
	if st := s.p.Stats(); st.State != traffic.StateFailed || st.Unstored != 20 || !strings.Contains(row.Detail, "no room to write "+s.o.Dir) {
		t.Errorf("full: %+v", st)
	}
	for range 10 {
		s.exchange(true)
	}
	s.r.locked(func() {
		if diff := cmp.Diff(s.queued, s.r.have, cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("from a full disk (-host +receiver):\n%s", diff)
		}
		s.r.crash()
	})
	carry(5)
	empty()
	carry(1)
	if st := s.p.Stats(); st.Unstored != 0 || s.p.disk != nil {
		t.Errorf("with room again: %+v, %v", st, s.p.disk)
	}
	s.kill()
	s.settleDown()
	s.compare("after a full disk")
}

// TestReadOnlyDisk: so does a disk that can only be read, also from the start: what is on
// it is sent.
func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t, "1m")
	s := newSchedule(t, 10)
	s.o.Dir = dir + "/queue"
	s.p.Close()
	s.open()
	for range 5 {
		s.tick()
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.p.Close()
	remount(unix.MS_RDONLY)
	defer remount(0)
	s.open()
	s.now = s.now.Add(10 * time.Second)
	s.last = s.m.next(10 * time.Second)
	s.p.latest = s.last
	s.p.tick()
	s.queued[s.last.Run] = totals(s.last)
	s.p.note()
	if st := s.p.Stats(); st.State != traffic.StateFailed || st.Waiting != 6 || st.Unstored != 1 || !strings.Contains(st.Detail, "read-only") {
		t.Errorf("%+v", st)
	}
	for s.exchange(false) {
	}
	s.r.locked(s.r.flush)
	s.compare("from a disk that can only be read")
	remount(0)
	s.tick()
	s.p.note()
	if st := s.p.Stats(); st.Unstored != 0 {
		t.Errorf("%+v", st)
	}
	s.settleDown()
	s.compare("when it can be written")
	if files := batchFiles(t, s.o.Dir); len(files) != 1 {
		t.Logf("files that could not be removed are sent once more: %d", len(files))
	}
	s.kill()
	s.settleDown()
	s.compare("sent once more")
	if files := batchFiles(t, s.o.Dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}

// TestUnusable: a directory that cannot be had is shown, and taken when it can be, with
// what is in it.
func TestUnusable(t *testing.T) {
	s := newSchedule(t, 6)
	for range 3 {
		s.tick()
	}
	s.p.Close()
	show := hide(t, s.o.Dir)
	s.open()
	if st := s.p.Stats(); st.State != traffic.StateFailed || !strings.Contains(st.Detail, s.o.Dir) {
		t.Errorf("%+v", st)
	}
	s.p.latest = s.m.next(time.Second)
	s.p.tick()
	s.p.note()
	if st := s.p.Stats(); st.Unstored != 1 || st.State != traffic.StateFailed {
		t.Errorf("%+v", st)
	}
	show()
	s.tick()
	s.p.note()
	if st := s.p.Stats(); st.Unstored != 0 || st.Waiting != 5 {
		t.Errorf("%+v", st)
	}
	s.settleDown()
	s.compare("from a directory that came late")
}
