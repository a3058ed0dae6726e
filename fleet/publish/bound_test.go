package publish

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestFullQueue: a long outage in a small queue costs resolution, in the order that is
// promised, and not a byte.
func TestFullQueue(t *testing.T) {
	s := newSchedule(t, 1)
	s.o.MaxSize = 60 * block
	s.kill()
	for n := range 6 * 60 * 3 { // three hours
		s.tick()
		if size := s.p.queue.room().disk; size > s.o.MaxSize {
			t.Fatalf("%d bytes after %d", size, n)
		}
		if n == 6*20 { // 20 minutes: minutes are enough, and the newest ones are whole
			for i, e := range s.p.queue.entries {
				if i > 0 && e.At.Sub(s.p.queue.entries[i-1].At) > time.Minute {
					t.Errorf("batch %d leads %v further", i, e.At.Sub(s.p.queue.entries[i-1].At))
				}
			}
		}
	}
	st := s.p.Stats()
	s.p.note()
	if st = s.p.Stats(); st.Joined < 900 || st.Dropped != 0 || st.Waiting > 60 {
		t.Errorf("%+v", st)
	}
	if row := s.p.Status(); row.Lost != 0 || !strings.Contains(row.Detail, "were joined") {
		t.Errorf("%+v", row)
	}
	s.kill()
	s.settleDown()
	s.compare("after an outage of three hours")
}

// TestManyRuns: leftovers that cannot be joined are dropped, the oldest first, and counted;
// what is left arrives.
func TestManyRuns(t *testing.T) {
	s := newSchedule(t, 2)
	s.o.MaxSize = 20 * block
	for range 30 {
		s.kill()
		s.tick()
		s.tick()
	}
	st := s.p.Stats()
	s.p.note()
	if st = s.p.Stats(); st.Dropped == 0 {
		t.Fatalf("%+v", st)
	}
	if row := s.p.Status(); row.Lost != st.Dropped || !strings.Contains(row.Detail, "dropped") {
		t.Errorf("%+v", row)
	}
	s.settleDown()
	s.r.locked(func() {
		for run, got := range s.r.sure {
			if diff := cmp.Diff(s.queued[run], got, cmp.AllowUnexported(total{})); diff != "" {
				t.Errorf("%s (-host +receiver):\n%s", run, diff)
			}
		}
		if n := len(s.r.sure); n < 18 || n > 20 || s.r.sure[s.last.Run] == nil {
			t.Errorf("%d runs arrived", n)
		}
	})
}

// TestAge: what is too old is joined, and dropped where nothing of its run follows; by a
// clock that has gone evenly for an hour only.
func TestAge(t *testing.T) {
	s := newSchedule(t, 3)
	s.o.MaxAge = 2 * time.Hour
	s.kill()
	for range 10 {
		s.tick()
	}
	s.now = s.now.Add(1000 * time.Hour) // it was set
	s.kill()
	for range 6 * 30 {
		s.tick()
	}
	if st := s.p.Stats(); st.Joined+st.Dropped > 0 {
		t.Errorf("by a clock that was set: %+v", st)
	}
	for range 6 * 200 {
		s.tick()
	}
	s.p.note()
	st := s.p.Stats()
	if st.Dropped != 1 || st.Waiting < 2*360-10 || st.Waiting > 2*360+10 {
		t.Errorf("%+v", st)
	}
	delete(s.queued, "run-2") // the leftovers that were dropped
	s.settleDown()
	s.compare("the present run")
}

// TestBoundedMemory: a disk that refuses for long does not make memory grow without end,
// and costs no byte.
func TestBoundedMemory(t *testing.T) {
	s := newSchedule(t, 5)
	s.o.Dir, s.o.MaxSize = "", 40<<10
	s.p.Close()
	s.open()
	for range 2000 {
		s.tick()
		if got := s.p.queue.room(); got.memory > 40<<10 || got.disk > 0 {
			t.Fatalf("%+v", got)
		}
	}
	s.settleDown()
	s.compare("from memory")
}

// TestTwoProcesses: a directory belongs to one.
func TestTwoProcesses(t *testing.T) {
	s := newSchedule(t, 7)
	_, err := New(s.o)
	if err == nil || !strings.Contains(err.Error(), s.o.Dir+" is in use by another bwmon") {
		t.Errorf("%v", err)
	}
	info, err := os.Stat(s.o.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestJoinedTwice: a process that is killed between writing what it joined and removing
// what that was made of leaves both, of which one is enough.
func TestJoinedTwice(t *testing.T) {
	s := newSchedule(t, 8)
	for range 6 {
		s.tick()
	}
	files := batchFiles(t, s.o.Dir)
	old, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	if joined, err := s.p.queue.join(1, 3); !joined || err != nil {
		t.Fatal(joined, err)
	}
	if err := os.WriteFile(files[1], old, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kill()
	if st := s.p.Stats(); st.Waiting != 4 {
		t.Errorf("%+v", st)
	}
	s.settleDown()
	s.compare("joined, and not")
}

// TestOtherName: what was counted under another name is not this one's to send.
func TestOtherName(t *testing.T) {
	s := newSchedule(t, 9)
	s.o.Host = "other"
	s.kill()
	s.tick()
	s.queued = books{}
	s.o.Host = "gw"
	s.kill()
	s.tick()
	s.settleDown()
	s.compare("under its own name")
	if st := s.p.Stats(); st.Refused != 1 {
		t.Errorf("%+v", st)
	}
}

// TestSpans: neighbours within one span are joined, and only those.
func TestSpans(t *testing.T) {
	at := func(text string) time.Time {
		u, err := time.Parse(time.TimeOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	var q queue
	for i, e := range []string{"10:00:50 a", "10:01:00 a", "10:01:10 a", "10:01:59 a", "10:02:00 a", "10:02:01 b", "10:02:02 b"} {
		clock, run, _ := strings.Cut(e, " ")
		seq := uint64(i + 1)
		if run == "b" {
			seq -= 5
		}
		q.entries = append(q.entries, &entry{head: head{Run: run, Seq: seq, Since: seq - 1, At: at(clock)}})
	}
	got := ""
	for i := range q.entries {
		got += fmt.Sprint(" ", q.group(i, time.Minute, true), q.group(i, 5*time.Minute, true), q.group(i, 0, true))
	}
	if want := " 1 5 2 3 4 2 2 3 2 1 2 2 1 1 1 2 2 2 1 1 1"; got != want {
		t.Errorf("groups: %s, want %s", got, want)
	}
	if n := q.group(0, time.Minute, false); n != 0 {
		t.Errorf("%d that are not stored", n)
	}
	if q.reached(fleet.Position{Run: "a", Seq: 3}) != 3 || q.reached(fleet.Position{Run: "c", Seq: 3}) != 0 || q.reached(fleet.Position{Run: "b", Seq: 9}) != 7 {
		t.Error("what is reached is not right")
	}
}

// TestRefusedIsBounded: what no receiver takes is kept for somebody to look at, the newest
// of it, in number and in bytes.
func TestRefusedIsBounded(t *testing.T) {
	for _, c := range []struct{ size, most int }{{10, maxRefused}, {1 << 20, maxRefusedSize >> 20}} {
		f, err := openFolder(tempQueue(t))
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		last := c.most + 3
		for n := 1; n <= last; n++ {
			if _, err := f.refuse(&entry{number: uint64(n), sealed: make([]byte, c.size)}); err != nil {
				t.Fatal(err)
			}
		}
		files, err := os.ReadDir(f.dir + "/" + refusedName)
		if err != nil || len(files) != c.most || files[c.most-1].Name() != batchFile(uint64(last)) {
			t.Errorf("%d bytes each: %d files, %v", c.size, len(files), err)
		}
	}
}

// TestManyKeys: batches are joined until what is gone would be more than receivers take.
func TestManyKeys(t *testing.T) {
	sealer, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	q := queue{sealer: sealer, log: slog.New(slog.DiscardHandler), next: 1}
	for seq := uint64(1); seq <= 6; seq++ {
		b := &fleet.Batch{Schema: 1, Host: "gw", Run: "a", Since: seq - 1, Seq: seq, At: epoch, From: epoch,
			Changes: &traffic.Snapshot{Schema: 1, Run: "a", At: epoch}}
		for i := range 4000 {
			b.Gone = append(b.Gone, fleet.Key{Kind: fleet.KindApp, Name: fmt.Sprint(seq, " ", i)})
		}
		if err := q.add(b); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if joined, err := q.joinOldest(false); err != nil {
			t.Fatal(err)
		} else if !joined {
			break
		}
	}
	at := uint64(0)
	for _, e := range q.entries {
		b, err := q.batch(e)
		if err != nil {
			t.Fatal(err)
		}
		if b.Since != at || len(b.Gone) != 8000 || b.Seq != at+2 {
			t.Errorf("from %d to %d: %d are gone", b.Since, b.Seq, len(b.Gone))
		}
		at = b.Seq
	}
	if at != 6 || q.counts.joined != 3 || q.counts.dropped != 0 {
		t.Errorf("up to %d: %+v", at, q.counts)
	}
}
