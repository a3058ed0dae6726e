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

// configReader turns the texts of one or more files into a config, collecting
// problems.
type configReader struct {
	file     string                // that is being read
	sources  []string              // files, in the order they are read
	lines    map[place]int         // of the file that said it last
	files    map[place]string      // which file that is
	counts   map[place]tableNumber // of the tables of an array
	labels   map[place]string      // what tells one table of an array from the others
	problems problems
	blamed   map[place]bool // places with a problem: one is enough
}

// parseConfig validates src; file is for messages. The error is of type
// problems and holds everything wrong.
func parseConfig(file, src string) (config, error) {
	return parseConfigs([]source{{file, src}})
}

// defaultRaw is what is written where nothing is.
func defaultRaw() rawConfig {
	d := defaultConfig()
	return rawConfig{
		Interval: d.Interval.String(), AutoGroup: d.AutoGroup, Control: rawControl{Socket: d.Control.Socket, Group: d.Control.Group}, StateDir: d.StateDir, Mask: rawMask{Secrets: true},
		History: defaultRawHistory(), HTTP: defaultRawHTTP(), UI: defaultRawUI(), Log: defaultRawLog(),
		Publish: defaultRawPublish(), Receive: defaultRawReceive(),
	}
}

// parseConfigs validates what several files say together. What a later one says
// of a key holds; tables of an array come one behind the other.
func parseConfigs(sources []source) (config, error) {
	c := &configReader{
		lines: make(map[place]int), files: make(map[place]string), counts: make(map[place]tableNumber),
		labels: make(map[place]string), blamed: make(map[place]bool),
	}
	raw := defaultRaw()
	var unreadable problems
	for _, src := range sources {
		if wrong := c.read(src, &raw); wrong != nil {
			unreadable = append(unreadable, *wrong)
		}
	}
	if len(unreadable) > 0 { // what is missing in it would be blamed on others
		return config{}, unreadable
	}
	out := c.config(raw)
	out.Raw = &raw
	out.Files = c.sources
	if len(out.Files) > 0 {
		out.Path = out.Files[0]
	}
	if len(c.problems) > 0 {
		slices.SortFunc(c.problems, func(a, b problem) int {
			return cmp.Or(cmp.Compare(slices.Index(c.sources, a.file), slices.Index(c.sources, b.file)),
				cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text))
		})
		return config{}, c.problems
	}
	return out, nil
}

// read puts what one file says over what is in raw. It returns why the file
// cannot be read at all.
func (c *configReader) read(src source, raw *rawConfig) *problem {
	c.file = traffic.CleanText(src.file, traffic.MaxCommand)
	c.sources = append(c.sources, c.file)
	table := make(map[string]any)
	lines, tooDeep := positions(src.text)
	if tooDeep > 0 {
		return &problem{c.file, tooDeep, fmt.Sprintf("more than %d values are nested here", maxNesting)}
	}
	if _, err := toml.Decode(src.text, &table); err != nil {
		wrong := syntaxProblem(c.file, err)
		return &wrong
	}
	dst := reflect.ValueOf(raw).Elem()
	c.learn(lines, labelTables(table), tablesIn(dst))
	c.fill(dst, table, "")
	return nil
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
	file, line := c.spot(at)
	c.problems = append(c.problems, problem{file, line, text})
}

// spot is the file and line of a place or, where nothing was written, of what it
// would stand in.
func (c *configReader) spot(at place) (file string, line int) {
	for at != "" {
		if line, ok := c.lines[at]; ok {
			return c.files[at], line
		}
		at = at[:max(strings.LastIndexAny(string(at), ".["), 0)]
	}
	return c.sources[0], 1
}

// describe says a place in the words of the file: [[app]] 2 ("video"): match.
func (c *configReader) describe(at place) string {
	open := strings.IndexByte(string(at), '[')
	close := strings.IndexByte(string(at), ']')
	if open < 0 || close < open || strings.Contains(string(at[:open]), ".") {
		return string(at)
	}
	text := fmt.Sprintf("[[%s]] %d", at[:open], c.counts[at[:close+1]].number)
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
