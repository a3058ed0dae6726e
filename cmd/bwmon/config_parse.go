package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"bwmon/traffic"

	"github.com/BurntSushi/toml"
)

// problem is one thing wrong with a configuration.
type problem struct {
	file string
	line int // from 1
	text string
}

func (p problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.text) }

// problems are all things wrong with a configuration, by line; one or more.
type problems []problem

func (ps problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// configReader turns the text of one file into a config, collecting problems.
type configReader struct {
	file     string
	lines    map[place]int
	labels   map[place]string // what tells one table of an array from the others
	problems problems
	blamed   map[place]bool // places with a problem: one is enough
}

// parseConfig validates src; file is for messages. The error is of type
// problems and holds everything wrong.
func parseConfig(file, src string) (config, error) {
	file = traffic.CleanText(file, traffic.MaxCommand)
	table := make(map[string]any)
	lines, tooDeep := positions(src)
	if tooDeep > 0 {
		return config{}, problems{{file, tooDeep, fmt.Sprintf("more than %d values are nested here", maxNesting)}}
	}
	if _, err := toml.Decode(src, &table); err != nil {
		return config{}, problems{syntaxProblem(file, err)}
	}
	c := &configReader{
		file: file, lines: lines,
		labels: labelTables(table), blamed: make(map[place]bool),
	}
	d := defaultConfig()
	raw := rawConfig{
		Interval: d.Interval.String(), AutoGroup: d.AutoGroup, Control: rawControl(d.Control), StateDir: d.StateDir, Mask: rawMask{Secrets: true},
		History: defaultRawHistory(), HTTP: defaultRawHTTP(), UI: defaultRawUI(),
	}
	c.fill(reflect.ValueOf(&raw).Elem(), table, "")
	out := c.config(raw)
	out.Path = file
	if len(c.problems) > 0 {
		slices.SortFunc(c.problems, func(a, b problem) int {
			return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text))
		})
		return config{}, c.problems
	}
	return out, nil
}

// syntaxProblem is the library's one complaint, on one line.
func syntaxProblem(file string, err error) problem {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return problem{file, 1, traffic.CleanText(strings.TrimPrefix(err.Error(), "toml: "), 200)}
	}
	text := pe.Message
	if text == "" { // the library then has an error of its own inside
		_, text, _ = strings.Cut(pe.Error(), ": ")
	}
	return problem{file, max(pe.Position.Line, 1), traffic.CleanText(text, 200)}
}

// labelTables finds the name, or type, of each table in an array of tables.
func labelTables(table map[string]any) map[place]string {
	labels := make(map[place]string)
	for key, v := range table {
		var tables []map[string]any
		switch list := v.(type) {
		case []map[string]any:
			tables = list
		case []any:
			for _, e := range list {
				t, _ := e.(map[string]any)
				tables = append(tables, t)
			}
		}
		for i, t := range tables {
			for _, by := range []string{"name", "type"} {
				if s, ok := t[by].(string); ok {
					labels[place("").key(key).index(i)] = s
					break
				}
			}
		}
	}
	return labels
}

// problem notes that something is wrong at a place. Where is what the message
// is headed with: that place, or the table it stands in.
func (c *configReader) problem(at, where place, format string, args ...any) {
	if c.blamed[at] {
		return
	}
	c.blamed[at] = true
	text := fmt.Sprintf(format, args...)
	if head := c.describe(where); head != "" {
		text = head + ": " + text
	}
	c.problems = append(c.problems, problem{c.file, c.lineOf(at), text})
}

// lineOf is the line of a place or, where nothing was written, of what it
// would stand in.
func (c *configReader) lineOf(at place) int {
	for at != "" {
		if line, ok := c.lines[at]; ok {
			return line
		}
		at = at[:max(strings.LastIndexAny(string(at), ".["), 0)]
	}
	return 1
}

// describe says a place in the words of the file: [[app]] 2 ("video"): match.
func (c *configReader) describe(at place) string {
	open := strings.IndexByte(string(at), '[')
	close := strings.IndexByte(string(at), ']')
	if open < 0 || close < open || strings.Contains(string(at[:open]), ".") {
		return string(at)
	}
	i := 0
	fmt.Sscanf(string(at[open:]), "[%d]", &i)
	text := fmt.Sprintf("[[%s]] %d", at[:open], i+1)
	if label, ok := c.labels[at[:close+1]]; ok {
		text += fmt.Sprintf(" (%s)", quoted(label))
	}
	rest := strings.TrimPrefix(string(at[close+1:]), ".")
	if k := strings.IndexByte(rest, '['); k >= 0 {
		rest = rest[:k]
	}
	if rest != "" {
		text += ": " + rest
	}
	return text
}

// quoted is text of the file made fit for a message.
func quoted(s string) string { return `"` + traffic.CleanText(s, 80) + `"` }
