package term

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"bwmon/traffic"
)

const ellipsis = "…"

// maxCluster bounds the bytes of one character with its combining marks. More
// than a script needs only serves to smear over the lines above.
const maxCluster = 24

// clean makes text safe to draw. Text is clean from the edge already; a
// surface does not rely on it.
func clean(s string) string { return traffic.CleanText(s, traffic.MaxCommand) }

// isASCII reports whether every byte of s is a printable ASCII character, so
// that bytes are cells.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// next takes the first character with its combining marks off s: what to
// draw, the cells it takes (1 or 2) and the rest. What has no width of its
// own or would control the terminal becomes U+FFFD.
func next(s string) (cluster string, width int, rest string) {
	if c := s[0]; c >= ' ' && c <= '~' && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1], 1, s[1:]
	}
	if n := lone(s); n > 0 {
		return s[:n], 1, s[n:]
	}
	cluster, rest, width, _ = uniseg.FirstGraphemeClusterInString(s, -1)
	if r, _ := utf8.DecodeRuneInString(cluster); width < 1 || r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
		return "\ufffd", 1, rest
	}
	if len(cluster) > maxCluster {
		cut := maxCluster
		for !utf8.RuneStart(cluster[cut]) {
			cut--
		}
		cluster = cluster[:cut]
	}
	return cluster, min(width, 2), rest
}

// lone is the bytes of the first character of s where that is one rune of one cell
// that nothing combines with: what sparklines, charts and meters are made of. It is 0
// where that takes a closer look.
func lone(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if !drawing(r) || uniseg.EastAsianAmbiguousWidth != 1 {
		return 0
	}
	if n < len(s) && s[n] >= utf8.RuneSelf {
		if after, _ := utf8.DecodeRuneInString(s[n:]); !drawing(after) {
			return 0
		}
	}
	return n
}

// drawing reports whether r is a dash, a bullet, a line, a block or a braille pattern.
// Their width is 1 or ambiguous (UAX #11); none is part of another character (UAX #29).
func drawing(r rune) bool {
	return r >= 0x2500 && r <= 0x259f || r >= 0x2800 && r <= 0x28ff || r >= 0x2010 && r <= 0x2027
}

// tame is clean text without characters that hold more than next draws.
func tame(s string) string {
	s = clean(s)
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		var cluster string
		cluster, _, s = next(s)
		b.WriteString(cluster)
	}
	return b.String()
}

// width is the number of cells s takes.
func width(s string) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for s != "" {
		var w int
		_, w, s = next(s)
		n += w
	}
	return n
}

// head returns the longest beginning of s that fits into w cells.
func head(s string, w int) string {
	rest := s
	for rest != "" {
		_, cw, after := next(rest)
		if w -= cw; w < 0 {
			break
		}
		rest = after
	}
	return s[:len(s)-len(rest)]
}

// fits reports whether s takes at most w cells; it looks at no more of s than
// it must.
func fits(s string, w int) bool {
	return len(s) <= w && isASCII(s) || len(head(s, w)) == len(s)
}

// cutEnd shortens s to w cells, ending in an ellipsis.
func cutEnd(s string, w int) string {
	switch {
	case fits(s, w):
		return s
	case w < 1:
		return ""
	}
	return head(s, w-1) + ellipsis
}

// cutMiddle shortens s to w cells, keeping its beginning and its end, which
// in command lines and addresses is where they differ.
func cutMiddle(s string, w int) string {
	const least = 8 // below this two stumps say less than one
	switch {
	case fits(s, w):
		return s
	case w < least:
		return cutEnd(s, w)
	}
	front := w / 2
	return head(s, front) + ellipsis + tail(s, w-1-front)
}

// tail returns the longest end of s that fits into w cells.
func tail(s string, w int) string {
	if isASCII(s) {
		return s[max(len(s)-w, 0):]
	}
	// No character is longer than maxCluster bytes once drawn; marks beyond
	// that are lost with the middle.
	if from := len(s) - (w+1)*maxCluster; from > 0 {
		// To the start of a character, which is near; bytes that are not
		// UTF-8 may have none at all.
		for i := from; i < min(from+utf8.UTFMax, len(s)); i++ {
			if utf8.RuneStart(s[i]) {
				from = i
				break
			}
		}
		s = s[from:]
	}
	for excess := width(s) - w; excess > 0 && s != ""; {
		var cw int
		_, cw, s = next(s)
		excess -= cw
	}
	return s
}

// alignRight puts s at the right end of w cells; what is wider stays whole.
func alignRight(s string, w int) string {
	return strings.Repeat(" ", max(w-width(s), 0)) + s
}

// wrap breaks s into lines of at most w cells, between words where it can.
func wrap(s string, w int) []string {
	var lines []string
	line := ""
	flush := func() {
		if line != "" {
			lines = append(lines, line)
			line = ""
		}
	}
	for _, word := range strings.Fields(s) {
		if line != "" && width(line)+1+width(word) <= w {
			line += " " + word
			continue
		}
		if line != "" && !fits(word, w) { // it is broken in any case: where the line ends
			part := head(word, w-width(line)-1)
			if part != "" {
				line += " " + part
				word = word[len(part):]
			}
		}
		flush()
		for !fits(word, w) {
			part := head(word, w)
			if part == "" {
				return lines
			}
			lines = append(lines, part)
			word = word[len(part):]
		}
		line = word
	}
	flush()
	return lines
}

// appendLower appends s in lower case, without allocating for ASCII.
func appendLower(buf []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(buf, strings.ToLower(s[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}

// compareFold orders text as a reader expects: ASCII letters without regard
// to case, and by their bytes where that leaves them equal.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if 'A' <= y && y <= 'Z' {
			y += 'a' - 'A'
		}
		if x != y {
			return int(x) - int(y)
		}
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
