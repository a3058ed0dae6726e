package term

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"bwmon/traffic"
)

// start is when the monitors of the fixtures started.
var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func usage(rxRate, txRate float64, rx, tx uint64) traffic.Usage {
	return traffic.Usage{RxBytes: rx, TxBytes: tx, RxRate: rxRate, TxRate: txRate}
}

// wave is a history that swings around rate.
func wave(rate float64, phase int) []traffic.Rate {
	var out []traffic.Rate
	for i := range 60 {
		f := 1 + math.Sin(float64(i+phase)/5)
		out = append(out, traffic.Rate{Rx: rate * f / 2, Tx: rate * f / 20})
	}
	return out
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// typical is a host with a few apps, tick seconds after the start.
func typical(tick int) *traffic.Snapshot {
	n := float64(tick)
	grow := func(rate float64) uint64 { return uint64(rate * n) }
	app := func(name string, rx, tx float64, procs, conns int) traffic.App {
		a := traffic.App{Name: name, Usage: usage(rx, tx, 123_456+grow(rx), 65_432+grow(tx)),
			Processes: procs, Connections: conns}
		if rx+tx > 0 {
			a.Recent = wave(rx+tx, tick)
		} else {
			a.Recent = make([]traffic.Rate, 60)
		}
		return a
	}
	sway := 1 + 0.4*math.Sin(n/3)
	apps := []traffic.App{
		app("curl", 12.9e6*sway, 240e3, 2, 3),
		app("firefox", 1.1e6*(2-sway), 88e3, 11, 48),
		app("Backup", 4_200, 9.6e6*sway, 1, 2),
		app("serve.py", 15_200, 420_000, 1, 12),
		app("ssh", 1_940, 830, 4, 4),
		app("systemd-timesyncd", 0, 0, 1, 1),
		app("日本語アプリ", 512, 90, 1, 1),
		app(traffic.AppKernel, 84, 84, 0, 0),
		app(traffic.AppUnattributed, 2_100, 0, 0, 3),
	}
	apps[0].Commands = curlCommands(tick)
	for i := range apps[1:] {
		a := &apps[i+1]
		a.Commands = []traffic.Command{{Command: "/usr/bin/" + a.Name, User: "alice", Unit: a.Name + ".service", PIDs: []int{1200 + i},
			Usage: a.Usage, Processes: a.Processes, Connections: a.Connections}}
		if nobody(a.Name) {
			a.Commands[0] = traffic.Command{Command: a.Name, Usage: a.Usage, Connections: a.Connections}
		}
	}
	return &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw.example.net",
		At: start.Add(time.Duration(tick) * time.Second), Elapsed: n,
		Monitors: []traffic.MonitorStatus{
			{Name: "conntrack", Kind: "conntrack", State: traffic.StateRunning, Detail: "1,204 flows, a dump takes 3 ms, every 1s"},
			{Name: "machine", Kind: "machine", State: traffic.StateRunning},
		},
		Apps: apps,
		LANHosts: []traffic.LANHost{
			{Host: netip.MustParseAddr("198.18.0.17"), Name: "printer.lan", Usage: usage(0, 0, 88_000, 12_000), Connections: 1},
			{Host: netip.MustParseAddr("198.18.0.23"), Name: "tv", Usage: usage(2.4e6, 51e3, 1<<31, 1<<26), Connections: 7,
				Recent: wave(2.4e6, tick), Flows: tvFlows(tick)},
			{Host: netip.MustParseAddr("fd00::2:4d1f:9eff:fe10:8a21"), Usage: usage(310, 290, 4_400, 3_900), Connections: 2, Recent: wave(600, tick)},
		},
		Interfaces: []traffic.Interface{
			{Name: "eth0", Usage: usage(15.2e6*sway, 10.9e6*sway, grow(15.2e6), grow(10.9e6)), RxPackets: grow(11e3), TxPackets: grow(9e3), Balanced: true, SpeedBits: 1e9},
			{Name: "lo", Usage: usage(24e3, 24e3, grow(24e3), grow(24e3)), RxPackets: grow(20), TxPackets: grow(20)},
			{Name: "wg0", Usage: usage(0, 0, 0, 0), Balanced: true},
		},
		RemoteHosts: []traffic.RemoteHost{
			{Host: netip.MustParseAddr("198.19.7.1"), Name: "", Usage: usage(12.4e6, 220e3, grow(12.4e6), grow(220e3)), Connections: 1},
			{Host: netip.MustParseAddr("fd00:aa:bb:cc:dd:ee:ff:1"), Name: "dns.example.net", Usage: usage(90, 70, 900, 700), Connections: 1},
			{Name: traffic.HostsFolded, Usage: usage(1_200, 300, grow(1_200), grow(300)), Connections: 61},
		},
		Pipes: []traffic.PipeRow{
			{Name: "pipe-backup", Usage: usage(0, 9.6e6*sway, 0, grow(9.6e6)), Connections: 1},
			{Name: "pipe-db", Usage: usage(52_000, 31_000, grow(52_000), grow(31_000)), Connections: 14},
		},
		Rules: []traffic.Rule{
			{Name: "backup cap", Kind: "app", Match: "^Backup$", Text: "tx above 5 MiB/s over 1m0s"},
			{Name: "video", Kind: "lan_host", Match: "^198[.]18[.]0[.]23$|^tv$", Text: "rx below 1 MiB/s over 10s"},
			{Name: "monthly volume", Kind: "interface", Match: "^eth0$", Text: "total quota 2 TiB a month"},
		},
		Series: machineSeries(tick),
		Balance: traffic.Balance{InterfaceRx: grow(15.2e6), InterfaceTx: grow(10.9e6), LocalRx: grow(15.17e6), LocalTx: grow(10.9e6),
			UnattributedRx: grow(2_100), ResidualRx: int64(grow(31_000)), ResidualTx: -int64(grow(4_000))},
	}
}

func curlCommands(tick int) []traffic.Command {
	n := float64(tick)
	return []traffic.Command{
		{Command: "curl -s http://downloads.example.net/pub/releases/2026/images/disk-1.img -o /dev/null", User: "root", PIDs: []int{4711},
			Usage: usage(12.4e6, 220e3, uint64(12.4e6*n), uint64(220e3*n)), Processes: 1, Connections: 2, Flows: curlFlows(tick),
			Closed: &traffic.Closed{Connections: 12, RxBytes: 48_000, TxBytes: 5_100}},
		{Command: "curl --retry 5 https://api.example.net/v1/events", User: "alice", Container: "3f1c9a77be01", Unit: "docker.service", PIDs: []int{981, 990, 1002},
			Usage: usage(0.5e6, 20e3, uint64(0.5e6*n), uint64(20e3*n)), Processes: 3, Connections: 1},
		{Command: traffic.CommandsFolded, Usage: usage(0, 0, 7_000, 900)},
	}
}

func curlFlows(tick int) []traffic.FlowRow {
	n := float64(tick)
	return []traffic.FlowRow{
		{Proto: "tcp", Local: addrPort("198.18.0.2:40022"), Remote: addrPort("198.19.7.1:80"), Scope: "local", PID: 4711, ID: 1,
			Usage: usage(12.4e6, 220e3, uint64(12.4e6*n), uint64(220e3*n))},
		{Proto: "udp", Local: addrPort("[fd00::2]:51333"), Remote: addrPort("[fd00:aa:bb:cc:dd:ee:ff:1]:53"), Scope: "local", PID: 4711, ID: 2,
			Usage: usage(90, 70, 900, 700)},
		{Proto: "tcp", Local: addrPort("127.0.0.1:40100"), Remote: addrPort("127.0.0.1:8000"), Scope: "loopback", PID: 4711, ID: 3, Ended: true,
			Usage: usage(0, 0, 3_200, 1_100)},
	}
}

func tvFlows(tick int) []traffic.FlowRow {
	n := float64(tick)
	return []traffic.FlowRow{
		{Proto: "tcp", Local: addrPort("198.18.0.23:51022"), Remote: addrPort("198.19.7.44:443"), Scope: "forwarded", ID: 11,
			Usage: usage(2.39e6, 50e3, uint64(2.39e6*n), uint64(50e3*n))},
		{Proto: "udp", Local: addrPort("198.18.0.23:123"), Remote: addrPort("198.19.7.9:123"), Scope: "forwarded", ID: 12, Usage: usage(0, 0, 480, 480)},
	}
}

// failing is a host whose conntrack monitor cannot work.
func failing() *traffic.Snapshot {
	s := typical(8)
	s.Apps, s.LANHosts = nil, nil
	s.Monitors[0].State = traffic.StateFailed
	s.Monitors[0].Detail = `conntrack accounting is off: run "sysctl -w net.netfilter.nf_conntrack_acct=1", or drop --no-setup and let bwmon do it`
	return s
}

// many is a snapshot with n apps, all of them with traffic; or, as a second
// value of figures, other rates for the same apps.
func many(n, tick int) *traffic.Snapshot {
	s := typical(tick + 1)
	s.Apps = make([]traffic.App, n)
	for i := range s.Apps {
		rate := float64((i*7919+tick*104729)%100_003) * 31
		s.Apps[i] = traffic.App{Name: fmt.Sprintf("app-%05d", i), Processes: 1, Connections: i % 7,
			Usage: usage(rate, rate/9, uint64(rate*100), uint64(rate*10)), Recent: wave(rate, i)}
	}
	return s
}

// alarming is a host where not everything is as agreed.
func alarming(tick int) *traffic.Snapshot {
	s := typical(tick)
	s.Alerts = []traffic.Alert{
		{Rule: "backup cap", Kind: "app", Subject: "Backup", App: "Backup", State: alertFiring, Since: s.At.Add(-192 * time.Second),
			Direction: "tx", Condition: "above", Value: 9.4e6, Threshold: 5 << 20, Window: 60},
		{Rule: "video", Kind: "lan_host", Subject: "198.18.0.23", State: alertPending, Since: s.At.Add(-4 * time.Second),
			Direction: "rx", Condition: "below", Value: 9.1e5, Threshold: 1 << 20, Window: 10},
		{Rule: "monthly volume", Kind: "interface", Subject: "eth0", State: alertFiring, Since: s.At.Add(-50 * time.Hour),
			Direction: "total", Condition: quota, Value: 2.2e12, Threshold: 2 << 40},
	}
	return s
}

// watch lets the surface see so many seconds up to a tick.
func (s *stage) watch(seconds, tick int) *stage {
	for t := tick - seconds; t <= tick; t++ {
		s.take(typical(t))
	}
	return s
}

// machineSeries is what is measured of a machine where all is well.
func machineSeries(tick int) []traffic.Series {
	n := float64(tick)
	sway := 1 + 0.4*math.Sin(n/3)
	disk := func(name string, load float64) traffic.Series {
		reads, writes := 120*load*sway, 340*load*(2-sway)
		return traffic.Series{Kind: traffic.SeriesDisk, Name: name, Metrics: traffic.Metrics{
			{Name: "reads_per_s", Value: reads}, {Name: "writes_per_s", Value: writes},
			{Name: "read_bytes_per_s", Value: reads * 16384}, {Name: "write_bytes_per_s", Value: writes * 65536},
			{Name: "reads_merged_per_s", Value: reads / 40}, {Name: "writes_merged_per_s", Value: writes / 3},
			{Name: "read_await_ms", Value: 0.31 * sway}, {Name: "write_await_ms", Value: 12.4 * load}, {Name: "await_ms", Value: 9.2 * load},
			{Name: "queue_size", Value: 4.4 * load}, {Name: "read_request_bytes", Value: 16384}, {Name: "write_request_bytes", Value: 65536},
			{Name: "request_bytes", Value: 52000}, {Name: "utilization_percent", Value: 62.4 * load * sway},
			{Name: "discards_per_s"}, {Name: "discard_bytes_per_s"}, {Name: "flushes_per_s", Value: 2 * load}, {Name: "flush_await_ms", Value: 1.2},
			{Name: "in_flight", Value: 3}, {Name: "read_bytes", Value: math.Floor(n * 120 * load * 16384)}, {Name: "write_bytes", Value: math.Floor(n * 340 * load * 65536)},
		}}
	}
	one := func(kind, name string, metrics ...traffic.Metric) traffic.Series {
		return traffic.Series{Kind: kind, Name: name, Metrics: metrics}
	}
	return []traffic.Series{
		one(traffic.SeriesCPU, "", traffic.Metric{Name: "used_percent", Value: 34.2 * sway}, traffic.Metric{Name: "user_percent", Value: 22.1 * sway},
			traffic.Metric{Name: "system_percent", Value: 8.3}, traffic.Metric{Name: "iowait_percent", Value: 3.8}, traffic.Metric{Name: "steal_percent"},
			traffic.Metric{Name: "idle_percent", Value: 100 - 34.2*sway}, traffic.Metric{Name: "processors", Value: 8}),
		disk("nvme0n1", 1), disk("sda", 0.02), disk("sdb", 0),
		one(traffic.SeriesInterface, "eth0", traffic.Metric{Name: "rx_errors_per_s"}, traffic.Metric{Name: "tx_errors_per_s"},
			traffic.Metric{Name: "rx_drops_per_s", Value: 0.5}, traffic.Metric{Name: "tx_drops_per_s"}, traffic.Metric{Name: "rx_errors_total"},
			traffic.Metric{Name: "tx_errors_total"}, traffic.Metric{Name: "rx_drops_total", Value: math.Floor(n / 2)}, traffic.Metric{Name: "tx_drops_total"}),
		one(traffic.SeriesLoad, "", traffic.Metric{Name: "load1", Value: 1.52 * sway}, traffic.Metric{Name: "load5", Value: 1.31}, traffic.Metric{Name: "load15", Value: 0.98},
			traffic.Metric{Name: "runnable", Value: 3}, traffic.Metric{Name: "processes", Value: 512}),
		one(traffic.SeriesMemory, "", traffic.Metric{Name: "total_bytes", Value: 16 << 30}, traffic.Metric{Name: "used_bytes", Value: 6 << 30},
			traffic.Metric{Name: "available_bytes", Value: 10 << 30}, traffic.Metric{Name: "used_percent", Value: 37.5}, traffic.Metric{Name: "cached_bytes", Value: 5 << 30},
			traffic.Metric{Name: "dirty_bytes", Value: 3 << 20}),
		one(traffic.SeriesMount, "/", traffic.Metric{Name: "size_bytes", Value: 100 << 30}, traffic.Metric{Name: "used_bytes", Value: 71 << 30},
			traffic.Metric{Name: "available_bytes", Value: 24 << 30}, traffic.Metric{Name: "used_percent", Value: 74.7}, traffic.Metric{Name: "inodes_used_percent", Value: 12}),
		one(traffic.SeriesMount, "/var/lib/docker", traffic.Metric{Name: "size_bytes", Value: 500 << 30}, traffic.Metric{Name: "used_bytes", Value: 481 << 30},
			traffic.Metric{Name: "available_bytes", Value: 19 << 30}, traffic.Metric{Name: "used_percent", Value: 96.2}),
		one(traffic.SeriesPressure, "io", traffic.Metric{Name: "some_percent", Value: 4.1 * sway}, traffic.Metric{Name: "full_percent", Value: 2.2},
			traffic.Metric{Name: "some_avg10_percent", Value: 3.9}, traffic.Metric{Name: "some_avg60_percent", Value: 2.1}, traffic.Metric{Name: "some_avg300_percent", Value: 0.7}),
		one(traffic.SeriesProbe, "api", traffic.Metric{Name: "up", Value: 1}, traffic.Metric{Name: "status", Value: 200}, traffic.Metric{Name: "response_ms", Value: 12.3 * sway},
			traffic.Metric{Name: "body_bytes", Value: 1234}, traffic.Metric{Name: "queue_depth", Value: 12}),
		one(traffic.SeriesProbe, "ssh", traffic.Metric{Name: "listening", Value: 1}, traffic.Metric{Name: "sockets", Value: 2}),
		one(traffic.SeriesSensor, "coretemp package", traffic.Metric{Name: "temperature_celsius", Value: 54.5}, traffic.Metric{Name: "critical_celsius", Value: 100}),
		one(traffic.SeriesSwap, "", traffic.Metric{Name: "total_bytes", Value: 2 << 30}, traffic.Metric{Name: "used_bytes"}, traffic.Metric{Name: "free_bytes", Value: 2 << 30},
			traffic.Metric{Name: "used_percent"}, traffic.Metric{Name: "in_bytes_per_s"}, traffic.Metric{Name: "out_bytes_per_s"}),
		one(traffic.SeriesUnit, "docker.service", traffic.Metric{Name: "read_bytes_per_s", Value: 1.2e6}, traffic.Metric{Name: "write_bytes_per_s", Value: 3.4e5 * sway},
			traffic.Metric{Name: "read_bytes", Value: math.Floor(1.2e6 * n)}, traffic.Metric{Name: "write_bytes", Value: math.Floor(3.4e5 * n)}),
	}
}

// working is a host whose processes do more than traffic, some of them nothing else,
// and where not all of the machine is well.
func working(tick int) *traffic.Snapshot {
	s := typical(tick)
	s.Run = "run 1"
	n := float64(tick)
	use := func(read, write, cpu float64, memory uint64) traffic.Resources {
		return traffic.Resources{DiskReadBytes: uint64(read * n), DiskWriteBytes: uint64(write * n), DiskReadRate: read, DiskWriteRate: write,
			CPUPercent: cpu, MemoryBytes: memory}
	}
	for name, r := range map[string]traffic.Resources{
		"curl": use(0, 12.9e6, 8.4, 21<<20), "firefox": use(2_000, 310e3, 143.7, 3<<30), "Backup": use(41e6, 1_200, 61, 180<<20),
		"ssh": use(0, 0, 0.02, 9<<20), "serve.py": use(0, 0, 1.3, 44<<20),
	} {
		for i := range s.Apps {
			if a := &s.Apps[i]; a.Name == name {
				a.Resources, a.Commands[0].Resources = r, r
			}
		}
	}
	for _, a := range []traffic.App{
		{Name: "postgres", Resources: use(5.5e6, 2.1e6, 33, 2<<30)}, {Name: "dd", Resources: use(88e6, 88e6, 97.2, 3<<20)}, {Name: "cron", Resources: use(0, 0, 0, 4<<20)},
	} {
		a.Commands = []traffic.Command{{Command: "/usr/bin/" + a.Name, User: "root", Unit: a.Name + ".service", PIDs: []int{77}, Resources: a.Resources}}
		s.Apps = append(s.Apps, a)
	}
	for i := range s.Series {
		switch x := &s.Series[i]; x.ID() {
		case "probe:api":
			x.Detail = "connect to 127.0.0.1:8080: connection refused"
			x.Metrics = traffic.Metrics{{Name: "up", Value: 0}}
		case "mount:/var/lib/docker":
			x.Detail = "statfs takes longer than 2s: is its server there?"
			x.Metrics = nil
		}
	}
	s.Rules = append(s.Rules, traffic.Rule{Name: "slow disk", Kind: "subject", Match: "^disk:nvme", Text: "await_ms above 5 ms over 10s"})
	s.Alerts = []traffic.Alert{
		{Rule: "slow disk", Kind: "subject", Subject: "disk:nvme0n1", State: alertFiring, Since: s.At.Add(-21 * time.Second),
			Metric: "await_ms", Condition: "above", Value: 9.2, Threshold: 5, Window: 10},
		{Rule: "full", Kind: "subject", Subject: "mount:/", State: alertPending, Since: s.At.Add(-time.Second),
			Metric: "available_bytes", Condition: "below", Value: 24 << 30, Threshold: 30 << 30},
		{Rule: "busy", Kind: "app", Subject: "dd", App: "dd", State: alertFiring, Since: s.At.Add(-9 * time.Second),
			Metric: "cpu_percent", Condition: "above", Value: 97.2, Threshold: 90, Window: 5},
	}
	return s
}

// work is watch with the rest of the machine.
func (s *stage) work(seconds, tick int) *stage {
	for t := tick - seconds; t <= tick; t++ {
		s.take(working(t))
	}
	return s
}

// things tells the surface of idleThings.
func (s *stage) things() *stage {
	s.ui.opts.Switch = func(context.Context, string, string) error { return nil }
	s.ui.keepThings(idleThings(), nil)
	return s
}

// idleThings are those that could be measured beside machineSeries.
func idleThings() []traffic.Thing {
	return []traffic.Thing{
		{ID: "disk:nvme0n1", Kind: traffic.SeriesDisk, Name: "nvme0n1", Active: true},
		{ID: "disk:sdc", Kind: traffic.SeriesDisk, Name: "sdc"},
		{ID: "sensor:acpitz", Kind: traffic.SeriesSensor, Name: "acpitz"},
		{ID: "mount:/mnt/backup", Kind: traffic.SeriesMount, Name: "/mnt/backup", Detail: "stopped by hand"},
		{ID: "conntrack", Kind: "monitor", Name: "conntrack", Active: true},
		{ID: "probe:db", Kind: traffic.SeriesProbe, Name: "db"},
	}
}
