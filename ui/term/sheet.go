package term

import (
	"slices"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

// sheet is a frame on its way to the screen. A frame is drawn whole, but only cells
// that differ from the frame before are handed on: handing one on costs much more
// than drawing it, and the screen would write each again that was blank in between.
type sheet struct {
	w, h   int
	next   []glyph // the frame being drawn
	last   []glyph // what the screen has
	styles []tcell.Style
	texts  []string         // of characters that are more than one rune
	places map[string]int32 // of these in texts
	runes  map[rune]string  // each as a text, so that none is made anew
}

// glyph is a cell: its character as a rune, 0 for a blank, or less than zero as a
// place in texts (-1 is the first), and its style as a place in styles. Its zero value
// is a cell that nothing was drawn into.
type glyph struct {
	char  rune
	style int32
}

// maxTexts bounds what a sheet knows of characters and styles.
const maxTexts = 4096

// begin starts a frame for a screen that may have another size than it had. What
// the screen has must be known to be what it was given, or be forgotten.
func (s *sheet) begin(screen tcell.Screen) {
	w, h := screen.Size()
	if s.styles == nil || w != s.w || h != s.h || max(len(s.texts), len(s.styles), len(s.runes)) > maxTexts {
		*s = sheet{
			w: w, h: h, next: make([]glyph, w*h), last: make([]glyph, w*h), styles: []tcell.Style{tcell.StyleDefault},
			places: make(map[string]int32), runes: make(map[rune]string),
		}
		screen.Clear()
	}
	clear(s.next)
}

// forget makes the next frame draw all cells.
func (s *sheet) forget() { *s = sheet{} }

// style is the place of a style.
func (s *sheet) style(style tcell.Style) int32 {
	i := slices.Index(s.styles, style)
	if i < 0 {
		i = len(s.styles)
		s.styles = append(s.styles, style)
	}
	return int32(i)
}

// put draws a rune; outside the sheet it draws nothing.
func (s *sheet) put(x, y int, char rune, style int32) {
	if char == ' ' {
		char = 0
	}
	if x >= 0 && x < s.w && y >= 0 && y < s.h {
		s.next[y*s.w+x] = glyph{char, style}
	}
}

// cluster draws a character of any number of runes.
func (s *sheet) cluster(x, y int, text string, style int32) {
	if r, size := utf8.DecodeRuneInString(text); size == len(text) {
		s.put(x, y, r, style)
		return
	}
	place, ok := s.places[text]
	if !ok {
		s.texts = append(s.texts, text)
		place = int32(-len(s.texts))
		s.places[text] = place
	}
	s.put(x, y, place, style)
}

// show hands on what has changed.
func (s *sheet) show(screen tcell.Screen) {
	for y := range s.h {
		next, last := s.next[y*s.w:(y+1)*s.w], s.last[y*s.w:(y+1)*s.w]
		for x, g := range next {
			if g != last[x] {
				last[x] = g
				screen.Put(x, y, s.text(g.char), s.styles[g.style])
			}
		}
	}
}

// text is what to draw for the character of a glyph.
func (s *sheet) text(char rune) string {
	switch {
	case char < 0:
		return s.texts[-1-char]
	case char == 0:
		return " "
	}
	text, ok := s.runes[char]
	if !ok {
		text = string(char)
		s.runes[char] = text
	}
	return text
}
