package term

import (
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

func TestMouse(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).frame()
	at := func(x, y int, b tcell.ButtonMask) {
		s.handle(tcell.NewEventMouse(x, y, b, tcell.ModNone))
		s.handle(tcell.NewEventMouse(x, y, tcell.ButtonNone, tcell.ModNone))
	}
	l := s.ui.page().base()
	find := func(text string) (int, int) {
		t.Helper()
		for y, line := range strings.Split(s.frame(), "\n") {
			if i := strings.Index(line, text); i >= 0 {
				return width(line[:i]), y
			}
		}
		t.Fatalf("no %q on screen", text)
		return 0, 0
	}
	x, y := find("TX/s")
	at(x, y, tcell.ButtonPrimary)
	if *l.sorting != (sorting{col: 2}) {
		t.Errorf("a click on TX/s sorts by %+v", *l.sorting)
	}
	at(x, y, tcell.ButtonPrimary)
	if *l.sorting != (sorting{col: 2, ascending: true}) {
		t.Errorf("a second click sorts by %+v", *l.sorting)
	}
	_, y = find("firefox")
	at(5, y, tcell.ButtonPrimary)
	if l.selected.app != "firefox" {
		t.Errorf("a click selected %q", l.selected.app)
	}
	at(5, y, tcell.WheelDown)
	if l.selected.app == "firefox" {
		t.Error("the wheel does not move")
	}
	x, y = find("Ifs")
	at(x, y, tcell.ButtonPrimary)
	if s.ui.current != 5 {
		t.Errorf("a click on a tab leads to view %d", s.ui.current)
	}
	s.press("1")
	_, y = find("curl")
	at(5, y, tcell.ButtonPrimary)
	at(5, y, tcell.ButtonPrimary)
	if got := s.ui.page().base().crumb; got != "curl" {
		t.Errorf("a double click leads to %q", got)
	}
	for y := range 30 { // anywhere, also beyond the screen
		at(70, y, tcell.ButtonPrimary)
		s.frame()
	}
}

// TestMouseHeldIsOneClick: motion with the button held is not a second click.
func TestMouseHeldIsOneClick(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).frame()
	for range 3 {
		s.handle(tcell.NewEventMouse(5, s.ui.body.y, tcell.ButtonPrimary, tcell.ModNone))
	}
	if got := s.ui.page().base().crumb; got != "Apps" {
		t.Errorf("holding the button led to %q", got)
	}
}
