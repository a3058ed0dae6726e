package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"bwmon/notify"
	"bwmon/traffic"
)

// maxNameColumns bounds the first column of a table for people.
const maxNameColumns = 60

// printTable prints a snapshot for people: apps and hosts with the most bytes
// first. Where flows were asked for, commands and flows stand below each app; with
// machine, what apps use of that and what is measured of it.
func printTable(w io.Writer, s *traffic.Snapshot, u units, flows, machine bool) {
	fmt.Fprintf(w, "%s  %s  measured for %.1f s, rates of the last interval\n\n", s.Host, s.At.Local().Format("2006-01-02 15:04:05"), s.Elapsed)
	printApps(w, s.Apps, u, flows)
	if len(s.LANHosts) > 0 {
		printHosts(w, s.LANHosts, u, flows)
	}
	if len(s.Interfaces) > 0 {
		printInterfaces(w, s.Interfaces, u)
	}
	printBalance(w, s.Balance, u)
	if machine {
		printUses(w, s.Apps, u)
		if len(s.Series) > 0 {
			printSeries(w, s.Series)
			fmt.Fprintln(w)
		}
	}
	printMonitors(w, s.Monitors)
}

// byBytes orders a copy of rows by what they carried, most first.
func byBytes[T any](rows []T, usage func(T) traffic.Usage, name func(T) string) []T {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b T) int {
		ua, ub := usage(a), usage(b)
		return cmp.Or(cmp.Compare(ub.RxBytes+ub.TxBytes, ua.RxBytes+ua.TxBytes), strings.Compare(name(a), name(b)))
	})
	return sorted
}

// figures are the cells that every row has.
func figures(use traffic.Usage, u units) []string {
	return []string{u.rate(use.RxRate), u.rate(use.TxRate), u.bytes(use.RxBytes), u.bytes(use.TxBytes)}
}

func printApps(w io.Writer, apps []traffic.App, u units, flows bool) {
	apps = slices.DeleteFunc(slices.Clone(apps), func(a traffic.App) bool { return a.MachineOnly() })
	if len(apps) == 0 {
		fmt.Fprintln(w, "no traffic of applications")
		fmt.Fprintln(w)
		return
	}
	g := newGrid("APP", ">RX/s", ">TX/s", ">RX", ">TX", ">PROC", ">CONN")
	for _, a := range byBytes(apps, func(a traffic.App) traffic.Usage { return a.Usage }, func(a traffic.App) string { return a.Name }) {
		g.add(row(a.Name, "", a.Usage, u, a.Processes, a.Connections)...)
		if !flows {
			continue
		}
		commands := slices.DeleteFunc(slices.Clone(a.Commands), func(c traffic.Command) bool { return c.MachineOnly() })
		for _, c := range byBytes(commands, func(c traffic.Command) traffic.Usage { return c.Usage }, func(c traffic.Command) string { return c.Command }) {
			g.add(row(commandName(c), "  ", c.Usage, u, c.Processes, c.Connections)...)
			addFlows(g, c.Flows, c.Closed, u, 7)
		}
	}
	g.print(w)
	fmt.Fprintln(w)
}

func row(name, indent string, use traffic.Usage, u units, counts ...int) []string {
	cells := append([]string{cut(indent+name, maxNameColumns)}, figures(use, u)...)
	for _, n := range counts {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}

// commandName is the command line and what else tells it from its like.
func commandName(c traffic.Command) string {
	name := c.Command
	for _, of := range []string{c.User, c.Container, c.Unit} {
		if of != "" {
			name += " (" + of + ")"
		}
	}
	return name
}

func addFlows(g *grid, flows []traffic.FlowRow, closed *traffic.Closed, u units, columns int) {
	fill := make([]string, columns-5)
	for _, f := range flows {
		name := "    " + f.Proto
		if f.Remote.IsValid() {
			name += fmt.Sprintf(" %s → %s", f.Local, f.Remote)
		}
		if f.Ended {
			name += " (ended)"
		}
		g.add(append(append([]string{cut(name, maxFlowColumns)}, figures(f.Usage, u)...), fill...)...)
	}
	if closed != nil && closed.Connections > 0 {
		name := fmt.Sprintf("    %d more that ended", closed.Connections)
		g.add(append([]string{name, "", "", u.bytes(closed.RxBytes), u.bytes(closed.TxBytes)}, fill...)...)
	}
}

// maxFlowColumns holds two IPv6 addresses with ports.
const maxFlowColumns = 110

func printHosts(w io.Writer, hosts []traffic.LANHost, u units, flows bool) {
	g := newGrid("LAN HOST", ">RX/s", ">TX/s", ">RX", ">TX", ">CONN")
	for _, h := range byBytes(hosts, func(h traffic.LANHost) traffic.Usage { return h.Usage }, hostName) {
		g.add(row(hostName(h), "", h.Usage, u, h.Connections)...)
		if flows {
			addFlows(g, h.Flows, h.Closed, u, 6)
		}
	}
	g.print(w)
	fmt.Fprintln(w)
}

func hostName(h traffic.LANHost) string {
	switch {
	case !h.Host.IsValid():
		return h.Name
	case h.Name == "":
		return h.Host.String()
	}
	return h.Host.String() + " " + h.Name
}

// printUses prints what apps use of the machine, those with most disk I/O first.
func printUses(w io.Writer, apps []traffic.App, u units) {
	apps = slices.DeleteFunc(slices.Clone(apps), func(a traffic.App) bool { return a.Resources == (traffic.Resources{}) })
	if len(apps) == 0 {
		fmt.Fprintln(w, "no processes are looked at")
		fmt.Fprintln(w)
		return
	}
	slices.SortStableFunc(apps, func(a, b traffic.App) int {
		return cmp.Or(cmp.Compare(b.DiskReadBytes+b.DiskWriteBytes, a.DiskReadBytes+a.DiskWriteBytes), cmp.Compare(b.CPUPercent, a.CPUPercent),
			cmp.Compare(b.MemoryBytes, a.MemoryBytes), strings.Compare(a.Name, b.Name))
	})
	g := newGrid("APP", ">READ/s", ">WRITE/s", ">READ", ">WRITTEN", ">CPU", ">MEMORY")
	for _, a := range apps {
		g.add(cut(a.Name, maxNameColumns), (units{}).rate(a.DiskReadRate), (units{}).rate(a.DiskWriteRate), u.bytes(a.DiskReadBytes), u.bytes(a.DiskWriteBytes),
			fmt.Sprintf("%.1f %%", a.CPUPercent), u.bytes(a.MemoryBytes))
	}
	g.print(w)
	fmt.Fprintln(w)
}

// printSeries prints every figure of the machine.
func printSeries(w io.Writer, list []traffic.Series) {
	g := newGrid("SERIES", "METRIC", ">VALUE", "DETAIL")
	for i := range list {
		s := &list[i]
		id, detail := traffic.CleanText(s.ID(), maxShown), s.Detail
		for _, m := range s.Metrics {
			g.add(id, m.Name, notify.MetricText(m.Name, m.Value), detail)
			detail = ""
		}
		if len(s.Metrics) == 0 {
			g.add(id, "", "", detail)
		}
	}
	g.print(w)
}

func printInterfaces(w io.Writer, list []traffic.Interface, u units) {
	g := newGrid("INTERFACE", ">RX/s", ">TX/s", ">RX", ">TX", "")
	for _, i := range list {
		note := ""
		if !i.Balanced {
			note = "not in the balance"
		}
		g.add(append(row(i.Name, "", i.Usage, u), note)...)
	}
	g.print(w)
	fmt.Fprintln(w)
}

func printBalance(w io.Writer, b traffic.Balance, u units) {
	g := newGrid("BALANCE", ">INTERFACES", "", ">LOCAL", "", ">FORWARDED", "", ">UNATTRIBUTED", "", ">RESIDUAL")
	line := func(name string, carried, local, forwarded, unattributed uint64, residual int64) {
		g.add(name, u.bytes(carried), "=", u.bytes(local), "+", u.bytes(forwarded), "+", u.bytes(unattributed), "+",
			u.signed(residual))
	}
	line("rx", b.InterfaceRx, b.LocalRx, b.ForwardedRx, b.UnattributedRx, b.ResidualRx)
	line("tx", b.InterfaceTx, b.LocalTx, b.ForwardedTx, b.UnattributedTx, b.ResidualTx)
	g.print(w)
	fmt.Fprintln(w)
}

func printMonitors(w io.Writer, list []traffic.MonitorStatus) {
	g := newGrid("MONITOR", "STATE", ">LOST", "DETAIL")
	for _, m := range list {
		g.add(m.Name, m.State, strconv.FormatUint(m.Lost, 10), m.Detail)
	}
	g.print(w)
}
