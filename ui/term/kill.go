package term

import (
	"context"
	"strconv"
	"strings"
)

// process is one that a signal can be sent to.
type process struct {
	pid     int
	command string
}

// processes are those of the selected row, as far as they are listed.
func (u *UI) processes() []process {
	p := u.page()
	if about := p.about(p.base().sel); about != nil {
		return about.processes
	}
	return nil
}

func signalNames() []string {
	var names []string
	for _, s := range signalChoices() {
		names = append(names, s.name)
	}
	return names
}

// startSignal asks which of the row's processes is meant, and then whether it
// is.
func (u *UI) startSignal(s signalChoice) {
	if u.opts.Signal == nil {
		u.said = "signal is off: no process can be reached from here"
		return
	}
	list := u.processes()
	switch len(list) {
	case 0:
		u.said = "no process of this row is known"
		return
	case 1:
		u.confirmSignal(s, list)
		return
	}
	c := choice{question: "send " + s.name + " to:"}
	const most = 5 // of those listed one by one
	for i, p := range list {
		if i == most {
			break
		}
		c.options = append(c.options, option{rune('1' + i), strconv.Itoa(p.pid), func(u *UI) { u.confirmSignal(s, []process{p}) }})
	}
	c.options = append(c.options, option{'a', "all " + strconv.Itoa(len(list)), func(u *UI) { u.confirmSignal(s, list) }})
	u.ask(c)
}

// confirmSignal asks whether it is really meant. Nothing but y sends.
func (u *UI) confirmSignal(s signalChoice, list []process) {
	whom := strconv.Itoa(len(list)) + " processes"
	if len(list) == 1 {
		whom = strconv.Itoa(list[0].pid) + " " + list[0].command
	}
	u.ask(choice{question: "send " + s.name + " to " + whom + "?", options: []option{
		{'y', "yes", func(u *UI) { u.sendSignal(s, list) }},
		{'n', "no", func(*UI) {}},
		{'s', "another signal", func(u *UI) { u.chooseSignal(list) }},
	}})
}

// chooseSignal asks for another signal.
func (u *UI) chooseSignal(list []process) {
	c := choice{question: "signal:"}
	for i, s := range signalChoices() {
		c.options = append(c.options, option{rune('1' + i), s.name, func(u *UI) { u.confirmSignal(s, list) }})
	}
	u.ask(c)
}

// sendSignal sends it, beside the event loop: it may want to look who is behind
// the number.
func (u *UI) sendSignal(s signalChoice, list []process) {
	send := u.opts.Signal
	u.errands.run(func(context.Context) func(*UI) {
		sent := 0
		var failed error
		for _, p := range list {
			if err := send(p.pid, p.command, s.number); err != nil {
				failed = err
			} else {
				sent++
			}
		}
		return func(u *UI) {
			u.said = s.name + " sent to " + strconv.Itoa(list[0].pid) + " " + list[0].command
			if len(list) > 1 {
				u.said = s.name + " sent to " + strconv.Itoa(sent) + " of " + strconv.Itoa(len(list)) + " processes"
			}
			if failed != nil {
				if sent == 0 {
					u.said = ""
				} else {
					u.said += "; "
				}
				u.said += failed.Error()
			}
		}
	})
}

// runSignal is the command.
func (u *UI) runSignal(text string) error {
	s, err := parseSignal(strings.TrimSpace(text))
	if err == nil {
		u.startSignal(s)
	}
	return err
}
