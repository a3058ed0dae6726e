package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/fleet"
	"bwmon/traffic"
)

func (e *stand) reader(t *testing.T, o Options) *Reader {
	t.Helper()
	o.URL, o.Client, o.Commands = e.ask, e.client, true
	r, err := NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at is what an engine can know of a host's run at a time.
func (h *modelHost) at(run string, t time.Time) *moment {
	var latest *moment
	for _, m := range h.known {
		if m.Run == run && m.at.UnixMilli() < t.UnixMilli() && (latest == nil || m.Seq > latest.Seq) {
			latest = m
		}
	}
	if latest == nil {
		return &moment{}
	}
	return latest
}

// cuts remembers what names are as labels.
type cuts map[string]string

func (c cuts) cut(name string) string {
	if _, known := c[name]; !known {
		c[name] = cut(name)
	}
	return c[name]
}

// carriedIn are the bytes of rows between each two of the times, as the model has them.
func carriedIn(hosts []*modelHost, times []time.Time, disk bool, name func(host string, k fleet.Key) (rowName, bool)) map[rowName][][2]int64 {
	all := make(map[rowName][][2]int64)
	labels := make(cuts)
	of := func(a amounts, disk bool) [2]int64 {
		if disk {
			return [2]int64{int64(a[read]), int64(a[written])}
		}
		return [2]int64{int64(a[received]), int64(a[sent])}
	}
	for _, h := range hosts {
		for run := range h.began {
			for i := 1; i < len(times); i++ {
				from, to := h.at(run, times[i-1]), h.at(run, times[i])
				if from.Seq == to.Seq {
					continue
				}
				for sign, m := range map[int64]*moment{1: to, -1: from} {
					for k, a := range m.totals {
						n, wanted := name(h.name, k)
						if !wanted {
							continue
						}
						n.name, n.app = labels.cut(n.name), labels.cut(n.app)
						if all[n] == nil {
							all[n] = make([][2]int64, len(times)-1)
						}
						f := of(a, disk)
						all[n][i-1][0] += sign * f[0]
						all[n][i-1][1] += sign * f[1]
					}
				}
			}
		}
	}
	return all
}

// TestReportsAreExact: every report agrees with the model, integer by integer, whatever
// happened on the way.
func TestReportsAreExact(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, e *stand) {
		r := rand.New(rand.NewPCG(3, 4))
		now := time.Now().Truncate(time.Second)
		hosts := []*modelHost{
			newModelHost(r, "web.1", now.Add(-150*time.Hour), 400),
			newModelHost(r, "web-1", now.Add(-180*time.Hour), 500),
			newModelHost(r, "idle", now.Add(-1000*time.Hour), 200),
		}
		tell(t, e, r, hosts...)
		for _, h := range hosts {
			if end := h.list[len(h.list)-1].at; end.After(now) {
				t.Fatalf("%s lives until %v", h.name, end)
			}
		}
		reader := e.reader(t, Options{Location: berlin})
		app := hostile[r.IntN(len(hostile))]
		of := func(kind string) func(string, fleet.Key) (rowName, bool) {
			return func(_ string, k fleet.Key) (rowName, bool) { return rowName{name: k.Name}, k.Kind == kind }
		}
		for _, c := range []struct {
			name string
			host string
			q    traffic.Query
			row  func(host string, k fleet.Key) (rowName, bool)
		}{
			{"apps of the fleet", "", traffic.Query{By: traffic.ByApp}, of(fleet.KindApp)},
			{"hosts", "", traffic.Query{By: traffic.ByHost}, func(h string, k fleet.Key) (rowName, bool) {
				return rowName{name: h}, k.Kind == kindBalance
			}},
			{"hosts of an app", "", traffic.Query{By: traffic.ByHost, App: app}, func(h string, k fleet.Key) (rowName, bool) {
				return rowName{name: h}, k.Kind == fleet.KindApp && k.Name == app
			}},
			{"apps", "web.1", traffic.Query{By: traffic.ByApp}, of(fleet.KindApp)},
			{"disk bytes of apps", "web-1", traffic.Query{By: traffic.ByApp, Of: traffic.OfDisk}, func(_ string, k fleet.Key) (rowName, bool) {
				return rowName{name: k.Name}, k.Kind == fleet.KindApp
			}},
			{"an app", "web-1", traffic.Query{By: traffic.ByApp, Name: app}, func(_ string, k fleet.Key) (rowName, bool) {
				return rowName{name: k.Name}, k.Kind == fleet.KindApp && k.Name == app
			}},
			{"commands", "web.1", traffic.Query{By: traffic.ByCommand}, func(_ string, k fleet.Key) (rowName, bool) {
				return rowName{name: k.Name, app: k.App}, k.Kind == fleet.KindCommand
			}},
			{"users", "idle", traffic.Query{By: traffic.ByUser}, func(_ string, k fleet.Key) (rowName, bool) {
				return rowName{name: k.User}, k.Kind == fleet.KindCommand && k.User != ""
			}},
			{"units", "idle", traffic.Query{By: traffic.ByUnit}, func(_ string, k fleet.Key) (rowName, bool) {
				return rowName{name: k.Unit}, k.Kind == fleet.KindCommand
			}},
			{"LAN hosts", "web.1", traffic.Query{By: traffic.ByLANHost}, of(fleet.KindLANHost)},
			{"interfaces", "web.1", traffic.Query{By: traffic.ByInterface}, of(fleet.KindInterface)},
			{"pipes", "web.1", traffic.Query{By: traffic.ByPipe}, of(fleet.KindPipe)},
			{"disks", "web.1", traffic.Query{By: traffic.ByDisk}, of(kindDisk)},
		} {
			t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
				for _, step := range []string{"", traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth} {
					for _, from := range []time.Duration{0, 120*time.Hour + 5*time.Second, 100 * time.Hour} {
						q := c.q
						q.Step = step
						if from > 0 {
							q.From, q.To = now.Add(-from), now.Add(-from+40*time.Hour)
						}
						if step == traffic.StepMinute {
							if from == 0 {
								continue
							}
							q.To = q.From.Add(2 * time.Hour)
						}
						checkReport(t, reader, c.host, q, hosts, c.row)
					}
				}
			})
		}
	})
}

func checkReport(t *testing.T, r *Reader, host string, q traffic.Query, hosts []*modelHost, row func(string, fleet.Key) (rowName, bool)) {
	t.Helper()
	got, err := r.Report(context.Background(), host, q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	times := append(slices.Clone(got.Times), got.To)
	if q.Step == "" {
		times = []time.Time{got.From, got.To}
	}
	if !q.From.IsZero() && times[0].After(q.From) || !q.To.IsZero() && times[len(times)-1].Before(q.To) {
		t.Errorf("%+v: it is of %v to %v", q, times[0], times[len(times)-1])
	}
	if host != "" {
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h *modelHost) bool { return h.name != host })
	}
	want := make(map[rowName][2]uint64)
	var all [2]uint64
	model := carriedIn(hosts, times, got.Of == traffic.OfDisk, row)
	for n, steps := range model {
		var sums [2]uint64
		for way := range sums {
			var sum int64
			for i := range steps {
				sum += steps[i][way]
			}
			sums[way] = uint64(max(sum, 0))
			all[way] += sums[way]
		}
		if sums != [2]uint64{} {
			want[n] = sums
		}
	}
	shown := make(map[rowName][2]uint64)
	for _, w := range got.Rows {
		n := rowName{name: w.Name, app: w.App}
		if b := [2]uint64{w.RxBytes, w.TxBytes}; b != [2]uint64{} {
			shown[n] = b
		}
		checkSteps(t, q, w, model[n])
	}
	if d := cmp.Diff(want, shown, cmp.AllowUnexported(rowName{})); d != "" {
		t.Errorf("%q %+v: (-want +got)\n%s", host, q, d)
	}
	if b := [2]uint64{got.Total.RxBytes, got.Total.TxBytes}; b != all {
		t.Errorf("%q %+v: in total %v, want %v", host, q, b, all)
	}
	if len(want) == 0 && q.From.IsZero() && q.Name == "" {
		t.Errorf("%q %+v: there is nothing to compare", host, q)
	}
}

// checkSteps compares steps of a row with the model where that has none below 0; they add
// up to the row in any case.
func checkSteps(t *testing.T, q traffic.Query, w traffic.ReportRow, model [][2]int64) {
	t.Helper()
	if q.Step == "" {
		return
	}
	for way, steps := range [][]uint64{w.Rx, w.Tx} {
		var sum uint64
		exact := true
		for i, n := range steps {
			sum += n
			exact = exact && (model == nil || model[i][way] >= 0)
		}
		if sum != []uint64{w.RxBytes, w.TxBytes}[way] {
			t.Errorf("%+v: the steps of %q add up to %d, not %d or %d", q, w.Name, sum, w.RxBytes, w.TxBytes)
		}
		for i, n := range steps {
			if exact && model != nil && n != uint64(model[i][way]) {
				t.Errorf("%+v: step %d of %q has %d bytes, want %d", q, i, w.Name, n, model[i][way])
			}
		}
	}
}

// TestQuestions: what cannot be answered says so.
func TestQuestions(t *testing.T) {
	r, err := NewReader(Options{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		host, want string
		q          traffic.Query
	}{
		{"", "ask one host", traffic.Query{By: traffic.ByPipe}},
		{"a", "not published", traffic.Query{By: traffic.ByRemoteHost}},
		{"a", "not given commands", traffic.Query{By: traffic.ByCommand}},
		{"a", "want one of app", traffic.Query{By: traffic.ByHost}},
		{"a", "step", traffic.Query{By: traffic.ByApp, Step: "week"}},
		{"a", "time after", traffic.Query{By: traffic.ByApp, From: now, To: now}},
		{"a", "of", traffic.Query{By: traffic.ByApp, Of: "memory"}},
		{"a", "disk bytes", traffic.Query{By: traffic.ByPipe, Of: traffic.OfDisk}},
		{"a", "app", traffic.Query{By: traffic.ByApp, App: "x"}},
		{"a", "top", traffic.Query{By: traffic.ByApp, Top: -1}},
		{"a", "percentile", traffic.Query{By: traffic.ByInterface, Percentile: 95}},
	} {
		_, err := r.Report(context.Background(), c.host, c.q)
		if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q in it", c.q, err, c.want)
		}
	}
	if _, err := r.Report(context.Background(), "", traffic.Query{By: traffic.ByApp}); err == nil || errors.Is(err, ErrQuestion) {
		t.Errorf("nobody is there: got %v", err)
	}
}

// TestLargeSums: what an engine would round is added up here.
func TestLargeSums(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		w, now := e.writer(t, Options{}), time.Now().Truncate(time.Second)
		for i, total := range []uint64{1<<52 + 1, 1<<52 + 3} {
			for _, host := range []string{"a", "b", "c"} {
				at := now.Add(time.Duration(i-2) * time.Minute)
				b := &fleet.Batch{Host: host, Run: "r", Seq: uint64(i) + 1, Since: uint64(i), From: at.Add(-10 * time.Second), At: at,
					Changes: &traffic.Snapshot{Apps: []traffic.App{{Name: "x", Usage: traffic.Usage{RxBytes: total, TxBytes: 1}}}}}
				if err := w.Write(context.Background(), []*fleet.Batch{b}); err != nil {
					t.Fatal(err)
				}
			}
		}
		e.settle()
		got, err := e.reader(t, Options{}).Report(context.Background(), "", traffic.Query{By: traffic.ByApp, From: now.Add(-time.Hour), To: now})
		if err != nil || got.Total.RxBytes != 3*(1<<52+3) || got.Total.TxBytes != 3 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
