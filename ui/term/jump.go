package term

import (
	"net/netip"

	"bwmon/traffic"
)

// jump shows the row that an alert is about, in its own view.
func (u *UI) jump(a *traffic.Alert) {
	view, by, id := "", byApp, identity{}
	switch a.Kind {
	case "app":
		view, id = "apps", identity{of: ofApps, app: a.Subject}
	case "user", "container", "unit":
		view = "apps"
		for i := range groupings {
			if groupings[i].name == a.Kind {
				by = grouping(i)
			}
		}
		id = identity{of: ofGroups, app: a.Kind, name: a.Subject}
	case "command":
		view = "commands"
		id = identity{of: ofCommands, app: a.App, name: a.Subject, user: a.User, container: a.Container, unit: a.Unit}
	case "pipe":
		view, id = "pipes", identity{of: ofPipes, name: a.Subject}
	case "interface":
		view, id = "interfaces", identity{of: ofInterfaces, name: a.Subject}
	case "lan_host":
		view, id = "hosts", identity{of: ofLANHosts, name: a.Subject}
		if addr, err := netip.ParseAddr(a.Subject); err == nil {
			id = identity{of: ofLANHosts, local: netip.AddrPortFrom(addr, 0)}
		}
	}
	at := u.viewNamed(view)
	if at < 0 {
		u.said = "there is no view of what this alert is about"
		return
	}
	u.showFirst(at, by)
	if u.page().chooseID(id) {
		u.page().base().follow = true
		return
	}
	u.refilter("") // it may have hidden the row
	if u.page().chooseID(id) {
		u.page().base().follow = true
		return
	}
	u.said = "what this alert is about is no longer listed"
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
