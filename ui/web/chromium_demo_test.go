package web

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"bwmon/traffic"
)

// demoApp is what an app of the made-up gateway does: at most so many bytes per
// second, in a way of its own.
type demoApp struct {
	name, command, user, container string
	rx, tx                         float64
	calm                           float64 // share of the rate that is always there
	pace                           float64 // seconds of one swing
	conns                          int
}

var demoApps = []demoApp{
	{"Nextcloud", "/usr/sbin/php-fpm8.4 --nodaemonize", "www-data", "nextcloud", 2.1e6, 6.4e6, 0.4, 31, 42},
	{"Backup", "/usr/bin/restic backup --repo rest:https://backup.example.net/gw /srv", "root", "", 0.3e6, 11.8e6, 0.75, 87, 4},
	{"Jellyfin", "/usr/lib/jellyfin/jellyfin --service", "jellyfin", "jellyfin", 0.1e6, 7.2e6, 0.6, 47, 6},
	{"apt", "/usr/lib/apt/methods/https", "_apt", "", 9.6e6, 0.12e6, 0, 71, 3},
	{"PostgreSQL", "postgres: 17/main: walsender replicator", "postgres", "", 0.4e6, 1.9e6, 0.5, 23, 11},
	{"nginx", "nginx: worker process", "www-data", "", 0.9e6, 3.1e6, 0.5, 37, 118},
	{"Matrix", "/opt/venvs/synapse/bin/python -m synapse.app.homeserver", "synapse", "matrix", 0.8e6, 0.7e6, 0.5, 29, 64},
	{"git", "git-upload-pack /srv/git/kernel.git", "git", "forge", 0.05e6, 4.4e6, 0, 53, 2},
	{"WireGuard", "[wg-crypt-wg0]", "root", "", 1.6e6, 1.2e6, 0.5, 41, 0},
	{"Prometheus", "/usr/bin/prometheus --storage.tsdb.retention.time=90d", "prometheus", "", 0.21e6, 0.05e6, 0.9, 15, 31},
	{"unbound", "/usr/sbin/unbound -d -p", "unbound", "", 31e3, 22e3, 0.7, 13, 19},
	{"sshd", "sshd: alice@pts/2", "alice", "", 5.4e3, 8.8e3, 0.2, 19, 3},
	{"Home Assistant", "python3 -m homeassistant --config /config", "root", "hass", 48e3, 37e3, 0.6, 17, 22},
	{"Mail", "/usr/lib/postfix/sbin/smtpd -n smtp -t inet", "postfix", "", 26e3, 31e3, 0.1, 59, 5},
	{"dovecot", "dovecot/imap", "dovecot", "", 14e3, 52e3, 0.3, 43, 14},
	{"mosquitto", "/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf", "mosquitto", "", 3.1e3, 2.9e3, 0.8, 11, 27},
	{"chronyd", "/usr/sbin/chronyd -F 1", "_chrony", "", 90, 90, 0, 61, 4},
	{"bwmon", "/usr/local/bin/bwmon run", "root", "", 1.2e3, 9.1e3, 0.9, 9, 2},
	{traffic.AppKernel, "", "", "", 410, 380, 0.5, 21, 0},
	{traffic.AppUnattributed, "", "", "", 900, 300, 0.1, 33, 1},
}

// swing is between 0 and 1, the same for the same time.
func swing(seconds, pace, phase float64) float64 {
	x := 2*math.Pi*seconds/pace + phase
	v := 0.5 + 0.28*math.Sin(x) + 0.14*math.Sin(2.3*x+1) + 0.08*math.Sin(5.1*x+phase)
	return max(0, min(1, v))
}

// at is an app's rates at a time.
func (a demoApp) at(t time.Time) traffic.Rate {
	s := float64(t.UnixMilli()) / 1e3
	f := a.calm*(0.9+0.1*swing(s, a.pace/5, 1)) + (1-a.calm)*math.Pow(swing(s, a.pace, float64(len(a.name))), 2)
	return traffic.Rate{Rx: a.rx * f, Tx: a.tx * f}
}

// over is what an app averaged over a step of the past: more by day, less on
// weekends, backups by night.
func (a demoApp) over(from time.Time, length time.Duration) traffic.Rate {
	s := float64(from.Unix())
	day := 0.15 + 0.85*math.Pow(math.Sin(math.Pi*float64((from.Hour()*60+from.Minute()+1440-240)%1440)/1440), 2)
	if a.name == "Backup" {
		day = 0.04
		if h := from.Hour(); h >= 1 && h < 4 {
			day = 1
		}
	}
	if length >= 24*time.Hour {
		day = 0.3
	}
	if w := from.Weekday(); w == time.Saturday || w == time.Sunday {
		day *= 0.6
	}
	grown := 0.5 + 0.5*math.Min(1, math.Max(0, 1+from.Sub(demoNow).Hours()/(24*400)))
	f := day * grown * (0.45 + 0.55*swing(s, 40*length.Seconds()/3+a.pace*911, a.pace)) * (0.8 + 0.2*swing(s, length.Seconds()*4.1, a.pace))
	return traffic.Rate{Rx: a.rx * f, Tx: a.tx * f}
}

// demoNow is about when the demo is run; the past grows towards it.
var demoNow = time.Now()

// demo is a gateway at a time, counting since start.
func demo(at, start time.Time) *traffic.Snapshot {
	elapsed := at.Sub(start).Seconds()
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw.example.net", At: at, Elapsed: elapsed,
		Monitors: []traffic.MonitorStatus{
			{Name: "socket", Kind: "socket", State: traffic.StateRunning, Detail: "1,204 sockets, a look takes 3 ms"},
			{Name: "conntrack", Kind: "conntrack", State: traffic.StateRunning, Detail: "8,113 flows, a dump takes 11 ms, every 1s"},
			{Name: "machine", Kind: "machine", State: traffic.StateRunning},
		},
		Rules: []traffic.Rule{
			{Name: "backup cap", Kind: "app", Match: "^Backup$", Text: "tx above 8 MiB/s over 1m0s"},
			{Name: "replication runs", Kind: "app", Match: "^PostgreSQL$", Text: "tx below 200 KiB/s over 5m0s"},
			{Name: "guest quota", Kind: "lan_host", Match: `^192\.0\.2\.`, Text: "total quota 50 GiB per day"},
			{Name: "dns is small", Kind: "app", Match: "^unbound$", Text: "total above 1 MiB/s over 30s"},
		},
	}
	var sum, most traffic.Rate
	for i, a := range demoApps {
		rate, top := a.at(at), traffic.Rate{Rx: a.rx, Tx: a.tx}
		u := demoUsage(rate, top, elapsed)
		r := demoResources(u, i, elapsed)
		s.Apps = append(s.Apps, traffic.App{Name: a.name, Usage: u, Resources: r, Processes: 1 + a.conns/20, Connections: a.conns, Commands: []traffic.Command{demoCommand(a, u, r, i)}})
		sum, most = sum.Add(rate), most.Add(top)
	}
	s.Apps = append(s.Apps, traffic.App{Name: "updatedb", Resources: demoResources(s.Apps[3].Usage, 7, elapsed), Commands: []traffic.Command{{Command: "/usr/bin/updatedb.plocate", User: "root"}}})
	demoHosts(s, at, elapsed)
	demoInterfaces(s, sum, most, elapsed)
	demoMachine(s, at, elapsed)
	s.Alerts = []traffic.Alert{
		{Rule: "disk is quick", Kind: "disk", Subject: "disk:nvme0n1", State: "firing", Since: at.Add(-3 * time.Minute), Metric: "await_ms", Condition: "above", Value: 31.25, Threshold: 20, Window: 60},
		{Rule: "backup cap", Kind: "app", Subject: "Backup", App: "Backup", State: "firing", Since: at.Add(-11 * time.Minute),
			Direction: "tx", Condition: "above", Value: s.Apps[1].TxRate, Threshold: 8 << 20, Window: 60},
		{Rule: "guest quota", Kind: "lan_host", Subject: "192.0.2.23", State: "pending", Since: at.Add(-40 * time.Second),
			Direction: "total", Condition: "quota", Value: 47.1 * (1 << 30), Threshold: 50 * (1 << 30)},
	}
	return s
}

// demoTotal is what a rate has come to.
func demoTotal(rate, elapsed float64) uint64 { return uint64(max(0, rate) * 0.31 * elapsed) }

func demoUsage(r traffic.Rate, most traffic.Rate, elapsed float64) traffic.Usage {
	return traffic.Usage{RxRate: r.Rx, TxRate: r.Tx, RxBytes: demoTotal(most.Rx, elapsed), TxBytes: demoTotal(most.Tx, elapsed)}
}

// demoResources is what an app with that traffic does besides.
func demoResources(u traffic.Usage, i int, elapsed float64) traffic.Resources {
	read, written := u.TxRate*0.7, u.RxRate*0.9
	return traffic.Resources{
		DiskReadRate: read, DiskWriteRate: written, DiskReadBytes: demoTotal(read, elapsed), DiskWriteBytes: demoTotal(written, elapsed),
		CPUPercent: (u.RxRate + u.TxRate) / 1e5, MemoryBytes: uint64(17+13*i) << 20,
	}
}

// demoMachine is what the machine itself shows.
func demoMachine(s *traffic.Snapshot, at time.Time, elapsed float64) {
	seconds := float64(at.UnixMilli()) / 1e3
	for i, name := range []string{"nvme0n1", "sda", "sdb"} {
		f := swing(seconds, 17+11*float64(i), float64(i)) / float64(1+i)
		read, written := 90e6*f, 40e6*f
		s.Series = append(s.Series, traffic.Series{Kind: traffic.SeriesDisk, Name: name, Metrics: traffic.Metrics{
			{Name: "reads_per_s", Value: 1800 * f}, {Name: "writes_per_s", Value: 640 * f}, {Name: "read_bytes_per_s", Value: read}, {Name: "write_bytes_per_s", Value: written},
			{Name: "read_await_ms", Value: 0.21 + 3*f}, {Name: "write_await_ms", Value: 0.44 + 5*f}, {Name: "queue_size", Value: 2.2 * f}, {Name: "utilization_percent", Value: 100 * f},
			{Name: "read_bytes", Value: math.Trunc(45e6 * elapsed)}, {Name: "write_bytes", Value: math.Trunc(20e6 * elapsed)},
		}})
	}
	used := 11 + 50*swing(seconds, 29, 2)
	s.Series = append(s.Series,
		traffic.Series{Kind: traffic.SeriesCPU, Metrics: traffic.Metrics{{Name: "used_percent", Value: used}, {Name: "user_percent", Value: used * 0.7}, {Name: "system_percent", Value: used * 0.3}, {Name: "idle_percent", Value: 100 - used}, {Name: "processors", Value: 8}}},
		traffic.Series{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: used / 12}, {Name: "load5", Value: 2.31}, {Name: "load15", Value: 1.98}, {Name: "processes", Value: 412}}},
		traffic.Series{Kind: traffic.SeriesMemory, Metrics: traffic.Metrics{{Name: "total_bytes", Value: 32 << 30}, {Name: "used_bytes", Value: 19 << 30}, {Name: "available_bytes", Value: 13 << 30}, {Name: "used_percent", Value: 59.4}}},
		traffic.Series{Kind: traffic.SeriesMount, Name: "/", Metrics: traffic.Metrics{{Name: "size_bytes", Value: 1 << 40}, {Name: "used_percent", Value: 61.7}, {Name: "inodes_used_percent", Value: 8.2}}},
		traffic.Series{Kind: traffic.SeriesMount, Name: "/srv/a long name of a place where something is mounted", Metrics: traffic.Metrics{{Name: "size_bytes", Value: 8 << 40}, {Name: "used_percent", Value: 93.1}}},
		traffic.Series{Kind: traffic.SeriesPressure, Name: "io", Metrics: traffic.Metrics{{Name: "some_percent", Value: 4.4}, {Name: "full_percent", Value: 1.2}}},
		traffic.Series{Kind: traffic.SeriesInterface, Name: "wan0", Metrics: traffic.Metrics{{Name: "rx_errors_per_s", Value: 0}, {Name: "rx_errors_total", Value: 12}}},
		traffic.Series{Kind: traffic.SeriesSensor, Name: "Package id 0", Metrics: traffic.Metrics{{Name: "temperature_celsius", Value: 51.5}, {Name: "critical_celsius", Value: 100}}},
		traffic.Series{Kind: traffic.SeriesProbe, Name: "wiki", Detail: "GET https://wiki.example.net/health: 503 Service Unavailable", Metrics: traffic.Metrics{{Name: "up", Value: 0}, {Name: "status", Value: 503}, {Name: "response_ms", Value: 12.7}}},
	)
}

// demoTrend is how a figure went.
func demoTrend(q traffic.TrendQuery) traffic.Trend {
	r := demoReport(traffic.Query{By: traffic.ByApp, From: q.From, To: q.To, Step: q.Step, Top: 1})
	t := traffic.Trend{Schema: traffic.SchemaVersion, Host: r.Host, Step: q.Step, From: r.From, To: r.To, Zone: r.Zone, Times: r.Times}
	row := traffic.TrendRow{Series: q.Series, Metric: q.Metric}
	for i := range r.Times {
		if i%50 == 20 {
			row.Steps = append(row.Steps, nil) // it was not running
			continue
		}
		v := 100 * swing(float64(r.Times[i].Unix()), 86400, 1)
		row.Steps = append(row.Steps, &traffic.TrendStep{Mean: v, Min: v / 2, Max: v * 2})
	}
	t.Rows = []traffic.TrendRow{row}
	return t
}

func demoCommand(a demoApp, u traffic.Usage, r traffic.Resources, i int) traffic.Command {
	c := traffic.Command{Command: a.command, User: a.user, Container: a.container, Usage: u, Resources: r, Processes: 1, Connections: a.conns, PIDs: []int{800 + 37*i}}
	if a.container == "" && a.user != "" {
		c.Unit = a.name + ".service"
	}
	for n := range min(a.conns, 12) {
		share := traffic.Usage{RxRate: u.RxRate / float64(n+2), TxRate: u.TxRate / float64(n+2), RxBytes: u.RxBytes / uint64(n+2), TxBytes: u.TxBytes / uint64(n+2)}
		c.Flows = append(c.Flows, traffic.FlowRow{
			Proto: "tcp", Local: netip.MustParseAddrPort("203.0.113.9:443"), Scope: "local", PID: 800 + 37*i, Usage: share, Ended: n > 8,
			Remote: netip.MustParseAddrPort(fmt.Sprintf("198.51.100.%d:%d", 10+7*n, 40000+911*n)),
		})
	}
	c.Closed = &traffic.Closed{Connections: 18, RxBytes: 4 << 20, TxBytes: 9 << 20}
	return c
}

var demoNames = []string{"tv", "laptop-alice", "laptop-bob", "phone-alice", "phone-bob", "nas", "printer", "thermostat", "doorbell", "vacuum", "games", ""}

func demoHosts(s *traffic.Snapshot, at time.Time, elapsed float64) {
	for i, name := range demoNames {
		a := demoApp{name: name, rx: 3.1e6 / float64(i+1), tx: 0.3e6 / float64(i+1), calm: 0.3, pace: 13 + 7*float64(i)}
		u := demoUsage(a.at(at), traffic.Rate{Rx: a.rx, Tx: a.tx}, elapsed)
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Host: netip.AddrFrom4([4]byte{192, 0, 2, byte(20 + i)}), Name: name, Usage: u, Connections: 3 + i, Flows: []traffic.FlowRow{{
			Proto: "udp", Local: netip.MustParseAddrPort("192.0.2.20:51820"), Remote: netip.MustParseAddrPort("198.51.100.77:443"), Scope: "forwarded", Usage: u,
		}}})
		s.RemoteHosts = append(s.RemoteHosts, traffic.RemoteHost{Host: netip.AddrFrom4([4]byte{198, 51, 100, byte(10 + 7*i)}), Usage: u, Connections: 1 + i})
	}
	s.Pipes = []traffic.PipeRow{
		{Name: "dump to tape", Usage: demoUsage(demoApps[1].at(at), traffic.Rate{Rx: 1e6}, elapsed), Connections: 1},
		{Name: "db relay", Usage: demoUsage(demoApps[4].at(at), traffic.Rate{Rx: 3e5, Tx: 1e6}, elapsed), Connections: 7},
	}
}

func demoInterfaces(s *traffic.Snapshot, sum, most traffic.Rate, elapsed float64) {
	for _, i := range []struct {
		name     string
		rx, tx   float64
		speed    uint64
		balanced bool
	}{{"wan0", 1, 1, 1e9, true}, {"lan0", 0.24, 0.31, 2_500_000_000, true}, {"wg0", 0.06, 0.04, 0, true}, {"lo", 0.01, 0.01, 0, false}} {
		rate := traffic.Rate{Rx: sum.Rx * i.rx, Tx: sum.Tx * i.tx}
		u := demoUsage(rate, traffic.Rate{Rx: most.Rx * i.rx, Tx: most.Tx * i.tx}, elapsed)
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: i.name, Usage: u, RxPackets: u.RxBytes / 900, TxPackets: u.TxBytes / 1100, Balanced: i.balanced, SpeedBits: i.speed})
		if i.balanced {
			s.Balance.InterfaceRx += u.RxBytes
			s.Balance.InterfaceTx += u.TxBytes
		}
	}
	b := &s.Balance
	b.UnattributedRx, b.UnattributedTx = b.InterfaceRx/9000, b.InterfaceTx/14000
	b.ForwardedRx, b.ForwardedTx = b.InterfaceRx/4, b.InterfaceTx/4
	b.ResidualRx, b.ResidualTx = int64(b.InterfaceRx/21000), -int64(b.InterfaceTx/60000)
	b.LocalRx = b.InterfaceRx - b.UnattributedRx - b.ForwardedRx - uint64(b.ResidualRx)
	b.LocalTx = b.InterfaceTx - b.UnattributedTx - b.ForwardedTx + uint64(-b.ResidualTx)
}

func demoOptions() Options {
	return Options{Host: "gw.example.net", Version: "1.0", History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
		return demoReport(q), nil
	}, Trend: func(_ context.Context, q traffic.TrendQuery) (traffic.Trend, error) { return demoTrend(q), nil }}
}

// demoReport is the past of the gateway.
func demoReport(q traffic.Query) *traffic.Report {
	zone := time.Local
	to := q.To
	if to.IsZero() || to.After(time.Now()) {
		to = time.Now()
	}
	r := &traffic.Report{Schema: traffic.SchemaVersion, Host: "gw.example.net", By: q.By, Step: q.Step, From: q.From, To: to, Zone: zone.String()}
	step := map[string]time.Duration{traffic.StepMinute: time.Minute, traffic.StepHour: time.Hour, traffic.StepDay: 24 * time.Hour, traffic.StepMonth: 30 * 24 * time.Hour}[q.Step]
	if step == 0 {
		return r
	}
	for t := q.From.Truncate(time.Minute); t.Before(to); t = t.Add(step) {
		r.Times = append(r.Times, t)
	}
	others := traffic.ReportRow{Name: traffic.Others}
	for i, a := range demoSeries(q) {
		row := traffic.ReportRow{Name: a.name}
		for _, t := range r.Times {
			length := min(step, to.Sub(t))
			rate := a.over(t.In(zone), step)
			rx, tx := uint64(rate.Rx*length.Seconds()), uint64(rate.Tx*length.Seconds())
			row.Rx, row.Tx = append(row.Rx, rx), append(row.Tx, tx)
			row.RxBytes, row.TxBytes = row.RxBytes+rx, row.TxBytes+tx
		}
		if q.Top == 0 || i < q.Top {
			r.Rows = append(r.Rows, row)
		} else {
			others = demoAdd(others, row)
		}
	}
	if len(others.Rx) > 0 {
		r.Rows = append(r.Rows, others)
	}
	return r
}

func demoAdd(a, b traffic.ReportRow) traffic.ReportRow {
	a.Rx = append(a.Rx, make([]uint64, len(b.Rx)-len(a.Rx))...)
	a.Tx = append(a.Tx, make([]uint64, len(b.Tx)-len(a.Tx))...)
	for i := range b.Rx {
		a.Rx[i] += b.Rx[i]
		a.Tx[i] += b.Tx[i]
	}
	a.RxBytes, a.TxBytes = a.RxBytes+b.RxBytes, a.TxBytes+b.TxBytes
	return a
}

// demoSeries are the series of a report, the largest first.
func demoSeries(q traffic.Query) []demoApp {
	var list []demoApp
	for _, a := range demoApps {
		switch {
		case q.By == traffic.ByCommand && a.name == q.App:
			a.name = a.command
		case q.By != traffic.ByApp:
			continue
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b demoApp) int { return int(b.rx + b.tx - a.rx - a.tx) })
	return list
}

// TestDemo serves the page with made-up figures, to look at: BWMON_DEMO=127.0.0.1:8000,
// then "go test -run TestDemo ./ui/web".
func TestDemo(t *testing.T) {
	address := os.Getenv("BWMON_DEMO")
	if address == "" {
		t.Skip("BWMON_DEMO is not set: this one is to be looked at")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := New(demoOptions())
	defer s.Close()
	start := time.Now().Add(-12*24*time.Hour - 3*time.Hour)
	go func() {
		for ; t.Context().Err() == nil; time.Sleep(time.Second) {
			s.Publish(demo(time.Now(), start))
		}
	}()
	if err := s.Serve(t.Context(), l, Access{}, nil); err != nil {
		t.Fatal(err)
	}
}
