package receive

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"bwmon/traffic"
)

// current is the fleet's apps, by name. Those that did not change share all with those of
// the call before.
func (t *tally) current(now time.Time) []traffic.App {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fold(now)
	list := make([]traffic.App, 0, len(t.rows))
	for _, name := range slices.Sorted(maps.Keys(t.rows)) {
		r := t.rows[name]
		if r.changed {
			r.made, r.changed = r.app(t.appHosts), false
		}
		list = append(list, r.made)
	}
	return list
}

// app is the row with at most so many hosts: those that carried most, and one for the
// others.
func (r *row) app(hosts int) traffic.App {
	cells := r.cells
	var rest []*cell
	if len(cells) > hosts {
		cells = slices.Clone(cells)
		slices.SortFunc(cells, func(a, b *cell) int {
			return cmp.Or(cmp.Compare(b.totals[rx]+b.totals[tx], a.totals[rx]+a.totals[tx]), cmp.Compare(a.account.host, b.account.host))
		})
		cells, rest = cells[:hosts-1], cells[hosts-1:]
		slices.SortFunc(cells, func(a, b *cell) int { return cmp.Compare(a.account.host, b.account.host) })
	}
	var all, folded part
	commands := make([]traffic.Command, 0, len(cells)+1)
	for _, c := range cells {
		all.add(c)
		commands = append(commands, (&part{c.totals, c.now}).command(c.account.host))
	}
	for _, c := range rest {
		all.add(c)
		folded.add(c)
	}
	if rest != nil {
		commands = append(commands, folded.command(traffic.HostsFolded))
	}
	return traffic.App{
		Name: r.name, Usage: all.usage(), Resources: all.resources(),
		Processes: all.now.processes, Connections: all.now.connections, Commands: commands,
	}
}

// part is what some cells have together.
type part struct {
	totals amounts
	now    levels
}

func (p *part) add(c *cell) {
	p.totals.add(&c.totals)
	p.now = p.now.add(c.now)
}

func (p *part) usage() traffic.Usage {
	return traffic.Usage{RxBytes: p.totals[rx], TxBytes: p.totals[tx], RxRate: p.now.rate.Rx, TxRate: p.now.rate.Tx}
}

func (p *part) resources() traffic.Resources {
	return traffic.Resources{
		DiskReadBytes: p.totals[diskRead], DiskWriteBytes: p.totals[diskWrote], DiskReadRate: p.now.read, DiskWriteRate: p.now.wrote,
		CacheReadBytes: p.totals[cacheRead], CacheWriteBytes: p.totals[cacheWrote], CPUPercent: p.now.cpu, MemoryBytes: p.now.memory,
	}
}

// command is the row of one host among those of an app.
func (p *part) command(host string) traffic.Command {
	return traffic.Command{
		Command: host, Host: host, PIDs: noPIDs, Usage: p.usage(), Resources: p.resources(),
		Processes: p.now.processes, Connections: p.now.connections,
	}
}

// noPIDs is a list in the document, not null.
var noPIDs = []int{}
