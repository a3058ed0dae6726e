package term

import (
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
