package main

import (
	"strconv"
	"strings"
)

// place names a value of the configuration: "interval", "app[1].match[0]".
// Key segments that are not bare words are quoted, so that no two values
// share a place.
type place string

func (p place) key(name string) place {
	if !isBareKey(name) {
		name = strconv.Quote(name)
	}
	if p == "" {
		return place(name)
	}
	return p + "." + place(name)
}

func (p place) index(i int) place { return p + place("["+strconv.Itoa(i)+"]") }

func isBareKey(s string) bool {
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return s != ""
}

// maxNesting is deeper than any configuration. The TOML library recurses over
// what is nested, and takes minutes over a megabyte of brackets.
const maxNesting = 32

// positions finds the line of every table, key and array element in src: the
// TOML library keeps no lines for the second [[app]] and none for array
// elements. On text that is not TOML it returns something useless, and ends.
// Where more than maxNesting values or words of a key are nested it stops and
// returns that line as tooDeep, else 0.
func positions(src string) (lines map[place]int, tooDeep int) {
	s := scanner{src: src, line: 1, lines: make(map[place]int), tables: make(map[place]int)}
	s.document()
	return s.lines, s.tooDeep
}

// scanner walks TOML and notes lines; it neither checks nor keeps values.
type scanner struct {
	src  string
	pos  int
	line int

	lines  map[place]int
	tables map[place]int // arrays of tables: how many elements so far

	depth   int // open arrays and inline tables
	tooDeep int // the line where there were too many, or 0
}

// nested notes that n things are nested, and ends the scan where it is too much.
func (s *scanner) nested(n int) {
	if n > maxNesting && s.tooDeep == 0 {
		s.tooDeep = s.line
		s.pos = len(s.src)
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) next() {
	if s.peek() == '\n' {
		s.line++
	}
	s.pos++
}

func (s *scanner) done() bool { return s.pos >= len(s.src) }

// blank skips spaces and, where lines may end, newlines and comments too.
func (s *scanner) blank(newlines bool) {
	for !s.done() {
		switch c := s.peek(); {
		case c == ' ', c == '\t', c == '\r':
			s.next()
		case c == '\n' && newlines:
			s.next()
		case c == '#' && newlines:
			for !s.done() && s.peek() != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

func (s *scanner) document() {
	table := place("")
	for s.blank(true); !s.done(); s.blank(true) {
		start := s.pos
		if s.peek() == '[' {
			table = s.header()
		} else {
			s.pair(table)
		}
		if s.pos == start { // not TOML: go on behind it
			s.next()
		}
	}
}

// header reads [table] or [[table]] and returns the place of its keys.
func (s *scanner) header() place {
	line := s.line
	array := strings.HasPrefix(s.src[s.pos:], "[[")
	s.next()
	if array {
		s.next()
	}
	words := s.words()
	for s.peek() == ']' {
		s.next()
	}
	at := place("")
	for i, w := range words {
		at = at.key(w)
		if i == len(words)-1 && array {
			s.tables[at]++
			s.note(at, line)
		}
		if n := s.tables[at]; n > 0 {
			at = at.index(n - 1)
		}
		s.note(at, line)
	}
	return at
}

// note keeps the first line of a place.
func (s *scanner) note(at place, line int) {
	if _, ok := s.lines[at]; !ok {
		s.lines[at] = line
	}
}

// words reads a key, dotted or not: each part is a word.
func (s *scanner) words() []string {
	var words []string
	for {
		s.blank(false)
		start := s.pos
		if c := s.peek(); c == '"' || c == '\'' {
			words = append(words, s.text())
		} else {
			for isBareKey(string(s.peek())) {
				s.next()
			}
			if s.pos == start {
				return words
			}
			words = append(words, s.src[start:min(s.pos, len(s.src))])
		}
		s.nested(len(words))
		s.blank(false)
		if s.peek() != '.' {
			return words
		}
		s.next()
	}
}

// text reads a string of any of the four kinds and returns what it means for
// a basic one-line string, else what stands between the quotes.
func (s *scanner) text() string {
	quote := s.src[s.pos : s.pos+1]
	if strings.HasPrefix(s.src[s.pos:], quote+quote+quote) {
		quote = quote + quote + quote
	}
	start := s.pos + len(quote)
	for range quote {
		s.next()
	}
	for !s.done() {
		if s.peek() == '\\' && quote[0] == '"' {
			s.next()
			s.next()
			continue
		}
		if strings.HasPrefix(s.src[s.pos:], quote) {
			break
		}
		if len(quote) == 1 && s.peek() == '\n' {
			break
		}
		s.next()
	}
	end := min(s.pos, len(s.src))
	// Two more quotes may belong to the text of a multi-line string.
	for !s.done() && s.peek() == quote[0] {
		s.next()
		if len(quote) == 1 {
			break
		}
	}
	inner := s.src[min(start, end):end]
	if quote == `"` && strings.Contains(inner, `\`) {
		return unescape(inner)
	}
	return inner
}

// unescape undoes the escapes of a TOML basic string.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]; digits > 0 && i+digits < len(s) {
			n, _ := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
			b.WriteRune(rune(n))
			i += digits
			continue
		}
		if k := strings.IndexByte(`btnfre`, s[i]); k >= 0 {
			b.WriteByte("\b\t\n\f\r\x1b"[k])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// pair reads key = value below the table.
func (s *scanner) pair(table place) {
	line := s.line
	words := s.words()
	if len(words) == 0 {
		return
	}
	at := table
	for _, w := range words {
		at = at.key(w)
		s.note(at, line)
	}
	s.blank(false)
	if s.peek() == '=' {
		s.next()
		s.value(at)
	}
}

// value reads one value and notes what lies within it.
func (s *scanner) value(at place) {
	s.blank(false)
	switch s.peek() {
	case '"', '\'':
		s.text()
	case '[':
		s.list(']', func(i int) {
			s.note(at.index(i), s.line)
			s.value(at.index(i))
		})
	case '{':
		s.list('}', func(int) { s.pair(at) })
	default:
		for !s.done() && !strings.ContainsRune(",]}#\n", rune(s.peek())) {
			s.next()
		}
	}
}

// list reads the elements of an array or inline table up to its end.
func (s *scanner) list(end byte, element func(int)) {
	s.depth++
	defer func() { s.depth-- }()
	s.nested(s.depth)
	s.next()
	for i := 0; ; i++ {
		s.blank(true)
		if s.done() || s.peek() == end {
			s.next()
			return
		}
		start := s.pos
		element(i)
		s.blank(true)
		if s.peek() == ',' {
			s.next()
		} else if s.pos == start { // not TOML: go on behind it
			s.next()
		}
	}
}
