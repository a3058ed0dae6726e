package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// servedTable is one as the page has it without JavaScript: texts alone.
type servedTable struct {
	ID, Caption string
	IsWords     bool // few of its cells are figures
	Heads       []string
	Rows        [][]string
	Note        string // below the rows
}

// maxRows is how many apps, and LAN hosts, the page lists by itself.
const maxRows = 200

// servedTables are those of a snapshot, in their order on the page.
func servedTables(now *traffic.Snapshot) []servedTable {
	list := []servedTable{
		{ID: "alerts", Caption: "Alerts", IsWords: true, Heads: []string{"Rule", "Subject", "State", "Since"}, Rows: cells(now.Alerts, func(a traffic.Alert) []string {
			return []string{a.Rule, a.Subject, a.State, humanTime(a.Since)}
		})},
		servedMembers(now.Hosts),
		servedApps(now.Apps),
		servedHosts(now.LANHosts),
		{ID: "interfaces", Caption: "Interfaces", Heads: usageHeads("Interface"), Rows: cells(now.Interfaces, func(i traffic.Interface) []string {
			return usageCells(i.Name, i.Usage)
		})},
		servedDisks(now.Series),
		servedBalance(&now.Balance),
		{ID: "monitors", Caption: "Monitors", IsWords: true, Heads: []string{"Monitor", "State", "Lost", "Detail"}, Rows: cells(now.Monitors, func(m traffic.MonitorStatus) []string {
			return []string{m.Name, m.State, strconv.FormatUint(m.Lost, 10), m.Detail}
		})},
	}
	return slices.DeleteFunc(list, func(t servedTable) bool { return len(t.Rows) == 0 && t.ID != "apps" })
}

func cells[T any](list []T, of func(T) []string) [][]string {
	var rows [][]string
	for _, each := range list {
		rows = append(rows, of(each))
	}
	return rows
}

func usageHeads(first string, more ...string) []string {
	return append([]string{first, "rx rate", "tx rate", "rx total", "tx total"}, more...)
}

func usageCells(first string, u traffic.Usage, more ...string) []string {
	return append([]string{first, humanRate(u.RxRate), humanRate(u.TxRate), humanBytes(u.RxBytes), humanBytes(u.TxBytes)}, more...)
}

// servedApps are those that carried something, the busiest first.
func servedApps(apps []traffic.App) servedTable {
	apps = slices.DeleteFunc(slices.Clone(apps), func(a traffic.App) bool { return a.RxBytes == 0 && a.TxBytes == 0 && a.Connections == 0 })
	slices.SortStableFunc(apps, func(a, b traffic.App) int { return busier(a.Usage, b.Usage) })
	apps, note := atMost(apps)
	return servedTable{
		ID: "apps", Caption: "Applications", Heads: usageHeads("Application", "conns"), Note: note,
		Rows: cells(apps, func(a traffic.App) []string { return usageCells(a.Name, a.Usage, strconv.Itoa(a.Connections)) }),
	}
}

func servedHosts(hosts []traffic.LANHost) servedTable {
	hosts = slices.Clone(hosts)
	slices.SortStableFunc(hosts, func(a, b traffic.LANHost) int { return busier(a.Usage, b.Usage) })
	hosts, note := atMost(hosts)
	return servedTable{
		ID: "lan-hosts", Caption: "LAN hosts", Heads: usageHeads("Host", "conns"), Note: note,
		Rows: cells(hosts, func(h traffic.LANHost) []string {
			name := h.Name
			if h.Host.IsValid() {
				name = h.Host.String() + " " + name
			}
			return usageCells(name, h.Usage, strconv.Itoa(h.Connections))
		}),
	}
}

// servedMembers are those of a fleet, the ones that do not report first. A member's own
// page shows it alone.
func servedMembers(hosts []traffic.Member) servedTable {
	hosts = slices.Clone(hosts)
	slices.SortStableFunc(hosts, func(a, b traffic.Member) int {
		return cmp.Or(trouble(a)-trouble(b), busier(a.Usage, b.Usage))
	})
	hosts, note := atMost(hosts)
	return servedTable{
		ID: "members", Caption: "Hosts", Heads: usageHeads("Host", "conns", "state"), Note: note,
		Rows: cells(hosts, func(h traffic.Member) []string {
			state := h.State
			if h.State != traffic.MemberReporting {
				state = fmt.Sprintf("%s for %v", h.State, (time.Duration(h.Silent) * time.Second))
			}
			return usageCells(h.Host, h.Usage, strconv.Itoa(h.Connections), strings.TrimSpace(state+" "+h.Detail))
		}),
	}
}

// trouble orders members: 0 for those that do not report.
func trouble(h traffic.Member) int {
	if h.State == traffic.MemberReporting {
		return 1
	}
	return 0
}

func servedDisks(series []traffic.Series) servedTable {
	t := servedTable{ID: "disks", Caption: "Disks", Heads: []string{"Disk", "read rate", "write rate", "busy"}}
	for i := range series {
		if series[i].Kind != traffic.SeriesDisk {
			continue
		}
		figure := func(metric string, write func(float64) string) string {
			if v, ok := series[i].Metrics.Get(metric); ok {
				return write(v)
			}
			return "–"
		}
		percent := func(v float64) string { return fmt.Sprintf("%.1f %%", v) }
		t.Rows = append(t.Rows, []string{
			series[i].Name, figure("read_bytes_per_s", humanRate), figure("write_bytes_per_s", humanRate), figure("utilization_percent", percent),
		})
	}
	return t
}

func servedBalance(b *traffic.Balance) servedTable {
	return servedTable{
		ID: "balance", Caption: "Balance: what the interfaces carried is what was booked, and a remainder", Heads: []string{"", "rx total", "tx total"},
		Rows: [][]string{
			{"Interfaces", humanBytes(b.InterfaceRx), humanBytes(b.InterfaceTx)},
			{"Local", humanBytes(b.LocalRx), humanBytes(b.LocalTx)},
			{"Forwarded", humanBytes(b.ForwardedRx), humanBytes(b.ForwardedTx)},
			{"Unattributed", humanBytes(b.UnattributedRx), humanBytes(b.UnattributedTx)},
			{"Remainder", humanBalance(b.ResidualRx), humanBalance(b.ResidualTx)},
		},
	}
}

func busier(a, b traffic.Usage) int {
	return cmp.Or(cmp.Compare(b.RxRate+b.TxRate, a.RxRate+a.TxRate), cmp.Compare(b.RxBytes+b.TxBytes, a.RxBytes+a.TxBytes))
}

// atMost keeps maxRows of a list, and says how many more there are, or that there are
// none.
func atMost[T any](list []T) (kept []T, note string) {
	switch {
	case len(list) == 0:
		return list, "none yet"
	case len(list) <= maxRows:
		return list, ""
	}
	return list[:maxRows], fmt.Sprintf("and %d more, less busy", len(list)-maxRows)
}
