package engine

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestRecordedHosts: batches as hosts make them of their snapshots, joined, encoded and
// decoded, end as the totals of these.
func TestRecordedHosts(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		r := rand.New(rand.NewPCG(9, 10))
		w := e.writer(t, Options{})
		begin := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
		recorder := fleet.NewRecorder("a", fleet.Position{})
		apps := make(map[string]traffic.Usage)
		want := make(map[string][2]uint64)
		var waiting *fleet.Batch
		send := func() {
			if waiting == nil {
				return
			}
			text, err := fleet.Encode(nil, waiting)
			if err != nil {
				t.Fatal(err)
			}
			list, err := fleet.Decode(text, fleet.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(context.Background(), list); err != nil {
				t.Fatal(err)
			}
			waiting = nil
		}
		run, started := "run0", begin
		for i := range 300 {
			if i%100 == 99 {
				for name, u := range apps {
					want[name] = [2]uint64{want[name][0] + u.RxBytes, want[name][1] + u.TxBytes}
				}
				run, started, apps = fmt.Sprint("run", i), begin.Add(time.Duration(i)*10*time.Second), make(map[string]traffic.Usage)
			}
			name := fmt.Sprint("app", r.IntN(8))
			u := apps[name]
			u.RxBytes, u.TxBytes = u.RxBytes+r.Uint64N(1000), u.TxBytes+r.Uint64N(1000)
			apps[name] = u
			if other := fmt.Sprint("app", r.IntN(8)); other != name && r.IntN(3) == 0 { // all of it is another's
				o := apps[other]
				o.RxBytes, o.TxBytes = o.RxBytes+u.RxBytes, o.TxBytes+u.TxBytes
				apps[other] = o
				delete(apps, name)
			}
			at := begin.Add(time.Duration(i+1) * 10 * time.Second)
			s := emptySnapshot("a", run, at)
			s.Elapsed = at.Sub(started).Seconds()
			for _, name := range slices.SortedFunc(maps.Keys(apps), strings.Compare) {
				s.Apps = append(s.Apps, traffic.App{Name: name, Usage: apps[name]})
			}
			b := recorder.Next(s)
			if waiting != nil && r.IntN(3) > 0 {
				if joined, ok := fleet.Join(waiting, b); ok {
					waiting = joined
					continue
				}
			}
			send()
			waiting = b
		}
		send()
		e.settle()
		for name, u := range apps {
			want[name] = [2]uint64{want[name][0] + u.RxBytes, want[name][1] + u.TxBytes}
		}
		report, err := e.reader(t, Options{}).Report(context.Background(), "a", traffic.Query{By: traffic.ByApp})
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string][2]uint64)
		for _, row := range report.Rows {
			if row.RxBytes+row.TxBytes > 0 {
				got[row.Name] = [2]uint64{row.RxBytes, row.TxBytes}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("apps (-want +got):\n%s", d)
		}
	})
}
