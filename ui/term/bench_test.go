package term

import (
	"fmt"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
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

// BenchmarkTick is what one new snapshot costs: taking it, filtering, sorting
// and the frame. The simulated screen stands for the terminal.
func BenchmarkTick(b *testing.B) {
	for _, rows := range []int{200, 10_000} {
		for _, filter := range []string{"", "app 7"} {
			b.Run(fmt.Sprintf("rows=%d/filter=%t", rows, filter != ""), func(b *testing.B) {
				ui, screen := stageFor(b, 200, 50)
				a, z := many(rows, 0), many(rows, 1)
				ui.take(a)
				ui.refilter(filter)
				b.ReportAllocs()
				for b.Loop() {
					a, z = z, a
					ui.take(a)
					ui.frame(screen)
				}
			})
		}
	}
}

// BenchmarkArrange is the filter and the sort alone, by a figure, by name, and
// by a figure that is the same everywhere.
func BenchmarkArrange(b *testing.B) {
	for _, col := range []int{0, 1, 5, 7} {
		b.Run(fmt.Sprintf("rows=10000/col=%d", col), func(b *testing.B) {
			ui, _ := stageFor(b, 200, 50)
			ui.take(many(10_000, 0))
			ui.page().base().sorting.col = col
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
