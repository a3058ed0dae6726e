package publish

import (
	"os"
	"strings"
	"testing"
	"time"
)

// hide has the directory of a queue be none for now.
func hide(t *testing.T, dir string) (show func()) {
	t.Helper()
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // root could write anywhere else
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLateLeftovers: what an earlier run left, and comes to light when this one's batches
// wait in memory, is sent before those, or counted where those were sent already.
func TestLateLeftovers(t *testing.T) {
	for _, test := range []struct {
		name        string
		sent, taken bool // batches of this run were, before
		dropped     uint64
	}{
		{"nothing was sent", false, false, 0},
		{"sent in vain", true, false, 0},
		{"taken", true, true, 3},
	} {
		s := newSchedule(t, 12)
		for range 3 {
			s.tick()
		}
		s.p.Close()
		show := hide(t, s.o.Dir)
		s.open()
		for range 2 {
			s.now = s.now.Add(10 * time.Second)
			s.last = s.m.next(10 * time.Second)
			s.p.latest = s.last
			s.p.tick()
			s.queued[s.last.Run] = totals(s.last)
		}
		if test.sent {
			sender := s.p.opts.Sender
			if !test.taken {
				s.p.opts.Sender = s.r.sender(t, HTTPOptions{Timeout: time.Nanosecond})
			}
			s.exchange(true)
			s.p.opts.Sender = sender
			s.now = s.now.Add(time.Hour)
		}
		show()
		s.tick()
		s.settleDown()
		st := s.p.Stats()
		if st.Dropped != test.dropped || st.Unstored != 0 || st.Refused != 0 {
			t.Errorf("%s: %+v", test.name, st)
		}
		if row := s.p.Status(); row.Lost != test.dropped || test.dropped > 0 && !strings.Contains(row.Detail, "3 batches were dropped") {
			t.Errorf("%s: %+v", test.name, row)
		}
		if test.dropped > 0 {
			delete(s.queued, "run-1")
		}
		s.compare(test.name)
		if files := batchFiles(t, s.o.Dir); len(files) != 1 {
			t.Errorf("%s: files: %v", test.name, files)
		}
	}
}

// TestRefusedWhole: a whole run that is refused is set aside, and not the mark that leads to
// where it does.
func TestRefusedWhole(t *testing.T) {
	s := newSchedule(t, 13)
	for range 3 {
		s.tick()
	}
	s.settleDown()
	if err := s.p.recordWhole(); err != nil {
		t.Fatal(err)
	}
	q := s.p.queue
	mark := &entry{head: q.entries[len(q.entries)-1].head, kept: true}
	q.entries = append([]*entry{mark}, q.entries...)
	if e := q.at(mark.position()); e == nil || e == mark {
		t.Errorf("the entry to refuse: %+v", e)
	}
}
