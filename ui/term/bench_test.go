package term

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// stageFor is a surface on a simulated screen of a size, for benchmarks.
func stageFor(b *testing.B, w, h int) (*UI, tcell.SimulationScreen) {
	b.Helper()
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(screen.Fini)
	screen.SetSize(w, h)
	screen.Show()
	for screen.HasPendingEvent() {
		screen.PollEvent()
	}
	return mustNew(b, Options{Location: time.UTC}), screen
}

// ticks brings snapshots in turn, each a second after the one before.
type ticks struct {
	list []*traffic.Snapshot
	n    int
}

func (t *ticks) next() *traffic.Snapshot {
	s := *t.list[t.n%len(t.list)]
	t.n++
	s.Elapsed = float64(t.n)
	s.At = start.Add(time.Duration(t.n) * time.Second)
	return &s
}

// warm lets the surface see so many ticks.
func (t *ticks) warm(u *UI, n int) {
	for range n {
		u.take(t.next())
	}
}

// laden is many whose apps use the machine too; without traffic all but a hundred do
// nothing else.
func laden(n, tick int, traded bool) *traffic.Snapshot {
	s := many(n, tick)
	for i := range s.Apps {
		a := &s.Apps[i]
		use := float64((i*104729 + tick*7919) % 100_003)
		a.Resources = traffic.Resources{DiskReadBytes: uint64(use * 900), DiskWriteBytes: uint64(use * 300), DiskReadRate: use * 90, DiskWriteRate: use * 30,
			CPUPercent: use / 1000, MemoryBytes: uint64(use * 4096)}
		if !traded && i > 100 {
			a.Usage, a.Connections = traffic.Usage{}, 0
		}
	}
	return s
}

// BenchmarkTick is what one new snapshot costs: remembering it, taking it,
// filtering, sorting and the frame. The simulated screen stands for the
// terminal.
func BenchmarkTick(b *testing.B) {
	for _, rows := range []int{200, 10_000} {
		for _, tt := range []struct{ name, filter, keys string }{
			{"plain", "", ""}, {"machine", "", "m"}, {"busy", "cpu>50 write>1MiB/s", ""}, {"resting", "", "r"}, {"filter", "app 7", ""}, {"figures", "rx>100KiB/s !app:9", ""}, {"minute", "", "wwz"}, {"frozen", "", "f"},
		} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, tt.name), func(b *testing.B) {
				ui, screen := stageFor(b, 200, 50)
				src := &ticks{list: []*traffic.Snapshot{many(rows, 0), many(rows, 1), many(rows, 2)}}
				switch tt.name {
				case "machine", "busy":
					src.list = []*traffic.Snapshot{laden(rows, 0, true), laden(rows, 1, true)}
				case "resting":
					src.list = []*traffic.Snapshot{laden(rows, 0, false), laden(rows, 1, false)}
				}
				src.warm(ui, 2*traceSpan)
				for _, k := range tt.keys {
					ui.handle(tcell.NewEventKey(tcell.KeyRune, k, tcell.ModNone))
				}
				if err := ui.refilter(tt.filter); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					ui.take(src.next())
					ui.frame(screen)
				}
			})
		}
	}
}

// BenchmarkSeries is a tick with so many disks, or as many other series and as many
// that are not measured.
func BenchmarkSeries(b *testing.B) {
	const n = 10_000
	for _, tt := range []struct{ name, keys, filter string }{
		{"disks", "0", ""}, {"disks by figure", "0>>", ""}, {"machine", "M", ""}, {"machine by figure", "M>>", ""}, {"machine filter", "M", "value>50 kind:mount"},
	} {
		b.Run(fmt.Sprintf("rows=%d/%s", n, tt.name), func(b *testing.B) {
			ui, screen := stageFor(b, 200, 50)
			src := &ticks{}
			for tick := range 2 {
				s := typical(tick + 1)
				s.Series = nil
				for i := range n {
					kind := []string{traffic.SeriesMount, traffic.SeriesUnit, traffic.SeriesProbe}[i%3]
					if tt.keys[0] == '0' {
						kind = traffic.SeriesDisk
					}
					s.Series = append(s.Series, traffic.Series{Kind: kind, Name: fmt.Sprint("name-", i), Metrics: machineSeries(i + tick)[1].Metrics})
				}
				src.list = append(src.list, s)
			}
			var idle []traffic.Thing
			for i := range n {
				idle = append(idle, traffic.Thing{ID: fmt.Sprint("mount:/off-", i), Kind: traffic.SeriesMount, Name: fmt.Sprint("/off-", i)})
			}
			ui.keepThings(idle, nil)
			src.warm(ui, 10)
			for _, k := range tt.keys {
				ui.handle(tcell.NewEventKey(tcell.KeyRune, k, tcell.ModNone))
			}
			if err := ui.refilter(tt.filter); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ui.take(src.next())
				ui.frame(screen)
			}
		})
	}
}

// connected is a host with n connections of 100 commands.
func connected(n, tick int) *traffic.Snapshot {
	s := typical(tick + 1)
	s.Apps, s.LANHosts = nil, nil
	for c := range 100 {
		cmd := traffic.Command{Command: fmt.Sprint("server --number ", c), User: "www", PIDs: []int{c + 1}, Connections: n / 100}
		for i := range n / 100 {
			rate := 0.0
			if i%5 == 0 {
				rate = float64((i*7919+c*31+tick*104729)%100_003) * 3
			}
			cmd.Flows = append(cmd.Flows, traffic.FlowRow{
				Proto: "tcp", Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, 0, 1}), 443),
				Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 19, byte(c), byte(i)}), uint16(1024+i)),
				Scope:  "local", PID: c + 1, ID: uint64(c*n + i), Usage: usage(rate, rate/9, uint64(rate*100), uint64(rate*10)),
			})
		}
		s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint("server-", c), Connections: n / 100, Commands: []traffic.Command{cmd}})
	}
	return s
}

// BenchmarkConnections is a tick with single connections on screen.
func BenchmarkConnections(b *testing.B) {
	for _, tt := range []struct{ name, filter, keys string }{
		{"plain", "", "3"}, {"filter", "server-7 port:443", "3"}, {"minute", "", "3ww"}, {"by name", "", "3>>"},
	} {
		b.Run("rows=50000/"+tt.name, func(b *testing.B) {
			ui, screen := stageFor(b, 200, 50)
			src := &ticks{list: []*traffic.Snapshot{connected(50_000, 0), connected(50_000, 1)}}
			ui.frame(screen)
			src.warm(ui, 90)
			for _, k := range tt.keys {
				ui.handle(tcell.NewEventKey(tcell.KeyRune, k, tcell.ModNone))
			}
			if err := ui.refilter(tt.filter); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ui.take(src.next())
				ui.frame(screen)
			}
		})
	}
}

// BenchmarkArrange is the filter and the sort alone, by a figure, by name, and
// by a figure that is the same everywhere.
func BenchmarkArrange(b *testing.B) {
	for _, name := range []string{"app", "rx_rate", "processes", "recent"} {
		b.Run("rows=10000/"+name, func(b *testing.B) {
			ui, _ := stageFor(b, 200, 50)
			ui.take(many(10_000, 0))
			ui.page().base().sorting.col = ui.page().base().column(name)
			b.ReportAllocs()
			for b.Loop() {
				ui.page().arrange()
			}
		})
	}
}

// BenchmarkFrame is drawing alone, as after a key.
func BenchmarkFrame(b *testing.B) {
	for _, rows := range []int{200, 10_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			ui, screen := stageFor(b, 200, 50)
			ui.take(many(rows, 0))
			b.ReportAllocs()
			for b.Loop() {
				ui.move(1)
				ui.frame(screen)
			}
		})
	}
}

// BenchmarkKey is the time from a key to the frame that shows what it did, in
// the running event loop, while snapshots of a million connections come as fast
// as they are taken: the longest wait is that for one of them to be taken.
func BenchmarkKey(b *testing.B) {
	for _, tt := range []struct {
		name string
		list []*traffic.Snapshot
	}{
		{"apps=10000", []*traffic.Snapshot{many(10_000, 0), many(10_000, 1)}},
		{"connections=1000000 of apps", []*traffic.Snapshot{connected(1_000_000, 0)}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			w := &watched{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), frames: make(chan string, 1), finished: make(chan struct{})}
			ch := make(chan *traffic.Snapshot, 1)
			src := &ticks{list: tt.list}
			ch <- src.next()
			u := mustNew(b, Options{Snapshots: ch, Screen: w, Location: time.UTC, Config: Config{Details: "off"}})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			go func() { done <- u.Run(ctx) }()
			<-w.frames
			fed := make(chan struct{})
			go func() { // one a second
				defer close(fed)
				for ctx.Err() == nil {
					select {
					case ch <- src.next():
					case <-ctx.Done():
					}
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
				}
			}()
			var waits []time.Duration
			for b.Loop() {
				before := time.Now()
				w.InjectKey(tcell.KeyRune, 'r', tcell.ModNone)
				<-w.frames
				waits = append(waits, time.Since(before))
			}
			slices.Sort(waits)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(waits[len(waits)*99/100]), "p99-ms")
			b.ReportMetric(ms(waits[len(waits)-1]), "worst-ms")
			cancel()
			<-fed
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
