package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	good := Options{Name: "x", URL: "http://h/"}
	with := func(f func(*Options)) Options {
		o := good
		f(&o)
		return o
	}
	many := make(map[string]string)
	for i := range maxFields + 1 {
		many["f"+strings.Repeat("x", i)] = "."
	}
	for _, c := range []struct {
		name  string
		o     Options
		wrong string // begin of the error; "": none
	}{
		{"url", good, ""},
		{"listen", Options{Name: "x", Listen: "tcp:1"}, ""},
		{"target", Options{Name: "x", Target: "h:1"}, ""},
		{"everything", Options{Name: "a b", URL: "https://h:8443/p?q=1", Interval: time.Second, Timeout: time.Second / 2,
			Fields: map[string]string{"a_1": `["a.b"][0].c`}, Headers: []string{"Authorization: Bearer x", "Host: other"}}, ""},
		{"short interval alone", with(func(o *Options) { o.Interval = time.Second }), ""},
		{"no name", with(func(o *Options) { o.Name = "" }), "name:"},
		{"unclean name", with(func(o *Options) { o.Name = "a\x1b[2J" }), "name:"},
		{"none", Options{Name: "x"}, "url: want exactly one"},
		{"two", with(func(o *Options) { o.Target = "h:1" }), "url: want exactly one"},
		{"negative interval", with(func(o *Options) { o.Interval = -1 }), "interval:"},
		{"interval of nothing", with(func(o *Options) { o.Interval = time.Millisecond }), "interval:"},
		{"timeout as the interval", with(func(o *Options) { o.Timeout = 10 * time.Second }), "timeout: want less than the interval of 10s, got 10s"},
		{"negative timeout", with(func(o *Options) { o.Timeout = -1 }), "timeout:"},
		{"listen nonsense", Options{Name: "x", Listen: "nonsense"}, "listen:"},
		{"target nonsense", Options{Name: "x", Target: "nonsense"}, "target:"},
		{"target without a host", Options{Name: "x", Target: ":80"}, "target:"},
		{"target by service", Options{Name: "x", Target: "h:http"}, "target:"},
		{"target port 0", Options{Name: "x", Target: "h:0"}, "target:"},
		{"scheme", with(func(o *Options) { o.URL = "file:///etc/passwd" }), "url: want an address"},
		{"no host", with(func(o *Options) { o.URL = "http:///x" }), "url: want an address"},
		{"port", with(func(o *Options) { o.URL = "http://h:70000/" }), "url: want a port"},
		{"password", with(func(o *Options) { o.URL = "http://u:secret@h/" }), "url: leave out user"},
		{"field of a target", Options{Name: "x", Target: "h:1", Fields: map[string]string{"a": "a"}}, "fields:"},
		{"header of a listener", Options{Name: "x", Listen: "tcp:1", Headers: []string{"a: b"}}, "headers:"},
		{"certificates of a target", Options{Name: "x", Target: "h:1", CAFile: "/x"}, "ca_file:"},
		{"field's name", with(func(o *Options) { o.Fields = map[string]string{"A": "a"} }), "fields:"},
		{"field's name empty", with(func(o *Options) { o.Fields = map[string]string{"": "a"} }), "fields:"},
		{"field's name taken", with(func(o *Options) { o.Fields = map[string]string{"up": "a"} }), "fields: up"},
		{"field's path", with(func(o *Options) { o.Fields = map[string]string{"a": "a..b"} }), "fields: a: path"},
		{"too many fields", with(func(o *Options) { o.Fields = many }), "fields: want at most"},
		{"header without a colon", with(func(o *Options) { o.Headers = []string{"secret"} }), "headers: number 1:"},
		{"header with a line end", with(func(o *Options) { o.Headers = []string{"a: b", "b: secret\r\nc: d"} }), "headers: number 2:"},
		{"header of ours", with(func(o *Options) { o.Headers = []string{"transfer-encoding: secret"} }), "headers: number 1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.Check()
			if c.wrong == "" {
				if err != nil {
					t.Fatal(err)
				}
				p, err := New(c.o)
				if err != nil {
					t.Fatal(err)
				}
				if p.timeout >= p.interval || p.timeout <= 0 {
					t.Errorf("timeout %v, interval %v", p.timeout, p.interval)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.wrong) {
				t.Fatalf("got %v, want %q", err, c.wrong)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells a secret: %v", err)
			}
			if _, err := New(c.o); err == nil {
				t.Error("New takes it")
			}
		})
	}
}

func TestCAFileWrong(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".gone"} {
		o := Options{Name: "x", URL: "https://h/", CAFile: file}
		if err := o.Check(); err != nil {
			t.Errorf("Check looks at files: %v", err)
		}
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "ca_file: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
