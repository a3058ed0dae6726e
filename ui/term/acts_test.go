package term

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

func TestExport(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("2/", "curl", "<Enter>", "e")
	s.has("asked", "export 3 rows as:", "c CSV", "j JSON")
	s.press("c")
	s.settle()
	s.has("done", "3 rows written to "+dir)
	files, err := filepath.Glob(filepath.Join(dir, "bwmon-commands-*.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\r\n")
	if want := "command,rx_rate,tx_rate,rx_bytes,tx_bytes,app,connections,pids,user,container,unit"; lines[0] != want {
		t.Errorf("header %s, want %s", lines[0], want)
	}
	if want := "curl --retry 5 https://api.example.net/v1/events,500000.0,20000.0,50000000,2000000,curl,1,981 990 1002,alice,3f1c9a77be01,docker.service"; len(lines) != 4 || lines[2] != want {
		t.Errorf("%d lines, one is\n%s\nwant\n%s", len(lines), lines[2], want)
	}
	s.press(":export json "+dir, "<Enter>")
	s.settle()
	if files, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(files) != 1 {
		t.Errorf("files %v", files)
	}
	s.press(":export json /nowhere/at/all", "<Enter>")
	s.settle()
	s.has("an error", "export to /nowhere/at/all")
	s.press(":export xml", "<Enter>")
	s.has("no such format", "want csv, json")
}

func TestCopy(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("2").frame()
	s.press("y")
	s.ui.frame(s.screen)
	want := curlCommands(1)[0].Command + "\t12400000.0\t220000.0\t1240000000\t22000000\tcurl\t2"
	if got := string(s.screen.GetClipboardData()); got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	s.has("said", "copied: curl -s")
	s.press("/", "nothing at all", "<Enter>", "y")
	s.has("nothing there", "no row is selected")
}

// sent is a signal that was sent.
type sent struct {
	pid     int
	command string
	sig     syscall.Signal
}

func TestSignal(t *testing.T) {
	s := newStage(t, 100, 29)
	var got []sent
	var fail error
	s.ui.opts.Signal = func(pid int, command string, sig syscall.Signal) error {
		got = append(got, sent{pid, command, sig})
		return fail
	}
	check := func(what string, want ...sent) {
		t.Helper()
		s.settle()
		if !slices.Equal(got, want) {
			t.Errorf("%s: sent %v, want %v", what, got, want)
		}
		got = nil
	}
	first, second := curlCommands(1)[0].Command, curlCommands(1)[1].Command
	s.take(typical(100)).press("2k")
	s.has("asked", "send TERM to 4711 curl -s", "y yes")
	s.press("n")
	check("no")
	s.press("k", "<Enter>")
	check("Enter is no answer")
	s.press("k", "<Esc>")
	check("Esc")
	s.press("k", "x")
	check("any other key")
	s.press("ky")
	check("yes", sent{4711, first, syscall.SIGTERM})
	s.has("said", "TERM sent to 4711 curl -s")
	s.press("ks")
	s.has("which", "1 TERM", "5 KILL")
	s.press("5")
	s.has("asked again", "send KILL to 4711")
	s.press("y")
	check("another one", sent{4711, first, syscall.SIGKILL})

	s.press("/", "retry", "<Enter>", "k")
	s.has("several", "send TERM to:", "1 981", "2 990", "3 1002", "a all 3")
	s.press("2")
	s.has("one of them", "send TERM to 990")
	s.press("y")
	check("one of them", sent{990, second, syscall.SIGTERM})
	s.press("ka")
	s.has("all", "send TERM to 3 processes?")
	fail = errors.New("no such process")
	s.press("y")
	check("all", sent{981, second, 15}, sent{990, second, 15}, sent{1002, second, 15})
	s.has("failed", "no such process")

	s.press(":signal usr1", "<Enter>", "1y")
	check("the command", sent{981, second, syscall.SIGUSR1})
	s.press(":signal nosuch", "<Enter>")
	s.has("no such signal", `no signal "nosuch"`)
	s.press("<Esc>", "<Esc>", "6k")
	s.has("an interface has none", "no process of this row is known")
	check("an interface has none")
}

// TestSignalStaysWithItsProcess: rows that move while the question stands do not
// change whom it is about.
func TestSignalStaysWithItsProcess(t *testing.T) {
	s := newStage(t, 100, 29)
	var got []int
	s.ui.opts.Signal = func(pid int, _ string, _ syscall.Signal) error {
		got = append(got, pid)
		return nil
	}
	s.take(typical(100)).press("2k")
	gone := typical(101)
	gone.Apps = gone.Apps[1:]
	s.take(gone).press("y")
	s.settle()
	if !slices.Equal(got, []int{4711}) {
		t.Errorf("sent to %v, want 4711", got)
	}
}

func TestSignalIsOff(t *testing.T) {
	s := newStage(t, 100, 29)
	s.take(typical(100)).press("2k")
	s.has("said", "signal is off")
	s.ui.opts.Signal = func(int, string, syscall.Signal) error { panic("sent") }
	s.ui.opts.Refused = map[string]string{"signal": "attached to another machine"}
	s.press("k")
	s.has("said why", "signal is off: attached to another machine")
	s.press(":signal kill", "<Enter>")
	s.has("of the command, too", "signal is off: attached to another machine")
	s.press("<Esc>", "y")
	s.settle()
}

func TestSignalOfAConnection(t *testing.T) {
	s := newStage(t, 100, 29)
	s.ui.opts.Signal = func(int, string, syscall.Signal) error { return nil }
	s.take(typical(100)).press("3k")
	s.has("its process", "send TERM to 4711 curl -s")
	s.press("<Esc>", "1k")
	s.has("those of an app", "1 4711", "2 981", "a all 4")
}

func TestJumpFromAnAlert(t *testing.T) {
	for _, tt := range []struct {
		alert    traffic.Alert
		view     string
		selected string
	}{
		{traffic.Alert{Kind: "app", Subject: "Backup"}, "Apps", "Backup"},
		{traffic.Alert{Kind: "user", Subject: "alice"}, "Apps by user", "alice"},
		{traffic.Alert{Kind: "unit", Subject: "ssh.service"}, "Apps by unit", "ssh.service"},
		{traffic.Alert{Kind: "container", Subject: "3f1c9a77be01"}, "Apps by container", "3f1c9a77be01"},
		{traffic.Alert{Kind: "command", Subject: "/usr/bin/ssh", App: "ssh", User: "alice", Unit: "ssh.service"}, "Commands", "/usr/bin/ssh"},
		{traffic.Alert{Kind: "lan_host", Subject: "198.18.0.23"}, "LAN hosts", "198.18.0.23"},
		{traffic.Alert{Kind: "interface", Subject: "eth0"}, "Interfaces", "eth0"},
		{traffic.Alert{Kind: "pipe", Subject: "pipe-db"}, "Pipes", "pipe-db"},
		{traffic.Alert{Kind: "app", Subject: "gone"}, "Apps", "curl"},
		{traffic.Alert{Kind: "weather", Subject: "rain"}, "Alerts", "r"},
	} {
		s := newStage(t, 100, 29)
		snap := typical(100)
		tt.alert.Rule, tt.alert.State = "r", alertFiring
		snap.Alerts = []traffic.Alert{tt.alert}
		s.take(snap)
		for range s.ui.views { // a filter in the way
			s.press("<Tab>", ":filter zzz", "<Enter>")
		}
		s.press("8", "<Esc>", "<Enter>")
		l := s.ui.page().base()
		if got := s.ui.page().cell(l.sel, 0, unitsIEC, 100); l.crumb != tt.view || got != tt.selected {
			t.Errorf("%s %s: on %s with %s selected, want %s with %s", tt.alert.Kind, tt.alert.Subject, l.crumb, got, tt.view, tt.selected)
		}
		if tt.selected == "curl" || tt.selected == "r" {
			s.has("not there", "this alert is about")
		}
	}
}

// TestWheelAndClicksInAQuestion: the mouse leads out of a question without
// answering it.
func TestWheelAndClicksInAQuestion(t *testing.T) {
	s := newStage(t, 100, 29)
	s.ui.opts.Signal = func(int, string, syscall.Signal) error { panic("sent") }
	s.take(typical(100)).press("2k").frame()
	s.handle(tcell.NewEventMouse(5, s.ui.body.y+2, tcell.ButtonPrimary, tcell.ModNone))
	s.handle(tcell.NewEventMouse(5, s.ui.body.y+2, tcell.ButtonNone, tcell.ModNone))
	s.press("y")
	s.settle()
}
