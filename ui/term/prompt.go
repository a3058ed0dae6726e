package term

import (
	"strings"
)

// prompt is the line at the bottom in which a filter or a command is typed,
// with the line below it that says what is wrong or how to go on.
type prompt struct {
	editor
	label string
	// wrong is what is wrong with the text, n bytes from place on; "" for
	// nothing.
	wrong    string
	place, n int

	offered []completion // the ways to go on
	chosen  int          // of them that Tab has put in; -1: none yet
	typed   string       // the text and the cursor before that
	typedAt int

	past   []string // what was entered before, the newest last
	recall int      // place in past that is shown
}

const maxRecalled = 100

// begin opens the prompt with a text.
func (p *prompt) begin(label, text string) {
	p.label = label
	p.set(text)
	p.wrong, p.offered, p.chosen = "", nil, -1
	p.recall = len(p.past)
}

// edited is to be called when the text has changed by anything but Tab.
func (p *prompt) edited(offered []completion) {
	p.offered, p.chosen = offered, -1
}

// complete puts the next way to go on in, or by -1 the one before.
func (p *prompt) complete(by int) bool {
	if len(p.offered) == 0 {
		return false
	}
	if p.chosen < 0 {
		p.typed, p.typedAt = p.text, p.at
		if by < 0 {
			p.chosen = 0
		}
	}
	p.chosen = (p.chosen + by + len(p.offered)) % len(p.offered)
	p.text, p.at = p.typed, p.typedAt
	c := p.offered[p.chosen]
	p.replace(p.valid(c.replaceFrom), p.valid(c.replaceTo), c.text)
	return true
}

// remember keeps what was entered.
func (p *prompt) remember() {
	if p.text == "" || len(p.past) > 0 && p.past[len(p.past)-1] == p.text {
		return
	}
	if len(p.past) == maxRecalled {
		p.past = append(p.past[:0], p.past[1:]...)
	}
	p.past = append(p.past, p.text)
}

// recalled shows what was entered before, or after that.
func (p *prompt) recalled(by int) {
	at := p.recall + by
	if at < 0 || at > len(p.past) {
		return
	}
	p.recall = at
	if at == len(p.past) {
		p.set("")
	} else {
		p.set(p.past[at])
	}
}

// drawPrompt draws the two lines from y on.
func (u *UI) drawPrompt(c canvas, y, w int) {
	p := &u.prompt
	x := c.text(0, y, w, " "+p.label, u.colors.bold)
	from, to := 0, 0
	if p.wrong != "" {
		from, to = p.place, p.place+p.n
	}
	hidden := p.draw(c, x, y, max(w-x-1, 1), u.colors.plain, from, to, u.colors.alarm.Underline(true))
	if p.wrong != "" {
		u.drawWrong(c, x-hidden+width(p.text[:p.valid(p.place)]), y+1, w)
		return
	}
	u.drawOffers(c, y+1, w)
}

// drawWrong says what is wrong below the place that it is about, as nearly as
// there is room.
func (u *UI) drawWrong(c canvas, x, y, w int) {
	text := clean(u.prompt.wrong)
	x = max(x, 1)
	mark := "^ "
	if x+width(mark)+width(text) > w-1 {
		x = max(min(x, w-1-width(mark)-width(text)), 1)
		mark = ""
	}
	c.text(x, y, w-x-1, mark+text, u.colors.alarm)
}

// drawOffers draws the ways to go on; where there are none, the keys.
func (u *UI) drawOffers(c canvas, y, w int) {
	p := &u.prompt
	if len(p.offered) == 0 {
		u.hints(c, y, w)
		return
	}
	const gap = 2
	note := ""
	if at := max(p.chosen, 0); p.offered[at].note != "" {
		note = p.offered[at].note
	}
	room := w - 2
	if note != "" {
		room -= min(width(note)+gap, room/2)
	}
	first := max(p.chosen, 0)
	for first > 0 && offerWidth(p.offered[:first+1], gap) > room { // the chosen one is in sight
		first--
		if offerWidth(p.offered[first:max(p.chosen, 0)+1], gap) > room {
			first++
			break
		}
	}
	x := 1
	for i := first; i < len(p.offered); i++ {
		text := strings.TrimSpace(clean(p.offered[i].text))
		if x+width(text) > room {
			c.text(x, y, 1, ellipsis, u.colors.dim)
			break
		}
		style := u.colors.plain
		if i == p.chosen {
			style = u.colors.selected
		}
		x += c.text(x, y, room-x, text, style) + gap
	}
	c.right(0, y, w-1, cutEnd(note, w-1-room+gap), u.colors.dim)
}

func offerWidth(offers []completion, gap int) int {
	n := 0
	for _, o := range offers {
		n += width(strings.TrimSpace(o.text)) + gap
	}
	return n
}
