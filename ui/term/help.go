package term

import "strings"

// helpPage is where the reader is in the help.
type helpPage struct {
	top     int  // first line shown
	height  int  // lines shown, as last drawn
	scrolls bool // there are more lines than that
}

// meanings are the words of the header and the tables that want explaining.
var meanings = [...][2]string{
	{"rx, tx", "received, sent, as the application or the LAN host sees it"},
	{"RX, TX", "bytes since the monitors started, IP headers included"},
	{"attributed", "share of the interfaces' bytes that somebody is known to own"},
	{"unattributed", "share that nobody is known to own"},
	{"residual", "share that the books and the interfaces disagree about"},
	{"lost", "what a monitor knows it missed since it started"},
	{"BALANCED", "the interface's bytes enter the balance"},
	{"RECENT", "rx and tx together in the last seconds, to the row's own scale"},
	{"READ, WRITTEN", "bytes fetched from and sent to disks; not what a cache answered"},
	{"CPU %", "of one processor: two that are busy are 200"},
	{"MEM", "resident now; shared pages count for each process"},
	{"RAWAIT, …", "how long a request takes on average, waiting included"},
	{"QUEUE", "requests under way on average"},
	{"REQ", "bytes of a request on average"},
	{"UTIL", "share of the time in which the disk had anything to do"},
	{"mean of …", "rates are averages over that time, or since a row is known"},
	{"since …", "totals count from that time on"},
	{"(…)", "rows in parentheses are sums that belong to no single owner"},
}

// mouseHelp is what the mouse does.
const mouseHelp = "click selects, twice opens; on a title it sorts, on a tab it leads there; the wheel scrolls; Shift-drag marks text in most terminals"

// helpLine is one line of the help: a heading, or a word and what it means.
type helpLine struct{ heading, word, text string }

const helpColumn = 16 // of the words

// helpLines is the help, what is on screen first.
func (u *UI) helpLines(w int) []helpLine {
	var lines []helpLine
	part := func(heading string, entries [][2]string) {
		if len(lines) > 0 {
			lines = append(lines, helpLine{})
		}
		lines = append(lines, helpLine{heading: heading})
		for _, e := range entries {
			word := cutEnd(e[0], helpColumn-1)
			for _, text := range wrap(e[1], w-helpColumn-4) {
				lines = append(lines, helpLine{word: word, text: text})
				word = ""
			}
		}
	}
	v := u.views[u.current]
	part("This view: "+v.title, [][2]string{{"", v.help}})
	for s, title := range sections {
		part(title, u.keyHelp(section(s)))
	}
	var fieldHelp [][2]string
	for _, f := range u.page().fields().list() {
		fieldHelp = append(fieldHelp, [2]string{f.String(), queryNames[f].note})
	}
	part("Filter", [][2]string{
		{"words", "are found anywhere in a row; all of them must be"},
		{"field:word", "in one field; field=word is all of it; also < <= > >= !="},
		{"!  |  /regex/", "not; or; a regular expression (RE2)"},
	})
	part("Fields of this view", fieldHelp)
	part("Words", meanings[:])
	return lines
}

// keyHelp is the help on the keys of a section: each binding with what it is
// called on the command line.
func (u *UI) keyHelp(s section) [][2]string {
	var out [][2]string
	views := false
	for i := range u.bindings {
		b := &u.bindings[i]
		if b.mode != modeTable || b.section != s || b.help == "" {
			continue
		}
		if strings.HasPrefix(b.name, "view-") {
			if !views {
				views = true
				last := len(u.views) - 1
				for !u.offers(u.views[last]) {
					last--
				}
				out = append(out, [2]string{viewKey(0) + " … 9 0 " + viewKey(last), "the views, from " + u.views[0].title + " to " + u.views[last].title})
			}
			continue
		}
		word, text := b.labels(), b.help
		if word == "" {
			word = ":" + b.name
		}
		if why := u.opts.Refused[b.name]; why != "" {
			text += " (off: " + clean(why) + ")"
		}
		out = append(out, [2]string{word, text})
	}
	if s == sectionDo {
		out = append(out, [2]string{"Mouse", mouseHelp})
	}
	return out
}

func (u *UI) drawHelp(c canvas, w, h int) {
	lines := u.helpLines(w)
	u.help.height = h - 2
	u.help.scrolls = len(lines) > u.help.height
	u.help.top = max(min(u.help.top, len(lines)-u.help.height), 0)
	for i := range u.help.height {
		at := u.help.top + i
		if at >= len(lines) {
			break
		}
		line := lines[at]
		c.text(1, i, w-2, line.heading, u.colors.heading)
		c.text(2, i, helpColumn, line.word, u.colors.key)
		c.text(2+helpColumn, i, w-helpColumn-3, line.text, u.colors.plain)
	}
	u.hints(c, h-1, w)
}
