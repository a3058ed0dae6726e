package term

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
	{"unattributed", "share of the interfaces' bytes that nobody is known to own"},
	{"residual", "share that the books and the interfaces disagree about"},
	{"lost", "what a monitor knows it missed since it started"},
	{"BALANCED", "the interface's bytes enter the balance"},
	{"(…)", "rows in parentheses are sums that belong to no single owner"},
}

// helpLine is one line of the help: a heading, or a word and what it means.
type helpLine struct{ heading, word, text string }

func (u *UI) helpLines(w int) []helpLine {
	const column = 14 // of the words
	var lines []helpLine
	section := func(heading string, entries [][2]string) {
		if len(lines) > 0 {
			lines = append(lines, helpLine{})
		}
		lines = append(lines, helpLine{heading: heading})
		for _, e := range entries {
			for i, text := range wrap(e[1], w-column-4) {
				if i > 0 {
					e[0] = ""
				}
				lines = append(lines, helpLine{word: e[0], text: text})
			}
		}
	}
	section("Keys", u.keyHelp(modeTable))
	section("While typing a filter", u.keyHelp(modeFilter))
	section("Words", meanings[:])
	return lines
}

func (u *UI) drawHelp(c canvas, w, h int) {
	const column = 14
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
		c.text(1, i, w-2, line.heading, u.colors.title)
		c.text(2, i, column, line.word, u.colors.key)
		c.text(2+column, i, w-column-3, line.text, u.colors.plain)
	}
	u.hints(c, h-1, w)
}
