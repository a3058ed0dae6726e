package term

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// nasty is text that does harm where it is interpreted: tview tags, terminal
// control sequences, line breaks, text that turns round, wide and combining
// characters, broken UTF-8.
var nasty = []string{
	`[red]red[-] [::b]bold[::-] ["region"]region[""] [#ff0000:blue:u]x[`,
	"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m",
	"two\nlines\r\tand a tab\v\f\b",
	"right\u202eleft \u2066isolate\u2069 zero\u200bwidth \ufeff",
	"e" + strings.Repeat("\u0301", 300) + " smear",
	"\u0301starts with a mark",
	"日本語の長い名前がここに続きます、とても長い名前です",
	"broken \xff\xfe\xc3( UTF-8 \u0085 \u009b31m",
	"👩‍👩‍👧‍👦 family ❤️ 🇩🇪",
	"",
	strings.Repeat("long ", 4000),
}

// hostile is a host where everything that has a name has a nasty one.
func hostile() *traffic.Snapshot {
	s := typical(100)
	s.Host = nasty[0] + nasty[1]
	s.Apps, s.LANHosts, s.Interfaces, s.Monitors, s.RemoteHosts, s.Pipes, s.Rules, s.Alerts = nil, nil, nil, nil, nil, nil, nil, nil
	s.Series = nil
	for i, name := range nasty {
		u := usage(float64(1000-i), 1, uint64(100_000-i), 1)
		c := traffic.Command{Command: name, User: name, Container: name, Unit: name, PIDs: []int{i + 1, 100 + i}, Usage: u, Connections: 1,
			Flows: []traffic.FlowRow{{Proto: name, Scope: name, Usage: u, ID: uint64(i), PID: 7, Remote: addrPort("198.19.7.1:80")}}}
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: u, Commands: []traffic.Command{c}, Recent: wave(50, i)})
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Name: name, Usage: u, Flows: c.Flows})
		s.RemoteHosts = append(s.RemoteHosts, traffic.RemoteHost{Name: name, Usage: u})
		s.Pipes = append(s.Pipes, traffic.PipeRow{Name: name, Usage: u})
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: name, Usage: u, Balanced: true, SpeedBits: uint64(i) * 1e6})
		s.Monitors = append(s.Monitors, traffic.MonitorStatus{Name: name, Kind: name, State: traffic.StateFailed, Detail: name})
		for _, kind := range []string{traffic.SeriesDisk, traffic.SeriesProbe, traffic.SeriesMount, name} {
			metrics := traffic.Metrics{{Name: name, Value: math.Inf(1 - i%3)}, {Name: "used_percent", Value: math.NaN()}, {Name: "up", Value: float64(i % 2)},
				{Name: name + "_ms", Value: -1e300}, {Name: "utilization_percent", Value: 1e12}, {Name: "read_bytes", Value: 1e300}, {Name: "reads_per_s", Value: 1e30}}
			s.Series = append(s.Series, traffic.Series{Kind: kind, Name: name, Detail: name, Metrics: metrics})
		}
		s.Apps[i].Resources = traffic.Resources{DiskReadRate: math.Inf(1), CPUPercent: math.NaN(), MemoryBytes: math.MaxUint64}
		s.Rules = append(s.Rules, traffic.Rule{Name: name, Kind: "app", Match: ".*", Text: name}, traffic.Rule{Name: name, Kind: name, Match: name, Text: name})
		s.Alerts = append(s.Alerts, traffic.Alert{Rule: name, Kind: "app", Subject: name, State: alertFiring, App: name, Command: name,
			User: name, Container: name, Unit: name, Direction: name, Condition: name},
			traffic.Alert{Rule: name, Kind: "subject", Subject: "disk:" + name, Metric: name + "_ms", State: alertFiring, Value: math.Inf(-1)})
	}
	return s
}

// hostileStage is a surface that everybody it asks answers with nasty text.
func hostileStage(t *testing.T, w, h int) *stage {
	s := newStage(t, w, h)
	evil := strings.Join(nasty[:9], " ")
	s.ui.opts.Attached = evil
	s.ui.opts.Refused = map[string]string{"copy": evil}
	s.ui.opts.History = func(context.Context, traffic.Query) (*traffic.Report, error) { return nil, errors.New(evil) }
	s.ui.opts.Signal = func(int, string, syscall.Signal) error { return errors.New(evil) }
	s.ui.machine = true
	s.ui.opts.Switch = func(context.Context, string, string) error { return errors.New(evil) }
	var list []traffic.Thing
	for _, name := range nasty {
		list = append(list, traffic.Thing{ID: "disk:off " + name, Kind: traffic.SeriesDisk, Name: "off " + name, Detail: name},
			traffic.Thing{ID: name, Kind: name, Name: name, Detail: name})
	}
	s.ui.keepThings(list, nil)
	s.ui.names = newNames()
	s.ui.names.keep(netip.MustParseAddr("198.19.7.1"), evil, true)
	s.take(hostile())
	return s
}

// TestHostileTextHarmsNoFrame walks through every page with nasty names, with
// the details and without, and looks at every cell of every frame.
func TestHostileTextHarmsNoFrame(t *testing.T) {
	for _, size := range sizes {
		for _, details := range []detailsWish{detailsOn, detailsOff} {
			t.Run(size.name+"-"+detailsNames[details], func(t *testing.T) {
				s := hostileStage(t, size.w, size.h)
				s.ui.details = details
				look := func(where string) {
					t.Helper()
					s.frame()
					checkCells(t, s.screen, where)
				}
				for view := range s.ui.views {
					s.ui.switchTo(view)
					look("view " + s.ui.views[view].title)
					for row := range nasty {
						if size.w > 80 && row != view%len(nasty) { // one of them has to do
							continue
						}
						s.press("<Home>")
						for range row {
							s.press("<Down>")
						}
						look("row")
						for _, where := range []string{"opened", "opened twice"} {
							before := s.ui.page()
							s.press("<Enter>")
							look(where)
							if s.ui.page() == before {
								break
							}
						}
						s.press("<Esc>", "<Esc>")
						s.ui.switchTo(view)
					}
				}
				for by := range groupings {
					s.ui.regroup(grouping(by))
					look("grouped")
				}
			})
		}
	}
}

// TestHostileTextInPrompts: in what is typed, offered, asked and answered.
func TestHostileTextInPrompts(t *testing.T) {
	for _, size := range sizes[:2] {
		s := hostileStage(t, size.w, size.h)
		look := func(where string) {
			t.Helper()
			s.frame()
			checkCells(t, s.screen, where)
		}
		s.press("?")
		look("help")
		s.press("?")
		for _, text := range nasty {
			for _, prompt := range []string{"/", ":", ":filter user:", ":sort ", ":start ", "0/series:"} {
				s.press(prompt)
				s.handle(tcell.NewEventPaste(true))
				for _, r := range text {
					s.handle(tcell.NewEventKey(tcell.KeyRune, r, tcell.ModNone))
				}
				s.handle(tcell.NewEventPaste(false))
				look("typed")
				s.press("<Left>", "<Left>", "<BS>", "<Tab>", "<Enter>")
				look("entered")
				s.press("<Esc>", "<Esc>")
			}
		}
		for _, field := range []string{"app", "user", "container", "unit", "host", "command", "rule"} {
			s.press("2/", field+":")
			look("offered " + field)
			for range nasty {
				s.press("<Tab>")
				look("offered " + field)
			}
			s.press("<Esc>")
		}
		for _, view := range []string{"1", "2", "3"} {
			for row := range nasty {
				s.press(view, "<Home>")
				for range row {
					s.press("<Down>")
				}
				for _, k := range []string{"k", "1", "s", "2", "y"} {
					s.press(k)
					look("signal " + k)
				}
				s.settle()
				look("answered")
				s.press("<Esc>", "y")
				look("refused")
				s.press("<Esc>", "<Esc>", "<Esc>")
			}
		}
	}
}

// settle lets all errands come to their end.
func (s *stage) settle() {
	done := make(chan struct{})
	go func() {
		s.ui.errands.wg.Wait()
		close(done)
	}()
	for {
		select {
		case apply := <-s.ui.errands.done:
			apply(s.ui)
		case <-done:
			return
		}
	}
}

// checkCells fails for what must not be in any cell: control characters,
// invisible formatting, a character with more marks than a script needs.
func checkCells(t *testing.T, screen tcell.SimulationScreen, where string) {
	t.Helper()
	cells, w, _ := screen.GetContents()
	for i, c := range cells {
		if len(string(c.Runes)) > maxCluster {
			t.Fatalf("%s: cell %d,%d holds %d bytes: %q", where, i%w, i/w, len(string(c.Runes)), string(c.Runes[:8]))
		}
		for _, r := range c.Runes {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("%s: cell %d,%d holds %U", where, i%w, i/w, r)
			}
		}
	}
}

// TestTagsAreText: what tview would take for a tag is on the screen as it is.
func TestTagsAreText(t *testing.T) {
	const name = `[red]x[-] ["r"]y[""]`
	s := newStage(t, 120, 40)
	snap := typical(10)
	snap.Host = "host[blue]"
	snap.Apps = []traffic.App{{Name: name, Usage: usage(1, 1, 1, 1), Commands: []traffic.Command{{Command: name + "cmd", Connections: 1}}}}
	snap.Interfaces[0].Name = "if[green]"
	snap.Monitors[0].Name = "mon[::b]"
	s.take(snap)
	for _, want := range []string{"host[blue]", "if[green]", "mon[::b] running", "›" + name} {
		if got := s.frame(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	s.press("<Enter>", "<Enter>")
	if got, want := s.frame(), "Apps › "+name+" › "+name+"cmd"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	s.press("/", "[red]")
	if got, want := s.frame(), " filter: [red]"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// TestColumnsStayAligned: whatever is in the name column, the figures beside
// it end in the same column.
func TestColumnsStayAligned(t *testing.T) {
	s := newStage(t, 80, 30)
	snap := hostile()
	snap.Monitors, snap.Alerts = nil, nil
	s.ui.details = detailsOff
	s.take(snap)
	s.frame()
	cells, w, _ := s.screen.GetContents()
	l := s.ui.page().base()
	for row := range nasty {
		y := s.ui.body.y + row
		x := 1 + l.slots[1].x + l.slots[1].w - 3 // the unit of RX/s
		var got string
		for i := range 3 {
			got += string(cells[y*w+x+i].Runes)
		}
		if got != "B/s" {
			t.Errorf("row %d: %q where the unit should be\n%s", row, got, screenText(s.screen))
		}
	}
}
