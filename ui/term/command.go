package term

import (
	"fmt"
	"slices"
	"strings"
)

// startCommand opens the command line with a text.
func (u *UI) startCommand(text string) {
	u.mode = modeCommand
	u.prompt.begin(":", text)
	u.commandTyped()
}

// commandTyped offers how to go on with what is typed.
func (u *UI) commandTyped() {
	p := &u.prompt
	p.wrong = ""
	p.edited(u.completeCommand(p.text, p.at))
}

// enterCommand does what is typed, or says why not and leaves it for mending.
func (u *UI) enterCommand() {
	p := &u.prompt
	text := strings.TrimSpace(p.text)
	p.remember()
	u.mode = modeTable
	if text == "" {
		return
	}
	if err := u.do(text); err != nil {
		u.mode = modeCommand
		name := len(p.text) - len(strings.TrimLeft(p.text, " "))
		p.wrong, p.place, p.n = err.Error(), name, len(p.text)-name
		if i := strings.IndexByte(text, ' '); i > 0 && u.command(text[:i]) != nil {
			p.place, p.n = name+i+1, len(text)-i-1
		}
	}
}

// do runs a command: the name of a binding and what that takes.
func (u *UI) do(text string) error {
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	b := u.command(name)
	switch {
	case b == nil:
		return fmt.Errorf("there is no command %q%s: Tab lists them", name, didYouMean(name, u.commandNames()))
	case u.refused(b) != nil:
		return u.refused(b)
	case rest == "" && b.do != nil:
		b.do(u)
		return nil
	case b.run == nil && rest != "":
		return fmt.Errorf("%s takes nothing", b.name)
	case b.run == nil:
		return nil
	}
	return b.run(u, rest)
}

// command finds a binding by its name, or the only one that begins so.
func (u *UI) command(name string) *binding {
	var found *binding
	for i := range u.bindings {
		b := &u.bindings[i]
		switch {
		case b.mode != modeTable || b.name == "":
		case b.name == name:
			return b
		case strings.HasPrefix(b.name, name) && name != "":
			if found != nil {
				found = &binding{} // not the only one
			} else {
				found = b
			}
		}
	}
	if found != nil && found.name == "" {
		return nil
	}
	return found
}

func (u *UI) commandNames() []string {
	var names []string
	for i := range u.bindings {
		if b := &u.bindings[i]; b.mode == modeTable && b.name != "" {
			names = append(names, b.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// completeCommand offers names, and behind one what it takes.
func (u *UI) completeCommand(text string, at int) []completion {
	before := text[:at]
	lead := len(before) - len(strings.TrimLeft(before, " "))
	name, rest, more := strings.Cut(before[lead:], " ")
	if !more {
		var out []completion
		for _, n := range u.commandNames() {
			if strings.HasPrefix(n, name) {
				b := u.command(n)
				if b.args != "" {
					n += " "
				}
				out = append(out, completion{text: n, replaceFrom: lead, replaceTo: at, note: strings.TrimSpace(b.args + "  " + b.help)})
			}
		}
		return out
	}
	b := u.command(name)
	if b == nil || b.complete == nil {
		return nil
	}
	if b.name == "filter" {
		from := lead + len(name) + 1
		out := completeQuery(rest, len(rest), u.page().fields().list(), u.known)
		for i := range out {
			out[i].replaceFrom += from
			out[i].replaceTo += from
		}
		return out
	}
	from := strings.LastIndexByte(before, ' ') + 1
	word := before[from:]
	var out []completion
	for _, v := range b.complete(u, strings.Fields(rest)) {
		if hasPrefixFold(v, word) {
			out = append(out, completion{text: v, replaceFrom: from, replaceTo: at})
		}
	}
	return out
}

// oneOf is the place of a word among names; an error names them.
func oneOf(what, word string, names []string) (int, error) {
	if i := slices.Index(names, word); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s: there is no %q%s: want %s", what, word, didYouMean(word, names), strings.Join(names, ", "))
}
