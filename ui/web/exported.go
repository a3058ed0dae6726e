package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"bwmon/traffic"
)

// figureOf is a metric that several kinds of rows may have.
type figureOf struct {
	name, help string // %s in help is what rows are
	kind       prometheus.ValueType
	value      func(*series) (v float64, ok bool)
}

func total(name, help string, of func(figures) int64) figureOf {
	return figureOf{name, help, prometheus.CounterValue, func(s *series) (float64, bool) { return float64(of(s.shown)), true }}
}

func level(name, help string, of func(row) float64) figureOf {
	return figureOf{name, help, prometheus.GaugeValue, func(s *series) (float64, bool) { return of(s.row), true }}
}

// ifUsed leaves a metric out where nothing is known of what the processes use.
func ifUsed(f figureOf) figureOf {
	value := f.value
	f.value = func(s *series) (float64, bool) {
		v, _ := value(s)
		return v, s.shown.read+s.shown.written > 0 || s.row.cpu > 0 || s.row.memory > 0
	}
	return f
}

// measured is a figure of a series of the machine, in base units.
func measured(name, help, metric string, perUnit float64) figureOf {
	return figureOf{name, help, prometheus.GaugeValue, func(s *series) (float64, bool) {
		v, ok := s.row.gauges.Get(metric)
		return v / perUnit, ok
	}}
}

// What rows of several kinds have.
var (
	carried = []figureOf{
		total("_receive_bytes_total", "Bytes received by %s.", func(f figures) int64 { return f.rx }),
		total("_transmit_bytes_total", "Bytes sent by %s.", func(f figures) int64 { return f.tx }),
	}
	opened  = []figureOf{level("_connections", "Open connections of %s.", func(r row) float64 { return float64(r.connections) })}
	running = []figureOf{level("_processes", "Processes with an open connection of %s.", func(r row) float64 { return float64(r.processes) })}
	used    = []figureOf{
		ifUsed(total("_disk_read_bytes_total", "Bytes that storage was read for %s.", func(f figures) int64 { return f.read })),
		ifUsed(total("_disk_written_bytes_total", "Bytes that storage has to write for %s.", func(f figures) int64 { return f.written })),
		ifUsed(level("_cpu_ratio", "Processors that %s keeps busy: 1 is one of them.", func(r row) float64 { return r.cpu })),
		ifUsed(level("_memory_bytes", "Resident memory of %s; pages that processes share count for each.", func(r row) float64 { return r.memory })),
	}
	reported = []figureOf{
		measured("_up", "1 while %s reports, 0 while it is silent or refused.", "up", 1),
		measured("_silent_seconds", "For how long %s has not reported.", "silent_s", 1),
		measured("_clock_seconds", "How far the clock of %s is ahead of the receiver's.", "clock_s", 1),
		measured("_waiting_batches", "Batches that %s has yet to send.", "waiting", 1),
		measured("_apps", "Applications of %s.", "apps", 1),
		measured("_alerts_firing", "Alerts that fire at %s.", "alerts", 1),
		measured("_unbooked_bytes", "Bytes of %s since it reports that nobody is known to own.", "unbooked", 1),
	}
	disked = []figureOf{
		total("_read_bytes_total", "Bytes read from %s.", func(f figures) int64 { return f.read }),
		total("_written_bytes_total", "Bytes written to %s.", func(f figures) int64 { return f.written }),
		measured("_utilization_ratio", "Share of the last interval in which %s was busy.", "utilization_percent", 100),
		measured("_queue_requests", "Requests of %s that were under way, on average of the last interval.", "queue_size", 1),
		measured("_read_await_seconds", "What a read of %s took in the last interval, on average.", "read_await_ms", 1000),
		measured("_write_await_seconds", "What a write of %s took in the last interval, on average.", "write_await_ms", 1000),
	}
)

// put adds a row to those of its name.
func put(rows map[string]row, name string, r row) {
	name = label(name)
	rows[name] = rows[name].add(r)
}

func carriedBy(u traffic.Usage) figures { return figures{rx: int64(u.RxBytes), tx: int64(u.TxBytes)} }

func appRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.Apps {
		a := &s.Apps[i]
		r := row{
			bytes: carriedBy(a.Usage), processes: a.Processes, connections: a.Connections,
			cpu: a.CPUPercent / 100, memory: float64(a.MemoryBytes),
		}
		r.bytes.read, r.bytes.written = int64(a.DiskReadBytes), int64(a.DiskWriteBytes)
		put(rows, a.Name, r)
	}
}

func hostRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.LANHosts {
		h := &s.LANHosts[i]
		name := h.Name
		if h.Host.IsValid() {
			name = h.Host.String()
		}
		put(rows, name, row{bytes: carriedBy(h.Usage), connections: h.Connections})
	}
}

func memberRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.Hosts {
		h := &s.Hosts[i]
		up := 0.0
		if h.State == traffic.MemberReporting {
			up = 1
		}
		put(rows, h.Host, row{bytes: carriedBy(h.Usage), connections: h.Connections, gauges: traffic.Metrics{
			{Name: "up", Value: up}, {Name: "silent_s", Value: h.Silent}, {Name: "clock_s", Value: h.Clock},
			{Name: "waiting", Value: float64(h.Waiting)}, {Name: "apps", Value: float64(h.Apps)},
			{Name: "alerts", Value: float64(h.Alerts)}, {Name: "unbooked", Value: float64(h.Unbooked)},
		}})
	}
}

func interfaceRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.Interfaces {
		put(rows, s.Interfaces[i].Name, row{bytes: carriedBy(s.Interfaces[i].Usage)})
	}
}

func pipeRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.Pipes {
		p := &s.Pipes[i]
		put(rows, p.Name, row{bytes: carriedBy(p.Usage), connections: p.Connections})
	}
}

func diskRows(s *traffic.Snapshot, rows map[string]row) {
	for i := range s.Series {
		d := &s.Series[i]
		if d.Kind != traffic.SeriesDisk {
			continue
		}
		read, _ := d.Metrics.Get("read_bytes") // 0 where it is not known
		written, _ := d.Metrics.Get("write_bytes")
		put(rows, d.Name, row{bytes: figures{read: int64(read), written: int64(written)}, gauges: d.Metrics})
	}
}
