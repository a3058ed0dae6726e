package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"text", "ab\r\ncd", "ab\ncd\n\n"},
		{"placed", "\x1b[2;3Hx\x1b[Hy", "y\n  x\n\n"},
		{"beyond the edge", "\x1b[9;9Hxyz", "\n\n     x\n"},
		{"a long line is cut", "abcdefgh\r\ni", "abcdef\ni\n\n"},
		{"cleared", "abc\x1b[H\x1b[2Jx", "x\n\n\n"},
		{"cleared from here on", "abc\x1b[2;1Hdef\x1b[1;3H\x1b[J", "ab\n\n\n"},
		{"line cleared from here on", "abcdef\x1b[1;3H\x1b[K", "ab\n\n\n"},
		{"styles and modes", "\x1b[1;38;5;9ma\x1b(B\x1b[m\x1b[?25lb\x1b[6 qc", "abc\n\n\n"},
		{"titles", "\x1b]0;a title\ax\x1b]12;#000000\x1b\\y", "xy\n\n\n"},
		{"characters of several bytes", "▼›é", "▼›é\n\n\n"},
		{"no characters", "a\xffb", "a\ufffdb\n\n\n"},
		{"numbers out of all bounds", "\x1b[99999999999999999999;-3Hx", "x\n\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScreen(6, 3)
			s.write([]byte(tt.in))
			if diff := cmp.Diff(tt.want, s.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUpdating(t *testing.T) {
	s := newScreen(6, 3)
	for _, step := range []struct {
		in   string
		want bool
	}{{"a", false}, {"\x1b[?2026h", true}, {"b\x1b[?25l", true}, {"\x1b[?2026l", false}} {
		if s.write([]byte(step.in)); s.updating != step.want {
			t.Errorf("updating is %v after %q", s.updating, step.in)
		}
	}
}

// FuzzScreen feeds anything at once and byte by byte.
func FuzzScreen(f *testing.F) {
	f.Add("\x1b[2;3Hx\x1b]0;t\a▼\x1b(B\x1b[?2026h\xe2")
	f.Add("\x1b[\x1b[é\x1b")
	f.Fuzz(func(t *testing.T, in string) {
		whole, parts := newScreen(6, 3), newScreen(6, 3)
		whole.write([]byte(in))
		for i := range len(in) {
			parts.write([]byte(in[i : i+1]))
		}
		if diff := cmp.Diff(whole.String(), parts.String()); diff != "" {
			t.Error(diff)
		}
	})
}
