package term

import (
	"net/netip"
	"strings"

	"bwmon/traffic"
)

// jump shows the row that an alert is about, in its own view.
func (u *UI) jump(a *traffic.Alert) {
	view, by, id := subjectOf(a)
	at := u.viewNamed(view)
	if at < 0 {
		u.said = "there is no view of what this alert is about"
		return
	}
	u.showFirst(at, by)
	for _, uncover := range [...]func(){
		func() {},
		func() { u.refilter("") }, // it may have hidden the row
		func() { // which may never have had traffic
			if a.Metric != "" && u.knowsMachine() && !u.page().base().aboutMachine() {
				u.showMachine(true)
			}
		},
	} {
		uncover()
		if u.page().chooseID(id) {
			u.page().base().follow = true
			return
		}
	}
	u.said = "what this alert is about is no longer listed"
}

// subjectOf is the view of what an alert is about, what that sums by, and the row.
func subjectOf(a *traffic.Alert) (view string, by grouping, id identity) {
	switch a.Kind {
	case "app":
		return "apps", byApp, identity{of: ofApps, app: a.Subject}
	case "user", "container", "unit":
		for i := range groupings {
			if groupings[i].name == a.Kind {
				by = grouping(i)
			}
		}
		return "apps", by, identity{of: ofGroups, app: a.Kind, name: a.Subject}
	case "command":
		return "commands", byApp, identity{of: ofCommands, app: a.App, name: a.Subject, user: a.User, container: a.Container, unit: a.Unit}
	case "pipe":
		return "pipes", byApp, identity{of: ofPipes, name: a.Subject}
	case "interface":
		return "interfaces", byApp, identity{of: ofInterfaces, name: a.Subject}
	case "host":
		return "fleet", byApp, memberIdentity(a.Subject)
	case "subject":
		view, id = seriesNamed(a.Subject)
		return view, byApp, id
	case "lan_host":
		if addr, err := netip.ParseAddr(a.Subject); err == nil {
			return "hosts", byApp, identity{of: ofLANHosts, local: netip.AddrPortFrom(addr, 0)}
		}
		return "hosts", byApp, identity{of: ofLANHosts, name: a.Subject}
	}
	return "", byApp, identity{}
}

// seriesNamed is the view of a series, and its row there.
func seriesNamed(id string) (view string, row identity) {
	kind, name, _ := strings.Cut(id, ":")
	if kind == traffic.SeriesHost {
		return "fleet", memberIdentity(name)
	}
	if row = seriesIdentity(&traffic.Series{Kind: kind, Name: name}); row.of == ofDisks {
		return "disks", row
	}
	return "machine", row
}

// showFirst shows the first page of a view.
func (u *UI) showFirst(at int, by grouping) {
	if at == 0 {
		u.regroup(by)
		return
	}
	u.views[at].stack = u.views[at].stack[:1]
	u.switchTo(at)
}
