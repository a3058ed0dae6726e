package term

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// apps makes a snapshot of apps with the rx rates given.
func apps(rates map[string]float64) *traffic.Snapshot {
	s := typical(10)
	s.Apps = nil
	for name, r := range rates {
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: usage(r, 0, uint64(r), 0), Connections: len(name)})
	}
	slices.SortFunc(s.Apps, func(a, b traffic.App) int { return strings.Compare(b.Name, a.Name) })
	return s
}

// names are the names on the page, in order; the selected one is marked.
func (s *stage) names() []string {
	var out []string
	p := s.ui.page()
	for at := range p.base().order {
		name := p.cell(at, 0, unitsIEC, 200)
		if at == p.base().sel {
			name = cursor + name
		}
		out = append(out, name)
	}
	return out
}

func (s *stage) want(what string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.names()); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSelectionFollowsItsDatum(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"a": 3, "b": 2, "c": 1}))
	s.want("at first", "›a", "b", "c")
	s.take(apps(map[string]float64{"a": 1, "b": 2, "c": 3}))
	s.want("never moved, and yet it stays with a", "c", "b", "›a")
	s.press("<Up>")
	s.take(apps(map[string]float64{"a": 1, "b": 9, "c": 3}))
	s.want("moved to b", "›b", "c", "a")
	s.press("r")
	s.want("order turned round", "a", "c", "›b")
	s.take(apps(map[string]float64{"a": 1, "c": 3}))
	s.want("b is gone: its place's neighbour", "a", "›c")
	s.press("/", "a")
	s.want("filtered away: what is left", "›a")
	s.press("<Esc>")
	s.want("filter cleared", "›a", "c")
	s.press("/", "x")
	s.want("nothing left")
	s.press("<Esc>")
	s.want("and back", "›a", "c")
}

func TestTiesAreByName(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"b": 1, "Z": 1, "a": 1, "c": 2}))
	s.want("largest first, then names", "›c", "a", "b", "Z")
	s.press("r")
	s.want("turned round, names still from A to Z", "a", "b", "Z", "›c")
}

func TestSortByEveryColumn(t *testing.T) {
	s := newStage(t, 200, 50)
	s.take(typical(100)).frame()
	for view := range s.ui.views {
		s.ui.switchTo(view)
		for range 3 {
			s.frame()
			l := s.ui.page().base()
			seen := map[int]bool{}
			for range l.slots {
				s.press(">")
				seen[l.sorting.col] = true
				p := s.ui.page()
				if want := p.text(l.sorting.col); l.sorting.ascending != want {
					t.Errorf("%s: by %s ascending is %v", l.crumb, l.shapes[l.sorting.col].title, l.sorting.ascending)
				}
				mark := l.shapes[l.sorting.col].title + "▲"
				if !l.sorting.ascending {
					mark = "▼" + l.shapes[l.sorting.col].title
					if l.shapes[l.sorting.col].left {
						mark = l.shapes[l.sorting.col].title + "▼"
					}
				}
				if got := s.frame(); !strings.Contains(got, mark) {
					t.Errorf("no %q in\n%s", mark, got)
				}
			}
			if len(seen) != len(l.slots) {
				t.Errorf("%s: > reached %d of %d columns", l.crumb, len(seen), len(l.slots))
			}
			before := l.sorting.col
			s.press("<Right>", "<Left>")
			if l.sorting.col != before {
				t.Errorf("%s: right and left do not undo each other", l.crumb)
			}
			s.press("<Enter>")
		}
	}
}

// TestHiddenSortIsSaid: when the column sorted by has no room, the bar says
// so, and the keys reach the columns on screen.
func TestHiddenSortIsSaid(t *testing.T) {
	s := newStage(t, 200, 50)
	s.take(typical(100)).frame()
	s.press("<Left>", "<Left>")
	s.resize(60, 15)
	if got := s.frame(); !strings.Contains(got, "by RECENT") {
		t.Errorf("nothing says what it is sorted by:\n%s", got)
	}
	s.press(">")
	if got := s.frame(); !strings.Contains(got, "APP▲") {
		t.Errorf("> does not lead back to the screen:\n%s", got)
	}
}

func TestFilter(t *testing.T) {
	s := newStage(t, 120, 30)
	s.take(typical(100)).press("<Enter>")
	for _, tt := range []struct {
		filter string
		want   []string
	}{
		{"events", []string{"curl --retry 5 https://api.example.net/v1/events"}},
		{"EVENTS Alice", []string{"curl --retry 5 https://api.example.net/v1/events"}}, // two columns, any case
		{"net curl retry", []string{"curl --retry 5 https://api.example.net/v1/events"}},
		{"docker.service", []string{"curl --retry 5 https://api.example.net/v1/events"}}, // a column without room
		{"alice root", nil},
		{"commands)", []string{traffic.CommandsFolded}},
	} {
		s.press("/", tt.filter)
		var got []string
		for _, n := range s.names() {
			got = append(got, strings.TrimPrefix(n, cursor))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.filter, diff)
		}
		if frame := s.frame(); !strings.Contains(frame, "filter: "+tt.filter) {
			t.Errorf("the filter is not on screen:\n%s", frame)
		}
		s.press("<Enter>")
		if frame := s.frame(); !strings.Contains(frame, "filter: "+tt.filter) {
			t.Errorf("the kept filter is not on screen:\n%s", frame)
		}
		s.press("<Esc>")
		if l := s.ui.page().base(); l.filter != "" || len(l.order) != 3 || l.crumb != "curl" {
			t.Fatalf("Esc left filter %q, %d rows, page %q", l.filter, len(l.order), l.crumb)
		}
	}
}

// TestFilterKeysAreText: while the filter is typed, q, p, ? and digits are
// letters; and a pasted line break presses nothing.
func TestFilterKeysAreText(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("/", "qp?1 [x]")
	s.handle(tcell.NewEventPaste(true))
	s.handle(tcell.NewEventKey(tcell.KeyRune, 'y', tcell.ModNone))
	s.handle(tcell.NewEventKey(tcell.KeyEnter, 0, tcell.ModNone))
	s.handle(tcell.NewEventKey(tcell.KeyRune, 'q', tcell.ModNone))
	s.handle(tcell.NewEventPaste(false))
	if s.ui.quit || s.ui.paused || s.ui.mode != modeFilter {
		t.Error("a key typed into the filter did something else")
	}
	if got, want := s.ui.page().base().filter, "qp?1 [x]y q"; got != want {
		t.Errorf("filter %q, want %q", got, want)
	}
	s.press("<Enter>")
	s.handle(tcell.NewEventPaste(true))
	s.handle(tcell.NewEventKey(tcell.KeyRune, 'q', tcell.ModNone))
	s.handle(tcell.NewEventPaste(false))
	if s.ui.quit {
		t.Error("pasted text pressed q")
	}
}

func TestDrillDownAndBack(t *testing.T) {
	s := newStage(t, 100, 29) // without details, which ask for connections themselves
	s.take(typical(100))
	s.press("<Enter>", "<Enter>")
	if diff := cmp.Diff([]bool{true}, s.flows); diff != "" {
		t.Errorf("WantFlows when connections came on screen (-want +got):\n%s", diff)
	}
	s.want("connections", "›198.19.7.1:80", "[fd00:aa:bb:cc:dd:ee:ff:1]:53", "127.0.0.1:8000", "(12 earlier)")
	s.press("<Enter>") // leads nowhere further
	s.press("<Tab>")
	if diff := cmp.Diff([]bool{true, false}, s.flows); diff != "" {
		t.Errorf("WantFlows after Tab (-want +got):\n%s", diff)
	}
	s.press("<BackTab>")
	if got := s.frame(); !strings.Contains(got, "Apps › curl › curl -s") {
		t.Errorf("Tab and back lost the way:\n%s", got)
	}
	s.press("<BS>", "<Esc>", "<Esc>")
	if diff := cmp.Diff([]bool{true, false, true, false}, s.flows); diff != "" {
		t.Errorf("WantFlows at the end (-want +got):\n%s", diff)
	}
	s.want("apps again", "›curl", "firefox", "serve.py", "Backup", "(unattributed)", "ssh", "日本語アプリ", "(kernel)", "systemd-timesyncd")
}

// TestConnectionsComeLater: the snapshot on screen has no connections yet when
// a command is opened, since nobody asked for them.
func TestConnectionsComeLater(t *testing.T) {
	s := newStage(t, 80, 24)
	before := typical(100).WithoutFlows()
	s.take(before).press("<Enter>", "<Enter>")
	if got, want := s.frame(), "with the next measurement…"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	s.take(typical(101))
	if got := len(s.names()); got != 4 {
		t.Errorf("%d connections, want 4", got)
	}
	gone := typical(102)
	gone.Apps = gone.Apps[1:]
	s.take(gone)
	if got, want := s.frame(), "no longer listed"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestPause(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"a": 1, "b": 2})).press("p")
	s.take(apps(map[string]float64{"a": 3, "b": 2}))
	s.want("held", "›b", "a")
	if got := s.frame(); !strings.Contains(got, "PAUSED") {
		t.Errorf("the pause is not visible:\n%s", got)
	}
	s.press("r")
	s.want("sorting works on what is held", "a", "›b")
	s.press("r", "p")
	s.want("going on with the newest", "a", "›b")
	if got := s.frame(); strings.Contains(got, "PAUSED") {
		t.Errorf("still paused:\n%s", got)
	}
}

// TestConnectionsWhilePaused: connections opened for the first time in a pause
// are not promised for a next measurement that is not coming.
func TestConnectionsWhilePaused(t *testing.T) {
	s := newStage(t, 80, 24)
	before := typical(100).WithoutFlows()
	s.take(before).press("p", "<Enter>", "<Enter>")
	s.take(typical(101))
	if got, want := s.frame(), "p goes on and shows them"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	s.press("p")
	if got := len(s.names()); got != 4 {
		t.Errorf("%d connections, want 4", got)
	}
}

// TestRouterWithoutTrafficOfItsOwn: an empty first view says where to look.
func TestRouterWithoutTrafficOfItsOwn(t *testing.T) {
	s := newStage(t, 60, 15)
	snap := typical(100)
	snap.Apps = nil
	s.take(snap)
	for _, want := range []string{"forwards for 3 LAN hosts", "view LAN hosts"} {
		if got := flat(s.frame()); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestWindow: untouched, the window stays at the top while rows move; once
// the user has moved, the selected row stays in sight.
func TestWindow(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(many(300, 0)).frame()
	for tick := range 10 {
		s.take(many(300, tick)).frame()
		if top := s.ui.page().base().top; top != 0 {
			t.Fatalf("tick %d: the window moved to row %d by itself", tick, top)
		}
	}
	s.press("<PgDn>", "<Down>")
	for tick := range 10 {
		if got := s.take(many(300, tick)).frame(); strings.Count(got, cursor) != 1 {
			t.Fatalf("tick %d: the selected row is not in sight:\n%s", tick, got)
		}
	}
	s.press("<End>")
	if got := s.frame(); !strings.Contains(got, "284–300 of 300") {
		t.Errorf("End does not show the end:\n%s", got)
	}
	s.press("<Home>")
	if l := s.ui.page().base(); l.sel != 0 || l.top != 0 {
		t.Errorf("Home leads to row %d, window %d", l.sel, l.top)
	}
	s.press("<End>")
	s.take(apps(map[string]float64{"a": 1}))
	if got := s.frame(); !strings.Contains(got, "›a") {
		t.Errorf("a list that shrank leaves the window beyond its end:\n%s", got)
	}
}

// TestEverySize: no size, however odd, breaks a frame.
func TestEverySize(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(hostile())
	for _, act := range []string{"", "<Enter>", "<Enter>", "?", "?", "/"} {
		s.press(act)
		for _, size := range [][2]int{{1, 1}, {1, 50}, {59, 15}, {60, 14}, {60, 15}, {61, 16}, {79, 19}, {133, 20}, {400, 120}, {80, 24}} {
			s.resize(size[0], size[1])
			s.frame()
			checkCells(t, s.screen, act)
		}
	}
	s.resize(40, 10)
	if got := s.frame(); !strings.Contains(got, "too small") {
		t.Errorf("nothing says that it is too small:\n%s", got)
	}
}

// TestNoColor: with NO_COLOR no cell of any frame has a colour, and the
// selection, the pause and the failure are still to be seen.
func TestNoColor(t *testing.T) {
	s := newStage(t, 100, 30)
	t.Setenv("NO_COLOR", "1")
	s.ui = mustNew(t, Options{Location: time.UTC})
	snap := typical(100)
	snap.Monitors[0] = failing().Monitors[0]
	s.take(snap).press("p")
	for _, want := range []string{"›curl", "PAUSED", "! conntrack failed"} {
		if got := s.frame(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	cells, w, _ := s.screen.GetContents()
	for i, c := range cells {
		if fg, bg, _ := c.Style.Decompose(); fg != tcell.ColorDefault || bg != tcell.ColorDefault {
			t.Fatalf("cell %d,%d has colours %v on %v", i%w, i/w, fg, bg)
		}
	}
}
