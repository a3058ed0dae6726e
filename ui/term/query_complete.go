package term

import (
	"strings"
	"unicode/utf8"
)

// completion is one way to go on with a filter: text in the place of the
// bytes from replaceFrom to replaceTo.
type completion struct {
	text                   string
	replaceFrom, replaceTo int
	note                   string // what it is; "" for a value
}

// maxCompletions bounds how many values are offered.
const maxCompletions = 50

// completeQuery offers ways to go on at cursor, a place in bytes: the fields
// in known (nil: all) that begin like the word there; behind a field what
// values has for it; operators and units behind figures. values is given what
// is typed of the value, and answers whole values in the order to show; nil is
// none. Nothing is offered within regexes and quoted text without a field.
func completeQuery(text string, cursor int, known []queryField, values func(field queryField, prefix string) []string) []completion {
	cursor = min(max(cursor, 0), len(text))
	for cursor > 0 && cursor < len(text) && !utf8.RuneStart(text[cursor]) {
		cursor--
	}
	at, ok := termAt(text, cursor)
	if !ok {
		return completeField("", cursor, cursor, known)
	}
	switch {
	case at.name == "" && strings.ContainsAny(text[at.start:at.end], `"/`):
		return nil
	case at.name == "":
		return without(text, completeField(text[at.start:cursor], at.start, at.end, known))
	case cursor < at.value:
		typed := text[at.start:min(cursor, at.start+len(at.name))]
		return without(text, completeField(typed, at.start, at.value, known))
	}
	field, ok := findField(at.name)
	if !ok || at.regex {
		return nil
	}
	typed := text[at.value:cursor]
	switch {
	case field.sort() == fieldAmount, field.sort() == fieldSize:
		return without(text, completeUnit(typed, at, field.sort() == fieldAmount))
	case field.sort() == fieldCount || values == nil:
		return nil
	}
	return without(text, completeValue(typed, at, field, values))
}

// termPlace is where a term stands in the text of a filter, without what
// negates it.
type termPlace struct {
	start, end int
	name       string // of its field; "" for none
	value      int    // where its value begins; start without a field
	regex      bool
}

// termAt finds the term that the cursor is in, or right behind.
func termAt(text string, cursor int) (termPlace, bool) {
	p := queryParser{text: text}
	for p.pos < len(text) {
		if c := text[p.pos]; c == '|' || c == '!' || strings.IndexByte(queryBlanks, c) >= 0 {
			p.pos++
			continue
		}
		at := p.place()
		if cursor < at.start {
			break
		}
		if cursor <= at.end {
			return at, true
		}
		p.pos = at.end
	}
	return termPlace{}, false
}

// place measures the term that begins here, right or wrong.
func (p *queryParser) place() termPlace {
	at := termPlace{start: p.pos, value: p.pos}
	name, _, n := splitField(p.text[p.pos:p.wordEnd(p.pos)])
	at.name = name
	at.value += n
	p.pos = at.value
	at.end = p.wordEnd(at.value)
	if at.value == len(p.text) {
		return at
	}
	switch p.text[at.value] {
	case '"':
		p.quoted(&queryTerm{}) // an error leaves pos behind the quote all the same
		at.end = p.wordEnd(p.pos)
	case '/':
		if end := p.regexEnd(); end > 0 {
			at.end, at.regex = end, true
		}
	}
	return at
}

// completeField offers fields whose name or other name begins with typed.
func completeField(typed string, from, to int, known []queryField) []completion {
	var out []completion
	if known == nil {
		for f := queryAny + 1; int(f) < len(queryNames); f++ {
			known = append(known, f)
		}
	}
	for _, f := range known {
		n := &queryNames[f]
		if f == queryAny || !hasPrefixFold(n.name, typed) && (n.alias == "" || !hasPrefixFold(n.alias, typed)) {
			continue
		}
		op := ":"
		if n.sort >= fieldAmount {
			op = ">"
		}
		out = append(out, completion{n.name + op, from, to, n.note})
		if n.sort >= fieldAmount && strings.EqualFold(typed, n.name) {
			out = append(out,
				completion{n.name + "<", from, to, "less than"},
				completion{n.name + ">=", from, to, "at least"},
				completion{n.name + "<=", from, to, "at most"},
				completion{n.name + "=", from, to, "exactly"},
				completion{n.name + "!=", from, to, "anything but"})
		}
	}
	return out
}

// completeUnit offers units for the number typed, those of rates only where the
// field has them.
func completeUnit(typed string, at termPlace, rates bool) []completion {
	end := 0
	for end < len(typed) && strings.IndexByte("0123456789.", typed[end]) >= 0 {
		end++
	}
	number, unit := typed[:end], typed[end:]
	if number == "" {
		number = "1"
	}
	var out []completion
	for _, u := range [...]struct{ unit, note string }{
		{"KiB/s", "rate"}, {"MiB/s", "rate"}, {"GiB/s", "rate"},
		{"kbit/s", "rate, in bits"}, {"Mbit/s", "rate, in bits"}, {"Gbit/s", "rate, in bits"},
		{"KiB", "total"}, {"MiB", "total"}, {"GiB", "total"}, {"TiB", "total"},
	} {
		if hasPrefixFold(u.unit, unit) && (rates || u.note == "total") {
			out = append(out, completion{number + u.unit, at.value, at.end, u.note})
		}
	}
	return out
}

// completeValue offers values for a field, in quotes where they need them.
func completeValue(typed string, at termPlace, field queryField, values func(queryField, string) []string) []completion {
	if inner, ok := strings.CutPrefix(typed, `"`); ok {
		typed = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(inner, `"`))
	}
	var out []completion
	seen := make(map[string]bool)
	for _, v := range values(field, typed) {
		if v == "" || seen[v] || len(v) > maxQuery/2 {
			continue
		}
		if seen[v] = true; len(seen) > maxCompletions {
			break
		}
		t := queryTerm{field: field, text: v}
		text := t.valueText()
		if field.sort() == fieldNumber || field.sort() == fieldHost && isAddress(v) {
			text = v
		}
		out = append(out, completion{text, at.value, at.end, ""})
	}
	return out
}

// without leaves out completions that would change nothing.
func without(text string, list []completion) []completion {
	kept := list[:0]
	for _, c := range list {
		if text[c.replaceFrom:c.replaceTo] != c.text {
			kept = append(kept, c)
		}
	}
	return kept
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
