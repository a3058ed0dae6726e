package term

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// signalChoice is a signal that can be sent to a process.
type signalChoice struct {
	name   string // without SIG
	number syscall.Signal
	text   string // what it asks for
}

// signalChoices are all that is offered, the gentlest first. Others are for
// programs and their own.
func signalChoices() []signalChoice {
	return []signalChoice{
		{"TERM", syscall.SIGTERM, "end in good order"},
		{"INT", syscall.SIGINT, "interrupt, as Ctrl-C does"},
		{"HUP", syscall.SIGHUP, "hang up; many daemons read their configuration again"},
		{"QUIT", syscall.SIGQUIT, "end, with a core dump"},
		{"KILL", syscall.SIGKILL, "end at once; it cannot refuse, nor tidy up"},
		{"STOP", syscall.SIGSTOP, "hold, until CONT"},
		{"CONT", syscall.SIGCONT, "go on after STOP"},
		{"USR1", syscall.SIGUSR1, "whatever the program makes of it; some end"},
		{"USR2", syscall.SIGUSR2, "whatever the program makes of it; some end"},
	}
}

// parseSignal reads a signal of those offered: "TERM", "sigterm" or "15".
func parseSignal(text string) (signalChoice, error) {
	all := signalChoices()
	word := strings.ToUpper(strings.TrimSpace(text))
	word = strings.TrimPrefix(word, "SIG")
	var names []string
	for _, s := range all {
		if word == s.name || word == strconv.Itoa(int(s.number)) {
			return s, nil
		}
		names = append(names, s.name)
	}
	return signalChoice{}, fmt.Errorf("no signal %q%s: %s", cutEnd(clean(text), 20), didYouMean(word, names), strings.Join(names, ", "))
}
