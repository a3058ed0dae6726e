package main

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// screen is what a terminal shows: as much of one as it takes to follow a program
// that places every text itself. Every character takes one cell, and styles are
// not kept.
type screen struct {
	w, h     int
	x, y     int    // of the cursor
	cells    []rune // lines of w
	updating bool   // within a synchronized update, which is not shown yet
	rest     []byte // of a sequence or a character that has not come in whole
}

func newScreen(w, h int) *screen {
	s := &screen{w: w, h: h, cells: make([]rune, w*h)}
	s.erase(s.cells)
	return s
}

func (s *screen) erase(cells []rune) {
	for i := range cells {
		cells[i] = ' '
	}
}

func (s *screen) clone() *screen {
	c := *s
	c.cells, c.rest = slices.Clone(s.cells), nil
	return &c
}

// line is a line's text; that of one that does not exist is empty.
func (s *screen) line(y int) string {
	if y < 0 || y >= s.h {
		return ""
	}
	return string(s.cells[y*s.w : (y+1)*s.w])
}

// lineWith is the first line that has a text, or -1.
func (s *screen) lineWith(text string) int {
	for y := range s.h {
		if strings.Contains(s.line(y), text) {
			return y
		}
	}
	return -1
}

// String is what is shown.
func (s *screen) String() string {
	var b strings.Builder
	for y := range s.h {
		b.WriteString(strings.TrimRight(s.line(y), " ") + "\n")
	}
	return b.String()
}

// write shows what a program has written.
func (s *screen) write(p []byte) {
	b := append(s.rest, p...)
	for len(b) > 0 {
		n := s.take(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.rest = slices.Clone(b)
}

// take shows one character or obeys one sequence, and returns its length; 0 if
// it is not there in whole.
func (s *screen) take(b []byte) int {
	switch c := b[0]; {
	case c == '\x1b':
		return s.sequence(b)
	case c == '\r':
		s.x = 0
	case c == '\n':
		s.y = min(s.y+1, s.h-1)
	case c == '\b':
		s.x = max(s.x-1, 0)
	case c < ' ' || c == 0x7f:
	case !utf8.FullRune(b):
		return 0
	default:
		r, n := utf8.DecodeRune(b)
		if s.x < s.w {
			s.cells[s.y*s.w+s.x] = r
			s.x++
		}
		return n
	}
	return 1
}

// longest is how long a sequence may be; a longer one is none.
const longest = 64 << 10

// sequence obeys the escape sequence that b begins with, see ECMA-48 and xterm's
// ctlseqs, and returns its length; 0 if it is not there in whole.
func (s *screen) sequence(b []byte) int {
	if len(b) > longest {
		return 1
	}
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[': // CSI
		end := bytes.IndexFunc(b[2:], func(r rune) bool { return r < ' ' || r > '?' })
		if end < 0 {
			return 0
		}
		s.control(string(b[2:2+end]), b[2+end])
		return 2 + end + 1
	case ']', 'P': // OSC, DCS: until BEL or ST
		for i := 2; i < len(b); i++ {
			if b[i] == '\a' {
				return i + 1
			}
			if b[i] == '\\' && b[i-1] == '\x1b' {
				return i + 1
			}
		}
		return 0
	case '(', ')': // a character set
		if len(b) < 3 {
			return 0
		}
		return 3
	}
	return 2
}

// control obeys a CSI sequence. Those that are not known here change nothing.
func (s *screen) control(args string, final byte) {
	switch final {
	case 'H': // CUP
		y, x, _ := strings.Cut(args, ";")
		s.y, s.x = min(place(y), s.h)-1, min(place(x), s.w)-1
	case 'J': // ED
		switch args {
		case "", "0":
			s.erase(s.cells[s.y*s.w+min(s.x, s.w):])
		case "2":
			s.erase(s.cells)
		}
	case 'K': // EL
		if args == "" || args == "0" {
			s.erase(s.cells[s.y*s.w+min(s.x, s.w) : (s.y+1)*s.w])
		}
	case 'h', 'l':
		if args == "?2026" {
			s.updating = final == 'h'
		}
	}
}

// place is a line or column, from 1 on.
func place(digits string) int {
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' || n > 9999 {
			return 1
		}
		n = 10*n + int(c-'0')
	}
	return max(n, 1)
}
