package term

import (
	"errors"
	"hash/maphash"
	"regexp"
	"regexp/syntax"
	"unicode"
)

// pattern is a regex without regard to case, for text in lower case. It
// remembers what it found: most of the text of one frame was in the last one,
// and a regex costs fifty times of what looking it up does.
type pattern struct {
	re   *regexp.Regexp
	seed maphash.Seed
	// found holds hashes of text with the answer in the lowest bit; 0 is an
	// empty place. Two texts of one hash are as likely as a broken machine.
	found []uint64
}

const (
	patternMemory = 1 << 16 // texts remembered: 512 KiB
	patternWays   = 2       // places a text may be in
)

// newPattern compiles a regex.
func newPattern(source string) (*pattern, error) {
	tree, err := syntax.Parse(source, (syntax.Perl|syntax.FoldCase)&^syntax.OneLine)
	if err != nil {
		var parse *syntax.Error
		if errors.As(err, &parse) {
			return nil, errors.New("regex: " + parse.Code.String())
		}
		return nil, err
	}
	lowerLiterals(tree)
	re, err := regexp.Compile(tree.String())
	if err != nil {
		return nil, err
	}
	return &pattern{re: re, seed: maphash.MakeSeed()}, nil
}

// lowerLiterals writes what a regex finds in either case in lower case, which
// is all there is, so that it can be searched for as it stands.
func lowerLiterals(tree *syntax.Regexp) {
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase != 0 {
		for i, r := range tree.Rune {
			tree.Rune[i] = unicode.ToLower(r)
		}
		tree.Flags &^= syntax.FoldCase
	}
	for _, sub := range tree.Sub {
		lowerLiterals(sub)
	}
}

func (p *pattern) match(text []byte) bool {
	if p.found == nil {
		p.found = make([]uint64, patternMemory)
	}
	const answer = 1
	hash := maphash.Bytes(p.seed, text) | answer
	at := (hash >> 8) % (patternMemory / patternWays) * patternWays
	places := p.found[at : at+patternWays]
	for _, h := range places {
		if h|answer == hash && h > answer {
			return h&answer != 0
		}
	}
	ok := p.re.Match(text)
	if !ok {
		hash &^= answer
	}
	copy(places[1:], places) // the one that came first goes
	places[0] = hash
	return ok
}
