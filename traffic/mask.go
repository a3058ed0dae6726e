package traffic

import (
	"regexp"
	"strings"
)

// Masked stands in place of a secret.
const Masked = "***"

// Mask hides secrets in command lines. The nil Mask hides nothing. It is safe for
// concurrent use.
type Mask struct {
	standard *secrets // nil: only what is in own
	own      []*regexp.Regexp
}

// NewMask makes a Mask of regexes: of what matches, the groups are hidden, or all
// of it where the regex has none. The words of a command line are divided by NUL or,
// where a program has written its own title, by spaces: [\x00\s]. With standard it
// hides passwords, tokens and keys as they are usually given, too.
func NewMask(standard bool, patterns ...*regexp.Regexp) *Mask {
	m := &Mask{own: patterns}
	if standard {
		m.standard = newSecrets()
	}
	return m
}

// Patterns lists the regexes that hide; "standard" stands for those that are not
// given.
func (m *Mask) Patterns() []string {
	var list []string
	if m != nil && m.standard != nil {
		list = append(list, "standard")
	}
	if m != nil {
		for _, re := range m.own {
			list = append(list, re.String())
		}
	}
	return list
}

// Hide returns s with the secrets in it replaced by Masked.
func (m *Mask) Hide(s string) string {
	if m == nil {
		return s
	}
	if m.standard != nil {
		s = m.standard.hide(s)
	}
	for _, re := range m.own {
		s = hideGroups(re, s)
	}
	return s
}

// hideGroups replaces what re finds.
func hideGroups(re *regexp.Regexp, s string) string {
	found := re.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		if len(f) > 2 { // the groups alone
			f = f[2:]
		}
		for i := 0; i+1 < len(f); i += 2 {
			if f[i] < at || f[i] == f[i+1] { // not there, or within the last one
				continue
			}
			b.WriteString(s[at:f[i]])
			b.WriteString(Masked)
			at = f[i+1]
		}
	}
	b.WriteString(s[at:])
	return b.String()
}
