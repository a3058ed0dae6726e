package traffic

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// scan goes through a JSON document (RFC 8259) that has no blanks. Once it has met
// anything it does not take, it has failed and is at the end.
type scan struct {
	text   []byte
	at     int
	failed bool
}

func (s *scan) fail() { s.failed, s.at = true, len(s.text) }

// take goes past a byte, if it is the next.
func (s *scan) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// literal goes past a word, if it is next.
func (s *scan) literal(word string) bool {
	if bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		s.at += len(word)
		return true
	}
	return false
}

func (s *scan) null() bool { return s.literal("null") }

// begin goes into an object or a list, and reports whether there is anything in it.
func (s *scan) begin(open, end byte) bool {
	if !s.take(open) {
		s.fail()
		return false
	}
	return !s.take(end)
}

// more goes past the comma behind an element, or the end behind the last one.
func (s *scan) more(end byte) bool {
	if s.take(',') {
		return true
	}
	if !s.take(end) {
		s.fail()
	}
	return false
}

// name reads the name of a member as it is written.
func (s *scan) name() []byte {
	if s.take('"') {
		if n := bytes.IndexByte(s.text[s.at:], '"'); n >= 0 && s.text[max(s.at+n-1, 0)] != '\\' {
			name := s.text[s.at : s.at+n]
			s.at += n + 1
			if s.take(':') {
				return name
			}
		}
	}
	s.fail()
	return nil
}

// skip goes past a value; whether it is one is for others to see.
func (s *scan) skip() {
	depth := 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			if !s.quoted() {
				return
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
		case ',':
			if depth == 0 {
				return
			}
		}
		s.at++
	}
}

// quoted goes past a string.
func (s *scan) quoted() bool {
	for i := s.at + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return true
		}
	}
	s.fail()
	return false
}

// same goes past a string that is written as word, if it is next.
func (s *scan) same(word string) bool {
	end := s.at + 1 + len(word)
	if end < len(s.text) && s.text[s.at] == '"' && s.text[end] == '"' && string(s.text[s.at+1:end]) == word {
		s.at = end + 1
		return true
	}
	return false
}

// string reads a string, and says whether it is written in other words than it has.
func (s *scan) string() (text string, escaped bool) {
	b, escaped := s.bytes()
	return string(b), escaped
}

// bytes is string without a copy.
func (s *scan) bytes() (text []byte, escaped bool) {
	from := s.at
	if from >= len(s.text) || s.text[from] != '"' || !s.quoted() {
		s.fail()
		return nil, false
	}
	text = s.text[from+1 : s.at-1]
	plain := true
	for _, c := range text {
		if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return text, false
	}
	var decoded string
	if json.Unmarshal(s.text[from:s.at], &decoded) != nil {
		s.fail()
		return nil, false
	}
	return []byte(decoded), decoded != string(text)
}

// number goes past a number.
func (s *scan) number() []byte {
	from := s.at
	s.take('-')
	if !s.take('0') && !s.digits() {
		s.fail()
	}
	if s.take('.') && !s.digits() {
		s.fail()
	}
	if s.take('e') || s.take('E') {
		if !s.take('-') {
			s.take('+')
		}
		if !s.digits() {
			s.fail()
		}
	}
	if s.failed {
		return nil
	}
	return s.text[from:s.at]
}

// digits goes past at least one.
func (s *scan) digits() bool {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scan) float() float64 {
	v, err := strconv.ParseFloat(string(s.number()), 64)
	if err != nil {
		s.fail()
	}
	return v
}

// uint reads a whole number; what is no such or has no room ends the scan.
func (s *scan) uint() uint64 {
	v, err := strconv.ParseUint(string(s.number()), 10, 64)
	if err != nil {
		s.fail()
	}
	return v
}

// int reads a whole number that is not negative.
func (s *scan) int() int {
	v := s.uint()
	if v > math.MaxInt {
		s.fail()
	}
	return int(v)
}

func (s *scan) bool() bool {
	yes := s.literal("true")
	if !yes && !s.literal("false") {
		s.fail()
	}
	return yes
}
