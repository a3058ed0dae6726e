package notify

import (
	"net/netip"

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
	// KindSubject is what is measured of the machine, by its ID: "disk:sda", "memory".
	// Its rules have a Metric.
	KindSubject Kind = "subject"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	var kinds []Kind
	for _, f := range feeders() {
		for _, s := range f.series {
			kinds = append(kinds, s.kind)
		}
	}
	return kinds
}

// feeder is one list of rows in a Snapshot and the series that are fed by it.
// Series that sum several rows, as a user sums commands, add up what each row
// carried: the sum of their totals would fall whenever one is folded away.
type feeder struct {
	read   func(*traffic.Snapshot, *intake)
	series []series
}

// series says which subject of its kind a row feeds, if any.
type series struct {
	kind Kind
	of   func(*rowKey) (identity, bool)
}

// feeders is all that rules can be about. What is added to a Snapshot gets an
// entry here.
func feeders() []feeder {
	return []feeder{
		{readApps, []series{
			{KindApp, func(k *rowKey) (identity, bool) { return identity{name: k.name, app: k.name}, true }},
		}},
		{readPipes, []series{
			{KindPipe, func(k *rowKey) (identity, bool) {
				if k.name == traffic.PipesFolded { // their apps are several
					return identity{name: k.name}, true
				}
				return identity{name: k.name, app: k.name}, true
			}},
		}},
		{readCommands, []series{
			{KindCommand, func(k *rowKey) (identity, bool) {
				return identity{name: k.name, app: k.app, user: k.user, container: k.container, unit: k.unit}, true
			}},
			{KindUser, func(k *rowKey) (identity, bool) { return identity{name: k.user, user: k.user}, k.user != "" }},
			{KindContainer, func(k *rowKey) (identity, bool) {
				return identity{name: k.container, container: k.container}, k.container != ""
			}},
			{KindUnit, func(k *rowKey) (identity, bool) { return identity{name: k.unit, unit: k.unit}, k.unit != "" }},
		}},
		{readHosts, []series{
			{KindLANHost, func(k *rowKey) (identity, bool) {
				if !k.addr.IsValid() {
					return identity{name: k.name}, true
				}
				return identity{name: k.addr.String()}, true
			}},
		}},
		{readInterfaces, []series{
			{KindInterface, func(k *rowKey) (identity, bool) { return identity{name: k.name}, true }},
		}},
		{readSeries, []series{
			{KindSubject, func(k *rowKey) (identity, bool) {
				return identity{name: traffic.SeriesID(k.series, k.name)}, true
			}},
		}},
	}
}

// identity is who a subject is: its kind, its name and what else is known of it.
type identity struct {
	kind                       Kind
	name                       string
	app, user, container, unit string
}

// clean makes all text harmless. It has been cleaned where it came in: this is
// the last gate before mails and command lines.
func (i identity) clean() identity {
	for _, text := range []*string{&i.name, &i.app, &i.user, &i.container, &i.unit} {
		*text = traffic.CleanText(*text, traffic.MaxCommand)
	}
	return i
}

// rowKey tells the rows of one list apart.
type rowKey struct {
	addr                             netip.Addr
	name, app, user, container, unit string
	series                           string // the kind of one
	again                            int    // for rows that are alike in all else
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
				key:    rowKey{name: c.Command, app: a.Name, user: c.User, container: c.Container, unit: c.Unit},
				usage:  &c.Usage,
				used:   &c.Resources,
				folded: c.Command == traffic.CommandsFolded,
			})
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

func readSeries(s *traffic.Snapshot, in *intake) {
	for i := range s.Series {
		m := &s.Series[i]
		in.measure(rowKey{name: m.Name, series: m.Kind}, m.Metrics)
	}
}
