package history

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// anyHost is a machine that says which run it is.
func anyHost(run string) *machine {
	m := newMachine(noon)
	m.rows.Run = run
	return m
}

// totalOfApps is what a host's apps carried.
func totalOfApps(t testing.TB, f *Fleet, host string) [2]uint64 {
	t.Helper()
	total := fleetReport(t, f, host, traffic.Query{By: traffic.ByApp, To: noon.AddDate(2, 0, 0)}).Total
	return [2]uint64{total.RxBytes, total.TxBytes}
}

// TestDamagedHost: where what was booked last of a host is damaged, that is set aside and
// told; its run is not counted twice, the next one from zero, and other hosts go on.
func TestDamagedHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.db")
	now := func() time.Time { return noon.Add(time.Hour) }
	f := openFleet(t, Options{Path: path, Now: now})
	ant, bee, cat := anyHost("a"), anyHost("b"), anyHost("c")
	for host, m := range map[string]*machine{"ant": ant, "bee": bee, "cat": cat} {
		m.carry("app", "command", 100, 10)
		bookOf(t, f, host, m.after(time.Second).snapshot(), "note")
	}
	flushFleet(t, f)
	for _, query := range []string{"UPDATE host SET last = x'' || substr(last, 2) WHERE name = 'ant'", "UPDATE host SET note = 'nots' WHERE name = 'cat'"} {
		if _, err := f.store.db.conn.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Kept(); err == nil || !strings.Contains(err.Error(), "read host") {
		t.Errorf("kept: %v", err)
	}
	if problems := inspection(t, path).Problems; len(problems) != 2 || !strings.Contains(strings.Join(problems, " "), "host ant") {
		t.Errorf("problems: %q", problems)
	}
	for range 2 { // it stays so
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = openFleet(t, Options{Path: path, Now: now})
		kept, err := f.Kept()
		if err != nil || len(kept) != 1 || kept[0].Host != "bee" {
			t.Errorf("%+v, %v", kept, err)
		}
	}
	n, err := number(t.Context(), f.store.db.conn, "SELECT count(*) FROM aside WHERE length(note) = 4 AND length(last) > 20")
	if err != nil || n != 2 {
		t.Errorf("%d rows set aside, %v", n, err)
	}
	// In the run that was lost nobody knows what is new until it was seen once more.
	ant.carry("app", "command", 1000, 0)
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "2")
	ant.carry("app", "command", 5, 0)
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "3")
	cat = anyHost("c2")
	cat.carry("app", "command", 7, 0)
	bookOf(t, f, "cat", cat.after(time.Second).snapshot(), "2")
	bee.carry("app", "command", 3, 0)
	bookOf(t, f, "bee", bee.after(time.Second).snapshot(), "2")
	flushFleet(t, f)
	for host, want := range map[string][2]uint64{"ant": {105, 10}, "bee": {103, 10}, "cat": {107, 10}, "": {315, 30}} {
		if got := totalOfApps(t, f, host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	inspect(t, path)
}

func inspection(t *testing.T, path string) Inspection {
	t.Helper()
	i, err := Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestDamagedHostIsTold: where one host was set aside, Status says so.
func TestDamagedHostIsTold(t *testing.T) {
	s := Status{HostsAside: []string{"ant"}}
	if m := s.Monitor(); !strings.Contains(m.Detail, "ant") {
		t.Errorf("%+v", m)
	}
}

// TestForget: nothing of a host is left, but its part in what all did; one of the name
// that comes later is another.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.db")
	f := openFleet(t, Options{Path: path, Now: func() time.Time { return noon.Add(time.Hour) }})
	ant, bee := anyHost("a"), anyHost("b")
	ant.carry("app", "command", 100, 10)
	bee.carry("app", "command", 30, 3)
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "")
	bookOf(t, f, "bee", bee.after(time.Second).snapshot(), "")
	flushFleet(t, f)
	rollAll(f)
	ant.carry("app", "command", 1, 1)
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "")
	flushFleet(t, f) // in the journal
	ant.carry("app", "command", 1, 1)
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "") // pending
	for _, host := range []string{"ant", "nobody"} {
		if err := f.Forget(host); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := f.Kept(); err != nil || len(kept) != 1 || kept[0].Host != "bee" {
		t.Errorf("%+v, %v", kept, err)
	}
	for host, want := range map[string][2]uint64{"ant": {}, "bee": {30, 3}, "": {132, 15}} {
		if got := totalOfApps(t, f, host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	for _, table := range everyTable {
		n, err := number(t.Context(), f.store.db.conn, "SELECT count(DISTINCT id >> 42) FROM "+table.name)
		if err != nil || n > 2 {
			t.Errorf("%s has pieces of %d, %v", table.name, n, err)
		}
	}
	bookOf(t, f, "ant", ant.after(time.Second).snapshot(), "")
	flushFleet(t, f)
	if got := totalOfApps(t, f, "ant"); got != [2]uint64{102, 12} {
		t.Errorf("it came again: %v", got)
	}
	inspect(t, path)
}

// TestHostileHost: a host with a million names, and with a clock a year ahead, takes from
// the others neither names nor the past, and its sums are right.
func TestHostileHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.db")
	f := openFleet(t, Options{Path: path, MaxNames: 1000, MaxNamesPerHost: 100, Now: func() time.Time { return noon.Add(time.Minute) }})
	evil, ant := anyHost("e"), anyHost("a")
	for i := range 3000 {
		evil.carry(fmt.Sprint("app ", i), "command", 1, 2)
	}
	evil.at = noon.AddDate(1, 0, 0)
	bookOf(t, f, "evil", evil.snapshot(), "")
	for i := range 90 {
		ant.carry(fmt.Sprint("my ", i), "command", 10, 20)
	}
	bookOf(t, f, "ant", ant.snapshot(), "")
	if err := f.Note("ant", noon.AddDate(1, 0, 0), "mem", 1); err != nil {
		t.Error(err)
	}
	flushFleet(t, f)
	rollAll(f)
	for host, names := range map[string]int{"evil": 101, "ant": 90, "": 191} {
		r := fleetReport(t, f, host, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
		if len(r.Rows) != names || len(r.Times) != 1 || !r.Times[0].Equal(noon.Truncate(24*time.Hour)) {
			t.Errorf("%q: %d rows of %v", host, len(r.Rows), r.Times)
		}
	}
	for host, want := range map[string][2]uint64{"evil": {3000, 6000}, "ant": {900, 1800}, "": {3900, 7800}} {
		if got := totalOfApps(t, f, host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	others := fleetReport(t, f, "", traffic.Query{By: traffic.ByHost, App: traffic.Others})
	if len(others.Rows) != 1 || others.Rows[0].Name != "evil" || others.Total.RxBytes != 2900 {
		t.Errorf("%+v", others)
	}
	inspect(t, path)
}

// TestFleetFullDisk: a flush that finds no room fails and loses nothing; reports know all
// meanwhile, and the next one with room writes it.
func TestFleetFullDisk(t *testing.T) {
	long(t)
	dir := smallDisk(t, "8m")
	path := filepath.Join(dir, "fleet.db")
	c := newCrowd(20, 20)
	f := openFleet(t, Options{Path: path, Now: c.now, Keep: unlimited})
	booked := func() (want [2]uint64) {
		for _, m := range c.hosts {
			for i := range m.rows.Apps {
				want[0] += m.rows.Apps[i].Commands[0].RxBytes
				want[1] += m.rows.Apps[i].Commands[0].TxBytes
			}
		}
		return want
	}
	c.after(time.Minute)
	c.book(t, f)
	flushFleet(t, f)
	empty := fill(t, dir, 40<<10)
	for range 30 {
		c.after(time.Minute)
		c.book(t, f)
		f.tend()
		if err := f.Flush(t.Context()); err == nil {
			continue
		}
		if got := totalOfApps(t, f, ""); got != booked() {
			t.Fatalf("%v, want %v", got, booked())
		}
	}
	if s := f.Status(); s.State != traffic.StateFailed || s.Waiting == 0 || !strings.Contains(s.Detail, "no room") {
		t.Errorf("%+v", s)
	}
	kept, err := f.Kept()
	if err != nil || len(kept) != 20 {
		t.Fatalf("%d kept, %v", len(kept), err)
	}
	empty()
	flushFleet(t, f)
	if s := f.Status(); s.State != traffic.StateRunning || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	rollAll(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = openFleet(t, Options{Path: path, Now: c.now, Keep: unlimited})
	if got := totalOfApps(t, f, ""); got != booked() {
		t.Errorf("%v, want %v", got, booked())
	}
	inspect(t, path)
}

// TestFleetCoarsens: what cannot be written for long grows coarser and no larger, of each
// host, and stays exact.
func TestFleetCoarsens(t *testing.T) {
	c := newCrowd(10, 10)
	f := openFleet(t, Options{Now: c.now, Keep: unlimited})
	f.mostPending = 4000
	for range 120 {
		c.after(time.Minute)
		c.book(t, f)
	}
	if n := f.Status().Waiting; n > 10000 || n != f.waiting {
		t.Errorf("%d figures are waiting, %d are thought to", n, f.waiting)
	}
	flushFleet(t, f)
	if f.waiting != 0 {
		t.Errorf("%d figures are thought to wait", f.waiting)
	}
	rollAll(f)
	for _, by := range []string{traffic.ByApp, traffic.ByHost} {
		all := fleetReport(t, f, "", traffic.Query{By: by}).Total
		var sum uint64
		for _, host := range c.names {
			sum += fleetReport(t, f, host, traffic.Query{By: by}).Total.RxBytes
		}
		if sum != all.RxBytes || sum == 0 {
			t.Errorf("by %s: %d, of members %d", by, all.RxBytes, sum)
		}
	}
	inspect(t, f.store.opts.Path)
}

// TestFleetSizeIsBounded: beyond its size a file loses the oldest of the finest level, of
// all members alike, and names nobody has any more.
func TestFleetSizeIsBounded(t *testing.T) {
	long(t)
	c := newCrowd(20, 20)
	o := Options{Now: c.now, Keep: unlimited, MaxSize: 3 << 20}
	f := openFleet(t, o)
	for n := range 300 {
		c.after(time.Minute)
		for _, m := range c.hosts {
			m.carry("app-00", fmt.Sprint("once ", n), 1, 1)
			m.rows.Apps[0].Commands = lastCommands(m.rows.Apps[0].Commands, 2)
		}
		c.book(t, f)
		flushFleet(t, f)
		if n%3 == 2 {
			rollAll(f)
		}
		f.tend()
	}
	for range 50 {
		f.tend()
	}
	size, free, err := f.store.db.size()
	if err != nil || size-free > o.MaxSize {
		t.Errorf("%d bytes, %d free, %v", size, free, err)
	}
	oldest := f.Status().Oldest
	if !oldest["minute"].After(noon.Add(time.Hour)) || oldest["day"].After(noon) {
		t.Errorf("%v", oldest)
	}
	for _, host := range []string{"", c.names[0], c.names[19]} {
		days := fleetReport(t, f, host, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
		months := fleetReport(t, f, host, traffic.Query{By: traffic.ByApp, Step: traffic.StepMonth})
		if !cmp.Equal(days.Total.RxBytes, months.Total.RxBytes) || days.Total.RxBytes == 0 || days.Detail != "" {
			t.Errorf("%q: %+v, %+v", host, days.Total, months.Total)
		}
	}
	inspect(t, f.store.opts.Path)
}

// TestFleetTogether: all its methods are for any goroutine.
func TestFleetTogether(t *testing.T) {
	f := openFleet(t, Options{FlushEvery: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var running, work sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for n := range 4 {
		work.Go(func() {
			m, host := anyHost("r"), hostOf(n)
			m.at = time.Now()
			for range 20 {
				m.carry("app", "command", 1, 2)
				m.rows.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: 2}}}}
				if err := f.Book(host, m.after(time.Second).snapshot(), nil); err != nil {
					t.Error(err)
				}
				if err := f.Flush(ctx); err != nil {
					t.Error(err)
				}
				for _, host := range []string{"", host} {
					if _, err := f.Report(ctx, host, traffic.Query{By: traffic.ByApp}); err != nil {
						t.Error(err)
					}
				}
				if _, err := f.Trend(ctx, host, traffic.TrendQuery{}); err != nil {
					t.Error(err)
				}
				f.Status()
			}
		})
	}
	work.Wait()
	stop()
	running.Wait()
	if got := totalOfApps(t, f, ""); got != [2]uint64{80, 160} {
		t.Errorf("%v", got)
	}
}

// TestFleetNamesAreCollected: names that neither a piece nor the journal of any member has
// are deleted, no other.
func TestFleetNamesAreCollected(t *testing.T) {
	long(t)
	c := newCrowd(3, 3)
	f := openFleet(t, Options{Now: c.now, MaxCommands: 3, MaxNamesPerHost: 50, Keep: Retention{Minute: 10 * time.Minute, Hour: 2 * time.Hour, Day: 48 * time.Hour}})
	for n := range 60 * 16 {
		c.after(time.Minute)
		for h, m := range c.hosts {
			m.carry("app-00", fmt.Sprint("once ", h, " ", n), 1, 1)
			m.rows.Apps[0].Commands = lastCommands(m.rows.Apps[0].Commands, 2)
		}
		c.book(t, f)
		flushFleet(t, f)
		f.tend()
		if n%4 == 3 {
			rollAll(f)
		}
	}
	names, err := number(t.Context(), f.store.db.conn, "SELECT count(*) FROM series")
	if err != nil || names > 1500 {
		t.Errorf("%d names of 2880 are left, %v", names, err)
	}
	for _, host := range append(c.names, "") {
		for _, by := range []string{traffic.ByApp, traffic.ByCommand, traffic.ByHost, traffic.ByUnit} {
			for _, row := range fleetReport(t, f, host, traffic.Query{By: by}).Rows {
				if strings.Contains(row.Name+row.App, "damaged") {
					t.Errorf("%q by %s: %+v", host, by, row)
				}
			}
		}
	}
	inspect(t, f.store.opts.Path)
}
