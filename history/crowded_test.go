package history

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// used is a snapshot in which one app has used so much.
func used(at time.Time, elapsed float64, n uint64) *traffic.Snapshot {
	return &traffic.Snapshot{At: at, Elapsed: elapsed, Apps: []traffic.App{{
		Name: "app", Commands: []traffic.Command{{Command: "x", Usage: traffic.Usage{RxBytes: n}}},
	}}}
}

// TestNamesFillTheFile: where it is the names of what is gone that make the file too
// large, these go, and no day or month does.
func TestNamesFillTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path, Location: time.UTC})
	for i := range 24 {
		s.take(used(time.Date(2024, time.Month(1+i), 1, 12, 0, 0, 0, time.UTC), float64(i+1)*86400, uint64(i+1)*1000))
		mustFlush(t, s)
	}
	err := s.db.transact(func() error {
		for i := range 20_000 {
			name := strings.Repeat("n", 80) + fmt.Sprint(i)
			if _, err := s.db.addName.Exec(kindCommand, 1, name, nameHash(kindCommand, name)); err != nil {
				return err
			}
		}
		return nil
	}, func(commit func() error) error { return commit() })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, Options{Path: path, Location: time.UTC, MaxSize: MinMaxSize})
	for i := 1; i <= 60; i++ {
		s.take(used(time.Date(2026, 2, 6, 0, 0, 10*i, 0, time.UTC), float64(i)*10, uint64(i)))
		mustFlush(t, s)
		s.tend()
	}
	size, free, err := s.db.size()
	if err != nil || size-free > MinMaxSize {
		t.Errorf("the file has %d bytes, %d of them free, %v", size, free, err)
	}
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepMonth, From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
	if got := rowOf(t, r, "app").RxBytes; got != 24_000+60 {
		t.Errorf("%d bytes are left, want all 24060", got)
	}
}
