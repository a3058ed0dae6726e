package term

import (
	"regexp"
	"time"

	"bwmon/traffic"
)

// rulebook finds the rules that are about a row. It keeps what it compiled.
type rulebook struct {
	patterns map[string]*regexp.Regexp // nil for one that is none
}

// maxPatterns bounds what is kept: rules may come from elsewhere.
const maxPatterns = 1000

// verdict is a rule that is about a row, and whether it is kept.
type verdict struct {
	rule  *traffic.Rule
	state string // that of its alert; "" is as agreed
	since time.Time
}

// text says it for people.
func (v *verdict) text(now time.Time) string {
	if v.state == "" {
		return "ok"
	}
	return clean(v.state) + " " + span(max(now.Sub(v.since), 0))
}

// judge lists the rules that are about one of the names.
func (b *rulebook) judge(s *traffic.Snapshot, names []ruled) []verdict {
	var out []verdict
	for i := range s.Rules {
		r := &s.Rules[i]
		for _, n := range names {
			if n.kind != r.Kind || n.name == "" || !b.matches(r.Match, n) {
				continue
			}
			v := verdict{rule: r}
			for j := range s.Alerts {
				a := &s.Alerts[j]
				if a.Rule == r.Name && a.Kind == r.Kind && a.Subject == n.name && v.state != "firing" { // which says more than pending
					v.state, v.since = a.State, a.Since
				}
			}
			out = append(out, v)
			break
		}
	}
	return out
}

func (b *rulebook) matches(pattern string, n ruled) bool {
	re, known := b.patterns[pattern]
	if !known {
		if b.patterns == nil || len(b.patterns) >= maxPatterns {
			b.patterns = make(map[string]*regexp.Regexp)
		}
		re, _ = regexp.Compile(pattern) // one that is none matches nothing
		b.patterns[pattern] = re
	}
	return re != nil && (re.MatchString(n.name) || n.label != "" && re.MatchString(n.label))
}
