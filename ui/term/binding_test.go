package term

import (
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

// TestBindings: every key means one thing in its mode, and every key of the
// tables has a name and a help.
func TestBindings(t *testing.T) {
	u := mustNew(t, Options{})
	taken := map[mode]map[keyPress]string{}
	names := map[string]bool{}
	for _, b := range u.bindings {
		if b.mode == modeTable {
			if b.name == "" || b.help == "" || names[b.name] {
				t.Errorf("binding %q: name and help must be there, and once", b.name)
			}
			if b.do == nil && b.run == nil || (b.args == "") != (b.run == nil) || b.run != nil && b.complete == nil {
				t.Errorf("%s: does nothing, or takes what it does not say", b.name)
			}
			names[b.name] = true
		}
		if len(b.keys)+len(b.always) != len(b.strokes) {
			t.Errorf("%s: %d keys became %d", b.name, len(b.keys), len(b.strokes))
		}
		for _, k := range b.strokes {
			if taken[b.mode] == nil {
				taken[b.mode] = map[keyPress]string{}
			}
			if other, ok := taken[b.mode][k]; ok {
				t.Errorf("mode %d: %v is bound to %q and %q", b.mode, k, other, b.name)
			}
			taken[b.mode][k] = b.name
		}
	}
	for i, v := range u.views {
		if got := taken[modeTable][keyPress{key: tcell.KeyRune, r: rune(viewKey(i)[0])}]; got != "view-"+v.name {
			t.Errorf("the key %s leads to %q, want view-%s", viewKey(i), got, v.name)
		}
	}
}

// TestKeysOfBindings: every key that is bound has a name that means it.
func TestKeysOfBindings(t *testing.T) {
	for _, b := range mustNew(t, Options{}).bindings {
		for _, k := range b.strokes {
			if got, err := parseKey(k.String()); err != nil || got != k {
				t.Errorf("%s: %+v is written %q, which is %+v, %v", b.name, k, k, got, err)
			}
		}
	}
}

// TestBind: a configuration has other keys, and no key means two things.
func TestBind(t *testing.T) {
	for _, tt := range []struct {
		keys map[string][]string
		want string // in the error; "" for none
	}{
		{map[string][]string{"pause": {"F5", "alt-p"}}, ""},
		{map[string][]string{"quit": nil}, ""},
		{map[string][]string{"pause": {"q"}}, "q is for both pause and quit"},
		{map[string][]string{"pause": {"ctrl-c"}}, "Ctrl-C is for both"},
		{map[string][]string{"puase": {"x"}}, `did you mean "pause"`},
		{map[string][]string{"pause": {"nokey"}}, "keys of pause: no key"},
		{map[string][]string{"pause": {"q"}, "quit": {"x"}}, ""},
	} {
		_, err := New(Options{Config: Config{Keys: tt.keys}})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: error %v, want %q", tt.keys, err, tt.want)
		}
	}
	s := newStage(t, 80, 24)
	s.ui = mustNew(t, Options{Config: Config{Keys: map[string][]string{"pause": {"x"}, "quit": {"Q"}}}})
	s.take(typical(10)).press("p", "q")
	if s.ui.paused || s.ui.quit {
		t.Error("the usual keys still work")
	}
	if got := s.frame(); !strings.Contains(got, "Q quit") {
		t.Errorf("the line of keys does not show the keys:\n%s", got)
	}
	s.press("x", "<C-c>")
	if !s.ui.paused || !s.ui.quit {
		t.Error("the keys of the configuration, or Ctrl-C, do not work")
	}
}

// TestHelpNamesEverything: every key and every command is in the help.
func TestHelpNamesEverything(t *testing.T) {
	s := newStage(t, 120, 40)
	var help strings.Builder
	for _, l := range s.ui.helpLines(1000) {
		help.WriteString(l.word + " " + l.text + "\n")
	}
	for _, b := range s.ui.bindings {
		if b.mode != modeTable || strings.HasPrefix(b.name, "view-") {
			continue
		}
		if !strings.Contains(help.String(), b.help) {
			t.Errorf("%s is not in the help", b.name)
		}
		if len(b.strokes) > 0 && !strings.Contains(help.String(), b.label()+" ") {
			t.Errorf("%s, the key of %s, is not in the help", b.label(), b.name)
		}
	}
	for _, v := range s.ui.views {
		if v.help == "" || v.name == "" || v.short == "" {
			t.Errorf("view %s wants a name, a short title and a help", v.title)
		}
	}
}

func TestHelpScrolls(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("?")
	first := s.frame()
	for range 20 {
		s.press("<PgDn>")
	}
	if got := s.frame(); got == first || !strings.Contains(got, "parentheses") {
		t.Errorf("PgDn does not reach the end:\n%s", got)
	}
	for range 20 {
		s.press("<PgUp>")
	}
	if got := s.frame(); got != first {
		t.Errorf("PgUp does not lead back:\n%s", got)
	}
	s.press("q")
	if s.ui.mode != modeTable || s.ui.quit {
		t.Error("q in the help does not just close it")
	}
}
