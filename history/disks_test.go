package history

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestDisks: a device is booked what it read and wrote since it was listed last,
// however long ago; where its totals fell, all they show.
func TestDisks(t *testing.T) {
	type devices = map[string]total
	type carried = map[string]octets
	for _, tt := range []struct {
		name  string
		ticks []devices
		want  []carried
	}{
		{"growth", []devices{{"sda": {5, 6}}, {"sda": {5, 6}}, {"sda": {7, 6}, "sdb": {1, 0}}}, []carried{{"sda": {5, 6}}, {}, {"sda": {2, 0}, "sdb": {1, 0}}}},
		{"not listed for a while", []devices{{"sda": {5, 6}}, {}, {}, {"sda": {6, 9}}}, []carried{{"sda": {5, 6}}, {}, {}, {"sda": {1, 3}}}},
		{"another one", []devices{{"sdb": {500, 600}}, {}, {"sdb": {6, 900}}}, []carried{{"sdb": {500, 600}}, {}, {"sdb": {6, 900}}}},
		{"it never did anything", []devices{{"loop0": {}}, {"loop0": {}}}, []carried{{}, {}}},
	} {
		var d disks
		for n, list := range tt.ticks {
			var series []traffic.Series
			for name, to := range list {
				series = append(series, driven(name, to))
			}
			got := carried{}
			d.take(series, func(name string, o octets) { got[name] = o })
			if diff := cmp.Diff(tt.want[n], got, cmp.AllowUnexported(octets{})); diff != "" {
				t.Errorf("%s, %d (-want +got):\n%s", tt.name, n, diff)
			}
		}
	}
}

// TestDisksThatAreNone: figures that can be no totals, and devices that are listed
// twice or without totals, book nothing wrong; names without end are not remembered.
func TestDisksThatAreNone(t *testing.T) {
	var d disks
	var got []octets
	book := func(_ string, o octets) { got = append(got, o) }
	one := func(read, written float64) traffic.Series {
		return traffic.Series{Kind: traffic.SeriesDisk, Name: "sda", Metrics: traffic.Metrics{{Name: "read_bytes", Value: read}, {Name: "write_bytes", Value: written}}}
	}
	for _, s := range []traffic.Series{
		one(-1, 5), one(math.NaN(), 5), one(5, math.Inf(1)), one(5, 1e300),
		{Kind: traffic.SeriesDisk, Name: "sda"}, {Kind: traffic.SeriesUnit, Name: "sda", Metrics: one(5, 5).Metrics}, {Kind: traffic.SeriesDisk, Metrics: one(5, 5).Metrics},
	} {
		d.take([]traffic.Series{s}, book)
	}
	if len(got) > 0 {
		t.Errorf("booked %v", got)
	}
	d.take([]traffic.Series{one(5, 6), one(2, 1)}, book)
	if !slices.Equal(got, []octets{{5, 6}}) {
		t.Errorf("listed twice: %v", got)
	}
	for n := range 5 * maxDisks {
		d.take([]traffic.Series{driven(fmt.Sprint("dm-", n), total{1, 1})}, book)
	}
	if len(d.known) > maxDisks {
		t.Errorf("%d devices are remembered", len(d.known))
	}
}

// TestDiskBytesOfApps: what apps read and wrote is told beside what they carried, by
// the same names.
func TestDiskBytesOfApps(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	m.carry("app", "both", 100, 10)
	m.carry("app", "disk only", 0, 0)
	m.rows.Apps[0].Commands[0].Resources = worked(total{7, 8})
	m.rows.Apps[0].Commands[1].Resources = worked(total{1, 2})
	m.rows.Series = []traffic.Series{driven("sda", total{1000, 2000})}
	s.take(m.after(time.Minute).snapshot())
	for range 2 { // pending, and in the file
		for _, tt := range []struct {
			q    traffic.Query
			of   string
			want map[string]octets
		}{
			{traffic.Query{By: traffic.ByApp}, "", map[string]octets{"app": {100, 10}}},
			{traffic.Query{By: traffic.ByApp, Of: traffic.OfTraffic}, "", map[string]octets{"app": {100, 10}}},
			{traffic.Query{By: traffic.ByApp, Of: traffic.OfDisk}, "disk", map[string]octets{"app": {8, 10}}},
			{traffic.Query{By: traffic.ByCommand}, "", map[string]octets{"both": {100, 10}}},
			{traffic.Query{By: traffic.ByCommand, Of: traffic.OfDisk}, "disk", map[string]octets{"both": {7, 8}, "disk only": {1, 2}}},
			{traffic.Query{By: traffic.ByCommand, Of: traffic.OfDisk, App: "app", Name: "both"}, "disk", map[string]octets{"both": {7, 8}}},
			{traffic.Query{By: traffic.ByUser, Of: traffic.OfDisk, Step: traffic.StepHour, Top: 1}, "disk", map[string]octets{"root": {8, 10}}},
			{traffic.Query{By: traffic.ByDisk}, "disk", map[string]octets{"sda": {1000, 2000}}},
			{traffic.Query{By: traffic.ByDisk, Of: traffic.OfDisk}, "disk", map[string]octets{"sda": {1000, 2000}}},
		} {
			r := report(t, s, tt.q)
			got := make(map[string]octets)
			for _, row := range r.Rows {
				got[row.Name] = octets{int64(row.RxBytes), int64(row.TxBytes)}
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(octets{})); diff != "" || r.Of != tt.of {
				t.Errorf("%+v: of %q (-want +got):\n%s", tt.q, r.Of, diff)
			}
		}
		mustFlush(t, s)
	}
	inspect(t, s.opts.Path)
}

// TestIdleRowsCostNothing: of what never carried anything nothing is in the file or in
// the roster.
func TestIdleRowsCostNothing(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	for n := range 500 {
		m.carry(fmt.Sprint("app ", n/10), fmt.Sprint("idle ", n), 0, 0)
	}
	m.carry("app 0", "idle 0", 1, 1)
	m.rows.Apps[1].Commands[0].Resources = worked(total{0, 1})
	for range 3 {
		s.take(m.after(time.Minute).snapshot())
		mustFlush(t, s)
	}
	found := inspect(t, s.opts.Path)
	if found.Names != 5 { // two apps and commands, and a user
		t.Errorf("%d names", found.Names)
	}
	if n := len(s.roster.byKey); n != 6 {
		t.Errorf("%d series in memory", n)
	}
	sums := levelSums(t, s, minute)
	if len(sums) != 6 {
		t.Errorf("figures %v", sums)
	}
}
