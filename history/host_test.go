package history

import (
	"fmt"
	"math"
	"math/rand/v2"

	"bwmon/traffic"
)

// host has made-up figures of a busy machine: none of what can move stands still.
type host struct {
	rand   *rand.Rand
	list   []traffic.Series
	steady map[string]bool // what does not move: totals and the like
	idle   bool            // of disks, containers and units three of four are not used
}

// newHost has so many series: a seventh are disks, a seventh mounts, and so on.
func newHost(series int, seed uint64) *host {
	h := &host{rand: rand.New(rand.NewPCG(seed, 8)), steady: make(map[string]bool)}
	for _, name := range []string{
		"processors", "total_bytes", "size_bytes", "inodes", "critical_celsius", "in_flight", "discards_per_s", "discard_bytes_per_s",
		"discards_merged_per_s", "discard_await_ms", "discard_request_bytes", "rx_errors_per_s", "tx_errors_per_s", "rx_drops_per_s", "up", "status",
	} {
		h.steady[name] = true
	}
	add := func(kind, name string, metrics ...string) {
		s := traffic.Series{Kind: kind, Name: name}
		for _, m := range metrics {
			s.Metrics = append(s.Metrics, traffic.Metric{Name: m, Value: float64(100 + h.rand.IntN(1000))})
		}
		h.list = append(h.list, s)
	}
	add(traffic.SeriesCPU, "", "used_percent", "user_percent", "system_percent", "iowait_percent", "irq_percent", "softirq_percent", "steal_percent", "idle_percent", "processors")
	add(traffic.SeriesLoad, "", "load1", "load5", "load15", "runnable", "processes")
	add(traffic.SeriesMemory, "", "total_bytes", "used_bytes", "available_bytes", "used_percent", "cached_bytes", "buffers_bytes", "dirty_bytes", "writeback_bytes")
	add(traffic.SeriesSwap, "", "total_bytes", "used_bytes", "free_bytes", "used_percent", "in_bytes_per_s", "out_bytes_per_s")
	for _, name := range []string{"cpu", "memory", "io"} {
		add(traffic.SeriesPressure, name, "some_percent", "full_percent", "some_avg10_percent", "some_avg60_percent", "some_avg300_percent", "full_avg10_percent", "full_avg60_percent", "full_avg300_percent")
	}
	for n := 0; len(h.list) < series; n++ {
		add(traffic.SeriesDisk, fmt.Sprint("sd", n), "reads_per_s", "writes_per_s", "read_bytes_per_s", "write_bytes_per_s", "reads_merged_per_s", "writes_merged_per_s",
			"read_await_ms", "write_await_ms", "await_ms", "queue_size", "read_request_bytes", "write_request_bytes", "request_bytes", "utilization_percent",
			"discards_per_s", "discard_bytes_per_s", "discards_merged_per_s", "discard_await_ms", "discard_request_bytes", "flushes_per_s", "flush_await_ms", "in_flight",
			"read_bytes", "write_bytes")
		add(traffic.SeriesMount, fmt.Sprint("/mnt/", n), "size_bytes", "used_bytes", "free_bytes", "available_bytes", "used_percent", "inodes", "inodes_free", "inodes_used_percent")
		add(traffic.SeriesInterface, fmt.Sprint("eth", n), "rx_errors_per_s", "tx_errors_per_s", "rx_drops_per_s", "tx_drops_per_s", "rx_errors_total", "tx_errors_total", "rx_drops_total", "tx_drops_total")
		add(traffic.SeriesSensor, fmt.Sprint("core", n), "temperature_celsius", "critical_celsius")
		add(traffic.SeriesContainer, fmt.Sprint("c", n), "read_bytes_per_s", "write_bytes_per_s", "reads_per_s", "writes_per_s", "read_bytes", "write_bytes")
		add(traffic.SeriesUnit, fmt.Sprintf("u%d.service", n), "read_bytes_per_s", "write_bytes_per_s", "reads_per_s", "writes_per_s", "read_bytes", "write_bytes")
		add(traffic.SeriesProbe, fmt.Sprint("p", n), "up", "status", "response_ms", "body_bytes", "queue", "sessions", "errors_per_s")
	}
	return h
}

// tick lets figures move: of bytes in use and free by a little, of others by much.
func (h *host) tick() []traffic.Series {
	list := make([]traffic.Series, len(h.list))
	for i, s := range h.list {
		list[i] = s
		list[i].Metrics = make(traffic.Metrics, len(s.Metrics))
		for j, m := range s.Metrics {
			if h.idle && i%4 > 0 && (s.Kind == traffic.SeriesDisk || s.Kind == traffic.SeriesContainer || s.Kind == traffic.SeriesUnit) {
				m.Value = 0
			} else if !h.steady[m.Name] {
				m.Value *= math.Exp(h.rand.NormFloat64())
				if traffic.UnitOf(m.Name) == traffic.UnitBytes {
					m.Value = math.Round(s.Metrics[j].Value*(1<<20) + 4096*float64(h.rand.IntN(100)))
				}
			}
			list[i].Metrics[j] = m
		}
	}
	return list
}

// metrics is how many of them have trends.
func (h *host) metrics() (n int) {
	for _, s := range h.list {
		for _, m := range s.Metrics {
			if !isSum(s.Kind, m.Name) {
				n++
			}
		}
	}
	return n
}
