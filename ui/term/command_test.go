package term

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

func TestCommandLine(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100))
	s.press(":")
	s.has("offers", " :", "back", "bwmon")
	s.press("pau", "<Tab>")
	s.has("completed", " :pause")
	s.press("<Enter>")
	if !s.ui.paused {
		t.Error("pause does not pause")
	}
	s.press(":paus", "<Enter>") // the only one that begins so
	if s.ui.paused {
		t.Error("paus does not go on")
	}
	s.press(":pa", "<Enter>")
	s.has("not the only one", `there is no command "pa"`)
	s.press("<Esc>", ":paude", "<Enter>")
	s.has("a slip", `did you mean "pause"`)
	s.press("<Esc>", ":pause now", "<Enter>")
	s.has("too much", "pause takes nothing")
	s.press("<Esc>", ":view hosts", "<Enter>")
	s.has("view", "LAN HOST")
	s.press(":", "<Up>")
	s.has("recalled", " :view hosts")
	s.press("<Up>", "<Up>", "<Down>", "<Esc>")
	s.press(":filter conns>3", "<Enter>")
	s.has("filter", "filter: conns>3")
	s.press(":filter conns>", "<Enter>")
	s.has("what is wrong with it", "^")
	s.press("<Esc>", ":", "<BS>", "<Enter>", ":   ", "<Enter>")
	if s.ui.mode != modeTable {
		t.Error("an empty line does not close")
	}
	s.press(":quit", "<Enter>")
	if !s.ui.quit {
		t.Error("quit does not quit")
	}
}

// TestEveryCommandRuns: each can be given by its name, and those that take
// something offer what they take.
func TestEveryCommandRuns(t *testing.T) {
	t.Chdir(t.TempDir()) // export writes
	for _, name := range mustNew(t, Options{}).commandNames() {
		s := newStage(t, 80, 24)
		s.take(typical(100))
		s.ui.opts.Switch = func(context.Context, string, string) error { return nil }
		err := s.ui.do(name)
		if b := s.ui.command(name); err != nil && b.do != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.frame()
		b := s.ui.command(name)
		if b.complete == nil || name == "filter" {
			continue
		}
		offered := s.ui.completeCommand(name+" ", len(name)+1)
		if len(offered) == 0 {
			t.Errorf("%s offers nothing", name)
			continue
		}
		if err := s.ui.do(name + " " + offered[0].text); err != nil {
			t.Errorf("%s: what it offers it does not take: %v", name, err)
		}
	}
}

func TestCompletionCycles(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100))
	s.press(":units ", "<Tab>")
	s.has("first", " :units iec")
	s.press("<Tab>", "<Tab>")
	s.has("third", " :units bits")
	s.press("<Tab>")
	s.has("round", " :units iec")
	s.press("<BackTab>")
	s.has("back", " :units bits")
	s.press("<Esc>", "/", "us", "<Tab>")
	s.press("<Esc>", "2/", "us", "<Tab>")
	s.has("a field", "filter: user:")
	s.press("al", "<Tab>")
	s.has("a value", "filter: user:alice")
	if got := s.names(); len(got) == 0 || !slices.Contains(got, "curl --retry 5 https://api.example.net/v1/events") && !slices.Contains(got, "›curl --retry 5 https://api.example.net/v1/events") {
		t.Errorf("a completed filter is not applied: %v", got)
	}
	s.press("<Enter>")
	s.has("kept", "filter: user:alice")
}

// TestWrongFilterIsSaid: while it is typed, where it is wrong, and the filter
// before stays.
func TestWrongFilterIsSaid(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(100)).press("/", "curl", "<Enter>", "/", " rx>5parsec")
	lines := strings.Split(s.frame(), "\n")
	if at := strings.Index(lines[22], "parsec"); at < 0 || !strings.Contains(lines[23], "unit") {
		t.Errorf("the lines at the bottom are\n%s\n%s", lines[22], lines[23])
	}
	s.press("<Enter>")
	if s.ui.mode != modeFilter {
		t.Error("what is no filter was kept")
	}
	s.press("<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<BS>", "<Enter>")
	s.want("mended", "›curl")
}

func TestEditor(t *testing.T) {
	s := newStage(t, 60, 15)
	s.take(typical(100)).press("/", "abc def", "<Left>", "<Left>", "x", "<Home>", "y", "<End>", "z")
	if got := s.ui.prompt.text; got != "yabc dxefz" {
		t.Errorf("edited to %q", got)
	}
	s.press("<C-w>", "日本é", "<Left>", "<BS>")
	if got := s.ui.prompt.text; got != "yabc 日é" {
		t.Errorf("edited to %q", got)
	}
	s.press("<C-u>", "<C-k>")
	if got := s.ui.prompt.text; got != "é" && got != "" {
		t.Errorf("edited to %q", got)
	}
	long := strings.Repeat("word ", 100)
	s.press("<End>", "<C-u>", "/", long)
	if frame := s.frame(); !strings.Contains(frame, "word word") {
		t.Errorf("the end of a long line is not in sight:\n%s", frame)
	}
	x, y, visible := s.screen.GetCursor()
	if !visible || y != 13 || x < 40 || x > 59 {
		t.Errorf("the cursor is at %d,%d, visible %t", x, y, visible)
	}
}

// FuzzEditor: whatever keys come, the text stays clean and the cursor in it.
func FuzzEditor(f *testing.F) {
	f.Add("abc", 3, []byte("\x01\x17\x7fabc"))
	f.Add("é́́ 👩‍👩‍👧", 0, []byte{1, 2, 3, 4, 200, 201, 8})
	editing := []tcell.Key{tcell.KeyLeft, tcell.KeyRight, tcell.KeyHome, tcell.KeyEnd, tcell.KeyBackspace2, tcell.KeyDelete,
		tcell.KeyCtrlU, tcell.KeyCtrlK, tcell.KeyCtrlW}
	f.Fuzz(func(t *testing.T, text string, at int, keys []byte) {
		var e editor
		e.set(text)
		e.at = e.valid(at)
		typed := []rune(text + "a\u0301\u202e")
		for _, k := range keys[:min(len(keys), 200)] {
			ev := tcell.NewEventKey(tcell.KeyRune, typed[int(k)%len(typed)], tcell.ModNone)
			if k%2 == 0 {
				ev = tcell.NewEventKey(editing[int(k/2)%len(editing)], 0, tcell.ModNone)
			}
			e.key(ev)
			if e.at < 0 || e.at > len(e.text) || e.valid(e.at) != e.at {
				t.Fatalf("the cursor is at %d in %q", e.at, e.text)
			}
			if clean(e.text) != e.text && len(e.text) <= traffic.MaxCommand {
				t.Fatalf("the text is %q", e.text)
			}
		}
	})
}

// FuzzCommandLine: whatever is typed, completed and entered, nothing breaks.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{"sort rx desc", "columns +x -y", "filter app:curl rx>1MiB/s | !x", "view al", "group user", "  units  bits", "theme dark", "window 1m", ":::", "é\u0301 x"} {
		f.Add(s, len(s))
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		u := mustNew(t, Options{})
		u.take(typical(10))
		var e editor
		e.set(text)
		for _, c := range u.completeCommand(e.text, e.valid(at)) {
			if c.replaceFrom < 0 || c.replaceFrom > c.replaceTo || c.replaceTo > len(e.text) {
				t.Fatalf("%q at %d: offers %+v", e.text, at, c)
			}
		}
		if name, _, _ := strings.Cut(strings.TrimSpace(e.text), " "); strings.HasPrefix("export", name) {
			return // it writes files
		}
		u.do(strings.TrimSpace(e.text))
		u.take(typical(11))
	})
}
