package history

import (
	"cmp"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"bwmon/traffic"
)

func openFleet(t testing.TB, o Options) *Fleet {
	t.Helper()
	o.Path = cmp.Or(o.Path, filepath.Join(t.TempDir(), "fleet.db"))
	o.Host = cmp.Or(o.Host, "fleet")
	if o.Location == nil {
		o.Location = time.UTC
	}
	f, err := OpenFleet(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

func flushFleet(t testing.TB, f *Fleet) {
	t.Helper()
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func bookOf(t testing.TB, f *Fleet, host string, s *traffic.Snapshot, note string) {
	t.Helper()
	if err := f.Book(host, s, []byte(note)); err != nil {
		t.Fatal(err)
	}
}

func fleetReport(t testing.TB, f *Fleet, host string, q traffic.Query) *traffic.Report {
	t.Helper()
	r, err := f.Report(t.Context(), host, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFleet: two hosts, whose figures are told apart and added up, before and after they
// are written, moved to the pieces, and read by another Fleet.
func TestFleet(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)
	now := func() time.Time { return at.Add(time.Hour) }
	path := filepath.Join(t.TempDir(), "fleet.db")
	f := openFleet(t, Options{Path: path, Now: now})
	ant, bee := newMachine(at), newMachine(at)
	ant.rows.Run, bee.rows.Run = "a1", "b1"
	ant.carry("backup", "rsync", 1000, 10)
	ant.link("eth0", 1100, 11)
	bee.carry("backup", "rsync", 300, 30)
	bee.carry("web", "nginx", 7, 70)
	bee.link("eth0", 400, 111)
	for _, m := range []*machine{ant, bee} {
		m.rows.Interfaces[0].Balanced = true
		m.rows.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: 2}}}}
	}
	bookOf(t, f, "ant", ant.after(10*time.Second).snapshot(), "n1")
	bookOf(t, f, "bee", bee.after(10*time.Second).snapshot(), "n2")
	for _, n := range []struct {
		host  string
		value float64
	}{{"ant", 3}, {"ant", 5}, {"new", 6}} {
		if err := f.Note(n.host, ant.at, "mem", n.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Note("ant", ant.at, "mem", math.NaN()); err == nil {
		t.Error("what is no figure was noted")
	}
	row := func(r *traffic.Report, name string) [2]uint64 {
		t.Helper()
		row := rowOf(t, r, name)
		return [2]uint64{row.RxBytes, row.TxBytes}
	}
	look := func(f *Fleet) {
		t.Helper()
		for _, step := range []string{"", traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth} {
			if got := row(fleetReport(t, f, "", traffic.Query{By: traffic.ByApp, Step: step}), "backup"); got != [2]uint64{1300, 40} {
				t.Errorf("%q: backup of all: %v", step, got)
			}
			hosts := fleetReport(t, f, "", traffic.Query{By: traffic.ByHost, Step: step})
			if a, b := row(hosts, "ant"), row(hosts, "bee"); a != [2]uint64{1100, 11} || b != [2]uint64{400, 111} || len(hosts.Rows) != 2 {
				t.Errorf("%q: hosts: %+v", step, hosts.Rows)
			}
			backup := fleetReport(t, f, "", traffic.Query{By: traffic.ByHost, App: "backup", Step: step})
			if a, b := row(backup, "ant"), row(backup, "bee"); a != [2]uint64{1000, 10} || b != [2]uint64{300, 30} || len(backup.Rows) != 2 {
				t.Errorf("%q: backup by host: %+v", step, backup.Rows)
			}
			if got := row(fleetReport(t, f, "bee", traffic.Query{By: traffic.ByCommand, App: "web", Step: step}), "nginx"); got != [2]uint64{7, 70} {
				t.Errorf("%q: nginx: %v", step, got)
			}
			if got := row(fleetReport(t, f, "ant", traffic.Query{By: traffic.ByUser, Step: step}), "root"); got != [2]uint64{1000, 10} {
				t.Errorf("%q: root of ant: %v", step, got)
			}
			for _, host := range []string{"ant", "bee"} {
				trend, err := f.Trend(t.Context(), host, traffic.TrendQuery{Series: "load", Step: step})
				if err != nil || len(trend.Rows) != 1 || trend.Rows[0].Mean != 2 || trend.Host != host {
					t.Errorf("%q: load of %s: %+v, %v", step, host, trend, err)
				}
			}
			trend, err := f.Trend(t.Context(), "ant", traffic.TrendQuery{Series: traffic.SeriesPerf, Step: step})
			if err != nil || len(trend.Rows) != 1 || trend.Rows[0].Metric != "mem" || trend.Rows[0].Mean != 4 || trend.Rows[0].Max != 5 {
				t.Errorf("%q: mem of ant: %+v, %v", step, trend, err)
			}
			if trend, err = f.Trend(t.Context(), "new", traffic.TrendQuery{Step: step}); err != nil || len(trend.Rows) != 1 || trend.Rows[0].Mean != 6 {
				t.Errorf("%q: mem of new: %+v, %v", step, trend, err)
			}
		}
		if got := fleetReport(t, f, "cat", traffic.Query{By: traffic.ByApp}); len(got.Rows) != 0 || got.Host != "cat" || got.Detail == "" {
			t.Errorf("a host that nobody knows: %+v", got)
		}
	}
	look(f)
	if kept, err := f.Kept(); err != nil || len(kept) > 0 {
		t.Errorf("kept before a flush: %+v, %v", kept, err)
	}
	flushFleet(t, f)
	look(f)
	kept, err := f.Kept()
	if err != nil || len(kept) != 2 || kept[0].Host != "ant" || string(kept[1].Note) != "n2" || kept[1].Snapshot.Apps[1].Commands[0].TxBytes != 70 {
		t.Fatalf("kept: %+v, %v", kept, err)
	}
	read(t, path)
	rollAll(f)
	look(f)
	read(t, path)
	inspect(t, path)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = openFleet(t, Options{Path: path, Now: now})
	look(f)
	bookOf(t, f, "ant", ant.snapshot(), "n3") // the same once more
	look(f)
	flushFleet(t, f)
	rollAll(f)
	look(f)
	inspect(t, path)
	if s := f.Status(); s.Hosts != 3 || s.Waiting != 0 || s.State != traffic.StateRunning {
		t.Errorf("%+v", s)
	}
}

// rollAll moves all of the journal to the pieces.
func rollAll(f *Fleet) {
	f.work.Lock()
	defer f.work.Unlock()
	f.roll(f.everybody())
}

// read reads the file of TestFleet as others do.
func read(t *testing.T, path string) {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if all, err := r.Report(t.Context(), traffic.Query{By: traffic.ByHost}); err != nil || len(all.Rows) != 2 || all.Host != "fleet" {
		t.Errorf("%+v, %v", all, err)
	}
	bee, err := r.Of(t.Context(), "bee")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bee.Report(t.Context(), traffic.Query{By: traffic.ByApp}); err != nil || got.Host != "bee" || got.Total.RxBytes != 307 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Of(t.Context(), "cat"); !errors.Is(err, ErrQuestion) {
		t.Errorf("of a host that is not there: %v", err)
	}
}
