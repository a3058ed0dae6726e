package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath is how long a path may be, in bytes.
const maxPath = 1024

// path says where in a JSON document a value is; an empty one is the document.
type path []step

// step is a member of an object by its key, or an element of an array.
type step struct {
	key     string
	index   int
	isIndex bool
}

// parsePath reads a path: keys with dots between them, indices and quoted keys in
// brackets: a.b[0].c, ["a.b"].c, [1][2]; "." alone is the whole document. A key that
// is not quoted has no spaces and none of . [ ] ", and one that is is a JSON string.
func parsePath(s string) (path, error) {
	switch {
	case s == ".":
		return path{}, nil
	case s == "":
		return nil, errors.New(`want a path such as a.b[0].c, got none; "." is the whole document`)
	case len(s) > maxPath:
		return nil, fmt.Errorf("want a path of at most %d bytes, got %d", maxPath, len(s))
	case !utf8.ValidString(s):
		return nil, errors.New("want a path in UTF-8")
	}
	var p path
	for rest := s; rest != ""; {
		var st step
		var err error
		switch {
		case rest[0] == '[':
			st, rest, err = parseBracket(rest[1:])
		case len(p) > 0 && rest[0] != '.':
			err = errors.New("want . or [ after a ]")
		default:
			if len(p) > 0 {
				rest = rest[1:]
			}
			st, rest, err = parseKey(rest)
		}
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", quoted(s), err)
		}
		p = append(p, st)
	}
	return p, nil
}

// parseKey reads a key that is not quoted, from the beginning of s.
func parseKey(s string) (st step, rest string, err error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	key := s[:end]
	odd := func(r rune) bool {
		return r == ']' || r == '"' || r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r)
	}
	if key == "" {
		return step{}, "", errors.New(`a key is missing; an empty one is [""]`)
	}
	if strings.ContainsFunc(key, odd) {
		return step{}, "", fmt.Errorf("quote the key %s: [%s]", quoted(key), quoted(key))
	}
	return step{key: key}, s[end:], nil
}

// parseBracket reads an index or a quoted key and the bracket that ends it.
func parseBracket(s string) (st step, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(s) || json.Unmarshal([]byte(s[:end+1]), &st.key) != nil {
			return step{}, "", errors.New("a key in brackets is no JSON string")
		}
		s = s[end+1:]
	} else {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		st.isIndex = true
		if st.index, err = strconv.Atoi(s[:digits]); err != nil || digits > 9 {
			return step{}, "", errors.New(`want an index from 0 or a key in quotes in brackets, such as [0] or ["a.b"]`)
		}
		s = s[digits:]
	}
	if !strings.HasPrefix(s, "]") {
		return step{}, "", errors.New("a ] is missing")
	}
	return st, s[1:], nil
}
