package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// oldFile makes a file as it was written before there were trends: testdata/schema1.sql
// is what that bwmon wrote, as SQL. Its snapshots were of eight times four minutes from
// 30 April 2026, 21:50 UTC on.
func oldFile(t *testing.T) (path string) {
	t.Helper()
	text, err := os.ReadFile("testdata/schema1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "history.db")
	db, err := openPool(path, "rwc", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"PRAGMA auto_vacuum = incremental", "PRAGMA journal_mode = wal", string(text)} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMigrate: a file of the schema before is read as it is by who only reads, and
// brought to ours by who writes; all that was in it stays.
func TestMigrate(t *testing.T) {
	path := oldFile(t)
	now := time.Date(2026, 4, 30, 22, 22, 0, 0, time.UTC)
	wantApps := []traffic.ReportRow{{Name: "curl", RxBytes: 28000, TxBytes: 80}, {Name: "rsync", RxBytes: 56, TxBytes: 28}}
	wantDays := []uint64{1014, 27042} // midnight in Berlin is 22:00 UTC
	look := func(report func(traffic.Query) (*traffic.Report, error), trend func(traffic.TrendQuery) (traffic.Trend, error)) {
		t.Helper()
		got, err := report(traffic.Query{By: traffic.ByApp})
		if err != nil || got.Host != "gw" || got.Zone != "Europe/Berlin" {
			t.Fatalf("%+v, %v", got, err)
		}
		if diff := cmp.Diff(wantApps, got.Rows); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got, err = report(traffic.Query{By: traffic.ByInterface, Step: traffic.StepDay}); err != nil || !cmp.Equal(got.Total.Rx, wantDays) {
			t.Errorf("by day: %+v, %v", got, err)
		}
		for _, step := range []string{"", traffic.StepHour} {
			if none, err := trend(traffic.TrendQuery{Step: step}); err != nil || len(none.Rows) > 0 {
				t.Errorf("trends: %+v, %v", none, err)
			}
		}
	}
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return now }
	look(func(q traffic.Query) (*traffic.Report, error) { return r.Report(t.Context(), q) },
		func(q traffic.TrendQuery) (traffic.Trend, error) { return r.Trend(t.Context(), q) })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if found := inspect(t, path); found.Schema != 1 || found.Names != 6 || found.Pieces == 0 {
		t.Errorf("%+v", found)
	}

	m := newMachine(now)
	s := openStore(t, Options{Path: path, Host: "gw", Location: place(t, "Europe/Berlin").place, Now: m.now, Keep: unlimited})
	look(func(q traffic.Query) (*traffic.Report, error) { return s.Report(t.Context(), q) },
		func(q traffic.TrendQuery) (traffic.Trend, error) { return s.Trend(t.Context(), q) })
	m.carry("curl", "curl https://example.org/it's", 1, 1)
	m.rows.Apps[0].Commands[0].Resources = worked(total{5, 6})
	m.rows.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: 3}}}}
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if got := rowOf(t, report(t, s, traffic.Query{By: traffic.ByApp}), "curl"); got.RxBytes != 28001 {
		t.Errorf("%+v", got)
	}
	if got := report(t, s, traffic.Query{By: traffic.ByCommand, Of: traffic.OfDisk}); len(got.Rows) != 1 || got.Rows[0].TxBytes != 6 {
		t.Errorf("%+v", got)
	}
	got := trendOf(t, s, traffic.TrendQuery{Step: traffic.StepHour})
	if len(got.Rows) != 1 || len(got.Times) != 2 || got.Rows[0].Steps[0] != nil || got.Rows[0].Steps[1].Mean != 3 {
		t.Errorf("%+v", got)
	}
	if found := inspect(t, path); found.Schema != schema || found.Names != 6+2 {
		t.Errorf("%+v", found)
	}
}

// TestMigrateMachine: a file of schema 2 stays what it is, for who reads and who writes
// it, and becomes no fleet's.
func TestMigrateMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	m := newMachine(noon)
	s := openStore(t, Options{Path: path, Now: m.now})
	m.carry("app", "command", 10, 20)
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if _, err := s.db.conn.ExecContext(t.Context(), "DROP TABLE host; DROP TABLE journal; DROP TABLE aside; PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := r.Report(t.Context(), traffic.Query{By: traffic.ByApp}); err != nil || got.Total.TxBytes != 20 {
		t.Errorf("%+v, %v", got, err)
	}
	if found := inspect(t, path); found.Schema != 2 {
		t.Errorf("%+v", found)
	}
	s = openStore(t, Options{Path: path, Now: m.now})
	m.carry("app", "command", 1, 2)
	m.elapsed = 1 // another run
	s.take(m.snapshot())
	mustFlush(t, s)
	if got := report(t, s, traffic.Query{By: traffic.ByApp}).Total; got.RxBytes != 21 || got.TxBytes != 42 {
		t.Errorf("%+v", got)
	}
	if found := inspect(t, path); found.Schema != schema {
		t.Errorf("%+v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFleet(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "is the history of one machine") {
		t.Errorf("opened as a fleet's: %v", err)
	}
	f := openFleet(t, Options{})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Path: f.store.opts.Path}); err == nil || !strings.Contains(err.Error(), "is the history of a fleet") {
		t.Errorf("a fleet's opened as a machine's: %v", err)
	}
}
