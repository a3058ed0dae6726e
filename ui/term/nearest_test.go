package term

import (
	"strings"
	"testing"
)

func TestNearestName(t *testing.T) {
	names := []string{"app", "command", "container", "user", "host", "port", "proto", "rx"}
	for _, tt := range []struct{ word, want string }{
		{"comand", "command"},
		{"comamnd", "command"},
		{"contaner", "container"},
		{"usr", "user"},
		{"uesr", "user"},
		{"prot", "port"},
		{"xr", ""}, // half of it is wrong
		{"ap", "app"},
		{"zzz", ""},
		{"", ""},
		{strings.Repeat("command", 100), ""},
	} {
		if got := nearestName(tt.word, names); got != tt.want {
			t.Errorf("nearestName(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "axc", 1},
		{"ab", "ba", 1}, {"port", "prot", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
