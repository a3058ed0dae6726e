package history

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestLimitsLoseNothing: with more names than there is room for, all kinds' sums are
// exact at all levels, and no piece has too many names.
func TestLimitsLoseNothing(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(seed, 40)
		path := filepath.Join(t.TempDir(), "history.db")
		s := openStore(t, Options{Path: path, Keep: unlimited, MaxCommands: 2, MaxRemotes: 3, MaxNames: 12})
		for range 300 {
			w.tick()
			s.take(w.snapshot())
			if w.rand.IntN(3) == 0 {
				mustFlush(t, s)
				s.tend()
			}
		}
		w.tell = true
		s.take(w.snapshot())
		mustFlush(t, s)
		want := byKind(w.truth)
		for _, l := range everyLevel {
			expected := want
			if l == five {
				expected = byKind(only(w.truth, kindInterface))
			}
			if diff := cmp.Diff(expected, byKind(levelSums(t, s, l)), cmp.AllowUnexported(octets{})); diff != "" {
				t.Fatalf("seed %d, by %s (-want +got):\n%s", seed, l, diff)
			}
		}
		inspect(t, path)
		namesOf(t, s)
	}
}

// namesOf looks at how many names pieces have.
func namesOf(t *testing.T, s *Store) {
	t.Helper()
	for _, l := range everyLevel {
		for k := kindApp; k < kinds; k++ {
			newest := s.writer.open[0][l]
			v, err := s.look(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.each(k, stretch{l, time.Unix(0, 0), time.Unix(1<<38, 0)}, func(start int64, list []figure) {
				named := make(map[uint32]int)
				for _, f := range list {
					if f.id > 0 {
						named[f.group]++
					}
				}
				limit, together, all := s.opts.named(k), s.opts.together(k), 0
				if start == newest {
					limit, together = 2*limit, 2*together
				}
				for _, n := range named {
					if all += n; n > limit || all > together {
						t.Fatalf("a piece by %s of %s has %d names, and %d at least", l, k, n, all)
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			if err := v.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDiskCommandsAreBounded: of all apps together those have names that read and wrote
// most, and what each app has is as much as it has by itself.
func TestDiskCommandsAreBounded(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := openStore(t, Options{MaxCommands: 2, Now: m.now})
	const apps = 40
	for n := range apps {
		m.carry(fmt.Sprint("app ", n), "one", 1, 1)
		m.carry(fmt.Sprint("app ", n), "two", 1, 1)
	}
	for range 60 * 3 {
		for n := range m.rows.Apps {
			for i := range m.rows.Apps[n].Commands {
				r := &m.rows.Apps[n].Commands[i].Resources
				r.DiskReadBytes += uint64(2 * (1 + n))
				r.DiskWriteBytes += uint64(i)
			}
		}
		s.take(m.after(20 * time.Second).snapshot())
		mustFlush(t, s)
	}
	namesOf(t, s)
	inspect(t, s.opts.Path)
	for _, step := range everyStep {
		q := traffic.Query{By: traffic.ByApp, Of: traffic.OfDisk, Step: step, Name: "app 0"}
		want := report(t, s, q).Total
		q = traffic.Query{By: traffic.ByCommand, Of: traffic.OfDisk, Step: step, App: "app 0"}
		if got := report(t, s, q).Total; !cmp.Equal(got, want) || got.RxBytes != 4*60*3 || got.TxBytes != 60*3 {
			t.Errorf("by %s: of an app %+v, of its commands %+v", step, want, got)
		}
	}
	r := report(t, s, traffic.Query{By: traffic.ByCommand, Of: traffic.OfDisk, Step: traffic.StepHour, To: m.at.Truncate(time.Hour)})
	named := make(map[string]int)
	for _, row := range r.Rows {
		if row.Name != traffic.Others {
			named[row.App]++
		}
	}
	want := make(map[string]int)
	for n := range 5 {
		want[fmt.Sprint("app ", apps-1-n)] = 2
	}
	if diff := cmp.Diff(want, named); diff != "" {
		t.Errorf("names by app (-want +got):\n%s", diff)
	}
	// What they carried is bounded for each app by itself.
	if got := report(t, s, traffic.Query{By: traffic.ByCommand}); len(got.Rows) != 2*apps {
		t.Errorf("%d rows of what was carried", len(got.Rows))
	}
}

// TestLargestKeepTheirNames: whoever has most in a day has a name in it, even if a
// hundred others were there before.
func TestLargestKeepTheirNames(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := openStore(t, Options{MaxCommands: 5, Now: m.now})
	for n := range 30 {
		for i := range 30 {
			m.carry("app", fmt.Sprint("small ", i), 1, 0)
		}
		if n > 5 {
			m.carry("app", "late and large", 100, 100)
		}
		s.take(m.after(10 * time.Second).snapshot())
		mustFlush(t, s)
	}
	m.after(24 * time.Hour) // the day is over
	s.take(m.snapshot())
	mustFlush(t, s)
	r := report(t, s, traffic.Query{By: traffic.ByCommand, Step: traffic.StepDay})
	if got := rowOf(t, r, "late and large"); got.RxBytes != 2400 || got.TxBytes != 2400 || got.App != "app" {
		t.Errorf("got %+v", got)
	}
	if got := rowOf(t, r, traffic.Others); got.RxBytes+got.TxBytes < 700 || got.App != "app" {
		t.Errorf("others: %+v", got)
	}
	if len(r.Rows) != 6 || r.Total.RxBytes != 30*30+2400 {
		t.Errorf("%d rows, total %+v", len(r.Rows), r.Total)
	}
	if last := r.Rows[len(r.Rows)-1]; last.Name != traffic.Others {
		t.Errorf("the last row is %+v", last)
	}
}

// TestNamesAreCollected: names that no piece has any more are deleted, those of others
// stay.
func TestNamesAreCollected(t *testing.T) {
	long(t)
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := openStore(t, Options{MaxCommands: 3, MaxNames: 50, Now: m.now, Keep: Retention{Minute: 10 * time.Minute, Hour: 2 * time.Hour, Day: 48 * time.Hour}})
	m.carry("large", "stays", 1000, 1000)
	for n := range 60 * 20 {
		m.carry("app", fmt.Sprint("once ", n), 1, 1)
		m.rows.Apps = m.rows.Apps[:2]
		m.rows.Apps[1].Commands = m.rows.Apps[1].Commands[max(0, len(m.rows.Apps[1].Commands)-1):]
		s.take(m.after(time.Minute).snapshot())
		mustFlush(t, s)
		s.tend()
	}
	names, err := number(t.Context(), s.db.conn, "SELECT count(*) FROM series")
	if err != nil {
		t.Fatal(err)
	}
	if names > 400 {
		t.Errorf("%d names of 1200 are left", names)
	}
	r := report(t, s, traffic.Query{By: traffic.ByCommand})
	if got := rowOf(t, r, "stays"); got.RxBytes != 1000 {
		t.Errorf("got %+v", got)
	}
	inspect(t, s.opts.Path)
}

// TestHostileNames: whatever a name is, it comes back, and asks for itself.
func TestHostileNames(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "100% #1? 'x' \"y\";.db")
	s := openStore(t, Options{Path: path, Now: m.now})
	names := []string{
		"'; DROP TABLE series; --", `"quoted"`, "100 %s %d ?1 :a @b $c", "<script>alert(1)</script>", "[red]x[-]", "=cmd|'/c calc'!A1",
		`\x1b[31m`, "naïve 日本語 👍", "", " ", "NULL", "0", "X'00'", traffic.CleanText(string(make([]byte, 5000)), traffic.MaxCommand),
	}
	for i, name := range names {
		m.carry("app "+name, name, uint64(i+1), 0)
	}
	s.take(m.snapshot())
	for range 2 { // pending, then written
		for i, name := range names {
			if name == "" {
				continue // asks for all
			}
			r := report(t, s, traffic.Query{By: traffic.ByCommand, Name: name})
			if len(r.Rows) != 1 || r.Rows[0].Name != name || r.Rows[0].App != "app "+name || r.Rows[0].RxBytes != uint64(i+1) {
				t.Errorf("%q: %+v", name, r.Rows)
			}
			r = report(t, s, traffic.Query{By: traffic.ByCommand, App: "app " + name})
			if len(r.Rows) != 1 || r.Rows[0].Name != name {
				t.Errorf("app %q: %+v", name, r.Rows)
			}
		}
		mustFlush(t, s)
	}
	inspect(t, path)
}
