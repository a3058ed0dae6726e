package term

import (
	"errors"
	"strings"

	"bwmon/traffic"
)

// startFilter opens the prompt on the page's filter.
func (u *UI) startFilter() {
	u.mode = modeFilter
	u.prompt.begin("filter: ", u.page().base().filter)
	u.filterTyped()
}

// filterTyped applies what is typed, or says what is wrong with it: the filter
// before stays in force then.
func (u *UI) filterTyped() {
	p := &u.prompt
	p.wrong = ""
	if err := u.refilter(p.text); err != nil {
		p.wrong, p.place, p.n = err.Error(), 0, len(p.text)
		var at queryError
		if errors.As(err, &at) {
			p.place, p.n = p.valid(at.at), at.n
		}
	}
	if q := u.page().base().query; p.wrong == "" && q != nil && len(q.absent) > 0 {
		u.said = q.absent[0].text
	}
	p.edited(completeQuery(p.text, p.at, u.page().fields().list(), u.known))
}

// keepFilter closes the prompt, unless its text is no filter.
func (u *UI) keepFilter() {
	if u.prompt.wrong != "" {
		return
	}
	u.mode = modeTable
}

// dropFilter closes the prompt, and there is no filter any more.
func (u *UI) dropFilter() {
	u.mode = modeTable
	u.said = ""
	u.refilter("")
}

// refilter gives the page another filter and shows the effect at once.
func (u *UI) refilter(text string) error {
	l := u.page().base()
	if l.filter == text {
		return nil
	}
	q, err := parseQuery(text, u.page().fields().list())
	if err != nil {
		return err
	}
	if l.filter, l.query = text, q; q.empty() {
		l.query = nil
		l.filter = ""
	}
	l.asked = q.asks(machineFields())
	if l.crowded {
		u.reload()
	} else {
		u.page().arrange()
	}
	return nil
}

// maxKnown bounds how many values are looked at for a completion.
const maxKnown = 50

// known lists what the rows at hand have of a field, as far as it begins with
// what is typed.
func (u *UI) known(f queryField, prefix string) []string {
	s := u.shown
	if s == nil {
		return nil
	}
	var out []string
	seen := make(map[string]bool)
	add := func(text string) {
		if text != "" && len(out) < maxKnown && !seen[text] && hasPrefixFold(text, prefix) {
			seen[text] = true
			out = append(out, text)
		}
	}
	switch f {
	case queryApp, queryCommand, queryUser, queryContainer, queryUnit:
		for i := range s.Apps {
			if f == queryApp {
				add(s.Apps[i].Name)
				continue
			}
			for j := range s.Apps[i].Commands {
				add(commandField(&s.Apps[i].Commands[j], f))
			}
		}
	case queryHost, queryLocal, queryRemote:
		if f == queryHost {
			for i := range s.Hosts {
				add(s.Hosts[i].Host)
			}
		}
		for i := range s.LANHosts {
			add(addressText(s.LANHosts[i].Host, ""))
			add(s.LANHosts[i].Name)
		}
		for i := range s.RemoteHosts {
			add(addressText(s.RemoteHosts[i].Host, ""))
		}
	case queryInterface:
		for i := range s.Interfaces {
			add(s.Interfaces[i].Name)
		}
	case queryPipe:
		for i := range s.Pipes {
			add(s.Pipes[i].Name)
		}
	case queryRule:
		for i := range s.Rules {
			add(s.Rules[i].Name)
		}
	case queryMonitor:
		for i := range s.Monitors {
			add(s.Monitors[i].Name)
		}
	default:
		for _, word := range strings.Fields(fieldWords[f]) {
			add(word)
		}
	}
	return out
}

// fieldWords are the values of fields that have only a few.
var fieldWords = map[queryField]string{
	queryProto: "tcp udp icmp icmpv6 sctp pipe",
	queryScope: "local loopback forwarded inner pipe",
	queryState: "open ended firing pending running failed starting stopped reporting silent refused",
}

func commandField(c *traffic.Command, f queryField) string {
	switch f {
	case queryUser:
		return c.User
	case queryContainer:
		return c.Container
	case queryUnit:
		return c.Unit
	}
	return c.Command
}
