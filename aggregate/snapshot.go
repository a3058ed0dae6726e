package aggregate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// Tick publishes the state of the books at now, with the health of the
// monitors as the caller knows it and, if flows is set, the flows. All lists
// are sorted by name. The snapshot shares nothing with the ledger that is
// written to again, and takes over the slice of monitors.
func (l *Ledger) Tick(now time.Time, monitors []traffic.MonitorStatus, flows bool) *traffic.Snapshot {
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: l.opts.Host, Run: l.opts.Run,
		At: now, Elapsed: now.Sub(l.start).Seconds(), Interval: l.opts.Interval.Seconds(),
		Monitors:   monitors,
		Interfaces: []traffic.Interface{},
		Series:     []traffic.Series{},
		Balance:    l.balance(),
		Rules:      []traffic.Rule{},
		Alerts:     []traffic.Alert{},
	}
	if monitors == nil {
		s.Monitors = []traffic.MonitorStatus{}
	}
	for _, src := range l.order {
		src.window.check(now)
		for _, i := range src.interfaces.list {
			s.Interfaces = append(s.Interfaces, i.row(&src.window))
		}
		s.Series = append(s.Series, src.series...)
	}
	slices.SortStableFunc(s.Series, func(a, b traffic.Series) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(s.Interfaces, func(a, b traffic.Interface) int { return strings.Compare(a.Name, b.Name) })
	due := l.beat.due(now, l.opts.Interval)
	s.Apps = l.appRows(flows, due)
	s.LANHosts = l.hostRows(flows, due)
	s.Pipes = l.pipeRows(due)
	if flows || l.opts.Remotes {
		s.RemoteHosts = l.remoteRows()
	}
	return s
}

func (l *Ledger) balance() traffic.Balance {
	through := l.forwarded.rx + l.forwarded.tx
	return traffic.Balance{
		InterfaceRx: l.carried.rx, InterfaceTx: l.carried.tx,
		LocalRx: l.local.rx, LocalTx: l.local.tx,
		ForwardedRx: through, ForwardedTx: through,
		UnattributedRx: l.unattributed.rx, UnattributedTx: l.unattributed.tx,
		ResidualRx: int64(l.carried.rx - l.local.rx - through - l.unattributed.rx),
		ResidualTx: int64(l.carried.tx - l.local.tx - through - l.unattributed.tx),
	}
}

func (l *Ledger) appRows(flows, due bool) []traffic.App {
	if l.changed {
		l.appOrder = slices.SortedFunc(maps.Values(l.apps), func(a, b *app) int { return strings.Compare(a.name, b.name) })
		l.changed = false
	}
	n := 0
	for _, a := range l.appOrder {
		n += len(a.shelf.sorted())
	}
	commands := make([]traffic.Command, 0, n) // one array for all apps' commands
	rows := make([]traffic.App, 0, len(l.appOrder))
	for _, a := range l.appOrder {
		first := len(commands)
		row := traffic.App{Name: a.name, Processes: a.crew.open, Connections: a.open}
		for _, account := range a.shelf.sorted() {
			commands = append(commands, account.commandRow(flows))
			row.Usage = sum(row.Usage, commands[len(commands)-1].Usage)
			row.Resources = row.Resources.Add(commands[len(commands)-1].Resources)
		}
		row.Commands = commands[first:len(commands):len(commands)]
		a.recent.note(row.Usage, due)
		row.Recent = a.recent.last()
		rows = append(rows, row)
	}
	return rows
}

func (l *Ledger) hostRows(flows, due bool) []traffic.LANHost {
	accounts := l.hosts.sorted()
	rows := make([]traffic.LANHost, 0, len(accounts))
	for _, a := range accounts {
		row := traffic.LANHost{Host: a.key.host, Usage: a.usage(), Connections: a.open}
		if !row.Host.IsValid() {
			row.Name = traffic.HostsFolded
		}
		if flows {
			row.Flows, row.Closed = a.flowRows()
		}
		a.recent.note(row.Usage, due)
		row.Recent = a.recent.last()
		rows = append(rows, row)
	}
	return rows
}

func (a *account) commandRow(flows bool) traffic.Command {
	row := traffic.Command{
		Command: a.key.command, User: a.key.user, Container: a.key.container, Unit: a.key.unit,
		PIDs: a.crew.sortedPIDs(), Usage: a.usage(), Resources: a.resources(),
		Processes: a.crew.open, Connections: a.open,
	}
	if flows {
		row.Flows, row.Closed = a.flowRows()
	}
	return row
}

// flowRows lists a's flows by their key and what is summed of the others.
func (a *account) flowRows() ([]traffic.FlowRow, *traffic.Closed) {
	sorted := slices.Clone(a.flows)
	slices.SortFunc(sorted, compareFlows)
	rows := make([]traffic.FlowRow, len(sorted))
	for i, f := range sorted {
		rows[i] = f.row()
	}
	if a.closed == (traffic.Closed{}) {
		return rows, nil
	}
	closed := a.closed
	return rows, &closed
}

func compareFlows(f, g *flow) int {
	// In steps: most flows differ in the first fields.
	if c := cmp.Compare(f.key.Proto, g.key.Proto); c != 0 {
		return c
	}
	if c := f.key.Local.Compare(g.key.Local); c != 0 {
		return c
	}
	if c := f.key.Remote.Compare(g.key.Remote); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(f.key.Zone, g.key.Zone), cmp.Compare(f.key.ID, g.key.ID),
		strings.Compare(f.src.name, g.src.name))
}

func (f *flow) row() traffic.FlowRow {
	rate := f.meter.rate(&f.src.window)
	row := traffic.FlowRow{
		Proto: f.key.Proto.String(), Local: f.key.Local, Remote: f.key.Remote, Scope: f.scope.String(),
		Ended: f.state != flowOpen, ID: f.key.ID,
		Usage: traffic.Usage{
			RxBytes: f.meter.total.rx, TxBytes: f.meter.total.tx, RxRate: rate.Rx, TxRate: rate.Tx,
		},
	}
	if p, ok := f.process(); ok {
		row.PID = p.pid
	}
	return row
}

func sum(u, v traffic.Usage) traffic.Usage {
	return traffic.Usage{
		RxBytes: u.RxBytes + v.RxBytes, TxBytes: u.TxBytes + v.TxBytes,
		RxRate: u.RxRate + v.RxRate, TxRate: u.TxRate + v.TxRate,
	}
}
