package term

import (
	"testing"

	"github.com/gdamore/tcell/v2"
	"github.com/google/go-cmp/cmp"
)

// counting is a screen that counts the cells it is handed.
type counting struct {
	tcell.SimulationScreen
	puts int
}

func (c *counting) Put(x, y int, text string, style tcell.Style) (string, int) {
	c.puts++
	return c.SimulationScreen.Put(x, y, text, style)
}

// TestSheet: a frame hands on the cells that differ from the one before, wide and
// combining characters too, and all of them once what is there is forgotten.
func TestSheet(t *testing.T) {
	screen := &counting{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	screen.SetSize(12, 1)
	var s sheet
	bold := tcell.StyleDefault.Bold(true)
	for _, tt := range []struct {
		text   string
		style  tcell.Style
		forget bool
		want   string
		puts   int
	}{
		{text: "ab c", want: "ab c        ", puts: 3},
		{text: "ab c", want: "ab c        "},
		{text: "ab d", want: "ab d        ", puts: 1},
		{text: "日e\u0301▇", want: "日e\u0301▇        ", puts: 4}, // a, b, the blank and d
		{text: "日e\u0301▇", want: "日e\u0301▇        "},
		{text: "xye", want: "xye         ", puts: 4},
		{text: "xye", style: bold, want: "xye         ", puts: 3},
		{text: "", want: "            ", puts: 3},
		{text: "x", forget: true, want: "x           ", puts: 1},
	} {
		if tt.forget {
			screen.SimulationScreen.Put(11, 0, "?", bold)
			s.forget()
		}
		screen.puts = 0
		s.begin(screen)
		canvas{screen, &s}.text(0, 0, 12, tt.text, tt.style)
		s.show(screen)
		screen.Show()
		got := ""
		for x := 0; x < 12; {
			text, _, w := screen.Get(x, 0)
			got += text
			x += w
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || screen.puts != tt.puts {
			t.Errorf("%q: %d cells handed on, want %d (-want +got):\n%s", tt.text, screen.puts, tt.puts, diff)
		}
	}
}
