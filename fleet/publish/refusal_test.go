package publish

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestReceiverLosesAll: what a host still has it sends again: all of the present run,
// and of former runs what was not kept.
func TestReceiverLosesAll(t *testing.T) {
	s := newSchedule(t, 1)
	for range 5 {
		s.tick()
	}
	s.settleDown()
	s.compare("at first")
	early := s.queued["run-1"]
	for range 5 {
		s.tick()
	}
	s.kill()
	for range 5 {
		s.tick()
	}
	for s.exchange(false) {
	}
	s.r.locked(func() {
		if len(s.r.have) != 2 {
			t.Fatalf("it has %d runs", len(s.r.have))
		}
		s.r.lose()
	})
	s.tick()
	s.settleDown()
	s.r.locked(func() {
		if diff := cmp.Diff(s.queued["run-2"], s.r.sure["run-2"], cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("the present run (-host +receiver):\n%s", diff)
		}
		changed := 0
		for k, want := range s.queued["run-1"] {
			if got, there := s.r.sure["run-1"][k]; got != want && (there || early[k] != want) {
				t.Errorf("the former run: %v: %v, want %v", k, got, want)
			} else if early[k] != want {
				changed++
			}
		}
		if changed < 5 {
			t.Errorf("%d rows of the former run changed: this shows nothing", changed)
		}
	})
}

// refuseOnce has one batch of several be refused, whenever it comes.
func refuseSeq(seq uint64) func(*fleet.Batch) error {
	return func(b *fleet.Batch) error {
		if b.Seq == seq && b.Since > 0 {
			return errors.New("a \x1b[2J figure that cannot be")
		}
		return nil
	}
}

// TestRefused: of many batches in one request the one that is refused is found, set aside
// and told of, and then totals are right again.
func TestRefused(t *testing.T) {
	for _, late := range []bool{false, true} { // the present run, a former one
		s := newSchedule(t, 2)
		s.r.locked(func() { s.r.refuse = refuseSeq(13) })
		for range 30 {
			s.tick()
		}
		if late {
			s.kill()
			s.tick()
		}
		s.settleDown()
		st := s.p.Stats()
		if st.Refused != 1 || st.Dropped != 0 || st.Sent < 8 {
			t.Errorf("%+v", st)
		}
		if row := s.p.Status(); !strings.Contains(row.Detail, "1 batches were refused and set aside") {
			t.Errorf("%+v", row)
		}
		files, err := os.ReadDir(filepath.Join(s.o.Dir, refusedName))
		if err != nil || len(files) != 1 {
			t.Errorf("set aside: %v, %v", files, err)
		}
		if !late {
			s.compare("after a refusal")
			continue
		}
		s.r.locked(func() {
			if diff := cmp.Diff(s.queued["run-2"], s.r.sure["run-2"], cmp.AllowUnexported(total{})); diff != "" {
				t.Errorf("the present run (-host +receiver):\n%s", diff)
			}
			if got, want := s.r.sure["run-1"][fleet.Key{Kind: "elapsed"}].rx, uint64(30); got != want {
				t.Errorf("the former run came to %d, want %d", got, want)
			}
		})
	}
}

// TestAllRefused: a receiver that takes nothing is left alone for longer and longer, what
// is set aside is bounded, and nothing is lost in the present run.
func TestAllRefused(t *testing.T) {
	s := newSchedule(t, 3)
	s.r.locked(func() { s.r.refuse = func(*fleet.Batch) error { return errors.New("not today") } })
	for range 200 {
		s.tick()
		for range 10 {
			s.exchange(true)
		}
	}
	st := s.p.Stats()
	if st.State != traffic.StateFailed || !strings.Contains(st.Detail, "not today") || strings.Contains(st.Detail, "waits in the queue") {
		t.Errorf("%+v", st)
	}
	s.r.locked(func() {
		if s.r.requests > 150 { // 2,000 s, at least 30 s apart
			t.Errorf("it was asked %d times", s.r.requests)
		}
		s.r.refuse, s.r.errors = nil, nil
	})
	s.settleDown()
	s.compare("when it takes some again")
}

// TestTooLarge: requests become as small as the receiver wants them.
func TestTooLarge(t *testing.T) {
	for _, own := range []bool{true, false} { // the receiver says so, or a proxy
		s := newSchedule(t, 4)
		for range 40 {
			s.tick()
		}
		most := 0
		taken := func(w http.ResponseWriter, body []byte) bool {
			if len(body) > 3000 {
				if own {
					problem(w, http.StatusRequestEntityTooLarge, "too large")
				} else {
					http.Error(w, "<html>", http.StatusRequestEntityTooLarge)
				}
				return true
			}
			most = max(most, len(body))
			return false
		}
		s.r.locked(func() { s.r.meddle = taken })
		for s.exchange(false) {
		}
		if st := s.p.Stats(); st.Waiting != 0 || st.Refused != 0 || st.Sent != 40 {
			t.Errorf("%+v", st)
		}
		if most == 0 {
			t.Error("nothing came")
		}
		s.settleDown()
		s.compare("in small requests")
	}
}

// TestUntrusted: a host that is not trusted keeps all, asks seldom, and at once when it
// has other credentials.
func TestUntrusted(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		s := newSchedule(t, 5)
		token := "old"
		s.p.opts.Sender = s.r.sender(t, HTTPOptions{Token: func() (string, error) { return token, nil }})
		s.r.locked(func() {
			s.r.meddle = func(w http.ResponseWriter, _ []byte) bool {
				if s.r.seen[len(s.r.seen)-1].Get("Authorization") == "Bearer new" {
					return false
				}
				w.WriteHeader(status)
				w.Write([]byte(`{"title": "who", "detail": "this certificate was \u202erevoked"}`))
				return true
			}
		})
		for range 60 { // 10 minutes
			s.tick()
			s.exchange(true)
		}
		s.r.locked(func() {
			if n := s.r.requests; n < 5 || n > 25 {
				t.Errorf("it was asked %d times in 10 minutes", n)
			}
		})
		row := s.p.Status()
		if row.State != traffic.StateFailed || !strings.Contains(row.Detail, `this certificate was \u202erevoked`) ||
			!strings.Contains(row.Detail, "60 batches wait") || !strings.Contains(row.Detail, "join") {
			t.Errorf("%+v", row)
		}
		s.p.retry.notBefore = s.now.Add(time.Hour)
		token = "new"
		s.tick()
		for s.exchange(false) {
		}
		if st := s.p.Stats(); st.Waiting != 0 || st.State != traffic.StateRunning || st.Sent != 61 {
			t.Errorf("with another token: %+v", st)
		}
	}
}

// TestKeptLags: with nothing new to send the receiver is asked until it has kept all.
func TestKeptLags(t *testing.T) {
	s := newSchedule(t, 6)
	for range 3 {
		s.tick()
		s.exchange(true)
	}
	if st := s.p.Stats(); st.Waiting != 0 || st.Unkept != 3 {
		t.Fatalf("%+v", st)
	}
	for range 3 {
		if !s.exchange(true) || s.exchange(false) {
			t.Fatal("it asks when it need not, or does not when it should")
		}
	}
	s.r.locked(s.r.flush)
	if !s.exchange(true) || s.exchange(true) {
		t.Fatal("it asks after all is kept, or did not before")
	}
	if st := s.p.Stats(); st.Unkept != 0 {
		t.Errorf("%+v", st)
	}
	// The mark stays, alone.
	if files := batchFiles(t, s.o.Dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
	s.kill()
	if s.p.end != (fleet.Position{Run: "run-1", Seq: 3}) {
		t.Errorf("the next process begins after %v", s.p.end)
	}
}

func batchFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+batchSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNonsense: answers that cannot be lose nothing.
func TestNonsense(t *testing.T) {
	for _, answer := range []string{
		`{"have": {"run": "run-1", "seq": 2}, "kept": {"run": "run-1", "seq": 3}}`,
		`{"have": {}, "kept": {"run": "run-1", "seq": 3}}`,
		`{"have": {"run": "run-1", "seq": 18446744073709551615}, "kept": {"run": "run-1", "seq": 18446744073709551615}}`,
		`{"have": {"run": "run-1", "seq": 1000}, "kept": {"run": "run-1", "seq": 1000}}`,
		`{"have": {"run": "of another host", "seq": 7}, "kept": {"run": "of another host", "seq": 7}}`,
		`{"have": {"run": "\u001b", "seq": 7}}`,
		`{"have": {"run": "", "seq": 7}}`,
		`{"kept": {"run": "run-1", "seq": 3}}`,
		`{}`, `[]`, `null`, ``, `{"have"`, `<html>`, strings.Repeat(`{"have":`, 20_000),
		`{"have": {"run": "run-1", "seq": 3}, "filler": "` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		for _, status := range []int{http.StatusOK, http.StatusConflict} {
			s := newSchedule(t, 7)
			s.r.locked(func() {
				s.r.meddle = func(w http.ResponseWriter, body []byte) bool {
					w.WriteHeader(status)
					w.Write([]byte(answer))
					return true
				}
			})
			for range 3 {
				s.tick()
				s.exchange(true)
				s.exchange(true)
			}
			name := fmt.Sprintf("%d %.80s", status, answer)
			if st := s.p.Stats(); st.Unkept < 1 || st.Dropped+st.Refused > 0 {
				t.Errorf("%s: %+v", name, st)
			}
			s.settleDown()
			s.compare(name)
		}
	}
}

// TestSameRun: another Publisher of the same process, after the configuration was read
// anew, goes on with the same run of the engine; so does one whose queue was lost.
func TestSameRun(t *testing.T) {
	for _, lost := range []bool{false, true} {
		s := newSchedule(t, 8)
		for range 5 {
			s.tick()
			s.exchange(false)
		}
		m := s.m
		s.kill()
		s.m = m
		if lost {
			for _, file := range batchFiles(t, s.o.Dir) {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			s.kill()
			s.m = m
		}
		for range 3 {
			s.tick()
			s.exchange(false)
		}
		s.settleDown()
		s.compare(fmt.Sprint("the queue was lost: ", lost))
	}
}

// TestDamage: files that were cut, or are none, are set aside and counted, and totals are
// right all the same.
func TestDamage(t *testing.T) {
	s := newSchedule(t, 9)
	for range 10 {
		s.tick()
	}
	files := batchFiles(t, s.o.Dir)
	if len(files) != 10 {
		t.Fatalf("files: %v", files)
	}
	if err := os.Truncate(files[3], 100); err != nil {
		t.Fatal(err)
	}
	zeros := bytes.Repeat([]byte{0}, 4096)
	for _, file := range []string{files[5], files[9] + partSuffix, filepath.Join(s.o.Dir, "00000000000000000099.batch.part"), filepath.Join(s.o.Dir, "notes.txt")} {
		if err := os.WriteFile(file, zeros, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// This process finds out when it sends.
	s.settleDown()
	s.compare("damaged while it ran")
	if st := s.p.Stats(); st.Damaged != 1 { // all of the run was sent before the second was read
		t.Errorf("%+v", st)
	}

	s = newSchedule(t, 9)
	for range 10 {
		s.tick()
	}
	files = batchFiles(t, s.o.Dir)
	if err := os.Truncate(files[3], 100); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[9], zeros, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kill()
	if st := s.p.Stats(); st.Damaged != 2 || st.Waiting != 8 || s.p.end.Seq != 9 {
		t.Errorf("%+v, %v", st, s.p.end)
	}
	s.tick()
	s.settleDown()
	s.r.locked(func() {
		if got := s.r.sure["run-1"][fleet.Key{Kind: "elapsed"}].rx; got != 9 {
			t.Errorf("the former run came to %d, want 9", got)
		}
		if diff := cmp.Diff(s.queued["run-2"], s.r.sure["run-2"], cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("the present run (-host +receiver):\n%s", diff)
		}
	})
}
