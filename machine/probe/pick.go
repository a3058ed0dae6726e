package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// figure is what a field is in a document: a finite number, or why there is none.
type figure struct {
	value float64
	wrong string
}

// absentFigure is that of a field until the document has it.
var absentFigure = figure{wrong: "is not there"}

// errNotJSON: the document is something else.
var errNotJSON = errors.New("the body is not JSON")

// pick finds the figures of fields in a JSON document, in the order of fields. It
// reads the document where it is, and makes nothing of it but them, however deep or
// wide that is. Of a key that an object has several times the last counts, as for most
// readers.
func pick(document []byte, fields []field) ([]figure, error) {
	document = bytes.TrimPrefix(document, []byte("\ufeff")) // RFC 8259, section 8.1
	if !json.Valid(document) {
		return nil, errNotJSON
	}
	p := picker{rest: document, fields: fields, figures: make([]figure, len(fields))}
	wanted := make([]int, len(fields))
	for i := range wanted {
		wanted[i] = i
	}
	p.value(wanted, 0)
	return p.figures, nil
}

// picker reads a document, which is valid, from its beginning to its end.
type picker struct {
	rest    []byte
	fields  []field
	figures []figure
}

// value reads the next value. The paths of the fields wanted led here with their first
// depth steps.
func (p *picker) value(wanted []int, depth int) {
	for _, i := range wanted {
		p.figures[i] = absentFigure // whatever a former value of the same key had
	}
	var here figure
	switch p.next() {
	case '{':
		here.wrong = "is an object"
		p.object(wanted, depth)
	case '[':
		here.wrong = "is an array"
		p.array(wanted, depth)
	default:
		here = scalar(p.take())
	}
	for _, i := range wanted {
		if len(p.fields[i].path) == depth {
			p.figures[i] = here
		}
	}
}

func (p *picker) object(wanted []int, depth int) {
	p.rest = p.rest[1:]
	for p.next() != '}' {
		if p.rest[0] == ',' {
			p.rest = p.rest[1:]
			p.next()
		}
		key := text(p.take())
		p.next() // the colon
		p.rest = p.rest[1:]
		p.member(wanted, depth, step{key: key})
	}
	p.rest = p.rest[1:]
}

func (p *picker) array(wanted []int, depth int) {
	p.rest = p.rest[1:]
	for i := 0; p.next() != ']'; i++ {
		if p.rest[0] == ',' {
			p.rest = p.rest[1:]
		}
		p.member(wanted, depth, step{index: i, isIndex: true})
	}
	p.rest = p.rest[1:]
}

// member reads the value that a step leads to, for the fields that take this step.
func (p *picker) member(wanted []int, depth int, s step) {
	var inside []int
	for _, i := range wanted {
		if path := p.fields[i].path; len(path) > depth && path[depth] == s {
			inside = append(inside, i)
		}
	}
	if inside == nil {
		p.next()
		p.take()
		return
	}
	p.value(inside, depth+1)
}

// next skips white space and returns the byte after it.
func (p *picker) next() byte {
	p.rest = bytes.TrimLeft(p.rest, " \t\r\n")
	return p.rest[0]
}

// take cuts off the value that begins here.
func (p *picker) take() []byte {
	open, i := 0, 0
	for {
		switch p.rest[i] {
		case '"':
			i += stringEnd(p.rest[i:])
		case '{', '[':
			open++
			i++
		case '}', ']':
			open--
			i++
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
		default: // a number, true, false or null
			for i < len(p.rest) && bytes.IndexByte([]byte(" \t\r\n,:]}"), p.rest[i]) < 0 {
				i++
			}
		}
		if open == 0 {
			value := p.rest[:i]
			p.rest = p.rest[i:]
			return value
		}
	}
}

// stringEnd is where the JSON string ends that b begins with.
func stringEnd(b []byte) int {
	i := 1
	for b[i] != '"' {
		if b[i] == '\\' {
			i++
		}
		i++
	}
	return i + 1
}

// text is what a JSON string says.
func text(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return "" // of a valid document never
	}
	return s
}

// scalar is a value that is no object or array as a figure.
func scalar(b []byte) figure {
	switch b[0] {
	case 't':
		return figure{value: 1}
	case 'f':
		return figure{}
	case 'n':
		return figure{wrong: "is null"}
	case '"':
		// Some services write numbers as texts, so that no digit is lost.
		if s := text(b); isNumber(s) {
			return number(s)
		}
		return figure{wrong: "is a text"}
	}
	return number(string(b))
}

func number(s string) figure {
	value, err := strconv.ParseFloat(s, 64)
	if err != nil { // only what is beyond all numbers: the form is JSON's
		return figure{wrong: "is a number beyond all measure"}
	}
	return figure{value: value}
}

// isNumber reports whether s is a number as JSON writes it, and nothing else: no NaN,
// no space, no hexadecimal.
func isNumber(s string) bool {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return false
	}
	last := s[len(s)-1]
	return '0' <= last && last <= '9' && json.Valid([]byte(s))
}

// wrongFigures says in a line which figures are missing; "" where none is.
func wrongFigures(fields []field, figures []figure) string {
	first, more := "", 0
	for i, f := range figures {
		switch {
		case f.wrong == "":
		case first == "":
			first = fmt.Sprintf("field %s %s", fields[i].name, f.wrong)
		default:
			more++
		}
	}
	if more > 0 {
		first += fmt.Sprintf(" (and %d more fields)", more)
	}
	return first
}
