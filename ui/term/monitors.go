package term

import (
	"bwmon/traffic"
)

// monitorRow is a monitor and its condition.
type monitorRow struct {
	*traffic.MonitorStatus
	off bool // it is not running, and nobody wants it to
}

func monitorKind() *kind[monitorRow] {
	detail := words("detail", "DETAIL", 1, 20, 60, 1000, func(m *monitorRow) string { return m.Detail })
	detail.prose, detail.whole = true, true
	return &kind[monitorRow]{
		of:   ofMonitors,
		name: "monitors",
		columns: []column[monitorRow]{
			words("monitor", "MONITOR", 0, 12, 16, 24, func(m *monitorRow) string { return m.Name }, queryMonitor),
			words("state", "STATE", 0, 9, 9, 9, func(m *monitorRow) string { return m.State }, queryState),
			number("lost", "LOST", 2, 6, func(m *monitorRow) uint64 { return m.Lost }),
			detail,
		},
		sorting: sorting{col: 0, ascending: true},
		id:      func(m *monitorRow) identity { return identity{of: ofMonitors, name: m.Name} },
		tie:     func(a, b *monitorRow) int { return compareFold(a.Name, b.Name) },
		calm:    func(m *monitorRow) bool { return m.off },
		grave: func(m *monitorRow) bool {
			return m.State == traffic.StateFailed || m.State == traffic.StateStopped || m.Lost > 0
		},
		about: func(_ *scene, m *monitorRow) *subject {
			s := &subject{title: m.Name, thing: m.Name, off: m.off || m.State == traffic.StateStopped}
			s.add("kind", m.Kind).add("state", m.State)
			if m.Lost > 0 {
				s.add("lost", count(m.Lost))
			}
			s.facts = append(s.facts, fact{"detail", m.Detail, true})
			return s
		},
	}
}

// monitorsPage is the table of the monitors.
func (k *kinds) monitorsPage() page {
	p := newPage("Monitors", k.monitors, func(sc *scene, rows []monitorRow) ([]monitorRow, string) {
		for i := range sc.Monitors {
			rows = append(rows, monitorRow{MonitorStatus: &sc.Monitors[i]})
		}
		for i := range sc.idle {
			if t := &sc.idle[i]; !isSeries(t.Kind) && !sc.measured[measuredKey{"", t.ID}] {
				rows = append(rows, monitorRow{&traffic.MonitorStatus{Name: t.ID, Kind: t.Kind, State: seriesOff, Detail: t.Detail}, true})
			}
		}
		return rows, "no monitor is configured"
	})
	p.things = true
	return p
}
