package term

import (
	"math"
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

func meterText(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

func TestMeter(t *testing.T) {
	for _, tt := range []struct {
		used   float64
		w      int
		inside string
		ascii  bool
		want   string
	}{
		{0, 20, "", false, "[            ]   0 %"},
		{0.001, 20, "", false, "[▏           ]  <1 %"},
		{0.005, 20, "", false, "[▏           ]  <1 %"},
		{0.62, 20, "", false, "[███████▌    ]  62 %"},
		{0.25, 20, "", false, "[███         ]  25 %"},
		{0.26, 20, "", false, "[███▏        ]  26 %"},
		{0.999, 20, "", false, "[███████████▉]  99 %"},
		{1, 20, "", false, "[████████████] 100 %"},
		{1.42, 20, "", false, "[████████████] 142 %"},
		{1e9, 20, "", false, "[████████████] >999%"},
		{math.Inf(1), 20, "", false, "[████████████] >999%"},
		{math.NaN(), 20, "", false, "[            ]     –"},
		{-1, 20, "", false, "[            ]   0 %"},
		{math.Inf(-1), 20, "", false, "[            ]   0 %"},
		{0.62, 20, "", true, "[#######     ]  62 %"},
		{0.001, 20, "", true, "[#           ]  <1 %"},
		{0.999, 20, "", true, "[########### ]  99 %"},
		{0.5, 20, "eth0", false, "[eth0██      ]  50 %"},
		{0.1, 20, "eth0", false, "[eth0        ]  10 %"},
		{0.5, 20, "日本", false, "[日本██      ]  50 %"},
		{0.5, 20, "much too long for it", false, "[██████      ]  50 %"},
		{0.5, meterLeast, "", false, "[█ ]  50 %"},
		{0.5, meterLeast - 1, "", false, "50 %"},
		{0.5, 2, "", false, "50"},
		{0.5, 0, "", false, ""},
		{0.5, -3, "", false, ""},
	} {
		if got := meterText(meter(tt.used, tt.w, tt.inside, meterLook{ascii: tt.ascii})); got != tt.want {
			t.Errorf("meter(%v, %d, %q, ascii %t) = %q, want %q", tt.used, tt.w, tt.inside, tt.ascii, got, tt.want)
		}
	}
}

// TestMeterIsAsWide: as was asked for, whatever it shows.
func TestMeterIsAsWide(t *testing.T) {
	for w := meterLeast; w < 40; w++ {
		for used := -0.1; used < 1.2; used += 0.013 {
			for _, ascii := range []bool{false, true} {
				for _, inside := range []string{"", "eth0", "日本語"} {
					if got := widthOf(meter(used, w, inside, meterLook{ascii: ascii})); got != w {
						t.Fatalf("meter(%v, %d, %q) takes %d cells", used, w, inside, got)
					}
				}
			}
		}
	}
}

// TestMeterOnlyGrows: more used is never a shorter bar.
func TestMeterOnlyGrows(t *testing.T) {
	before := 0
	for used := 0.0; used <= 1.01; used += 0.001 {
		steps := meterSteps(used, 12*8)
		if steps < before {
			t.Fatalf("%v is %d steps, after %d", used, steps, before)
		}
		before = steps
	}
	if before != 12*8 {
		t.Errorf("all of it is %d steps", before)
	}
}

// TestMeterTextShows: reversed where the bar is under it, plain elsewhere.
func TestMeterTextShows(t *testing.T) {
	look := meterLook{bar: tcell.StyleDefault.Bold(true), text: tcell.StyleDefault.Dim(true)}
	pieces := meter(0.25, 20, "ethernet", look)
	want := []piece{{"[", look.text}, {"eth", look.bar.Reverse(true)}, {"ernet", look.text}, {"    ", look.bar}, {"]  25 %", look.text}}
	for i := range want {
		if i >= len(pieces) || pieces[i] != want[i] {
			t.Fatalf("pieces %+v, want %+v", pieces, want)
		}
	}
}
