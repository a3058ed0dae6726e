package term

import (
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

// TestBindings: every key means one thing in its mode, and every key with a
// hint is in the help.
func TestBindings(t *testing.T) {
	taken := map[mode]map[stroke]bool{}
	for _, b := range newBindings(newViews(newKinds())) {
		if b.hint != "" && b.help == "" && b.mode != modeHelp {
			t.Errorf("%s (%s) has a hint and no help", b.label, b.hint)
		}
		for _, k := range b.keys {
			if taken[b.mode] == nil {
				taken[b.mode] = map[stroke]bool{}
			}
			if taken[b.mode][k] {
				t.Errorf("mode %d: %+v is bound twice", b.mode, k)
			}
			taken[b.mode][k] = true
		}
	}
	for i := range newViews(newKinds()) {
		if !taken[modeTable][stroke{tcell.KeyRune, rune(viewKey(i)[0])}] {
			t.Errorf("view %d has no number key", i)
		}
	}
}

func TestHelpScrolls(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("?")
	first := s.frame()
	s.press("<PgDn>", "<PgDn>", "<PgDn>", "<PgDn>", "<PgDn>")
	if got := s.frame(); got == first || !strings.Contains(got, "parentheses") {
		t.Errorf("PgDn does not reach the end:\n%s", got)
	}
	s.press("<PgUp>", "<PgUp>", "<PgUp>", "<PgUp>", "<PgUp>", "<PgUp>")
	if got := s.frame(); got != first {
		t.Errorf("PgUp does not lead back:\n%s", got)
	}
	s.press("q")
	if s.ui.mode != modeTable || s.ui.quit {
		t.Error("q in the help does not just close it")
	}
}
