package term

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// memberRow is a host of a fleet.
type memberRow struct {
	*traffic.Member
	traffic.Usage // as it is shown
	seat          int32
}

// isFleet reports whether a snapshot is of a fleet. That of one member, as its receiver
// has it, names that member alone, and its commands are no hosts.
func isFleet(s *traffic.Snapshot) bool {
	if s == nil || len(s.Hosts) != 1 {
		return s != nil && len(s.Hosts) > 1
	}
	for i := range s.Apps {
		if len(s.Apps[i].Commands) > 0 {
			return s.Apps[i].Commands[0].Host != ""
		}
	}
	return s.Hosts[0].Host != s.Host
}

// isMember reports whether a snapshot is of a member of a fleet, as its receiver has it.
func isMember(s *traffic.Snapshot) bool { return s != nil && len(s.Hosts) == 1 && !isFleet(s) }

// notPublished is why a member of a fleet has no connections.
const notPublished = "single connections are not published to a receiver: attach to the host itself"

func memberIdentity(host string) identity { return identity{of: ofMembers, name: host} }

// heard is for how long a member has not reported.
func heard(m *traffic.Member) time.Duration {
	return time.Duration(min(max(m.Silent, 0), math.MaxInt32)) * time.Second
}

// absent reports whether a member does not report as it should.
func absent(m *traffic.Member) bool { return m.State != traffic.MemberReporting }

func (k *kinds) memberKind() *kind[memberRow] {
	detail := words("detail", "DETAIL", 8, 12, 30, 1000, func(m *memberRow) string { return m.Detail })
	detail.prose, detail.whole = true, true
	host := words("host", "HOST", 0, 14, 26, 50, func(m *memberRow) string { return m.Host }, queryHost)
	host.full = 24
	columns := []column[memberRow]{
		host,
		words("state", "STATE", 0, 9, 9, 9, func(m *memberRow) string { return m.State }, queryState),
	}
	columns = append(columns, amounts(func(m *memberRow) *traffic.Usage { return &m.Usage })...)
	columns = append(columns,
		column[memberRow]{
			shape:  fixed("silent_s", "HEARD", 2, 9),
			value:  func(m *memberRow) float64 { return m.Silent },
			figure: func(m *memberRow, _ units, _ int) string { return span(heard(m.Member)) },
			exact:  func(m *memberRow) exportCell { return numberCell(m.Silent) },
		},
		number("alerts", "ALERTS", 4, 6, func(m *memberRow) uint64 { return uint64(max(m.Alerts, 0)) }),
		number("apps", "APPS", 5, 5, func(m *memberRow) uint64 { return uint64(max(m.Apps, 0)) }),
		number("connections", "CONNS", 5, 6, func(m *memberRow) uint64 { return uint64(max(m.Connections, 0)) }, queryConns),
		totalColumn("unbooked", "UNBOOKED", 6, func(m *memberRow) uint64 { return m.Unbooked }),
		column[memberRow]{
			shape:  fixed("clock_s", "CLOCK", 6, 8),
			value:  func(m *memberRow) float64 { return m.Clock },
			figure: func(m *memberRow, _ units, _ int) string { return clockText(m.Clock) },
			exact:  func(m *memberRow) exportCell { return numberCell(m.Clock) },
		},
		number("waiting", "WAITING", 7, 7, func(m *memberRow) uint64 { return m.Waiting }),
		recently(7, func(m *memberRow) float64 { return totalRate(&m.Usage) }),
		detail,
	)
	return &kind[memberRow]{
		of:      ofMembers,
		name:    "fleet",
		columns: columns,
		sorting: sorting{col: 2},
		id:      func(m *memberRow) identity { return memberIdentity(m.Host) },
		tie:     func(a, b *memberRow) int { return compareFold(a.Host, b.Host) },
		usage:   func(m *memberRow) *traffic.Usage { return &m.Usage },
		grave:   func(m *memberRow) bool { return absent(m.Member) },
		open:    func(m *memberRow) page { return k.memberApps(m.Host) },
		seats:   func(_ *scene, m *memberRow) []int32 { return []int32{m.seat} },
		about:   aboutMember,
	}
}

// clockText is how far a clock is ahead; what is no more than the way takes is none.
func clockText(ahead float64) string {
	size := math.Abs(ahead)
	if !(size >= 0.5) {
		return none
	}
	sign := "+"
	if ahead < 0 {
		sign = "-"
	}
	if size < 100 {
		return sign + strconv.FormatFloat(size, 'f', 1, 64) + "s"
	}
	text, _, _ := strings.Cut(span(time.Duration(min(size, math.MaxInt32))*time.Second), " ")
	return sign + text
}

func aboutMember(sc *scene, m *memberRow) *subject {
	s := &subject{
		title:     m.Host,
		series:    traffic.Query{By: traffic.ByHost, Name: m.Host},
		names:     []ruled{{kind: "host", name: m.Host}},
		topsTitle: "top apps",
		tops: func() []top {
			var list []top
			sc.eachCommand(func(a *traffic.App, c *traffic.Command, place int) bool {
				if c.Host == m.Host {
					list = append(list, top{name: a.Name, usage: sc.usage(sc.memory.seatOf(ofCommands, place), c.Usage)})
				}
				return len(list) < maxTops
			})
			return busiest(list)
		},
	}
	s.add("state", m.State).add("reported", span(heard(m.Member))+" ago")
	if m.Detail != "" {
		s.facts = append(s.facts, fact{"detail", m.Detail, true})
	}
	s.add("apps", count(uint64(max(m.Apps, 0)))).add("connections", count(uint64(max(m.Connections, 0))))
	if m.Alerts > 0 {
		s.add("alerts", count(uint64(m.Alerts))+" firing there")
	}
	if text := clockText(m.Clock); text != none {
		s.add("clock", text)
	}
	if m.Waiting > 0 {
		s.add("waiting", count(m.Waiting)+" batches that it has yet to send")
	}
	return s
}

// topHosts are the members that run an app, or what else a group is of.
func topHosts(sc *scene, g *groupRow) []top {
	sums := make(map[string]int)
	var list []top
	sc.eachCommand(func(a *traffic.App, c *traffic.Command, place int) bool {
		if !g.has(a.Name, c) {
			return true
		}
		i, ok := sums[c.Host]
		if !ok {
			i = len(list)
			sums[c.Host] = i
			list = append(list, top{name: c.Host})
		}
		list[i].usage = plus(list[i].usage, sc.usage(sc.memory.seatOf(ofCommands, place), c.Usage))
		return len(list) < maxTops
	})
	return busiest(list)
}

// membersPage is the table of the hosts of a fleet; Enter opens a host's apps.
func (k *kinds) membersPage() page {
	return newPage("Hosts", k.members, func(sc *scene, rows []memberRow) ([]memberRow, string) {
		for i := range sc.Hosts {
			m := &sc.Hosts[i]
			seat := sc.memory.seatOf(ofMembers, i)
			rows = append(rows, memberRow{Member: m, Usage: sc.usage(seat, m.Usage), seat: seat})
		}
		return rows, "this is one host: a receiver has the hosts of a fleet"
	})
}

// memberApps is the table of what the apps used on one host of a fleet; Enter opens the
// hosts that run one.
func (k *kinds) memberApps(host string) page {
	return newPage(host, k.apps, func(sc *scene, rows []groupRow) ([]groupRow, string) {
		sc.eachCommand(func(a *traffic.App, c *traffic.Command, place int) bool {
			if c.Host == host {
				seat := sc.memory.seatOf(ofCommands, place)
				rows = append(rows, groupRow{name: a.Name, host: host, Usage: sc.usage(seat, c.Usage), seat: seat,
					resources: sc.resources(ofCommandDisks, place, c.Resources), moved: moved(&c.Usage, c.Connections),
					processes: c.Processes, connections: c.Connections, commands: 1})
			}
			return true
		})
		return rows, "nothing is known of apps on this host"
	})
}

// missing lists the members that do not report, those that are silent for longest first.
func missing(s *traffic.Snapshot) []*traffic.Member {
	var list []*traffic.Member
	for i := range s.Hosts {
		if m := &s.Hosts[i]; absent(m) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *traffic.Member) int {
		return cmp.Or(cmp.Compare(b.Silent, a.Silent), strings.Compare(a.Host, b.Host))
	})
	return list
}

// missingText names the hosts that do not report; "" for none.
func missingText(s *traffic.Snapshot) string {
	const most = 4 // by name
	list := missing(s)
	var names []string
	for _, m := range list[:min(len(list), most)] {
		name := cutMiddle(clean(m.Host), 30)
		if m.State != traffic.MemberSilent {
			name += " " + clean(m.State)
			if m.Detail != "" && len(list) == 1 {
				name += ": " + clean(m.Detail)
			}
		} else {
			name += " for " + span(heard(m))
		}
		names = append(names, name)
	}
	switch {
	case len(list) == 0:
		return ""
	case len(list) > most:
		names = append(names, ellipsis)
	}
	verb := " do not report: "
	if len(list) == 1 {
		verb = " does not report: "
	}
	return plural(len(list), "host") + verb + strings.Join(names, ", ")
}

// fleetLine says how many hosts report, and what all of them carry.
func (u *UI) fleetLine(s *traffic.Snapshot) []piece {
	var sum traffic.Usage
	for i := range s.Hosts {
		sum = plus(sum, u.memory.usage(u.memory.seatOf(ofMembers, i), s.Hosts[i].Usage, u.window))
	}
	n := len(s.Hosts) - len(missing(s))
	return []piece{
		{fmt.Sprintf("%d of %s report", n, plural(len(s.Hosts), "host")), u.colors.bold},
		{betweenInterfaces + "rx ", u.colors.dim}, {u.units.rate(sum.RxRate), u.colors.plain},
		{" tx ", u.colors.dim}, {u.units.rate(sum.TxRate), u.colors.plain},
	}
}
