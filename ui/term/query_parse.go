package term

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxQuery bounds a filter in bytes, and with it what its regexes cost.
const maxQuery = 1024

// queryError is what is wrong with a filter, and where: n bytes from at.
type queryError struct {
	at, n int
	text  string
}

func (e queryError) Error() string { return e.text }

// parseQuery reads a filter. Words that stand beside each other must all
// match; "|" separates alternatives.
//
//	word            text anywhere in the row, without regard to case
//	"two words"     text with spaces; \" and \\ inside; the end may close it
//	/regex/         RE2; ^ and $ are the ends of each text of the row
//	app:word        a field contains the word, or "…", or matches /…/
//	user=root       a field is the word; user!=root: it is not
//	container:""    a field is empty
//	host:10.0.0.0/8 an address is in the network; host:192.0.2.1 is the address
//	port:80-90      a number is in the range; port>1023
//	rx>1MiB/s       a rate; rx>1GB: a total
//	!term           not the term
//	mount:/var      a series as it is called: text
//
// Of known, the fields the rows at hand have, nil means all; terms of others
// match nothing, and query.absent says so. An error is a queryError.
func parseQuery(text string, known []queryField) (*query, error) {
	if len(text) > maxQuery {
		return nil, queryError{0, len(text), fmt.Sprintf("a filter has at most %d bytes", maxQuery)}
	}
	p := queryParser{text: text}
	if err := p.parse(); err != nil {
		return nil, err
	}
	q := &query{any: p.any, plan: make([][]*queryTerm, len(p.any))}
	for i, terms := range p.any {
		q.plan[i] = slices.Clone(terms)
		slices.SortStableFunc(q.plan[i], func(a, b *queryTerm) int { return a.cost() - b.cost() })
	}
	for _, u := range p.used {
		if known != nil && !slices.Contains(known, u.field) {
			q.absent = append(q.absent, queryError{u.at, u.n, fmt.Sprintf("rows here have no %q", u.field)})
		}
	}
	return q, nil
}

// queryParser reads one filter from left to right.
type queryParser struct {
	text string
	pos  int
	any  [][]*queryTerm
	used []usedField
}

// usedField is where a field was named.
type usedField struct {
	field queryField
	at, n int
}

func (p *queryParser) parse() error {
	var terms []*queryTerm
	bar := -1 // where the last "|" is
	for {
		p.spaces()
		if p.pos < len(p.text) && p.text[p.pos] != '|' {
			t, err := p.term()
			if err != nil {
				return err
			}
			terms = append(terms, t)
			continue
		}
		end := p.pos == len(p.text)
		switch {
		case len(terms) > 0:
			p.any = append(p.any, terms)
			terms = nil
		case end && bar < 0:
			return nil // nothing at all
		case end:
			return queryError{bar, 1, `a term is missing behind "|"`}
		default:
			return queryError{p.pos, 1, `a term is missing before "|"`}
		}
		if end {
			return nil
		}
		bar = p.pos
		p.pos++
	}
}

const queryBlanks = " \t\r\n\v\f"

func (p *queryParser) spaces() {
	for p.pos < len(p.text) && strings.IndexByte(queryBlanks, p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// ends reports whether a term ends at i.
func (p *queryParser) ends(i int) bool {
	return i >= len(p.text) || p.text[i] == '|' || strings.IndexByte(queryBlanks, p.text[i]) >= 0
}

// wordEnd is where the word that begins at i ends.
func (p *queryParser) wordEnd(i int) int {
	for !p.ends(i) {
		i++
	}
	return i
}

// term reads one, with what negates it.
func (p *queryParser) term() (*queryTerm, error) {
	t := &queryTerm{}
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] == '!' {
		t.not = !t.not
		p.pos++
	}
	if p.ends(p.pos) {
		return nil, queryError{start, p.pos - start, `a term is missing behind "!"`}
	}
	if c := p.text[p.pos]; c == '<' || c == '>' {
		return nil, queryError{p.pos, 1, fmt.Sprintf("a figure is missing before %q, without a space: rx%c1MiB/s", c, c)}
	}
	name, op, n := splitField(p.text[p.pos:p.wordEnd(p.pos)])
	if n == 0 {
		return t, p.value(t)
	}
	field, ok := findField(name)
	if !ok {
		return nil, queryError{p.pos, len(name), fmt.Sprintf(`no field %q%s; for the text quote it`, name, didYouMean(strings.ToLower(name), fieldNames()))}
	}
	t.field, t.op = field, op
	p.used = append(p.used, usedField{field, p.pos, len(name)})
	p.pos += n
	return t, p.value(t)
}

// splitField splits "app:x" into the field's name, the operator, and the
// length of both; 0 where word is no term with a field.
func splitField(word string) (name string, op queryOp, n int) {
	for n < len(word) && ('a' <= word[n]|0x20 && word[n]|0x20 <= 'z') {
		n++
	}
	name = word[:n]
	rest := word[n:]
	found := -1
	for i, s := range queryOps { // the longest that fits
		if strings.HasPrefix(rest, s) && (found < 0 || len(s) > len(queryOps[found])) {
			found = i
		}
	}
	if name == "" || found < 0 {
		return "", 0, 0
	}
	if _, known := findField(name); !known && (strings.HasPrefix(rest, "://") || isAddress(word) || queryOp(found) == opHas && isSeries(name)) {
		return "", 0, 0 // text as it stands in command lines and tables
	}
	return name, queryOp(found), n + len(queryOps[found])
}

// findField finds a field by its name or other name.
func findField(name string) (queryField, bool) {
	for f := range queryNames {
		if n := &queryNames[f]; f != 0 && (strings.EqualFold(name, n.name) || n.alias != "" && strings.EqualFold(name, n.alias)) {
			return queryField(f), true
		}
	}
	return 0, false
}

func fieldNames() []string {
	var out []string
	for _, n := range queryNames[1:] {
		out = append(out, n.name)
		if n.alias != "" {
			out = append(out, n.alias)
		}
	}
	return out
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	_, err2 := netip.ParseAddrPort(s)
	return err == nil || err2 == nil
}

// value reads what a term's field is compared with.
func (p *queryParser) value(t *queryTerm) error {
	start := p.pos
	if p.ends(p.pos) {
		return queryError{p.pos - len(t.op.String()), len(t.op.String()), wantValue(t)}
	}
	sort := t.field.sort()
	if (sort == fieldText || sort == fieldHost) && t.op > opUnequal {
		return queryError{p.pos - len(t.op.String()), len(t.op.String()), fmt.Sprintf("%s is text: %s", t.field, wantValue(t))}
	}
	if sort == fieldText || sort == fieldHost {
		return p.textValue(t)
	}
	end := p.wordEnd(p.pos)
	if sort == fieldAmount || sort == fieldSize {
		end = p.joinUnit(end)
	}
	p.pos = end
	var err error
	if sort == fieldNumber {
		err = t.setNumber(p.text[start:end])
	} else {
		err = t.setFigure(strings.Join(strings.Fields(p.text[start:end]), ""))
	}
	if err != nil {
		return queryError{start, end - start, err.Error()}
	}
	return nil
}

// wantValue says what a field is to be compared with.
func wantValue(t *queryTerm) string {
	switch t.field.sort() {
	case fieldHost:
		return fmt.Sprintf(`write an address, a network or a name, like %s:10.0.0.0/8`, t.field)
	case fieldNumber:
		return fmt.Sprintf(`write a number or a range, like %s:80 or %s:80-90`, t.field, t.field)
	case fieldAmount:
		return fmt.Sprintf(`write a rate like %s>1MiB/s or a total like %s>5GB`, t.field, t.field)
	case fieldSize:
		return fmt.Sprintf(`write an amount, like %s>1GiB`, t.field)
	case fieldCount:
		return fmt.Sprintf(`write a number, like %s>3`, t.field)
	}
	return fmt.Sprintf(`write a word, like %s:word`, t.field)
}

// textValue reads a word, a quoted text or a regex.
func (p *queryParser) textValue(t *queryTerm) error {
	start := p.pos
	switch p.text[p.pos] {
	case '"':
		return p.quoted(t)
	case '/':
		if end := p.regexEnd(); t.op == opHas && end > 0 {
			p.pos = end
			return t.setPattern(start, p.text[start+1:end-1])
		}
	}
	p.pos = p.wordEnd(p.pos)
	word := p.text[start:p.pos]
	if t.field.sort() != fieldHost {
		t.setWord(word)
		return nil
	}
	if err := t.setHost(word); err != nil {
		return queryError{start, len(word), err.Error()}
	}
	return nil
}

// quoted reads a text in quotes. One that is not closed ends where the filter
// does, so that it works while it is typed.
func (p *queryParser) quoted(t *queryTerm) error {
	var b strings.Builder
	i := p.pos + 1
	for ; i < len(p.text) && p.text[i] != '"'; i++ {
		if p.text[i] == '\\' && i+1 < len(p.text) && (p.text[i+1] == '"' || p.text[i+1] == '\\') {
			i++
		}
		b.WriteByte(p.text[i])
	}
	p.pos = min(i+1, len(p.text))
	if !p.ends(p.pos) {
		return queryError{p.pos, p.wordEnd(p.pos) - p.pos, "a space is missing behind the quote"}
	}
	t.setWord(b.String())
	return nil
}

// regexEnd is where the regex that begins here ends; 0 where it is none, as
// /usr/bin is not.
func (p *queryParser) regexEnd() int {
	for i := p.pos + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '/':
			if i == p.pos+1 || !p.ends(i+1) {
				return 0
			}
			return i + 1
		}
	}
	return 0
}

func (t *queryTerm) setWord(word string) {
	t.text, t.lower = word, appendFolded(nil, word)
	if t.field == queryHost {
		t.mode = takeHosts
	}
}

// setHost takes an address, with its port or without, a network or a word.
func (t *queryTerm) setHost(word string) error {
	t.setWord(word)
	if a, err := netip.ParseAddrPort(word); err == nil {
		t.setNet(netip.PrefixFrom(a.Addr().Unmap().WithZone(""), a.Addr().Unmap().BitLen()), a.Port())
	} else if a, err := netip.ParseAddr(word); err == nil {
		t.setNet(netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), 0)
	} else if strings.Contains(word, "/") {
		n, err := netip.ParsePrefix(word)
		if err != nil {
			return fmt.Errorf("%q is no network: %s", word, wantValue(t))
		}
		t.setNet(n, 0)
	}
	return nil
}

func (t *queryTerm) setNet(n netip.Prefix, port uint16) {
	t.mode, t.net, t.port, t.lower = takeAddrs, n, port, nil
}

func (t *queryTerm) setPattern(at int, source string) error {
	p, err := newPattern(source)
	if err != nil {
		return queryError{at, len(source) + 2, err.Error()}
	}
	t.text, t.pattern = source, p
	if t.field == queryHost {
		t.mode = takeHosts
	}
	return nil
}

// setNumber takes a whole number or a range of them.
func (t *queryTerm) setNumber(text string) error {
	t.mode, t.text = takeNumbers, text
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	low, err := strconv.ParseUint(from, 10, 32)
	high, err2 := strconv.ParseUint(to, 10, 32)
	if err != nil || err2 != nil || isRange && t.op > opUnequal {
		return fmt.Errorf("%q is no number: %s", text, wantValue(t))
	}
	const maxPort = 65535
	if t.field == queryPort && max(low, high) > maxPort {
		return fmt.Errorf("%d is no port: the highest is %d", max(low, high), maxPort)
	}
	if low > high {
		return fmt.Errorf("nothing is in %s: write %s-%s", text, to, from)
	}
	t.low, t.high = int64(low), int64(high)
	switch t.op {
	case opLess:
		t.low, t.high = 0, int64(low)-1
	case opLessEqual:
		t.low = 0
	case opMore:
		t.low, t.high = int64(low)+1, math.MaxInt64
	case opMoreEqual:
		t.high = math.MaxInt64
	}
	return nil
}
