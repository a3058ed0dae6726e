package term

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// stage is a surface on a simulated screen, without its event loop.
type stage struct {
	t      *testing.T
	ui     *UI
	screen tcell.SimulationScreen
	flows  []bool // what WantFlows was told
}

func newStage(t *testing.T, w, h int) *stage {
	t.Helper()
	t.Setenv("NO_COLOR", "")
	s := &stage{t: t, screen: tcell.NewSimulationScreen("UTF-8")}
	s.ui = mustNew(t, Options{Location: time.UTC, Version: "1.0", WantFlows: func(on bool) { s.flows = append(s.flows, on) }})
	if err := s.screen.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.screen.Fini)
	t.Cleanup(s.settle)
	s.resize(w, h)
	return s
}

func mustNew(t testing.TB, opts Options) *UI {
	t.Helper()
	u, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// resize sets the size of the screen and drops the event that says so.
func (s *stage) resize(w, h int) {
	s.screen.SetSize(w, h)
	s.screen.Show()
	for s.screen.HasPendingEvent() {
		s.screen.PollEvent()
	}
}

func (s *stage) take(snap *traffic.Snapshot) *stage {
	s.ui.take(snap)
	return s
}

// press presses keys: names in angle brackets, or the runes themselves.
func (s *stage) press(keys ...string) *stage {
	s.t.Helper()
	for _, k := range keys {
		if ev := named[k]; ev != 0 {
			s.handle(tcell.NewEventKey(ev, 0, tcell.ModNone))
			continue
		}
		for _, r := range k {
			s.handle(tcell.NewEventKey(tcell.KeyRune, r, tcell.ModNone))
		}
	}
	return s
}

var named = map[string]tcell.Key{
	"<Enter>": tcell.KeyEnter, "<Esc>": tcell.KeyEscape, "<Tab>": tcell.KeyTab, "<BackTab>": tcell.KeyBacktab,
	"<Up>": tcell.KeyUp, "<Down>": tcell.KeyDown, "<Left>": tcell.KeyLeft, "<Right>": tcell.KeyRight,
	"<PgUp>": tcell.KeyPgUp, "<PgDn>": tcell.KeyPgDn, "<Home>": tcell.KeyHome, "<End>": tcell.KeyEnd,
	"<BS>": tcell.KeyBackspace2, "<C-c>": tcell.KeyCtrlC, "<C-u>": tcell.KeyCtrlU, "<C-k>": tcell.KeyCtrlK, "<C-w>": tcell.KeyCtrlW,
}

func (s *stage) handle(ev tcell.Event) {
	s.t.Helper()
	if err := s.ui.handle(ev); err != nil {
		s.t.Fatal(err)
	}
}

// frame draws and returns what is on the screen, without blanks at the ends
// of lines.
func (s *stage) frame() string {
	s.ui.frame(s.screen)
	return screenText(s.screen)
}

func screenText(screen tcell.SimulationScreen) string {
	cells, w, h := screen.GetContents()
	var b strings.Builder
	for y := range h {
		var line strings.Builder
		for x := 0; x < w; x++ {
			cell := cells[y*w+x]
			line.WriteString(string(cell.Runes))
			if width(string(cell.Runes)) == 2 {
				x++
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

var sizes = []struct {
	name string
	w, h int
}{{"60x15", 60, 15}, {"80x24", 80, 24}, {"120x40", 120, 40}, {"200x50", 200, 50}}

func TestGoldenFrames(t *testing.T) {
	for _, tt := range []struct {
		name string
		act  func(s *stage)
	}{
		{"waiting", func(*stage) {}},
		{"apps", func(s *stage) { s.watch(90, 300) }},
		{"apps-bits", func(s *stage) { s.watch(90, 300).press("uu") }},
		{"apps-rates", func(s *stage) { s.watch(90, 300).press("ut") }},
		{"apps-minute", func(s *stage) { s.watch(90, 300).press("wwz").take(typical(301)) }},
		{"by-user", func(s *stage) { s.watch(90, 300).press("gu") }},
		{"app-commands", func(s *stage) { s.watch(90, 300).press("<Enter>") }},
		{"app-flows", func(s *stage) { s.watch(90, 300).press("<Enter>", "<Enter>") }},
		{"commands", func(s *stage) { s.watch(90, 300).press("2") }},
		{"connections", func(s *stage) { s.watch(90, 300).press("3") }},
		{"remotes", func(s *stage) { s.watch(90, 300).press("4") }},
		{"lan-hosts", func(s *stage) { s.watch(90, 300).press("5") }},
		{"lan-flows", func(s *stage) { s.watch(90, 300).press("5", "<Enter>") }},
		{"interfaces", func(s *stage) { s.watch(90, 300).press("6") }},
		{"pipes", func(s *stage) { s.watch(90, 300).press("7") }},
		{"alerts", func(s *stage) { s.watch(90, 300).take(alarming(301)).press("8") }},
		{"monitors", func(s *stage) { s.take(failing()).press("9") }},
		{"apps-machine", func(s *stage) { s.work(90, 300).press("m") }},
		{"commands-machine", func(s *stage) { s.work(90, 300).press("2", "/", "cpu>1", "<Enter>") }},
		{"app-uses", func(s *stage) { s.work(90, 300).press("d", "m", "<Down>") }},
		{"disks", func(s *stage) { s.work(90, 300).things().press("0", "<Down>") }},
		{"disk-figures", func(s *stage) { s.work(90, 300).press("0", "<Enter>") }},
		{"disk-columns", func(s *stage) {
			s.work(90, 300).press("0", ":columns +flushes_per_s +read_bytes -queue_size", "<Enter>")
		}},
		{"machine", func(s *stage) { s.work(90, 300).things().press("M") }},
		{"machine-figures", func(s *stage) { s.work(90, 300).press("M", "<Enter>") }},
		{"machine-alerts", func(s *stage) { s.work(90, 300).press("8") }},
		{"help", func(s *stage) { s.take(typical(300)).press("?") }},
		{"choice", func(s *stage) { s.watch(90, 300).press("g") }},
		{"command-typing", func(s *stage) { s.watch(90, 300).press(":", "s") }},
		{"command-wrong", func(s *stage) { s.watch(90, 300).press(":", "sort nme", "<Enter>") }},
		{"filter-empty", func(s *stage) { s.watch(90, 300).press("/") }},
		{"filter-wrong", func(s *stage) { s.watch(90, 300).press("/", "curl rx>5parsec") }},
		{"filter-offers", func(s *stage) { s.watch(90, 300).press("2/", "unit:", "<Tab>") }},
		{"lost", func(s *stage) {
			s.watch(90, 300)
			s.ui.opts.Attached = "gw via /run/bwmon.sock"
			s.ui.clock = func() time.Time { return start.Add(12 * time.Second) }
			s.ui.link = Link{Lost: true, At: start, Detail: "connect: no such file or directory"}
		}},
		{"filter-typing", func(s *stage) { s.take(typical(300)).press("/", "s") }},
		{"filter-kept", func(s *stage) { s.take(typical(300)).press("/", "s", "<Enter>") }},
		{"filter-nothing", func(s *stage) { s.take(typical(300)).press("/", "zzz", "<Enter>") }},
		{"failed", func(s *stage) { s.take(failing()) }},
		{"paused", func(s *stage) { s.take(typical(300)).press("p").take(typical(301)) }},
		{"many", func(s *stage) { s.take(many(500, 0)).press("<End>", "<PgUp>") }},
		{"engine-gone", func(s *stage) { s.take(typical(300)).ui.receive(nil, nil, false) }},
	} {
		for _, size := range sizes {
			if size.w == 200 && !slices.Contains([]string{"apps", "app-flows", "alerts", "help", "failed", "apps-machine", "disks", "machine"}, tt.name) {
				continue // most has been seen
			}
			t.Run(tt.name+"-"+size.name, func(t *testing.T) {
				s := newStage(t, size.w, size.h)
				s.frame()
				tt.act(s)
				golden(t, tt.name+"-"+size.name, s.frame())
			})
		}
	}
}
