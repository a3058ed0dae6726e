package term

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// TestEndOfAPasteIsLost: keys that come later are keys again, and Ctrl-C always is.
func TestEndOfAPasteIsLost(t *testing.T) {
	s := newStage(t, 80, 24).take(typical(300))
	s.handle(tcell.NewEventPaste(true))
	s.press("<C-c>")
	if !s.ui.quit {
		t.Error("Ctrl-C does not quit within a paste")
	}
	s = newStage(t, 80, 24).take(typical(300))
	s.handle(tcell.NewEventPaste(true))
	s.ui.prompt.pastedAt = time.Now().Add(-2 * pasteGap)
	s.press("q")
	if !s.ui.quit {
		t.Error("keys stay text after the end of a paste was lost")
	}
}

// TestNobodyAnswersWhatCannotBeRead: on a screen on which nothing is drawn no key sends a
// signal; and on the smallest the question names the process.
func TestNobodyAnswersWhatCannotBeRead(t *testing.T) {
	s := newStage(t, 60, 15).take(typical(300))
	s.ui.opts.Signal = func(int, string, syscall.Signal) error {
		t.Error("a signal was sent")
		return nil
	}
	s.press("2")
	s.frame()
	s.press("/", "images", "<Enter>", "k")
	if got := s.frame(); !strings.Contains(got, "send TERM to 4711") {
		t.Errorf("the question does not name the process:\n%s", got)
	}
	s.resize(50, 10)
	s.frame()
	s.press("y", "k", "y")
	s.resize(60, 15)
	s.frame()
	s.press("y") // copies, as the question is gone
}
