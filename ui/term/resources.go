package term

import (
	"strconv"
	"strings"

	"bwmon/traffic"
)

// moved reports whether a row has traffic, or had.
func moved(u *traffic.Usage, connections int) bool {
	return u.RxBytes|u.TxBytes != 0 || connections > 0
}

// storageUsage is what was read and written, as traffic is remembered.
func storageUsage(r *traffic.Resources) traffic.Usage {
	return traffic.Usage{RxBytes: r.DiskReadBytes, TxBytes: r.DiskWriteBytes, RxRate: r.DiskReadRate, TxRate: r.DiskWriteRate}
}

// resources is what a row uses of the machine as it is to be shown: of disks the
// rates of the window and the totals since the mark, of the others what is now.
func (sc *scene) resources(of roster, place int, r traffic.Resources) traffic.Resources {
	if r.DiskReadBytes|r.DiskWriteBytes == 0 {
		return r
	}
	u := sc.usage(sc.memory.seatOf(of, place), storageUsage(&r))
	r.DiskReadBytes, r.DiskWriteBytes, r.DiskReadRate, r.DiskWriteRate = u.RxBytes, u.TxBytes, u.RxRate, u.TxRate
	return r
}

// machineColumns are what processes use beside the network. They are aside until
// they are asked for.
func machineColumns[T any](of func(*T) *traffic.Resources) []column[T] {
	list := []column[T]{
		storageRate("disk_read_rate", "READ/s", 2, func(row *T) float64 { return of(row).DiskReadRate }),
		storageRate("disk_write_rate", "WRITE/s", 2, func(row *T) float64 { return of(row).DiskWriteRate }),
		totalColumn("disk_read_bytes", "READ", 4, func(row *T) uint64 { return of(row).DiskReadBytes }),
		totalColumn("disk_write_bytes", "WRITTEN", 4, func(row *T) uint64 { return of(row).DiskWriteBytes }),
		{
			shape:  fixed("cpu_percent", "CPU %", 2, 6),
			value:  func(row *T) float64 { return of(row).CPUPercent },
			figure: func(row *T, _ units, _ int) string { return cpuText(of(row).CPUPercent) },
			exact:  func(row *T) exportCell { return numberCell(of(row).CPUPercent) },
		},
		{
			shape:  fixed("memory_bytes", "MEM", 2, sizeWidth),
			value:  func(row *T) float64 { return float64(of(row).MemoryBytes) },
			figure: func(row *T, u units, _ int) string { return u.size(of(row).MemoryBytes) },
			exact:  func(row *T) exportCell { return wholeCell(of(row).MemoryBytes) },
		},
	}
	for i := range list {
		list[i].aside, list[i].machine = true, true
	}
	return list
}

// storageRate is a column of bytes per second of disks, which nobody counts in bits.
func storageRate[T any](name, title string, rank int, value func(*T) float64) column[T] {
	c := rateColumn(name, title, rank, value)
	c.figure = func(row *T, u units, _ int) string { return u.storage().rate(value(row)) }
	return c
}

// cpuText writes a share of one processor in at most six cells.
func cpuText(percent float64) string {
	switch {
	case !(percent > 0):
		return none
	case percent < 0.05:
		return "<0.1"
	case percent < 9999.5:
		return strconv.FormatFloat(percent, 'f', 1, 64)
	}
	return decimal(percent)
}

// fillResources tells a filter what a row uses of the machine.
func fillResources(r *traffic.Resources, f queryField, v *queryValues) {
	switch f {
	case queryRead:
		v.amount(r.DiskReadBytes, r.DiskReadRate)
	case queryWrite:
		v.amount(r.DiskWriteBytes, r.DiskWriteRate)
	case queryCPU:
		v.figure(traffic.UnitPercent, r.CPUPercent)
	case queryMemory:
		v.amount(r.MemoryBytes, 0)
	}
}

// knowsMachine reports whether the rows of the page have columns of the machine.
func (u *UI) knowsMachine() bool {
	for i := range u.page().base().shapes {
		if u.page().base().shapes[i].machine {
			return true
		}
	}
	return false
}

// resourceBlock is what the processes of the row use of the machine; nothing where
// nobody measures it.
func (u *UI) resourceBlock() block {
	p := u.page()
	r := p.resources(p.base().sel)
	if r == nil || *r == (traffic.Resources{}) {
		return block{}
	}
	disks := func(label string, total uint64, rate float64) []piece {
		return []piece{{padRight(label, factLabel+1), u.colors.dim},
			{alignRight(u.units.size(total), sizeWidth) + alignRight(u.units.storage().rate(rate), rateWidth+1), u.colors.plain}}
	}
	cpu := cpuText(r.CPUPercent)
	if cpu != none {
		cpu += " %"
	}
	return block{lines: [][]piece{
		disks("disk read", r.DiskReadBytes, r.DiskReadRate),
		disks("disk written", r.DiskWriteBytes, r.DiskWriteRate),
		{{padRight("CPU, memory", factLabel+1), u.colors.dim},
			{alignRight(cpu, sizeWidth) + alignRight(strings.TrimSpace(u.units.size(r.MemoryBytes)), rateWidth+1), u.colors.plain}},
	}}
}
