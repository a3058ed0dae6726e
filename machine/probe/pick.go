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
// keeps nothing of the document but them, however deep or wide that is. Of a key that
// an object has several times the last counts, as for most readers.
func pick(document []byte, fields []field) ([]figure, error) {
	document = bytes.TrimPrefix(document, []byte("\ufeff")) // RFC 8259, section 8.1
	if !json.Valid(document) {
		return nil, errNotJSON
	}
	p := picker{d: json.NewDecoder(bytes.NewReader(document)), fields: fields, figures: make([]figure, len(fields))}
	p.d.UseNumber()
	wanted := make([]int, len(fields))
	for i := range wanted {
		wanted[i] = i
	}
	if err := p.value(wanted, 0); err != nil {
		return nil, errNotJSON
	}
	return p.figures, nil
}

// picker reads a document that is valid, from its beginning to its end.
type picker struct {
	d       *json.Decoder
	fields  []field
	figures []figure
}

// value reads the next value. The paths of the fields wanted led here with their first
// depth steps.
func (p *picker) value(wanted []int, depth int) error {
	for _, i := range wanted {
		p.figures[i] = absentFigure // whatever a former value of the same key had
	}
	token, err := p.d.Token()
	if err != nil {
		return err
	}
	var here figure
	delim, container := token.(json.Delim)
	switch {
	case !container:
		here = scalar(token)
	case delim == '{':
		here.wrong, err = "is an object", p.object(wanted, depth)
	default:
		here.wrong, err = "is an array", p.array(wanted, depth)
	}
	for _, i := range wanted {
		if len(p.fields[i].path) == depth {
			p.figures[i] = here
		}
	}
	return err
}

func (p *picker) object(wanted []int, depth int) error {
	for p.d.More() {
		token, err := p.d.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if err := p.member(wanted, depth, step{key: key}); err != nil {
			return err
		}
	}
	_, err := p.d.Token()
	return err
}

func (p *picker) array(wanted []int, depth int) error {
	for i := 0; p.d.More(); i++ {
		if err := p.member(wanted, depth, step{index: i, isIndex: true}); err != nil {
			return err
		}
	}
	_, err := p.d.Token()
	return err
}

// member reads the value that a step leads to, for the fields that take this step.
func (p *picker) member(wanted []int, depth int, s step) error {
	var inside []int
	for _, i := range wanted {
		if path := p.fields[i].path; len(path) > depth && path[depth] == s {
			inside = append(inside, i)
		}
	}
	if inside == nil {
		return p.skip()
	}
	return p.value(inside, depth+1)
}

// skip reads a value nobody wants.
func (p *picker) skip() error {
	for open := 0; ; {
		token, err := p.d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if open == 0 {
			return nil
		}
	}
}

// scalar is a value that is no object or array as a figure.
func scalar(token json.Token) figure {
	switch v := token.(type) {
	case bool:
		if v {
			return figure{value: 1}
		}
		return figure{}
	case json.Number:
		return number(string(v))
	case string:
		// Some services write numbers as texts, so that no digit is lost.
		if isNumber(v) {
			return number(v)
		}
		return figure{wrong: "is a text"}
	}
	return figure{wrong: "is null"}
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
