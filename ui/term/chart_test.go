package term

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"bwmon/traffic"
)

func chartText(samples []traffic.Rate, w, h int, look chartLook) string {
	var b strings.Builder
	for _, line := range chart(samples, w, h, look) {
		b.WriteString("|")
		for _, p := range line {
			b.WriteString(p.text)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// slope are n samples of which rx rises to top and tx falls from it.
func slope(n int, top float64) []traffic.Rate {
	out := make([]traffic.Rate, n)
	for i := range out {
		out[i] = traffic.Rate{Rx: top * float64(i) / float64(n-1), Tx: top * float64(n-1-i) / float64(n-1)}
	}
	return out
}

func TestChart(t *testing.T) {
	const mib = 1 << 20
	bits := chartLook{units: unitsBits, interval: time.Minute}
	plain := chartLook{ascii: true}
	for _, tt := range []struct {
		name    string
		samples []traffic.Rate
		w, h    int
		look    chartLook
		want    string
	}{
		{"slope", slope(40, 8*mib), 40, 9, chartLook{}, `
|rx max 8.00 MiB/s         now 8.00 MiB/s|
|                                  ⣀⣠⣤⣴⣶⣿|
|                           ⢀⣀⣤⣤⣶⣾⣿⣿⣿⣿⣿⣿⣿|
|                    ⢀⣀⣠⣤⣴⣶⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿|
|───────── -1m ────────── -30s ────── now|
|                    ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⠿⠟⠛⠋⠉⠁|
|                    ⣿⣿⣿⣿⣿⣿⣿⡿⠿⠛⠛⠉⠁       |
|                    ⣿⠿⠟⠛⠋⠉              |
|tx max 8.00 MiB/s                  now –|
`},
		{"few", slope(4, 100*mib), 12, 5, chartLook{}, `
|rx 100 MiB/s|
|          ⢀⣾|
|──────── now|
|          ⡿⠁|
|tx 100 MiB/s|
`},
		{"bits", slope(60, 1e6), 30, 7, bits, `
|rx max 8.00 Mbit/s|
|                 ⣀⣀⣀⣠⣤⣤⣤⣶⣶⣶⣶⣿⣿|
|⢀⣀⣀⣀⣀⣀⣤⣤⣤⣴⣶⣶⣶⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿|
|-1h ────────── -30m ────── now|
|⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⠿⠿⠿⠟⠛⠛⠛⠉⠉⠉⠉⠉⠁|
|⣿⣿⠿⠿⠿⠿⠛⠛⠛⠋⠉⠉⠉                 |
|tx max 8.00 Mbit/s       now –|
`},
		{"ascii", slope(40, mib), 30, 7, plain, `
|rx max 1.00 MiB/s|
|                     .....####|
|          ......##############|
|-1m            -30s        now|
|          ##############......|
|          ####.....           |
|tx max 1.00 MiB/s        now –|
`},
		{"no axis", slope(8, mib), 16, 4, chartLook{}, `
|rx 1.00 MiB/s|
|            ⢀⣠⣴⣾|
|            ⡿⠟⠋⠁|
|tx 1.00 MiB/s|
`},
		{"three lines", slope(8, mib), 6, 3, chartLook{}, `
|    ⣠⣾|
|  ⢀⣴⣿⣿|
|  ⡿⠟⠋⠁|
`},
		{"one line", slope(8, mib), 6, 1, chartLook{}, `
|  ⢀⣠⣴⣾|
`},
		{"nothing", nil, 20, 6, chartLook{}, `
|rx max –|
|                    |
|                    |
|──── -30s ────── now|
|                    |
|tx max –|
`},
		{"trickle", []traffic.Rate{{Rx: 1, Tx: 100}, {Rx: 0, Tx: 512}}, 20, 7, chartLook{}, `
|rx max 1 B/s   now –|
|                    |
|                   ⡀|
|──── -30s ────── now|
|                   ⢹|
|                    |
|tx max 512 B/s|
`},
	} {
		if got := "\n" + chartText(tt.samples, tt.w, tt.h, tt.look); got != tt.want {
			t.Errorf("%s (-want +got):\n%s\n%s", tt.name, cmp.Diff(tt.want, got), got)
		}
	}
}

// TestChartFitsItsArea: whatever is measured and however small the place.
func TestChartFitsItsArea(t *testing.T) {
	odd := []traffic.Rate{
		{Rx: math.NaN(), Tx: math.Inf(1)}, {Rx: math.Inf(-1), Tx: -5}, {Rx: math.MaxFloat64, Tx: math.SmallestNonzeroFloat64}, {Rx: 1e3, Tx: 1e3},
	}
	for _, samples := range [][]traffic.Rate{nil, odd, slope(1000, 1e9)} {
		for _, ascii := range []bool{false, true} {
			for _, interval := range []time.Duration{-1, 0, time.Millisecond, time.Second, 7 * time.Minute, math.MaxInt64} {
				for w := -1; w < 50; w++ {
					for h := -1; h < 12; h++ {
						lines := chart(samples, w, h, chartLook{ascii: ascii, interval: interval})
						if want := max(h, 0); w > 0 && len(lines) != want || w < 1 && lines != nil {
							t.Fatalf("%d lines in %dx%d", len(lines), w, h)
						}
						for _, line := range lines {
							if widthOf(line) > w {
								t.Fatalf("%q is wider than %d", line[0].text, w)
							}
						}
					}
				}
			}
		}
	}
}

// TestChartShowsWhatIsFinite: what is not does not flatten the rest, and what
// is little beside much still shows.
func TestChartShowsWhatIsFinite(t *testing.T) {
	samples := []traffic.Rate{{Rx: math.Inf(1)}, {Rx: math.NaN()}, {Rx: 1e12}, {Rx: 1}}
	got := chartText(samples, 2, 2, chartLook{})
	if want := "|" + string(braille(0, 0, false)) + string(braille(4, 1, false)) + "|\n|  |\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestChartParts: rx, tx and labels are told apart by their styles.
func TestChartParts(t *testing.T) {
	plain := tcell.StyleDefault
	look := chartLook{rx: plain.Bold(true), tx: plain.Italic(true), label: plain.Dim(true)}
	want := []tcell.Style{look.label, look.rx, look.rx, look.label, look.tx, look.tx, look.label}
	for i, line := range chart(slope(9, 1e6), 30, len(want), look) {
		if line[0].style != want[i] {
			t.Errorf("line %d is in another style", i)
		}
	}
}

func TestBraille(t *testing.T) {
	for _, tt := range []struct {
		left, right int
		down        bool
		want        rune
	}{
		{0, 0, false, ' '}, {1, 0, false, '⡀'}, {0, 1, false, '⢀'}, {4, 4, false, '⣿'}, {2, 3, false, '⣴'},
		{1, 0, true, '⠁'}, {0, 1, true, '⠈'}, {4, 4, true, '⣿'}, {2, 3, true, '⠻'},
	} {
		if got := braille(tt.left, tt.right, tt.down); got != tt.want {
			t.Errorf("braille(%d, %d, %t) = %c, want %c", tt.left, tt.right, tt.down, got, tt.want)
		}
	}
}

func TestTimeAxis(t *testing.T) {
	for _, tt := range []struct {
		w       int
		perCell time.Duration
		want    string
	}{
		{0, time.Second, ""},
		{2, time.Second, "──"},
		{3, time.Second, "now"},
		{4, time.Second, " now"},
		{20, 2 * time.Second, "──── -30s ────── now"},
		{30, time.Second, "-30s ───────── -15s ────── now"},
		{40, time.Hour, "─── -36h ────── -1d ─────── -12h ─── now"},
		{40, 24 * time.Hour, "─── -36d ────── -24d ────── -12d ─── now"},
		{40, 100 * time.Millisecond, "-4s ─────────────── -2s ──────────── now"},
	} {
		if got := timeAxis(tt.w, tt.perCell, false); got != tt.want {
			t.Errorf("timeAxis(%d, %v) =\n%q, want\n%q", tt.w, tt.perCell, got, tt.want)
		}
	}
}

func TestMarkText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1s", 90 * time.Second: "1m30s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "1h30m",
		24 * time.Hour: "1d", 72 * time.Hour: "3d", 36 * time.Hour: "36h", 10 * time.Second: "10s", 10 * time.Hour: "10h",
	} {
		if got := markText(d); got != want {
			t.Errorf("markText(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestPlainGlyphs: a terminal without UTF-8 gets no braille, and neither does
// one that draws blocks in two cells.
func TestPlainGlyphs(t *testing.T) {
	for charset, want := range map[string]bool{"UTF-8": false, "US-ASCII": true, "ISO8859-1": true, "": true} {
		if got := plainGlyphs(charset); got != want {
			t.Errorf("plainGlyphs(%q) = %t, want %t", charset, got, want)
		}
	}
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	if plainGlyphs(screen.CharacterSet()) {
		t.Errorf("the screen calls its character set %q", screen.CharacterSet())
	}
	before := uniseg.EastAsianAmbiguousWidth
	defer func() { uniseg.EastAsianAmbiguousWidth = before }()
	uniseg.EastAsianAmbiguousWidth = 2
	if !plainGlyphs("UTF-8") {
		t.Error("blocks of two cells are taken for ones of one")
	}
}

func BenchmarkChart(b *testing.B) {
	samples := slope(600, 1e9)
	b.ReportAllocs()
	for b.Loop() {
		chart(samples, 120, 12, chartLook{})
	}
}
