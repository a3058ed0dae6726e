package term

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// apply is text with a completion put in.
func (c completion) apply(text string) string {
	return text[:c.replaceFrom] + c.text + text[c.replaceTo:]
}

func TestCompleteQuery(t *testing.T) {
	known := []queryField{queryApp, queryCommand, queryUser, queryContainer, queryHost, queryPort, queryRx, queryConns}
	values := func(f queryField, prefix string) []string {
		all := map[queryField][]string{
			queryApp:  {"curl", "Visual Studio", `say "hi"`, "/usr/bin/x", "curl"},
			queryHost: {"192.0.2.1", "2001:db8::1", "mirror.example.org", "192.0.2.1:443"},
			queryPort: {"443", "80"},
		}[f]
		var out []string
		for _, v := range all {
			if strings.Contains(strings.ToLower(v), strings.ToLower(prefix)) {
				out = append(out, v)
			}
		}
		return out
	}
	// The cursor is at the mark.
	for _, tt := range []struct {
		text string
		want []string // the whole line afterwards
	}{
		{"^", []string{"app:", "command:", "user:", "container:", "host:", "port:", "rx>", "conns>"}},
		{"a^", []string{"app:"}},
		{"A^", []string{"app:"}},
		{"cm^", []string{"command:"}}, // its other name
		{"!c^", []string{"!command:", "!container:", "!conns>"}},
		{"x co^ y", []string{"x command: y", "x container: y", "x conns> y"}},
		{"c^o", []string{"command:", "container:", "conns>"}},
		{"x|us^", []string{"x|user:"}},
		{"zzz^", nil},
		{"ap^p:curl", []string{}}, // it is there already
		{"u^p:curl", []string{"user:curl"}},
		{"rx^", []string{"rx>", "rx<", "rx>=", "rx<=", "rx=", "rx!="}},
		{"r^x>5", []string{}},
		{"rx>^", []string{"rx>1KiB/s", "rx>1MiB/s", "rx>1GiB/s", "rx>1kbit/s", "rx>1Mbit/s", "rx>1Gbit/s", "rx>1KiB", "rx>1MiB", "rx>1GiB", "rx>1TiB"}},
		{"rx>2.5m^ x", []string{"rx>2.5MiB/s x", "rx>2.5Mbit/s x", "rx>2.5MiB x"}},
		{"rx>5MiB/s^", []string{}},
		{"conns>^", nil},
		{"app:^", []string{"app:curl", `app:"Visual Studio"`, `app:"say \"hi\""`, `app:"/usr/bin/x"`}},
		{"app:vis^", []string{`app:"Visual Studio"`}},
		{`app:"visual st^`, []string{`app:"Visual Studio"`}},
		{`app:"visual st^xx" y`, []string{`app:"Visual Studio" y`}},
		{`app:"say \"h^`, []string{`app:"say \"hi\""`}},
		{"app=cu^", []string{"app=curl"}},
		{"app!=cu^ z", []string{"app!=curl z"}},
		{"app:curl^", []string{}},
		{"cmd:^", nil}, // values knows none
		{"host:^", []string{"host:192.0.2.1", "host:2001:db8::1", "host:mirror.example.org", "host:192.0.2.1:443"}},
		{"host:192^", []string{"host:192.0.2.1", "host:192.0.2.1:443"}},
		{"port:4^", []string{"port:443"}},
		{"nosuch:^", nil},
		{"app:/re^/", nil},
		{"/re^/", nil},
		{`"app^"`, nil},
		{"a ^ b", []string{"a app: b", "a command: b", "a user: b", "a container: b", "a host: b", "a port: b", "a rx> b", "a conns> b"}},
	} {
		cursor := strings.IndexByte(tt.text, '^')
		text := tt.text[:cursor] + tt.text[cursor+1:]
		var got []string
		for _, c := range completeQuery(text, cursor, known, values) {
			got = append(got, c.apply(text))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q (-want +got):\n%s", tt.text, cmp.Diff(tt.want, got))
		}
	}
}

// TestCompletionsParse: every completion of a value finds that value.
func TestCompletionsParse(t *testing.T) {
	nasty := append([]string{"a b", `a"b`, `a\b`, "/x/", "/usr/bin", "!x", "a|b", "app:x", "10.0.0.1", "10.0.0.0/8", "<b>", "größe"}, nasty...)
	for _, value := range nasty {
		value = clean(value)
		if value == "" || len(value) > 100 {
			continue
		}
		for _, field := range []queryField{queryApp, queryHost} {
			text := "x | " + field.String() + ":"
			list := completeQuery(text, len(text), nil, func(queryField, string) []string { return []string{value} })
			if len(list) != 1 {
				t.Errorf("%q: %d completions", value, len(list))
				continue
			}
			q, err := parseQuery(list[0].apply(text), nil)
			if err != nil {
				t.Errorf("%q: %v", list[0].apply(text), err)
				continue
			}
			row := queryRowOf{words: map[queryField][]string{field: {value}}}
			if isAddress(value) && field == queryHost {
				row = queryRowOf{addrs: map[queryField][]string{field: {value + ":80"}}}
			}
			if !q.matches(row) {
				t.Errorf("%q does not match %q", list[0].apply(text), value)
			}
		}
	}
}

func TestCompletionsAreBounded(t *testing.T) {
	many := make([]string, 10*maxCompletions)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	got := completeQuery("app:", 4, nil, func(queryField, string) []string { return many })
	if len(got) != maxCompletions {
		t.Errorf("%d completions, want %d", len(got), maxCompletions)
	}
	if got := completeQuery("app:", 99, nil, nil); got != nil {
		t.Errorf("completions without values: %v", got)
	}
	if got := completeQuery("zürich app:", -3, nil, nil); len(got) != len(queryNames)-1 {
		t.Errorf("%d fields offered, want all", len(got))
	}
}
