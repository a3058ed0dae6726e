package term

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// has fails the test where the frame has not all of the words.
func (s *stage) has(what string, words ...string) {
	s.t.Helper()
	frame := s.frame()
	for _, w := range words {
		if !strings.Contains(frame, w) {
			s.t.Errorf("%s: no %q in\n%s", what, w, frame)
		}
	}
}

// lacks fails the test where the frame has one of the words.
func (s *stage) lacks(what string, words ...string) {
	s.t.Helper()
	frame := s.frame()
	for _, w := range words {
		if strings.Contains(frame, w) {
			s.t.Errorf("%s: %q in\n%s", what, w, frame)
		}
	}
}

// later is a snapshot with other rates, so many seconds after the start.
func later(seconds int, rates map[string]float64) *traffic.Snapshot {
	s := apps(rates)
	s.Elapsed = float64(seconds)
	s.At = start.Add(time.Duration(seconds) * time.Second)
	return s
}

func TestWindowOfTheTable(t *testing.T) {
	s := newStage(t, 80, 24)
	for i := range 30 {
		rates := map[string]float64{"steady": 1000, "burst": 0}
		if i == 29 {
			rates["burst"] = 5000
		}
		s.take(later(i, rates))
	}
	s.want("the last second", "burst", "›steady")
	s.press("w")
	s.has("10 s", "mean of 10 s", "500   B/s")
	s.want("over 10 s", "›steady", "burst")
	s.press("/", "rx>600B/s")
	s.want("the filter sees what is shown", "›steady")
	s.press("<Esc>", "w")
	s.has("a minute, of which 29 s are known", "mean of 1 min", "172   B/s")
	s.press("w")
	s.lacks("the last second again", "mean of")
}

func TestTotalsSinceZero(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("z").take(typical(101))
	s.has("zeroed", "since 03:01:40", "14.8 KiB") // serve.py, one second
	s.press(":sort rx_bytes desc", "<Enter>")
	if got := s.names()[0]; got != "›curl" {
		t.Errorf("most since then is %s, want curl", got)
	}
	s.press("z")
	s.lacks("since the start", "since 03:")
}

func TestAmounts(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("t")
	s.has("rates", "RX/s", "TX/s")
	s.lacks("rates", " RX ", " TX ")
	s.press("t")
	s.has("totals", " RX ", " TX ", "by RX/s")
	s.lacks("totals", " TX/s")
	s.press("t")
	s.has("both", "RX/s", " RX ")
}

func TestHideIdle(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"a": 1, "b": 0, "c": 2})).press("i")
	s.want("without b", "›c", "a")
	s.has("said", "idle hidden", "2 of 3")
	s.press("5")
	s.has("in all views", "idle hidden")
	s.press("1i")
	s.want("with b", "›c", "a", "b")
}

func TestFreeze(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"a": 3, "b": 2, "c": 1})).press("f")
	s.has("said", "FROZEN")
	s.take(apps(map[string]float64{"a": 1, "b": 2, "c": 3, "x": 9, "y": 10}))
	s.want("held, new ones at the end", "›a", "b", "c", "y", "x")
	s.take(apps(map[string]float64{"a": 1, "c": 3, "x": 10, "y": 9}))
	s.want("new ones keep their places, too", "›a", "c", "y", "x")
	s.take(apps(map[string]float64{"a": 1, "b": 2, "c": 3, "x": 9, "y": 10}))
	s.want("one that comes back is where it was", "›a", "b", "c", "y", "x")
	s.press("/", "x")
	s.want("filtered", "›x")
	s.press("<Esc>")
	s.want("and back", "a", "b", "c", "y", "›x")
	s.press("r")
	s.want("another order is frozen as it is then", "a", "b", "c", "›x", "y")
	s.take(apps(map[string]float64{"a": 8, "b": 2, "c": 3, "x": 9, "y": 10}))
	s.want("and held", "a", "b", "c", "›x", "y")
	s.press("f")
	s.want("let go", "b", "c", "a", "›x", "y")
	s.lacks("let go", "FROZEN")
}

func TestFreezeInEveryView(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("f")
	for _, v := range s.ui.views {
		s.press(":view "+v.name, "<Enter>")
		before := s.names()
		s.take(typical(104))
		if diff := cmp.Diff(before, s.names()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.name, diff)
		}
	}
}

func TestGrouping(t *testing.T) {
	s := newStage(t, 120, 29)
	s.take(typical(100)).press("gu")
	s.want("users", "›root", "alice", "(no user known)")
	s.has("users", "Apps by user", "USER")
	snap := s.ui.shown
	var sum traffic.Usage
	for _, a := range snap.Apps {
		for _, c := range a.Commands {
			if c.User == "alice" {
				sum = plus(sum, c.Usage)
			}
		}
	}
	if got := *s.ui.page().usage(1); got != sum {
		t.Errorf("alice has %+v, want %+v", got, sum)
	}
	s.press("<Down>", "<Enter>")
	if got := s.names(); len(got) != 7 || !slices.Contains(got, "/usr/bin/ssh") {
		t.Errorf("alice's commands are %v", got)
	}
	s.has("the app of each", "APP", "Apps by user › alice")
	s.press("<Enter>")
	s.has("their connections", "Apps by user › alice › ")
	s.press("gc")
	s.has("commands", "Apps by command")
	s.press("gr")
	s.want("remote hosts", "›198.19.7.1", traffic.HostsFolded, "fd00:aa:bb:cc:dd:ee:ff:1")
	s.press("<Enter>")
	s.want("connections with it", "›198.19.7.1:80")
	s.press("go")
	s.want("containers", "›(no container)", "3f1c9a77be01")
	s.press("3", "ga")
	s.has("g is of the first view only", "Connections")
	s.press(":group app", "<Enter>")
	s.has("the command leads there", "APP  ")
}

func TestSortCommand(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(apps(map[string]float64{"a": 3, "b": 2, "ccc": 1}))
	for _, tt := range []struct{ command, want string }{
		{"sort rx asc", "ccc"}, {"sort rx desc", "a"}, {"sort conns", "ccc"}, {"sort CONNS asc", "a"},
		{"sort app desc", "ccc"}, {"sort connections desc", "ccc"},
	} {
		s.press(":"+tt.command, "<Enter>")
		if got := strings.TrimPrefix(s.names()[0], cursor); got != tt.want {
			t.Errorf("%s: first is %s, want %s", tt.command, got, tt.want)
		}
	}
	s.press(":sort appp", "<Enter>")
	s.has("an error", `no column "appp" (did you mean "app"?)`)
	s.press("<Esc>", "s")
	s.has("s opens the line", " :sort", "app", "rx_rate")
	s.press("<Tab>", " d", "<Tab>", "<Enter>")
	if got := strings.TrimPrefix(s.names()[0], cursor); got != "ccc" {
		t.Errorf("completed: first is %s, want ccc", got)
	}
}

func TestColumns(t *testing.T) {
	s := newStage(t, 120, 29)
	s.take(typical(100)).press("2")
	titles := func() []string {
		s.frame()
		var out []string
		l := s.ui.page().base()
		for _, slot := range l.slots {
			out = append(out, l.shapes[slot.col].title)
		}
		return out
	}
	usual := titles()
	for _, tt := range []struct {
		command string
		want    []string
	}{
		{"columns user tx_rate", []string{"COMMAND", "USER", "TX/s"}},
		{"columns +rx_rate", []string{"COMMAND", "USER", "TX/s", "RX/s"}},
		{"columns -user +unit", []string{"COMMAND", "TX/s", "RX/s", "UNIT"}},
		{"columns default", usual},
		{"columns -rx_rate", slices.DeleteFunc(slices.Clone(usual), func(s string) bool { return s == "RX/s" })},
	} {
		s.press(":"+tt.command, "<Enter>")
		got := titles()
		if len(tt.want) > 4 {
			got = got[:min(len(got), 5)]
			tt.want = tt.want[:5]
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.command, diff)
		}
	}
	s.press(":columns user +unit", "<Enter>")
	s.has("an error", "write + or - before each")
	s.press("<Esc>", ":columns user", "<Enter>", "1", "<Enter>")
	s.has("all tables of commands", "COMMAND", "USER")
	s.lacks("all tables of commands", "TX/s")
}

// TestChosenColumnsInNoRoom: whatever is chosen, the name is there.
func TestChosenColumnsInNoRoom(t *testing.T) {
	s := newStage(t, 60, 15)
	s.take(typical(100)).press("3", ":columns scope name local pid state proto app rx_rate", "<Enter>")
	s.has("the first column", "REMOTE", "SCOPE")
}

func TestUnitsCommand(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100))
	for _, tt := range []struct{ command, want string }{
		{"units si", " MB/s"}, {"units bits", " Mbit/s"}, {"units iec", " MiB/s"},
	} {
		s.press(":"+tt.command, "<Enter>")
		s.has(tt.command, tt.want)
	}
	s.press(":units furlong", "<Enter>")
	s.has("an error", "want iec, si, bits")
}

// TestSinceOfAnEngineAnew: when the engine begins anew so do totals, and no
// mark is shown.
func TestSinceOfAnEngineAnew(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("z").take(typical(101)).take(typical(2))
	s.lacks("anew", "since 03:")
}
