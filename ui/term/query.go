package term

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode"
)

// queryField is what a term of a filter looks at. Which of them a row has is
// up to its kind.
type queryField uint8

const (
	queryAny queryField = iota // all text of a row; a term without a field
	queryApp
	queryCommand
	queryUser
	queryContainer
	queryUnit
	queryHost // either end: its address, or its name
	queryLocal
	queryRemote
	queryPort // of either end
	queryProto
	queryState
	queryScope
	queryPID
	queryInterface
	queryPipe
	queryRule
	queryMonitor
	queryRx
	queryTx
	queryTotal
	queryConns
	queryProcs
	queryRead // of the disks
	queryWrite
	queryCPU
	queryMemory
	queryDisk
	queryUtil
	queryAwait
	queryQueue
	querySeries
	queryKind
	queryMetric
	queryValue
)

// machineFields are what rows of traffic have of the machine beside it.
func machineFields() fieldSet { return fields(queryRead, queryWrite, queryCPU, queryMemory) }

// fieldSort is how a field's terms are written and compared.
type fieldSort uint8

const (
	fieldText   fieldSort = iota
	fieldHost             // text and addresses
	fieldNumber           // whole numbers and ranges of them
	fieldAmount           // bytes, or bytes per second
	fieldSize             // bytes
	fieldCount            // how many
)

// queryNames is the only list of fields: for the parser, its errors, the
// completion and the help.
var queryNames = [...]struct {
	name, alias string
	sort        fieldSort
	note        string
}{
	queryAny:       {},
	queryApp:       {"app", "", fieldText, "name of the application"},
	queryCommand:   {"command", "cmd", fieldText, "command line"},
	queryUser:      {"user", "", fieldText, "user it runs as"},
	queryContainer: {"container", "", fieldText, "container it runs in"},
	queryUnit:      {"unit", "", fieldText, "systemd unit"},
	queryHost:      {"host", "", fieldHost, "address, network or name of either end; of a fleet: its name"},
	queryLocal:     {"local", "", fieldHost, "address here"},
	queryRemote:    {"remote", "", fieldHost, "address or name of the other end"},
	queryPort:      {"port", "", fieldNumber, "port of either end: 443, 8000-8999"},
	queryProto:     {"proto", "", fieldText, "protocol: tcp, udp, icmp"},
	queryState:     {"state", "", fieldText, "state of a connection, monitor, alert or host"},
	queryScope:     {"scope", "", fieldText, "local, loopback, forwarded"},
	queryPID:       {"pid", "", fieldNumber, "number of a process"},
	queryInterface: {"iface", "interface", fieldText, "network interface"},
	queryPipe:      {"pipe", "", fieldText, "name of the pipe or relay"},
	queryRule:      {"rule", "", fieldText, "name of the rule"},
	queryMonitor:   {"monitor", "", fieldText, "name of the monitor"},
	queryRx:        {"rx", "", fieldAmount, "received: rx>1MiB/s, rx>5GB"},
	queryTx:        {"tx", "", fieldAmount, "sent: tx>1MiB/s, tx>5GB"},
	queryTotal:     {"total", "", fieldAmount, "received and sent: total>1MiB/s"},
	queryConns:     {"conns", "", fieldCount, "open connections: conns>3"},
	queryProcs:     {"procs", "", fieldCount, "processes: procs>3"},
	queryRead:      {"read", "", fieldAmount, "read from disks: read>1MiB/s, read>5GB"},
	queryWrite:     {"write", "written", fieldAmount, "written to disks: write>1MiB/s, write>5GB"},
	queryCPU:       {"cpu", "", fieldCount, "per cent of one processor: cpu>50"},
	queryMemory:    {"mem", "memory", fieldSize, "resident memory: mem>1GiB"},
	queryDisk:      {"disk", "", fieldText, "block device"},
	queryUtil:      {"util", "busy", fieldCount, "per cent of the time that a disk is busy: util>80"},
	queryAwait:     {"await", "", fieldCount, "milliseconds that a request takes: await>20"},
	queryQueue:     {"queue", "", fieldCount, "requests under way: queue>4"},
	querySeries:    {"series", "", fieldText, "as rules call it: series:mount"},
	queryKind:      {"kind", "", fieldText, "cpu, memory, mount, sensor, probe, …"},
	queryMetric:    {"metric", "", fieldText, "name of the figure"},
	queryValue:     {"value", "", fieldAmount, "the figure: value>90, value>1GiB"},
}

// queryUnits may stand behind the figures of fields that count.
var queryUnits = map[queryField]string{queryCPU: "%", queryUtil: "%", queryAwait: "ms"}

// String is the name to write.
func (f queryField) String() string { return queryNames[f].name }

func (f queryField) sort() fieldSort { return queryNames[f].sort }

// queryRow is one row, as a filter sees it.
type queryRow interface {
	// fill gives v all that the row has of f, and nothing where it has none.
	// Of queryAny that is every text, address and number it is known by.
	fill(f queryField, v *queryValues)
}

// queryOp compares a field with a term's value.
type queryOp uint8

const (
	opHas queryOp = iota // contains, is in the range or network
	opEqual
	opUnequal
	opLess
	opLessEqual
	opMore
	opMoreEqual
)

var queryOps = [...]string{":", "=", "!=", "<", "<=", ">", ">="}

func (o queryOp) String() string { return queryOps[o] }

// queryTerm is one condition.
type queryTerm struct {
	not   bool
	field queryField
	op    queryOp
	text  string // the word, the regex between its slashes, or the figure as written

	mode      valueMode
	lower     []byte       // the word in lower case
	pattern   *pattern     // nil for none
	net       netip.Prefix // of an address: all of its bits
	port      uint16       // of an address; 0 for any
	low, high int64        // of a number
	figure    float64      // bytes, bytes per second, or how many
	perSecond bool
}

// query is a filter, parsed. Not for concurrent use: it holds memory that is
// used for each row in turn.
type query struct {
	// any holds alternatives, each of terms that must all match; as written.
	any [][]*queryTerm
	// plan is the same with what is cheap to decide first.
	plan [][]*queryTerm
	// absent are the fields that the rows at hand have not, for the user.
	absent []queryError

	values queryValues
	all    queryValues // of queryAny: made at most once for a row
	made   bool
}

// empty reports whether every row matches.
func (q *query) empty() bool { return q == nil || len(q.any) == 0 }

// asks reports whether any term is about one of the fields.
func (q *query) asks(set fieldSet) bool {
	for _, terms := range q.any {
		for _, t := range terms {
			if set.has(t.field) {
				return true
			}
		}
	}
	return false
}

// matches reports whether a row passes.
func (q *query) matches(r queryRow) bool {
	if q.empty() {
		return true
	}
	q.made = false
	for _, terms := range q.plan {
		if q.allMatch(terms, r) {
			return true
		}
	}
	return false
}

func (q *query) allMatch(terms []*queryTerm, r queryRow) bool {
	for _, t := range terms {
		v := &q.values
		switch {
		case t.field != queryAny:
			v.reset(t.mode)
			r.fill(t.field, v)
		case q.made:
			v = &q.all
		default:
			v = &q.all
			v.reset(takeText)
			r.fill(queryAny, v)
			q.made = true
		}
		if t.holds(v) == (t.not != (t.op == opUnequal)) {
			return false
		}
	}
	return true
}

// holds reports whether a field's values are what the term says; of "!="
// whether they are equal.
func (t *queryTerm) holds(v *queryValues) bool {
	switch t.mode {
	case takeAddrs:
		for _, a := range v.addrs {
			if t.net.Contains(a.Addr().Unmap().WithZone("")) && (t.port == 0 || t.port == a.Port()) {
				return true
			}
		}
		return false
	case takeNumbers:
		for _, n := range v.numbers {
			if t.low <= n && n <= t.high {
				return true
			}
		}
		return false
	case takeFigures:
		return v.known && t.compare(v)
	}
	switch {
	case v.pieces == 0:
		return false
	case t.pattern != nil:
		return t.pattern.match(v.text)
	case t.op == opHas && len(t.lower) > 0:
		return bytes.Contains(v.text, t.lower)
	case t.op == opHas && t.field == queryAny:
		return true
	}
	for rest := v.text; ; { // equal: to one of the pieces
		piece, after, more := bytes.Cut(rest, []byte{'\n'})
		if bytes.Equal(piece, t.lower) {
			return true
		}
		if !more {
			return false
		}
		rest = after
	}
}

func (t *queryTerm) compare(v *queryValues) bool {
	f := v.bytes
	if t.perSecond {
		f = v.rate
	}
	switch t.op { // false for NaN
	case opLess:
		return f < t.figure
	case opLessEqual:
		return f <= t.figure
	case opMore:
		return f > t.figure
	case opMoreEqual:
		return f >= t.figure
	}
	return f == t.figure
}

// cost orders terms by what it takes to decide them.
func (t *queryTerm) cost() int {
	switch {
	case t.pattern != nil && t.field == queryAny:
		return 5
	case t.pattern != nil:
		return 4
	case t.field == queryAny:
		return 3
	case t.mode <= takeHosts:
		return 2
	}
	return 1
}

// String is the filter written plainly; parsing it gives the same filter.
func (q *query) String() string {
	if q == nil {
		return ""
	}
	var b strings.Builder
	for i, terms := range q.any {
		if i > 0 {
			b.WriteString(" | ")
		}
		for j, t := range terms {
			if j > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(t.String())
		}
	}
	return b.String()
}

func (t *queryTerm) String() string {
	s := ""
	if t.not {
		s = "!"
	}
	if t.field != queryAny {
		s += t.field.String() + t.op.String()
	}
	return s + t.valueText()
}

// valueText is a term's value as it is written.
func (t *queryTerm) valueText() string {
	switch {
	case t.pattern != nil:
		return "/" + t.text + "/"
	case t.mode > takeHosts:
		return t.text
	case t.field.sort() == fieldHost && (strings.ContainsAny(t.text, "/:") || isAddress(t.text)):
		return quoteQuery(t.text) // without quotes it is a network or an address
	}
	return quoteIfNeeded(t.text)
}

// quoteIfNeeded writes a word so that it is read as that word, whether it
// stands alone or behind a field.
func quoteIfNeeded(s string) string {
	for i, r := range s {
		safe := unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-@%+,~#", r) || r == '/' && i > 0
		if !safe {
			return quoteQuery(s)
		}
	}
	if u, err := parseUnit(s); s == "" || err == nil && u.word { // behind a figure it would be its unit
		return quoteQuery(s)
	}
	return s
}

func quoteQuery(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
