package history

import (
	"path/filepath"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

var unlimited = Retention{Minute: -1, Five: -1, Hour: -1, Day: -1, Month: -1}

// TestExact: whatever the ledger does to its rows, each series has at each level what
// it carried, and the levels agree; with the clock jumping, the programs restarting,
// and flushes at any time.
func TestExact(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		w := newWorld(seed, 6)
		path := filepath.Join(t.TempDir(), "history.db")
		s := openStore(t, Options{Path: path, Location: berlin, Keep: unlimited})
		for n := range 400 {
			w.tick()
			switch w.rand.IntN(60) {
			case 0: // the clock jumps, also over the ends of days and months
				w.at = w.at.Add(time.Duration(w.rand.Int64N(int64(100*24*time.Hour)) - int64(50*24*time.Hour)))
			case 1:
				w.at = w.at.Add(time.Hour)
			}
			s.take(w.snapshot())
			switch w.rand.IntN(20) {
			case 0, 1, 2, 3:
				mustFlush(t, s)
				s.tend()
			case 4:
				if err := s.finish(); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				w.restart()
				s = openStore(t, Options{Path: path, Location: berlin, Keep: unlimited})
			case 5: // another engine, and the same Store
				if w.says || w.elapsed > 30 { // else nothing tells: these times are not monotonic
					w.restart()
				}
			}
			if n%50 == 0 || n == 399 {
				compareWorld(t, s, w)
			}
		}
		mustFlush(t, s)
		compareWorld(t, s, w)
		inspect(t, path)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func compareWorld(t *testing.T, s *Store, w *world) {
	t.Helper()
	want := without0(w.truth)
	for _, l := range everyLevel {
		expected := want
		if l == five {
			expected = only(want, kindInterface)
		}
		if diff := cmp.Diff(expected, without0(levelSums(t, s, l)), cmp.AllowUnexported(truthKey{}, octets{})); diff != "" {
			t.Fatalf("by %s (-want +got):\n%s", l, diff)
		}
	}
	for k := kindApp; k < kinds; k++ {
		far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		r := report(t, s, traffic.Query{By: kindNames[k.names()], Of: k.of(), To: far})
		got := make(map[truthKey]octets)
		for _, row := range r.Rows {
			got[truthKey{k, row.App, row.Name}] = octets{int64(row.RxBytes), int64(row.TxBytes)}
		}
		shown := make(map[truthKey]octets)
		for key, o := range only(want, k) {
			if key == (truthKey{k, traffic.Others, traffic.Others}) {
				key.app = "" // the row of others belongs to no app
			}
			shown[key] = o.shown()
		}
		if diff := cmp.Diff(without0(shown), without0(got), cmp.AllowUnexported(truthKey{}, octets{})); diff != "" {
			t.Fatalf("report by %s (-want +got):\n%s", k, diff)
		}
	}
}
