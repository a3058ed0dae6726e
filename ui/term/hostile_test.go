package term

import (
	"strings"
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
	s.Apps, s.LANHosts, s.Interfaces, s.Monitors = nil, nil, nil, nil
	for i, name := range nasty {
		u := usage(float64(1000-i), 1, uint64(100_000-i), 1)
		c := traffic.Command{Command: name, User: name, Container: name, Unit: name, PIDs: []int{i + 1}, Usage: u, Connections: 1,
			Flows: []traffic.FlowRow{{Proto: name, Scope: name, Usage: u, ID: uint64(i)}}}
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: u, Commands: []traffic.Command{c}, Recent: wave(50, i)})
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Name: name, Usage: u, Flows: c.Flows})
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: name, Usage: u, Balanced: true})
		s.Monitors = append(s.Monitors, traffic.MonitorStatus{Name: name, State: traffic.StateFailed, Detail: name})
	}
	return s
}

// TestHostileTextHarmsNoFrame walks through every page with nasty names and
// looks at every cell of every frame.
func TestHostileTextHarmsNoFrame(t *testing.T) {
	for _, size := range sizes {
		t.Run(size.name, func(t *testing.T) {
			s := newStage(t, size.w, size.h)
			snap := hostile()
			s.take(snap)
			look := func(where string) {
				t.Helper()
				s.frame()
				checkCells(t, s.screen, where)
			}
			for view := range s.ui.views {
				s.ui.switchTo(view)
				look("view " + s.ui.views[view].title)
				for row := range nasty {
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
				}
			}
			s.ui.switchTo(0)
			s.press("?")
			look("help")
			s.press("?")
			for _, text := range nasty {
				s.press("/")
				s.handle(tcell.NewEventPaste(true))
				for _, r := range text {
					s.handle(tcell.NewEventKey(tcell.KeyRune, r, tcell.ModNone))
				}
				s.handle(tcell.NewEventPaste(false))
				look("filter typed")
				s.press("<Enter>")
				look("filter kept")
				s.press("<Esc>")
			}
		})
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
	snap.Monitors = nil
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
