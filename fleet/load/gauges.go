package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"bwmon/traffic"
)

// gauges are the made-up series of a host: what a machine with three disks has.
type gauges struct{ series []traffic.Series }

var (
	cpuMetrics = []string{
		"used_percent", "user_percent", "system_percent", "iowait_percent", "irq_percent", "softirq_percent", "steal_percent", "busiest_percent",
	}
	loadMetrics     = []string{"load1", "load5", "load15", "runnable", "processes"}
	memoryMetrics   = []string{"used_bytes", "available_bytes", "used_percent", "cached_bytes", "buffers_bytes", "dirty_bytes", "writeback_bytes"}
	pressureMetrics = []string{"some_avg10_percent", "some_avg60_percent", "some_avg300_percent", "full_avg10_percent", "full_avg60_percent", "full_avg300_percent"}
	diskMetrics     = []string{
		"reads_per_s", "writes_per_s", "read_bytes_per_s", "write_bytes_per_s", "reads_merged_per_s", "writes_merged_per_s", "read_await_ms", "write_await_ms",
		"await_ms", "queue_size", "read_request_bytes", "write_request_bytes", "request_bytes", "utilization_percent", "in_flight", "read_bytes", "write_bytes",
	}
	mountMetrics = []string{"size_bytes", "used_bytes", "free_bytes", "available_bytes", "used_percent", "inodes", "inodes_free", "inodes_used_percent"}
	errorMetrics = []string{"rx_errors_total", "tx_errors_total", "rx_drops_total", "tx_drops_total"}
)

// newGauges makes 20 series.
func newGauges(chance *rand.Rand) gauges {
	var g gauges
	add := func(kind string, metrics []string, names ...string) {
		for _, name := range names {
			each := traffic.Series{Kind: kind, Name: name}
			for _, m := range metrics {
				each.Metrics = each.Metrics.With(m, 0)
			}
			g.series = append(g.series, each)
		}
	}
	add(traffic.SeriesCPU, cpuMetrics, "")
	add(traffic.SeriesLoad, loadMetrics, "")
	add(traffic.SeriesMemory, memoryMetrics, "")
	add(traffic.SeriesSwap, memoryMetrics[:3], "")
	add(traffic.SeriesPressure, pressureMetrics, "cpu", "io", "memory")
	add(traffic.SeriesDisk, diskMetrics, "sda", "sdb", "nvme0n1")
	add(traffic.SeriesMount, mountMetrics, "/", "/boot", "/home", "/srv", "/var")
	add(traffic.SeriesInterface, errorMetrics, "eth0", "lo")
	add(traffic.SeriesSensor, []string{"temperature_celsius"}, "coretemp", "nvme")
	add(traffic.SeriesProbe, []string{"up", "duration_ms"}, "web")
	g.next(chance, 1)
	return g
}

// next is what is measured next: most of it is another figure each time, what mounts and
// interfaces have hardly ever. What it returned before stays as it was.
func (g *gauges) next(chance *rand.Rand, span float64) []traffic.Series {
	g.series = slices.Clone(g.series)
	for i := range g.series {
		each := &g.series[i]
		switch each.Kind {
		case traffic.SeriesInterface, traffic.SeriesSwap:
			continue
		case traffic.SeriesMount:
			if chance.Float64() > 0.3 {
				continue
			}
		}
		each.Metrics = slices.Clone(each.Metrics)
		for j := range each.Metrics {
			m := &each.Metrics[j]
			if m.Name == "read_bytes" || m.Name == "write_bytes" { // totals
				m.Value += float64(chance.IntN(1000)) * 4096 * math.Ceil(span)
				continue
			}
			switch traffic.UnitOf(m.Name) {
			case traffic.UnitPercent:
				m.Value = chance.Float64() * 100
			case traffic.UnitBytes:
				m.Value = float64(chance.IntN(1<<22)) * 4096
			default:
				m.Value = float64(chance.IntN(10_000)) / 10 / span
			}
		}
	}
	return g.series
}
