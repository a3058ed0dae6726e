package term

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// complaint is what is wrong with a monitor, and the cure as far as the
// monitor knows it.
func complaint(m traffic.MonitorStatus) string {
	text := clean(m.Name) + " " + clean(m.State)
	if m.Detail != "" {
		text += ": " + clean(m.Detail)
	}
	return text
}

// worry is one thing that is wrong, and the key that explains it.
type worry struct{ text, hint string }

// worries lists what is wrong, the worst first.
func (u *UI) worries() []worry {
	var out []worry
	if u.gone {
		out = append(out, worry{text: "the engine has stopped: these are its last figures"})
	}
	if u.link.Lost {
		out = append(out, worry{text: u.lostText()})
	}
	if u.shown == nil {
		return out
	}
	if u.late > 0 && !u.link.Lost {
		last := u.newest.At.In(u.opts.Location).Format("15:04:05")
		out = append(out, worry{text: "no figures since " + last + ": the engine is stuck, or the machine too busy for it; if it lasts, quit and start anew"})
	}
	if l := u.page().base(); len(l.order) > 0 || l.filter != "" || l.why != "" { // else the empty table says it, with more room
		for _, m := range unhealthy(u.shown) {
			out = append(out, worry{complaint(m), u.viewHint("monitors")})
		}
	}
	if text := missingText(u.shown); text != "" {
		out = append(out, worry{text, u.viewHint("fleet")})
	}
	if text := downText(u.shown); text != "" {
		out = append(out, worry{text, u.viewHint("machine")})
	}
	if text := u.firingText(); text != "" {
		out = append(out, worry{text, u.viewHint("alerts")})
	}
	return out
}

// trouble says in at most so many lines of w cells what is wrong. Each worry
// gets a line before any gets more. A line that goes on from the one above
// begins with a space.
func (u *UI) trouble(w, lines int) []string {
	list := u.worries()
	if len(list) > lines { // the table or the state line has the rest
		list = list[:lines]
	}
	spare := lines - len(list)
	var out []string
	for _, x := range list {
		part := x.lines(w, 1+spare)
		spare -= len(part) - 1
		out = append(out, indent(part)...)
	}
	return out
}

// lines is the text in at most so many lines, with the key behind it.
func (x worry) lines(w, most int) []string {
	hint := x.hint
	if hint != "" {
		hint = " (" + hint + ")"
	}
	all := wrap(x.text+hint, w)
	if len(all) <= most {
		return all
	}
	all = wrap(x.text, w)[:most]
	last := cutEnd(all[most-1], max(w-width(hint)-2, 8))
	all[most-1] = strings.TrimRight(last, " "+ellipsis) + " " + ellipsis + hint
	return all
}

// lostText says since when there is no connection, and why.
func (u *UI) lostText() string {
	text := "connection lost"
	if u.opts.Attached != "" {
		text = "connection to " + clean(u.opts.Attached) + " lost"
	}
	if !u.link.At.IsZero() {
		text += " " + span(max(u.now().Sub(u.link.At), 0)) + " ago"
	}
	text += ", trying again"
	if u.link.Detail != "" {
		text += ": " + clean(u.link.Detail)
	}
	return text
}

// firingText names the rules that are broken; "" for none.
func (u *UI) firingText() string {
	n := firing(u.shown)
	if n == 0 {
		return ""
	}
	const most = 4 // by name
	var names []string
	for i := range u.shown.Alerts {
		if a := &u.shown.Alerts[i]; a.State == alertFiring && !slices.Contains(names, a.Rule) {
			names = append(names, a.Rule)
		}
		if len(names) > most {
			names[most] = ellipsis
			break
		}
	}
	for i := range names {
		names[i] = cutEnd(clean(names[i]), 30)
	}
	return plural(n, "alert") + " firing: " + strings.Join(names, ", ")
}

// downText names the probes that found nothing; "" for none.
func downText(s *traffic.Snapshot) string {
	const most = 4 // by name
	var names []string
	detail, n := "", 0
	for i := range s.Series {
		if x := &s.Series[i]; x.Kind == traffic.SeriesProbe && seriesState(x) == seriesDown {
			if detail, n = x.Detail, n+1; len(names) < most {
				names = append(names, cutEnd(clean(x.Name), 30))
			}
		}
	}
	switch {
	case n == 0:
		return ""
	case n > 1:
		if n > most {
			names = append(names, ellipsis)
		}
		return strconv.Itoa(n) + " probes are down: " + strings.Join(names, ", ")
	case detail != "":
		return "probe " + names[0] + " is down: " + clean(detail)
	}
	return "probe " + names[0] + " is down"
}

// viewHint is the key of a view and its title.
func (u *UI) viewHint(name string) string {
	i := u.viewNamed(name)
	if i < 0 || i == u.current || !u.offers(u.views[i]) {
		return ""
	}
	return viewKey(i) + " " + u.views[i].title
}

// indent marks the lines that go on from the one above.
func indent(lines []string) []string {
	for i := 1; i < len(lines); i++ {
		lines[i] = " " + lines[i]
	}
	return lines
}

// now is the wall clock.
func (u *UI) now() time.Time {
	if u.clock != nil {
		return u.clock()
	}
	return time.Now()
}
