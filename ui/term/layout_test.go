package term

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drawn writes a layout as one line of the columns' letters.
func drawn(shapes []shape, w int) string {
	line := []byte(strings.Repeat(".", w))
	for _, s := range layout(shapes, w) {
		for i := range s.w {
			line[s.x+i] = shapes[s.col].title[0]
		}
	}
	return string(line)
}

func TestLayout(t *testing.T) {
	name := shape{title: "N", least: 4, want: 6, most: 10}
	rate := fixed("r", "R", 1, 3)
	total := fixed("t", "T", 3, 3)
	note := shape{title: "X", least: 2, want: 4, most: 6, rank: extra, left: true}
	full := name
	full.full = 8
	for _, tt := range []struct {
		name   string
		shapes []shape
		w      int
		want   string
	}{
		{"all at their least", []shape{name, rate, total, note}, 15, "NNNN.RRR.TTT.XX"},
		{"spare to the first, then the next", []shape{name, rate, total, note}, 18, "NNNNNN.RRR.TTT.XXX"},
		{"then to the gaps", []shape{name, rate, total, note}, 22, "NNNNNN..RRR..TTT..XXXX"},
		{"then to what they can use", []shape{name, rate, total, note}, 28, "NNNNNNNNNN..RRR..TTT..XXXXXX"},
		{"the rest to the gaps again", []shape{name, rate}, 30, "NNNNNNNNNN....RRR............."},
		{"the highest rank goes first", []shape{name, rate, total, note}, 14, "NNNNNN.RRR.TTT"},
		{"of two ranks the later", []shape{name, rate, rate}, 10, "NNNNNN.RRR"},
		{"no extra column until the name is full", []shape{full, rate, note}, 14, "NNNNNNNNN..RRR"},
		{"and then it comes", []shape{full, rate, note}, 15, "NNNNNNNN.RRR.XX"},
		{"the last column is cut, not lost", []shape{name, rate}, 3, "NNN"},
		{"no width at all", []shape{name, rate}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, drawn(tt.shapes, tt.w)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryPageFits: at every width no column reaches into the next one or
// beyond the table, and the name is always there.
func TestEveryPageFits(t *testing.T) {
	s := newStage(t, 80, 24)
	s.take(typical(300))
	check := func() {
		l := s.ui.page().base()
		for _, shape := range l.shapes {
			if shape.least < width(shape.title)+1 {
				t.Errorf("%s: no room for the title %s and the mark of the order", l.crumb, shape.title)
			}
		}
		for w := leastWidth - 1; w < 400; w++ {
			slots := layout(l.shapes, w)
			if slots[0].col != 0 || slots[0].w < l.shapes[0].least {
				t.Fatalf("%s at %d: the first column is %+v", l.crumb, w, slots[0])
			}
			end := 0
			for i, slot := range slots {
				if i > 0 && slot.x < end+narrowGap || slot.x+slot.w > w {
					t.Fatalf("%s at %d: %+v", l.crumb, w, slots)
				}
				end = slot.x + slot.w
			}
		}
	}
	for view := range s.ui.views {
		s.ui.switchTo(view)
		check()
		for range 2 {
			s.press("<Enter>")
			check()
		}
	}
}
