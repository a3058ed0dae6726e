package pipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ParseReport reads a report. It takes no more memory than a report of the largest
// size, whatever is in b.
func ParseReport(b []byte) (*Report, error) {
	// Elements are counted before any are made: each takes but two bytes to write.
	if err := countElements(b); err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, err
	}
	return r, nil
}

const (
	maxElements = 50 * MaxReported // of a flow with an owner and all arguments there are 40
	maxDepth    = 8
)

// countElements reports an error where there are more lists, objects and elements
// of these than in any report. It minds nothing but brackets, commas and strings.
func countElements(b []byte) error {
	n, depth := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := stringEnd(b[i+1:])
			if end < 0 {
				return errors.New("a string does not end")
			}
			i += end + 1
		case '[', '{':
			n++
			if depth++; depth > maxDepth {
				return errors.New("it is nested too deep")
			}
		case ']', '}':
			depth--
		case ',':
			n++
		}
		if n > maxElements {
			return fmt.Errorf("there is more in it than in a report of %d flows", MaxReported)
		}
	}
	return nil
}

// stringEnd is where the string ends that b begins within; -1: nowhere.
func stringEnd(b []byte) int {
	for i := 0; ; {
		end := bytes.IndexAny(b[i:], `"\\`)
		switch {
		case end < 0:
			return -1
		case b[i+end] == '"':
			return i + end
		}
		if i += end + 2; i > len(b) {
			return -1
		}
	}
}
