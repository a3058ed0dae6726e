package notify

import (
	"net/netip"
	"slices"

	"bwmon/traffic"
)

// Kind is a kind of series that rules can be about.
type Kind string

// The kinds. A pipe's subject has what pipes and relays of its name carried, and
// nothing of an app that happens to have that name.
const (
	KindApp       Kind = "app"
	KindPipe      Kind = "pipe"
	KindCommand   Kind = "command"
	KindUser      Kind = "user"
	KindContainer Kind = "container"
	KindUnit      Kind = "unit"
	KindLANHost   Kind = "lan_host"
	KindInterface Kind = "interface"
	// KindHost is a member of a fleet, in the snapshot of a receiver: what its
	// interfaces carried, and the metrics of its series "host:NAME".
	KindHost Kind = "host"
	// KindSubject is what is measured of the machine, by its ID: "disk:sda", "memory".
	// Its rules have a Metric.
	KindSubject Kind = "subject"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	var kinds []Kind
	for _, f := range feeders() {
		for _, s := range f.series {
			if !slices.Contains(kinds, s.kind) {
				kinds = append(kinds, s.kind)
			}
		}
	}
	return kinds
}

// measured reports whether metrics of the kind are those of series, not of rows.
func (k Kind) measured() bool { return k == KindSubject || k == KindHost }

// feeder is one list of rows in a Snapshot and the series that are fed by it.
// Series that sum several rows, as a user sums commands, add up what each row
// carried: the sum of their totals would fall whenever one is folded away.
type feeder struct {
	read   func(*traffic.Snapshot, *intake)
	series []series
	// late feeders tell of subjects that others feed which of that is old.
	late bool
}

// series says which subject of its kind a row feeds, if any.
type series struct {
	kind   Kind
	of     func(*rowKey) (identity, bool)
	ofHost bool // its subjects are of one member of a fleet each: for rules with Subject.Host
}

// asks reports whether a rule is about subjects of s.
func (s *series) asks(r Rule) bool {
	return r.Subject.Kind == s.kind && s.ofHost == (r.Subject.Host != nil)
}

// feeders is all that rules can be about. What is added to a Snapshot gets an
// entry here.
func feeders() []feeder {
	return []feeder{
		{read: readApps, series: []series{
			{kind: KindApp, of: func(k *rowKey) (identity, bool) { return identity{name: k.name, app: k.name}, true }},
		}},
		{read: readShares, late: true, series: []series{
			{kind: KindApp, of: func(k *rowKey) (identity, bool) { return identity{name: k.app, app: k.app}, true }},
		}},
		{read: readPipes, series: []series{
			{kind: KindPipe, of: func(k *rowKey) (identity, bool) {
				if k.name == traffic.PipesFolded { // their apps are several
					return identity{name: k.name}, true
				}
				return identity{name: k.name, app: k.name}, true
			}},
		}},
		{read: readCommands, series: []series{
			{kind: KindCommand, of: func(k *rowKey) (identity, bool) {
				return identity{name: k.name, app: k.app, user: k.user, container: k.container, unit: k.unit}, true
			}},
			{kind: KindUser, of: func(k *rowKey) (identity, bool) { return identity{name: k.user, user: k.user}, k.user != "" }},
			{kind: KindContainer, of: func(k *rowKey) (identity, bool) {
				return identity{name: k.container, container: k.container}, k.container != ""
			}},
			{kind: KindUnit, of: func(k *rowKey) (identity, bool) { return identity{name: k.unit, unit: k.unit}, k.unit != "" }},
			{kind: KindApp, ofHost: true, of: func(k *rowKey) (identity, bool) {
				return identity{name: k.app, app: k.app, host: k.of}, k.of != ""
			}},
		}},
		{read: readHosts, series: []series{
			{kind: KindLANHost, of: func(k *rowKey) (identity, bool) {
				if !k.addr.IsValid() {
					return identity{name: k.name}, true
				}
				return identity{name: k.addr.String()}, true
			}},
		}},
		{read: readInterfaces, series: []series{
			{kind: KindInterface, of: func(k *rowKey) (identity, bool) { return identity{name: k.name}, true }},
		}},
		{read: readMembers, series: []series{
			{kind: KindHost, of: func(k *rowKey) (identity, bool) { return identity{name: k.of}, true }},
		}},
		{read: readSeries, series: []series{
			{kind: KindSubject, of: func(k *rowKey) (identity, bool) {
				return identity{name: traffic.SeriesID(k.of, k.name)}, true
			}},
			{kind: KindHost, of: func(k *rowKey) (identity, bool) {
				return identity{name: k.name}, k.of == traffic.SeriesHost && k.name != ""
			}},
		}},
	}
}

// identity is who a subject is: its kind, its name and what else is known of it. Host
// is the member of a fleet that the subject is of; of KindHost that is its name.
type identity struct {
	kind                             Kind
	name                             string
	app, user, container, unit, host string
}

// title is how a subject is called.
func (i *identity) title() string {
	if i.host == "" {
		return i.name
	}
	return i.name + " on " + i.host
}

// member is the member of a fleet that the subject is, or is of; "": none.
func (i *identity) member() string {
	if i.kind == KindHost {
		return i.name
	}
	return i.host
}

// clean makes all text harmless. It has been cleaned where it came in: this is
// the last gate before mails and command lines.
func (i identity) clean() identity {
	for _, text := range []*string{&i.name, &i.app, &i.user, &i.container, &i.unit, &i.host} {
		*text = traffic.CleanText(*text, traffic.MaxCommand)
	}
	return i
}

// rowKey tells the rows of one list apart.
type rowKey struct {
	addr                             netip.Addr
	name, app, user, container, unit string
	// of is the kind of a series; of other rows the member of a fleet that they are, or are
	// of, "" outside of one.
	of    string
	again int // for rows that are alike in all else
}

func readApps(s *traffic.Snapshot, in *intake) {
	for i := range s.Apps {
		a := &s.Apps[i]
		in.row(reading{key: rowKey{name: a.Name}, usage: &a.Usage, used: &a.Resources, folded: a.Name == traffic.AppOther})
	}
}

func readPipes(s *traffic.Snapshot, in *intake) {
	for i := range s.Pipes {
		p := &s.Pipes[i]
		in.row(reading{key: rowKey{name: p.Name}, usage: &p.Usage, folded: p.Name == traffic.PipesFolded})
	}
}

func readCommands(s *traffic.Snapshot, in *intake) {
	for i := range s.Apps {
		a := &s.Apps[i]
		for j := range a.Commands {
			c := &a.Commands[j]
			in.row(reading{
				key:    rowKey{name: c.Command, app: a.Name, user: c.User, container: c.Container, unit: c.Unit, of: c.Host},
				usage:  &c.Usage,
				used:   &c.Resources,
				folded: c.Command == traffic.CommandsFolded,
			})
		}
	}
}

// readShares is what each member of a fleet has of an app that is the sum of all.
func readShares(s *traffic.Snapshot, in *intake) {
	if len(s.Hosts) == 0 {
		return
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		for j := range a.Commands {
			if c := &a.Commands[j]; c.Host != "" {
				in.row(reading{key: rowKey{app: a.Name, of: c.Host}, usage: &c.Usage})
			}
		}
	}
}

func readHosts(s *traffic.Snapshot, in *intake) {
	for i := range s.LANHosts {
		h := &s.LANHosts[i]
		r := reading{key: rowKey{addr: h.Host}, label: h.Name, usage: &h.Usage}
		if !h.Host.IsValid() { // it stands for hosts folded together
			r.key.name, r.folded = h.Name, true
		}
		in.row(r)
	}
}

func readInterfaces(s *traffic.Snapshot, in *intake) {
	for i := range s.Interfaces {
		n := &s.Interfaces[i]
		in.row(reading{key: rowKey{name: n.Name}, usage: &n.Usage})
	}
}

func readMembers(s *traffic.Snapshot, in *intake) {
	for i := range s.Hosts {
		m := &s.Hosts[i]
		in.row(reading{key: rowKey{of: m.Host}, usage: &m.Usage})
	}
}

func readSeries(s *traffic.Snapshot, in *intake) {
	for i := range s.Series {
		m := &s.Series[i]
		in.measure(rowKey{name: m.Name, of: m.Kind}, m.Metrics)
	}
}
