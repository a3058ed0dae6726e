package term

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// styledText is a frame and, below it, the style of each of its cells as a
// letter; a dot is the terminal's own. The legend says what the letters are.
func styledText(screen tcell.SimulationScreen) string {
	cells, w, h := screen.GetContents()
	letters := map[tcell.Style]byte{tcell.StyleDefault: '.'}
	legend := ""
	var b strings.Builder
	for y := range h {
		line := make([]byte, w)
		for x := range w {
			style := cells[y*w+x].Style
			letter, known := letters[style]
			if !known {
				letter = byte('a' + len(letters) - 1)
				letters[style] = letter
				fg, bg, attrs := style.Decompose()
				legend += fmt.Sprintf("%c: %s on %s%s\n", letter, colorName(fg), colorName(bg), attrNames(style, attrs))
			}
			line[x] = letter
		}
		b.WriteString(strings.TrimRight(string(line), ".") + "\n")
	}
	return screenText(screen) + "\n" + b.String() + legend
}

func colorName(c tcell.Color) string {
	if c == tcell.ColorDefault {
		return "default"
	}
	return fmt.Sprintf("#%06x", c.TrueColor().Hex())
}

func attrNames(style tcell.Style, attrs tcell.AttrMask) string {
	names := ""
	for _, a := range [...]struct {
		mask tcell.AttrMask
		name string
	}{{tcell.AttrBold, " bold"}, {tcell.AttrDim, " dim"}, {tcell.AttrReverse, " reversed"}, {tcell.AttrUnderline, " underlined"}} {
		if attrs&a.mask != 0 {
			names += a.name
		}
	}
	if style == style.Underline(true) && !strings.Contains(names, "underlined") {
		names += " underlined"
	}
	return names
}

// TestThemeFrames is every view as it looks in the dark and in the light: what
// stands out, and by which means.
func TestThemeFrames(t *testing.T) {
	for _, theme := range []string{"dark", "light"} {
		for _, size := range sizes[:3] {
			for _, v := range newViews(newKinds()) {
				name := "theme-" + theme + "-" + v.name + "-" + size.name
				t.Run(name, func(t *testing.T) {
					s := newStage(t, size.w, size.h)
					s.ui = mustNew(t, Options{Location: time.UTC, Version: "1.0", Config: Config{Theme: Theme{Name: theme}, View: v.name}})
					if v.fleet {
						s.lead(90, 150, 5)
					} else {
						s.watch(90, 300).take(alarming(301))
					}
					if v.name == "disks" || v.name == "machine" {
						s.work(30, 331).things()
					}
					s.frame()
					golden(t, name, styledText(s.screen))
				})
			}
		}
	}
}

// TestMonoFrames: with NO_COLOR, what is wrong and what is selected are to be
// seen in the style layer without any colour.
func TestMonoFrames(t *testing.T) {
	s := newStage(t, 80, 24)
	t.Setenv("NO_COLOR", "1")
	s.ui = mustNew(t, Options{Location: time.UTC, Version: "1.0", Config: Config{Theme: Theme{Name: "dark", Colors: map[string]string{"alarm": "red"}}}})
	s.watch(90, 300).take(alarming(301)).press("p", "/", "a", "<Enter>")
	s.frame()
	golden(t, "theme-mono-apps-80x24", styledText(s.screen))
}
