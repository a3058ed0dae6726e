package traffic

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanText makes text from a command line, a name or the network harmless
// for a terminal and valid for JSON: control characters, bidirectional and
// other invisible formatting, and bytes that are not UTF-8 become visible
// escapes (\n, \x1b, \u202e). What is longer than max bytes is cut at a
// character and ends in "…". Cleaned text passes through unchanged.
//
// It is called once, where the text enters. What a surface gives meaning to
// (tview tags, HTML, CSV formulas) that surface escapes.
func CleanText(s string, max int) string {
	if len(s) <= max && isClean(s) {
		return s
	}
	const ellipsis = "…"
	var b strings.Builder
	cut := -1 // where to cut so that the ellipsis still fits
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		var piece string
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, s[i])
		case harmless(r):
			piece = s[i : i+size]
		case r == '\n':
			piece = `\n`
		case r == '\t':
			piece = `\t`
		case r < 0x80:
			piece = fmt.Sprintf(`\x%02x`, r)
		case r <= 0xffff:
			piece = fmt.Sprintf(`\u%04x`, r)
		default:
			piece = fmt.Sprintf(`\U%08x`, r)
		}
		if cut < 0 && b.Len()+len(piece) > max-len(ellipsis) {
			cut = b.Len()
		}
		if b.Len()+len(piece) > max {
			return b.String()[:cut] + ellipsis
		}
		b.WriteString(piece)
		i += size
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < 0x20 || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || !harmless(r) {
			return false
		}
		i += size
	}
	return true
}

// harmless reports whether r prints as itself and moves nothing else. The
// combining marks (Mn, Me, Mc) are harmless; Cf, line and paragraph
// separators, surrogates and unassigned code points are not.
func harmless(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r) && !unicode.Is(unicode.Cf, r)
}
