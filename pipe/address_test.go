package pipe

import (
	"strings"
	"testing"
)

func TestParseAddresses(t *testing.T) {
	for _, tc := range []struct {
		text   string
		want   Address
		listen bool // it may be listened on
		target bool // it may be connected to
	}{
		{":8080", Address{Port: 8080}, true, false},
		{"backend:80", Address{Host: "backend", Port: 80}, true, true},
		{"0.0.0.0:1", Address{Host: "0.0.0.0", Port: 1}, true, true},
		{"[::1]:65535", Address{Host: "::1", Port: 65535}, true, true},
		{"[fe80::1%eth0]:80", Address{Host: "fe80::1%eth0", Port: 80}, true, true},
		{"bücher.example:80", Address{Host: "bücher.example", Port: 80}, true, true},
		{"unix:/run/x y.sock", Address{Path: "/run/x y.sock"}, true, true},
		{"unix:@name", Address{Path: "@name"}, true, true},
		{"unix:", Address{}, false, false},
		{"unix:@", Address{}, false, false},
		{"unix:/" + strings.Repeat("x", 107), Address{}, false, false},
		{"8080", Address{}, false, false},
		{"", Address{}, false, false},
		{":", Address{}, false, false},
		{":0", Address{}, false, false},
		{":65536", Address{}, false, false},
		{":http", Address{}, false, false},
		{"::1:80", Address{}, false, false},
		{"a b:80", Address{}, false, false},
		{"*:80", Address{}, false, false},
		{"[x/y]:80", Address{}, false, false},
		{"a\x1b[31m:80", Address{}, false, false},
		{"unix:/run/\n", Address{}, false, false},
		{strings.Repeat("a", 254) + ":80", Address{}, false, false},
	} {
		for _, kind := range []struct {
			name  string
			parse func(string) (Address, error)
			ok    bool
		}{{"listen", ParseListen, tc.listen}, {"target", ParseTarget, tc.target}} {
			got, err := kind.parse(tc.text)
			if (err == nil) != kind.ok || kind.ok && got != tc.want {
				t.Errorf("%s %q: %+v, %v", kind.name, tc.text, got, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%s %q: the error is not clean: %q", kind.name, tc.text, err)
			}
		}
	}
}

func TestLabel(t *testing.T) {
	for _, tc := range []struct{ listen, target, want string }{
		{":8080", "backend:80", "pipe-8080:backend:80"},
		{"0.0.0.0:8080", "[::1]:80", "pipe-8080:[::1]:80"},
		{"unix:/run/a", "unix:/run/b", "pipe-/run/a:/run/b"},
	} {
		listen, err := ParseListen(tc.listen)
		if err != nil {
			t.Fatal(err)
		}
		target, err := ParseTarget(tc.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := Label(listen, target); got != tc.want {
			t.Errorf("Label(%s, %s) = %q, want %q", tc.listen, tc.target, got, tc.want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{":8080", "backend:80", "[::1]:80", "unix:/run/x", "unix:@x", "[fe80::1%eth0]:80", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseListen(s)
		if err != nil {
			return
		}
		again, err := ParseListen(a.String())
		if err != nil || again != a {
			t.Errorf("%q is %+v, and %q is %+v, %v", s, a, a.String(), again, err)
		}
	})
}
