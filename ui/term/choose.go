package term

// choice is a question in the line of keys, each answer a key.
type choice struct {
	question string
	options  []option
	// standard is what Enter does; nil for nothing.
	standard func(u *UI)
}

// option is one answer.
type option struct {
	key   rune
	label string
	do    func(u *UI)
}

// ask puts a question. The answer may put the next one.
func (u *UI) ask(c choice) {
	u.choice = c
	u.mode = modeChoose
}

// answer does what a key stands for; any other leaves the question.
func (u *UI) answer(r rune) {
	u.mode = modeTable
	for _, o := range u.choice.options {
		if o.key == r {
			o.do(u)
			return
		}
	}
}

// drawChoice draws the question and its answers on a line. Of a long question the end
// is cut: whom a signal goes to stands before that.
func (u *UI) drawChoice(c canvas, y, w int) {
	x := 1
	need := 0
	for _, o := range u.choice.options {
		need += 2 + width(o.label) + 2
	}
	if room := w - 2 - need; room >= 8 { // else the answers say what it is about
		x += c.text(x, y, w-x, cutEnd(clean(u.choice.question), room), u.colors.bold) + 2
	}
	for _, o := range u.choice.options {
		x += c.text(x, y, w-x, string(o.key), u.colors.key)
		x += c.text(x, y, w-x, " "+o.label, u.colors.plain) + 2
	}
}
