package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// FuzzParseConfig: no text makes the parser panic or accept what it then
// cannot have understood; every problem names the file and a line of it.
func FuzzParseConfig(f *testing.F) {
	if src, err := os.ReadFile("../../bwmon.toml"); err == nil {
		f.Add(string(src))
		f.Add(regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(string(src), "$1"))
	}
	for _, s := range []string{
		"", "interval = 1", "[[app]]\nname = '''\na'''\nmatch = [\"(\"]\n", "app = [{name = \"a\"}]",
		"\"a\\\"b\" = [[{c = 1}], 2]", "a.b.\"c d\" = {e.f = 1}", "[a]\n[[a.b]]\n[a.b.c]\nd = \"\"\"x\"\"\"\"\"\n",
	} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^file:[1-9][0-9]*: .`)
	f.Fuzz(func(t *testing.T, src string) {
		c, err := parseConfig("file", src)
		if err == nil {
			if c.Interval < minInterval || c.Interval > maxInterval || len(c.Monitors) == 0 {
				t.Errorf("accepted %+v", c)
			}
			return
		}
		var ps problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("error is %T %v, want problems", err, err)
		}
		lines := 1
		for _, b := range []byte(src) {
			if b == '\n' {
				lines++
			}
		}
		for _, p := range ps {
			if !form.MatchString(p.Error()) || p.line > lines {
				t.Errorf("problem %q in a file of %d lines", p.Error(), lines)
			}
		}
	})
}

// FuzzMergeConfigs: the same of two files; every problem is in one of them.
func FuzzMergeConfigs(f *testing.F) {
	f.Add("[[app]]\nname = \"a\"", "app = [{name = \"a\"}]")
	f.Add("[ui]\nkeys = 1", "ui.keys.quit = [\"x\", 2]\n\"app[0\" = 1")
	form := regexp.MustCompile(`^(one|two):[1-9][0-9]*: .`)
	f.Fuzz(func(t *testing.T, one, two string) {
		_, err := parseConfigs([]source{{"one", one}, {"two", two}})
		var ps problems
		if err != nil && (!errors.As(err, &ps) || len(ps) == 0) {
			t.Fatalf("error is %T %v, want problems", err, err)
		}
		for _, p := range ps {
			lines := 1 + strings.Count(map[string]string{"one": one, "two": two}[p.file], "\n")
			if !form.MatchString(p.Error()) || p.line > lines {
				t.Errorf("problem %q in a file of %d lines", p.Error(), lines)
			}
		}
	})
}

// FuzzPositions: whatever the TOML library accepts, every value in it has a
// line.
func FuzzPositions(f *testing.F) {
	for _, s := range []string{
		"a = 1\nb = [1, [2, \"x]\"]]\n", "[[a]]\nb = '#'\n[[a]]\n[a.c]\nd = 1\n", "a = {b = [{c = 1}], d.e = 2}",
		"\"a.b\" = 1\n'c d' = 2\n\"\\u00e9\\t\" = 3", "a = \"\"\"\n\\\"\"\"\" # x\"\"\"\nb = '''y''''\n", "[a.b]\n[[a.c]]\n[[a.c]]\nx = 1e3\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		lines, tooDeep := positions(src)
		if tooDeep > 0 {
			return
		}
		table := make(map[string]any)
		if _, err := toml.Decode(src, &table); err != nil {
			return
		}
		everyValueHasALine(t, lines, table, "")
	})
}

func everyValueHasALine(t *testing.T, lines map[place]int, v any, at place) {
	if at != "" && lines[at] == 0 {
		t.Errorf("no line for %s; have %v", at, lines)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			everyValueHasALine(t, lines, inner, at.key(key))
		}
	case []map[string]any:
		for i, inner := range v {
			everyValueHasALine(t, lines, inner, at.index(i))
		}
	case []any:
		for i, inner := range v {
			everyValueHasALine(t, lines, inner, at.index(i))
		}
	}
}

func TestPositions(t *testing.T) {
	src := `a = 1
[[app]]
name = """
two lines"""
match = [
  "x", # ]
  'y',
]
[[app]]
"quoted key" = {b = 1, c.d = [2]}
[app.sub]
e = "\" #"
`
	want := map[place]int{
		"a": 1, "app": 2, "app[0]": 2, "app[0].name": 3, "app[0].match": 5, "app[0].match[0]": 6, "app[0].match[1]": 7,
		"app[1]": 9, `app[1]."quoted key"`: 10, `app[1]."quoted key".b`: 10, `app[1]."quoted key".c`: 10,
		`app[1]."quoted key".c.d`: 10, `app[1]."quoted key".c.d[0]`: 10, "app[1].sub": 11, "app[1].sub.e": 12,
	}
	got, _ := positions(src)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"interval", "auto_group", "monitor", "app"}
	tests := map[string]string{
		"intervall": "interval", "intervl": "interval", "autogroup": "auto_group", "monitors": "monitor",
		"apps": "app", "ap": "app", "x": "", "colour": "", "": "", fmt.Sprintf("%0100d", 1): "",
	}
	for word, want := range tests {
		if got := nearest(word, keys); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
