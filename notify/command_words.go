package notify

import (
	"errors"
	"strings"
)

// SplitWords splits a command line into words as a shell does: at blanks, with
// 'single' and "double" quotes and backslashes, as POSIX has it (section 2.2 of
// the shell command language). Nothing is expanded, and of operators (;|&<>) no
// notice is taken: they are text. A backslash before a line end joins the lines.
func SplitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				return nil, errors.New("split command: a ' is not closed")
			}
			word.WriteString(line[i+1 : i+1+n])
			i += n + 1
			inWord = true
		case '"':
			n, err := doubleQuoted(&word, line[i+1:])
			if err != nil {
				return nil, err
			}
			i += n
			inWord = true
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New(`split command: nothing follows the \ at its end`)
			}
			if line[i] != '\n' {
				word.WriteByte(line[i])
				inWord = true
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted appends what stands in double quotes, of which text is what
// follows the first, and returns how much of text that takes, both included. In
// them a backslash is one unless it precedes one of $`"\ or a line end.
func doubleQuoted(word *strings.Builder, text string) (int, error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(text) && strings.IndexByte("$`\"\\\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New(`split command: a " is not closed`)
}
