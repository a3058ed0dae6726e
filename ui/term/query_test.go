package term

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// queryRowOf is a row of any fields: texts, addresses, numbers and figures.
type queryRowOf struct {
	words   map[queryField][]string
	addrs   map[queryField][]string
	numbers map[queryField][]int64
	amounts map[queryField][2]float64
}

func (r queryRowOf) fill(f queryField, v *queryValues) {
	for of := queryAny + 1; int(of) < len(queryNames); of++ {
		if f != queryAny && f != of {
			continue
		}
		for _, w := range r.words[of] {
			v.word(w)
		}
		for _, a := range r.addrs[of] {
			v.address(netip.MustParseAddrPort(a))
		}
		for _, n := range r.numbers[of] {
			v.number(n)
		}
	}
	if a, ok := r.amounts[f]; ok {
		v.amount(uint64(a[0]), a[1])
	}
}

func curlRow() queryRowOf {
	const mib = 1 << 20
	ends := []string{"192.168.1.10:50000", "[2001:db8::5]:443"}
	return queryRowOf{
		words: map[queryField][]string{
			queryApp: {"Curl"}, queryCommand: {`/usr/bin/curl -s "http://Example.org/a b" --opt=1`},
			queryUser: {"alice"}, queryContainer: {""}, queryUnit: {"user@1000.service"},
			queryHost: {"mirror.example.org"}, queryRemote: {"mirror.example.org"},
			queryProto: {"tcp"}, queryState: {"open"}, queryScope: {"local"},
		},
		addrs: map[queryField][]string{
			queryHost: ends, queryPort: ends, queryLocal: ends[:1], queryRemote: ends[1:],
		},
		numbers: map[queryField][]int64{queryPID: {4711, 4712}},
		amounts: map[queryField][2]float64{
			queryRx: {5 * mib, 2 * mib}, queryTx: {1000, 1250}, queryTotal: {5*mib + 1000, 2*mib + 1250},
			queryConns: {3, 0}, queryProcs: {2, 0},
		},
	}
}

func TestQueryMatches(t *testing.T) {
	row := curlRow()
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"   ", true},
		{"curl", true},
		{"CURL", true},
		{"wget", false},
		{"curl alice", true},
		{"curl bob", false},
		{"curl wget | alice", true},
		{"wget | bob", false},
		{"wget|alice", true},
		{"!wget", true},
		{"!curl", false},
		{"! curl", false}, // an error below
		{"!!curl", true},
		{`"example.org/a b"`, true},
		{`"a  b"`, false},
		{`"s \"http"`, true},
		{`"unclosed a b`, false},
		{`"org/a b`, true},
		{"4711", true},
		{"192.168.1.10:50000", true},
		{"2001:db8::5", true},
		{"http://example.org", true},
		{"HTTPS://example.org", false},
		{"/usr/bin/curl", true},
		{"/usr/bin/wget", false},
		{"//", true},
		{"--opt=1", true},

		{"/^cur.$/", true},
		{"/^/usr/", false}, // not a regex: its slash has no backslash
		{`/^\/usr/`, true},
		{`/^\/usr\/bin.*a b/`, true},
		{"/^bin/", false},
		{"/CURL|nothing/", true},
		{"!/curl/", false},
		{`/\bcurl\b.*ALICE/`, false}, // "." ends with the text
		{`/(?-i)nothing|alice/`, true},

		{"app:url", true},
		{"app:alice", false},
		{"cmd:--OPT", true},
		{`command:"org/a b"`, true},
		{"command:/usr/bin", true},
		{`command:/^\/usr\/bin\/curl /`, true},
		{"APP:curl", true},
		{"app=curl", true},
		{"app=cur", false},
		{"app!=cur", true},
		{"app!=curl", false},
		{"!app!=curl", true},
		{"command=/usr/bin/curl", false},
		{`container:""`, true},
		{`container=""`, true},
		{`app:""`, false},
		{`container!=""`, false},
		{"container:x", false},
		{"!container:x", true},
		{"pipe:x", false}, // this row has none
		{`pipe:""`, false},
		{"!pipe:x", true},
		{"interface:eth0", false},

		{"host:192.168.1.10", true},
		{"host:192.168.1.1", false}, // an address, not the beginning of one
		{"host:192.168.1.", true},
		{"host:192.168.0.0/16", true},
		{"host:192.168.1.99/16", true}, // its host part does not matter
		{"host:10.0.0.0/8", false},
		{"host:2001:db8::/32", true},
		{"host:2001:DB8::5", true},
		{"host:192.168.1.10:50000", true},
		{"host:192.168.1.10:50001", false},
		{"remote:[2001:db8::5]:443", true},
		{"local:192.168.1.10", true},
		{"remote:192.168.1.10", false},
		{"local:2001:db8::5", false},
		{"host:mirror", true},
		{"host=mirror.example.org", true},
		{"host=mirror", false},
		{"host=192.168.1.10", true},
		{"host!=192.168.1.10", false},
		{"remote:example", true},
		{"local:example", false},
		{"host:50000", false}, // its port is not the host's
		{"local::50000", true},
		{`host:"192.168.1.1"`, true}, // quoted: text
		{"host:/^mirror/", true},
		{"host:/443$/", false},
		{"remote:/443$/", true},

		{"port:443", true},
		{"port:50000", true},
		{"port:80", false},
		{"port:400-450", true},
		{"port:444-450", false},
		{"port=443", true},
		{"port!=443", false},
		{"port>1023", true},
		{"port>50000", false},
		{"port>=50000", true},
		{"port<443", false},
		{"port<=443", true},
		{"!port:80-90", true},
		{"pid:4712", true},
		{"pid:471", false},
		{"proto:tcp state:open scope:local", true},
		{"proto:udp", false},

		{"rx>1MiB/s", true},
		{"rx > 1", false}, // an error below
		{"rx>2MiB/s", false},
		{"rx>=2MiB/s", true},
		{"rx<=2MiB/s", true},
		{"rx<2MiB/s", false},
		{"rx=2MiB/s", true},
		{"rx!=2MiB/s", false},
		{"rx>2 MB/s", true},
		{"rx>2.2 MB/s", false},
		{"rx>4MiB", true},
		{"rx>5MiB", false},
		{"rx>5MB", true},
		{"rx>=5M", true},
		{"rx>=5m", true},
		{"rx>5M curl", false},
		{"tx<=10kbit/s", true},
		{"tx<10kbit/s", false},
		{"tx=10 kbit/s", true},
		{"tx>999", true},
		{"tx>1000", false},
		{"tx=8kbit", true},
		{"total>=5M", true},
		{"total>1G", false},
		{"total>2097152/s", true},
		{"conns>2", true},
		{"conns>3", false},
		{"conns=3", true},
		{"conns:3", true},
		{"conns<1k", true},
		{"procs>=2 conns<4", true},
		{"procs!=2", false},
	} {
		q, err := parseQuery(tt.text, nil)
		if err != nil {
			if tt.text != "! curl" && tt.text != "rx > 1" {
				t.Errorf("parseQuery(%q): %v", tt.text, err)
			}
			continue
		}
		for range 3 { // what it remembers changes nothing
			if got := q.matches(row); got != tt.want {
				t.Errorf("%q matches: %t, want %t", tt.text, got, tt.want)
			}
		}
		again, err := parseQuery(q.String(), nil)
		if err != nil {
			t.Errorf("%q is written %q: %v", tt.text, q, err)
		} else if got := again.matches(row); got != tt.want {
			t.Errorf("%q, written %q, matches: %t, want %t", tt.text, q, got, tt.want)
		}
	}
}

// TestQueryNothingKnown: figures that are not numbers match no comparison,
// and rows without anything match nothing but what is negated.
func TestQueryNothingKnown(t *testing.T) {
	nan := queryRowOf{amounts: map[queryField][2]float64{queryRx: {0, math.NaN()}}}
	for _, row := range []queryRowOf{nan, {}} {
		for _, text := range []string{"rx>1/s", "rx<1/s", "rx>=0/s", "rx<=0/s", "rx=0/s", "word", `""`, "/./", "/^$/", "app:x", `app:""`, "port:0-70000", "host:::/0", "host:0.0.0.0/0", "conns<5"} {
			q, err := parseQuery(text, nil)
			if err != nil {
				if text != "port:0-70000" || !strings.Contains(err.Error(), "65535") {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			if q.matches(row) {
				t.Errorf("%q matches a row without anything", text)
			}
			if q, err = parseQuery("!"+text, nil); err != nil || !q.matches(row) {
				t.Errorf("!%q does not match a row without anything (%v)", text, err)
			}
		}
	}
	var none *query
	if !none.matches(nan) || !none.empty() || none.String() != "" {
		t.Error("no query is not the query for everything")
	}
}

func TestQueryMappedAddresses(t *testing.T) {
	row := queryRowOf{addrs: map[queryField][]string{queryHost: {"[::ffff:192.0.2.1]:80", "[fe80::1%eth0]:0"}}}
	for text, want := range map[string]bool{
		"host:192.0.2.1": true, "host:192.0.2.0/24": true, "host:::ffff:192.0.2.1": true,
		"host:fe80::1": true, "host:fe80::/10": true, "host:fe80::1%eth0": true, "host:192.0.2.2": false,
		"host:0.0.0.0/0": true, "host:::/0": true, // the one of IPv6
	} {
		q, err := parseQuery(text, nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := q.matches(row); got != want {
			t.Errorf("%q matches: %t, want %t", text, got, want)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	for _, tt := range []struct{ text, under, want string }{
		{"appp:curl", "appp", `no field "appp" (did you mean "app"?); for the text quote it`},
		{"a Comamnd:x", "Comamnd", `no field "Comamnd" (did you mean "command"?); for the text quote it`},
		{"zzz=1", "zzz", `no field "zzz"; for the text quote it`},
		{"app:", ":", "write a word, like app:word"},
		{"x !app: | y", ":", "write a word, like app:word"},
		{"port!=", "!=", "write a number or a range, like port:80 or port:80-90"},
		{"app>x", ">", "app is text: write a word, like app:word"},
		{"host<x", "<", "host is text: write an address, a network or a name, like host:10.0.0.0/8"},
		{"!", "!", `a term is missing behind "!"`},
		{"a ! b", "!", `a term is missing behind "!"`},
		{"a !| b", "!", `a term is missing behind "!"`},
		{"| a", "|", `a term is missing before "|"`},
		{"a | | b", "|", `a term is missing before "|"`},
		{"a |", "|", `a term is missing behind "|"`},
		{"rx > 5", ">", `a figure is missing before '>', without a space: rx>1MiB/s`},
		{"<5", "<", `a figure is missing before '<', without a space: rx<1MiB/s`},
		{`"a b"c d`, "c", "a space is missing behind the quote"},
		{`app:"a b"c`, "c", "a space is missing behind the quote"},
		{"x /a(b/ y", "/a(b/", "regex: missing closing )"},
		{"/a)(b/", "/a)(b/", "regex: unexpected )"},
		{"app:/[z-a]/", "/[z-a]/", "regex: invalid character class range"},
		{"/a{1001}/", "/a{1001}/", "regex: invalid repeat count"},
		{"port:http", "http", `"http" is no number: write a number or a range, like port:80 or port:80-90`},
		{"port:-1", "-1", `"-1" is no number: write a number or a range, like port:80 or port:80-90`},
		{"port:90-80", "90-80", "nothing is in 90-80: write 80-90"},
		{"port:65536", "65536", "65536 is no port: the highest is 65535"},
		{"port>80-90", "80-90", `"80-90" is no number: write a number or a range, like port:80 or port:80-90`},
		{"pid:99999999999", "99999999999", `"99999999999" is no number: write a number or a range, like pid:80 or pid:80-90`},
		{"host:10.0.0.0/33", "10.0.0.0/33", `"10.0.0.0/33" is no network: write an address, a network or a name, like host:10.0.0.0/8`},
		{"host:/etc/hosts", "/etc/hosts", `"/etc/hosts" is no network: write an address, a network or a name, like host:10.0.0.0/8`},
		{"rx>", ">", "write a rate like rx>1MiB/s or a total like rx>5GB"},
		{"rx:5M", "5M", "rx is a figure: write a rate like rx>1MiB/s or a total like rx>5GB"},
		{"rx>fast", "fast", `"fast" is no number: write a rate like rx>1MiB/s or a total like rx>5GB`},
		{"rx>1.2.3", "1.2.3", `"1.2.3" is no number: write a rate like rx>1MiB/s or a total like rx>5GB`},
		{"rx>5MX", "5MX", `no unit "MX": write KiB, MB, Mbit, with /s for a rate`},
		{"rx>5Mb/s", "5Mb/s", `"b" may be bytes or bits: write B for bytes, bit for bits`},
		{"rx>5Mibit/s", "5Mibit/s", `no unit "Mibit/s": write KiB, MB, Mbit, with /s for a rate`},
		{"rx>5iB", "5iB", `no unit "iB": write KiB, MB, Mbit, with /s for a rate`},
		{"conns>3/s", "3/s", `"3/s" is no number: write a number, like conns>3`},
		{"conns>", ">", "write a number, like conns>3"},
		{strings.Repeat("x", maxQuery+1), strings.Repeat("x", maxQuery+1), "a filter has at most 1024 bytes"},
	} {
		q, err := parseQuery(tt.text, nil)
		e, ok := err.(queryError)
		if !ok {
			t.Errorf("parseQuery(%.40q) = %q, %v: want an error", tt.text, q, err)
			continue
		}
		if e.text != tt.want {
			t.Errorf("parseQuery(%.40q): %s\nwant %s", tt.text, e.text, tt.want)
		}
		if got := tt.text[e.at : e.at+e.n]; got != tt.under {
			t.Errorf("parseQuery(%.40q): the error is at %q, want %q", tt.text, got, tt.under)
		}
	}
	if _, err := parseQuery("a | | b", nil); err.(queryError).at != 4 {
		t.Errorf("the error is at the wrong bar: %+v", err)
	}
}

func TestQueryAbsentFields(t *testing.T) {
	q, err := parseQuery("curl user:root !cmd:x user:y app:z", []queryField{queryApp, queryRx})
	if err != nil {
		t.Fatal(err)
	}
	want := []queryError{
		{5, 4, `rows here have no "user"`},
		{16, 3, `rows here have no "command"`},
		{22, 4, `rows here have no "user"`},
	}
	if diff := cmp.Diff(want, q.absent, cmp.AllowUnexported(queryError{})); diff != "" {
		t.Errorf("absent (-want +got):\n%s", diff)
	}
	if q, _ := parseQuery("user:root", nil); len(q.absent) != 0 {
		t.Errorf("absent without a list of fields: %v", q.absent)
	}
}

func TestQueryString(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"  a   b|c ", "a b | c"},
		{`"a b"`, `"a b"`},
		{`"ab"`, "ab"},
		{`"a\"b\\c"`, `"a\"b\\c"`},
		{`"unclosed`, "unclosed"},
		{"!!a !b", "a !b"},
		{"/usr/bin", `"/usr/bin"`},
		{"a/b", "a/b"},
		{`/a b\/c/`, `/a b\/c/`},
		{"cmd:x INTERFACE=y", "command:x iface=y"},
		{"host:10.0.0.0/8", "host:10.0.0.0/8"},
		{`host:"10.0.0.1"`, `host:"10.0.0.1"`},
		{"rx > 5", ""},
		{"rx>5  MiB/s", "rx>5MiB/s"},
		{`rx>5 "B"`, `rx>5 "B"`}, // a word, not the unit
		{"port:80-90", "port:80-90"},
		{`app:""`, `app:""`},
		{"http://x", `"http://x"`},
		{"größe", "größe"},
	} {
		q, err := parseQuery(tt.text, nil)
		if err != nil && tt.want != "" {
			t.Errorf("%q: %v", tt.text, err)
		} else if got := q.String(); got != tt.want {
			t.Errorf("%q is written %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestQueryWritesTheWholeRow: once for all terms of a filter.
func TestQueryWritesTheWholeRow(t *testing.T) {
	q, err := parseQuery("a b | c /d/ | e", nil)
	if err != nil {
		t.Fatal(err)
	}
	fills := 0
	q.matches(fillCounter{&fills})
	if fills != 1 {
		t.Errorf("the whole row was written %d times, want once", fills)
	}
	q.matches(fillCounter{&fills})
	if fills != 2 {
		t.Errorf("the next row was not written")
	}
}

type fillCounter struct{ n *int }

func (c fillCounter) fill(_ queryField, v *queryValues) {
	*c.n++
	v.word("cd")
}

func TestQueryAllocatesNothing(t *testing.T) {
	rows := benchRows(100)
	rows[7].command, rows[8].app = "ÄÖÜ große 日本語", "İstanbul"
	for _, text := range []string{"firefox alice", "app:7 | user=x", "!host:203.0.0.0/16 port:1-99", "/fox.*tab/ rx>1kB/s", "/^[0-9]+$/"} {
		q, err := parseQuery(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := func() {
			for _, r := range rows {
				q.matches(r)
			}
		}
		all()
		if n := testing.AllocsPerRun(10, all); n != 0 {
			t.Errorf("%q allocates %v times for 100 rows", text, n)
		}
	}
}

func TestAppendFolded(t *testing.T) {
	var all []byte
	for c := range utf8.RuneSelf {
		all = append(all, byte(c))
	}
	for _, s := range []string{"", "A", string(all), "ABCDEFGH", "ABCDEFGHI", "ÄBC", "ABCDEFGHÄBCDEFGHI", "ABCDÉFGH日本", "@[`{AZaz@["} {
		want := "x" + strings.ToLower(s)
		if got := string(appendFolded([]byte("x"), s)); got != want {
			t.Errorf("appendFolded(%q) = %q, want %q", s, got, want)
		}
	}
	if got := string(appendFolded(nil, "A\xffB")); got != "a\ufffdb" {
		t.Errorf("bytes that are not UTF-8: %q", got)
	}
}

// TestPatternIsWithoutCase: lower-case literals find in lower-case text what
// the regex finds without regard to case.
func TestPatternIsWithoutCase(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"abc", "ABC", "[A-C]", "[^b]", "x?", "(ab|CD)+", "^", "$", ".*", `\bA`, `\d`, "k", "Ä", `[[:upper:]]`, "(?-i:ab)", `\Qab\E`, `\x{212A}`}
	texts := []string{"abc", "cd", "ab", "x", "K", "ä", "1", " ", "\n", "zab"}
	for range 3000 {
		var source, text strings.Builder
		for range 1 + rng.IntN(3) {
			source.WriteString(parts[rng.IntN(len(parts))])
		}
		for range rng.IntN(6) {
			text.WriteString(texts[rng.IntN(len(texts))])
		}
		p, err := newPattern(source.String())
		if err != nil {
			t.Fatalf("%q: %v", source.String(), err)
		}
		lower := appendFolded(nil, text.String())
		want := regexp.MustCompile("(?im:" + source.String() + ")").Match(lower)
		if got := p.match(lower); got != want {
			t.Errorf("/%s/ in %q: %t, want %t", source.String(), lower, got, want)
		}
	}
}

// TestPatternRemembersRight: with more texts than it remembers.
func TestPatternRemembersRight(t *testing.T) {
	p, err := newPattern("7")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 2 * patternMemory {
			text := fmt.Sprint(i)
			if got, want := p.match([]byte(text)), strings.Contains(text, "7"); got != want {
				t.Fatalf("%s: %t", text, got)
			}
		}
	}
	if !p.match([]byte("7")) || p.match(nil) {
		t.Error("wrong about a single text")
	}
}

func TestParseUnit(t *testing.T) {
	for _, tt := range []struct {
		unit   string
		scale  float64
		second bool
	}{
		{"", 1, false}, {"/s", 1, true}, {"B", 1, false}, {"B/s", 1, true},
		{"k", 1 << 10, false}, {"K", 1 << 10, false}, {"M/s", 1 << 20, true}, {"Gi", 1 << 30, false},
		{"KiB", 1 << 10, false}, {"kib/s", 1 << 10, true}, {"MiB/s", 1 << 20, true}, {"TiB", 1 << 40, false},
		{"kB", 1000, false}, {"KB/s", 1000, true}, {"MB", 1e6, false}, {"PB", 1e15, false}, {"EiB", 1 << 60, false},
		{"bit", 0.125, false}, {"bit/s", 0.125, true}, {"kbit/s", 125, true}, {"Mbits/s", 125e3, true}, {"Gbit", 125e6, false},
	} {
		u, err := parseUnit(tt.unit)
		if err != nil || u.scale != tt.scale || u.perSecond != tt.second {
			t.Errorf("parseUnit(%q) = %+v, %v; want %v, %t", tt.unit, u, err, tt.scale, tt.second)
		}
	}
	for _, unit := range []string{"b", "Mb", "kb/s", "x", "MM", "iB", "i", "Mibit", "kgB", "/h", "MiB/s/s", "МиБ", "B/S"} {
		if u, err := parseUnit(unit); err == nil {
			t.Errorf("parseUnit(%q) = %+v, want an error", unit, u)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"a b | c", `app:"x y" !user=root`, "/re+gex/ host:10.0.0.0/8", "port:80-90 rx>1.5 MiB/s", "!!a|b", `"un\"closed`,
		"rx>5\rB", `rx>5 "MiB"`, "host:[2001:db8::1]:80 local:fe80::1%eth0", "conns<=1k procs!=0", `cmd:/a\/b(c|d)/`, "a/b /c d/ //", `x"y z"`, "cafe::1", "http://x:1",
	} {
		f.Add(s, len(s)/2)
	}
	row := curlRow()
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		checkCompletions(t, text, cursor)
		q, err := parseQuery(text, []queryField{queryApp})
		if err != nil {
			e, ok := err.(queryError)
			if !ok || e.text == "" || e.at < 0 || e.n < 1 || e.at+e.n > len(text) {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		written := q.String()
		if len(written) > maxQuery {
			return // quotes made it longer
		}
		again, err := parseQuery(written, []queryField{queryApp})
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, written, err)
		}
		if twice := again.String(); twice != written {
			t.Fatalf("%q is written %q, then %q", text, written, twice)
		}
		same := cmp.Options{
			cmp.AllowUnexported(queryTerm{}),
			cmp.Comparer(func(a, b *pattern) bool {
				return (a == nil) == (b == nil) && (a == nil || a.re.String() == b.re.String())
			}),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmp.Comparer(func(a, b float64) bool { return a == b }),
		}
		if diff := cmp.Diff(q.any, again.any, same); diff != "" {
			t.Fatalf("%q is not what was parsed (-%q +%q):\n%s", written, text, written, diff)
		}
		if q.matches(row) != again.matches(row) {
			t.Fatalf("%q and %q do not match alike", text, written)
		}
	})
}

// checkCompletions fails for completions that cannot be put in.
func checkCompletions(t *testing.T, text string, cursor int) {
	t.Helper()
	values := func(_ queryField, prefix string) []string {
		return []string{prefix, "plain", "two words", `q"uo\te`, "/usr/bin", "10.0.0.1:80", "", "a|b", "!"}
	}
	for _, c := range completeQuery(text, cursor, nil, values) {
		if c.replaceFrom < 0 || c.replaceFrom > c.replaceTo || c.replaceTo > len(text) || c.text == "" {
			t.Fatalf("%q at %d: %+v", text, cursor, c)
		}
	}
}
