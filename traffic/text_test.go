package traffic

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "curl -s http://example/", "curl -s http://example/"},
		{"letters of the world", "naïve 日本語 é̂ 👍", "naïve 日本語 é̂ 👍"},
		{"tview tags are text", "[red]x[::b]", "[red]x[::b]"},
		{"escape sequence", "a\x1b[31mb", `a\x1b[31mb`},
		{"C1 control", "a\u009b31mb", `a\u009b31mb`},
		{"newline, tab, return", "a\nb\tc\rd", `a\nb\tc\x0dd`},
		{"not UTF-8", "a\xff\xfeb", `a\xff\xfeb`},
		{"bidirectional override", "a\u202eb", `a\u202eb`},
		{"zero width", "a\u200bb", `a\u200bb`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"other spaces", "a\u00a0b\u3000c", `a\u00a0b\u3000c`},
		{"private use", "\U000f0000", `\U000f0000`},
		{"delete", "a\x7fb", `a\x7fb`},
		{"empty", "", ""},
	} {
		if got := CleanText(tt.in, 200); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCleanTextCuts(t *testing.T) {
	for _, tt := range []struct {
		in   string
		max  int
		want string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abc…"},
		{"äöüäöü", 8, "äö…"},
		{"ab\x1b\x1b", 9, `ab\x1b…`},
		{strings.Repeat("x", 1<<20), 10, "xxxxxxx…"},
	} {
		if got := CleanText(tt.in, tt.max); got != tt.want {
			t.Errorf("%.20q cut to %d: %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\x1b]0;title\x07b", 20)
	f.Add("\xff\u202e\n", 4)
	f.Fuzz(func(t *testing.T, in string, max int) {
		max = 4 + (max&0xffff)%5000
		got := CleanText(in, max)
		if len(got) > max || !utf8.ValidString(got) {
			t.Errorf("%q of %d bytes, at most %d", got, len(got), max)
		}
		for _, r := range got {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
				t.Errorf("%q holds %U", got, r)
			}
		}
		if again := CleanText(got, max); again != got {
			t.Errorf("clean text %q became %q", got, again)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	})
}
