package term

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
)

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		s           string
		w           int
		end, middle string
	}{
		{"short", 5, "short", "short"},
		{"longer", 5, "long…", "long…"}, // too narrow for two stumps
		{"curl -s http://x.example/y", 11, "curl -s ht…", "curl …ple/y"},
		{"日本語の名前", 7, "日本語…", "日本語…"},
		{"日本語の名前です", 9, "日本語の…", "日本…です"},
		{"e\u0301a", 2, "e\u0301a", "e\u0301a"},
		{"abc", 0, "", ""},
		{"", 3, "", ""},
	} {
		if got := cutEnd(tt.s, tt.w); got != tt.end {
			t.Errorf("cutEnd(%q, %d) = %q, want %q", tt.s, tt.w, got, tt.end)
		}
		if got := cutMiddle(tt.s, tt.w); got != tt.middle {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", tt.s, tt.w, got, tt.middle)
		}
	}
}

// strayBytes is text in which no character starts for longer than the window
// in which tail looks for one.
var strayBytes = strings.Repeat("\xfa", 8) + strings.Repeat("\x9a", 400)

// TestTailOfStrayBytes: tail ran past the end of text that is nothing but
// continuation bytes, looking for the start of a character.
func TestTailOfStrayBytes(t *testing.T) {
	for w := range 20 {
		if got := tail(strayBytes, w); width(got) != w {
			t.Errorf("tail to %d cells is %d wide", w, width(got))
		}
		if got := cutMiddle(strayBytes, w); width(got) > w {
			t.Errorf("cutMiddle to %d cells is %d wide", w, width(got))
		}
	}
	if got, want := tail("日本語"+strings.Repeat("\u0301", 60)+"の", 3), 3; width(got) > want {
		t.Errorf("%q is %d cells wide, want at most %d", got, width(got), want)
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		s    string
		w    int
		want []string
	}{
		{"", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"a averylongword b", 6, []string{"a aver", "ylongw", "ord b"}},
		{"日本語", 1, nil}, // nothing fits, and it ends
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.s, tt.w)); diff != "" {
			t.Errorf("wrap(%q, %d) (-want +got):\n%s", tt.s, tt.w, diff)
		}
	}
}

func TestCompareFold(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"apache", "Xorg", -1}, {"Xorg", "apache", 1}, {"a", "a", 0}, {"a", "A", 1}, {"ab", "a", 1}, {"", "a", -1},
	} {
		if got := cmpSign(compareFold(tt.a, tt.b)); got != tt.want {
			t.Errorf("compareFold(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func cmpSign(n int) int { return min(max(n, -1), 1) }

// FuzzText: whatever the text, what is drawn of it keeps its width and holds
// nothing that controls a terminal.
func FuzzText(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, 10)
	}
	f.Add("👩‍👩‍👧", 1)
	f.Add(strayBytes, 10)
	f.Add(strings.Repeat("\xfa", 8)+strings.Repeat("\x9a", 130), 10)
	f.Fuzz(func(t *testing.T, s string, w int) {
		if w < 0 || w > 400 {
			return
		}
		for name, got := range map[string]string{
			"cutEnd": cutEnd(s, w), "cutMiddle": cutMiddle(s, w), "tail": tail(s, w), "head": head(s, w),
		} {
			if n := width(got); n > w {
				t.Errorf("%s(%q, %d) = %q is %d cells wide", name, s, w, got, n)
			}
		}
		for _, line := range wrap(clean(s), w) {
			if width(line) > w {
				t.Errorf("wrap(%q, %d) has the line %q", s, w, line)
			}
		}
		for rest := s; rest != ""; {
			cluster, cw, after := next(rest)
			if cw < 1 || cw > 2 || cluster == "" || len(cluster) > maxCluster || len(after) >= len(rest) {
				t.Fatalf("next(%q) = %q, %d, %q", rest, cluster, cw, after)
			}
			if c := cluster[0]; c < ' ' || c == 0x7f {
				t.Fatalf("next(%q) draws the control character %q", rest, c)
			}
			rest = after
		}
		if again := tame(tame(s)); again != tame(s) {
			t.Errorf("tame(%q) = %q, and tame of that %q", s, tame(s), again)
		}
		if got, want := string(appendLower(nil, s)), strings.ToLower(s); got != want {
			t.Errorf("appendLower(%q) = %q, want %q", s, got, want)
		}
	})
}

// TestDrawingCharacters: what next takes a short way for is what the long one says.
func TestDrawingCharacters(t *testing.T) {
	for r := rune(0x2000); r < 0x2900; r++ {
		if !drawing(r) {
			continue
		}
		for _, after := range []string{"", "x", "▇", "–", "\u0301", "\u200d", "\ufe0f", "界", "\xff"} {
			s := string(r) + after
			cluster, rest, width, _ := uniseg.FirstGraphemeClusterInString(s, -1)
			if c, w, left := next(s); c != cluster || w != width || left != rest {
				t.Errorf("%U before %q: %q of %d cells, before %q; want %q of %d, before %q", r, after, c, w, left, cluster, width, rest)
			}
		}
	}
}
