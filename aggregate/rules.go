package aggregate

import (
	"regexp"

	"bwmon/traffic"
)

// AppRule gives a name to the processes it matches: every condition that is
// given must hold. A rule without any condition matches nothing.
type AppRule struct {
	Name  string
	Match []*regexp.Regexp // one of them is found in the full command line
	// User, Container and Unit are found in the owner's; nil: not asked.
	User, Container, Unit *regexp.Regexp
}

func (r AppRule) matches(o *traffic.Owner) bool {
	if len(r.Match) == 0 && r.User == nil && r.Container == nil && r.Unit == nil {
		return false
	}
	return found(r.User, o.User) && found(r.Container, o.Container) && found(r.Unit, o.Unit) &&
		(len(r.Match) == 0 || matchesAny(r.Match, o.Command))
}

func found(re *regexp.Regexp, s string) bool { return re == nil || re.MatchString(s) }

// Rules say which app a process belongs to.
type Rules struct {
	Apps []AppRule // in order; the first that matches wins
	// AutoGroup names what no rule matches after its program (see
	// programName); without it the command line itself is the app.
	AutoGroup bool
}

// App returns the name of o's app; nil stands for nobody known. It is never
// empty. It costs as much as its regexes: the ledger asks once per command.
func (r Rules) App(o *traffic.Owner) string {
	if o == nil {
		return traffic.AppUnattributed
	}
	if o.IsKernel() {
		return traffic.AppKernel
	}
	for _, rule := range r.Apps {
		if rule.matches(o) {
			return unreserved(rule.Name)
		}
	}
	if r.AutoGroup {
		return unreserved(programName(o))
	}
	if o.Command == "" {
		return unreserved(fallbackName(o))
	}
	return unreserved(o.Command)
}

// unreserved keeps a process from passing its bytes off as nobody's or the
// kernel's by naming itself like one of the ledger's own rows.
func unreserved(name string) string {
	switch name {
	case "":
		return unnamed
	case traffic.AppUnattributed, traffic.AppKernel, traffic.AppOther, traffic.PipesFolded, AppExcluded:
		return "[" + name + "]"
	}
	return name
}

// verdicts remembers to which app each command was judged to belong, since
// regexes over a million command lines must not run at every connection. It is
// bounded: when the newer generation is full it becomes the older, and the
// older is forgotten.
type verdicts struct {
	newer, older map[ownerKey]string
}

// ownerKey is what of an owner decides on its app.
type ownerKey struct{ command, comm, user, container, unit string }

// verdictsKept bounds each of the two generations.
const verdictsKept = 4096

func (v *verdicts) app(o *traffic.Owner, judge func(*traffic.Owner) string) string {
	key := ownerKey{o.Command, o.Comm, o.User, o.Container, o.Unit}
	if app, ok := v.newer[key]; ok {
		return app
	}
	app, ok := v.older[key]
	if !ok {
		app = judge(o)
	}
	if len(v.newer) >= verdictsKept || v.newer == nil {
		v.older, v.newer = v.newer, make(map[ownerKey]string)
	}
	v.newer[key] = app
	return app
}
