package term

import (
	"strings"
	"testing"
)

// flat is a frame with single blanks for all others, line breaks included.
func flat(frame string) string { return strings.Join(strings.Fields(frame), " ") }

// beside is the frame, or what is at the right of the table where something is.
func (s *stage) beside() string {
	frame := s.frame()
	if s.ui.pane.x == 0 {
		return frame
	}
	var b strings.Builder
	for line := range strings.Lines(frame) {
		if _, right, ok := strings.Cut(line, "│"); ok {
			b.WriteString(right)
		}
	}
	return b.String()
}

// TestCutTextIsShownWhole: a monitor's condition and a command line are read
// to their end on the smallest terminal.
func TestCutTextIsShownWhole(t *testing.T) {
	for _, size := range sizes {
		s := newStage(t, size.w, size.h)
		snap := failing()
		s.take(snap).press("9")
		if got, want := flat(s.frame()), flat(snap.Monitors[0].Detail); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", size.name, want, s.frame())
		}
		s.press("<Down>")
		if got := s.frame(); strings.Contains(got, cursor+"conntrack accounting") {
			t.Errorf("%s: the note of another row stays:\n%s", size.name, got)
		}
		s = newStage(t, size.w, size.h)
		s.take(typical(100)).press("<Enter>")
		if got, want := strings.ReplaceAll(flat(s.beside()), " ", ""), strings.ReplaceAll(curlCommands(1)[0].Command, " ", ""); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", size.name, want, s.frame())
		}
	}
}

// TestNoteKeepsItsHeight: a text that changes with every tick does not move
// the rows above, and one without end leaves them half of the room.
func TestNoteKeepsItsHeight(t *testing.T) {
	s := newStage(t, 60, 15)
	rows := func(detail string) int {
		snap := failing()
		snap.Monitors[0].Detail = detail
		s.take(snap).frame()
		return s.ui.body.h
	}
	s.press("9")
	if long, short := rows(strings.Repeat("word ", 30)), rows(strings.Repeat("word ", 15)); long != short {
		t.Errorf("the table has %d rows, and then %d", long, short)
	}
	rows(strings.Repeat("word ", 1000))
	if got := s.frame(); !strings.Contains(got, "\n machine ") || !strings.Contains(got, "word …\n") {
		t.Errorf("a text without end:\n%s", got)
	}
	s.press("<Down>")
	if got := rows("short"); got != 8 {
		t.Errorf("%d rows with nothing to be written out, want 8", got)
	}
}

// TestNoteStaysWhenItsTextFits: a text that fits its column for one tick, or
// is gone for one, does not move the rows above either; another row's does.
func TestNoteStaysWhenItsTextFits(t *testing.T) {
	s := newStage(t, 60, 15)
	take := func(detail string) string {
		snap := failing()
		snap.Monitors[0].Detail = detail
		return s.take(snap).frame()
	}
	s.press("9")
	take("fits")
	without := s.ui.body.h
	long := strings.Repeat("word ", 30)
	take(long)
	with := s.ui.body.h
	if with >= without {
		t.Fatalf("the table has %d rows beside a note and %d without", with, without)
	}
	if frame := take("fits"); s.ui.body.h != with || !strings.Contains(frame, "\n"+cursor+"fits\n") {
		t.Errorf("the table has %d rows, want the %d of the tick before, and the text below:\n%s", s.ui.body.h, with, frame)
	}
	if frame := take(""); s.ui.body.h != with || strings.Contains(frame, "\n"+cursor+"\n") {
		t.Errorf("the table has %d rows, want the %d of the tick before, and no mark below:\n%s", s.ui.body.h, with, frame)
	}
	if take(long); s.ui.body.h != with {
		t.Errorf("the table has %d rows, want %d again", s.ui.body.h, with)
	}
	s.press("<Down>").frame()
	if s.ui.body.h != without {
		t.Errorf("the table has %d rows with another one selected, want %d", s.ui.body.h, without)
	}
}
