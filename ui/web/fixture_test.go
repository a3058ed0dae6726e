package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// patience bounds every wait of the tests.
const patience = 20 * time.Second

const testToken = "correct-horse-battery-staple"

// began is when the made-up figures begin.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// nasty is text that does harm where it is interpreted.
var nasty = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</td></table><h1>`, `&lt;b&gt;`, `{{.Version}}`,
	`' onmouseover='x`, "`${1}`", `javascript:alert(1)`,
	"two\nlines\r\nand\ttabs", "data: x\n\nevent: end\n\n", `quote " back \ slash`,
	"\x1b]0;t\x07\x1b[31m", "right\u202eleft\u2066", "null\x00byte", "broken \xff\xfe UTF-8", "line\u2028separator",
	"(other)", "(other) ", "(other apps)", "", " ", strings.Repeat("long ", 4000), "日本語 👩‍👩‍👧‍👦",
}

func usage(n uint64) traffic.Usage {
	return traffic.Usage{RxBytes: n, TxBytes: n / 2, RxRate: float64(n) / 8, TxRate: float64(n) / 16}
}

// typical is a host with some of everything, at a tick.
func typical(tick int) *traffic.Snapshot {
	n := uint64(tick) * 1000
	s := empty(tick)
	s.Monitors = []traffic.MonitorStatus{
		{Name: "socket", Kind: "socket", State: traffic.StateRunning, Lost: 3},
		{Name: "conntrack", Kind: "conntrack", State: traffic.StateFailed, Detail: "no such table"},
	}
	for i, name := range []string{"curl", "restic", traffic.AppKernel, traffic.AppUnattributed} {
		u := usage(n * uint64(i+1))
		s.Apps = append(s.Apps, traffic.App{
			Name: name, Usage: u, Resources: resources(n * uint64(i)), Processes: 1, Connections: i,
			Commands: []traffic.Command{{Command: name + " --all", User: "root", PIDs: []int{100 + i}, Usage: u, Resources: resources(n * uint64(i)), Processes: 1, Connections: i}},
		})
	}
	s.Series = machine(tick)
	s.LANHosts = []traffic.LANHost{
		{Host: netip.MustParseAddr("192.0.2.7"), Name: "tv", Usage: usage(n), Connections: 2},
		{Name: traffic.HostsFolded, Usage: usage(5)},
	}
	s.Pipes = []traffic.PipeRow{{Name: "backup", Usage: usage(n), Connections: 1}}
	s.Interfaces = []traffic.Interface{
		{Name: "eth0", Usage: usage(20 * n), RxPackets: 10, TxPackets: 20, Balanced: true, SpeedBits: 1e9},
		{Name: "lo", Usage: usage(n)},
	}
	s.Balance = traffic.Balance{InterfaceRx: 20 * n, LocalRx: 21 * n, ResidualRx: -int64(n)}
	s.Rules = []traffic.Rule{{Name: "backup cap", Kind: "app", Match: "^restic$", Text: "tx above 5 MiB/s over 1m0s"}}
	s.Alerts = []traffic.Alert{{
		Rule: "backup cap", Kind: "app", Subject: "restic", App: "restic", State: "firing", Since: began,
		Direction: "tx", Condition: "above", Value: 6e6, Threshold: 5 << 20, Window: 60,
	}}
	return s
}

// resources are those of a row beside the network; none without n.
func resources(n uint64) traffic.Resources {
	return traffic.Resources{
		DiskReadBytes: 3 * n, DiskWriteBytes: 5 * n, DiskReadRate: float64(n) / 2, DiskWriteRate: float64(n) / 4,
		CacheReadBytes: 7 * n, CacheWriteBytes: 9 * n, CPUPercent: float64(n) / 100, MemoryBytes: n << 10,
	}
}

// machine are series of the machine, in the order of their kinds and names.
func machine(tick int) []traffic.Series {
	n := float64(tick)
	return []traffic.Series{
		{Kind: traffic.SeriesCPU, Metrics: traffic.Metrics{{Name: "used_percent", Value: 12.5 * n}, {Name: "processors", Value: 4}}},
		{Kind: traffic.SeriesDisk, Name: "sda", Metrics: traffic.Metrics{
			{Name: "reads_per_s", Value: 20 * n}, {Name: "writes_per_s", Value: 10}, {Name: "read_bytes_per_s", Value: 4096 * n}, {Name: "write_bytes_per_s", Value: 512},
			{Name: "read_await_ms", Value: 2.5 * n}, {Name: "write_await_ms", Value: 0.5}, {Name: "queue_size", Value: 1.25 * n}, {Name: "utilization_percent", Value: 40 * n},
			{Name: "read_bytes", Value: 8192 * n}, {Name: "write_bytes", Value: 1024 * n},
		}},
		{Kind: traffic.SeriesDisk, Name: "sdb", Metrics: traffic.Metrics{{Name: "utilization_percent", Value: 1}, {Name: "read_bytes_per_s", Value: 100}}},
		{Kind: traffic.SeriesMemory, Metrics: traffic.Metrics{{Name: "total_bytes", Value: 8 << 30}, {Name: "used_percent", Value: 30 + n}}},
		{Kind: traffic.SeriesMount, Name: "/var", Metrics: traffic.Metrics{{Name: "used_percent", Value: 71}, {Name: "free_bytes", Value: 3 << 30}}},
		{Kind: traffic.SeriesProbe, Name: "web", Detail: "connection refused", Metrics: traffic.Metrics{{Name: "up", Value: 0}}},
	}
}

func empty(tick int) *traffic.Snapshot {
	return &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw", Run: "first", At: began.Add(time.Duration(tick) * time.Second), Elapsed: float64(tick), Interval: 1,
		Monitors: []traffic.MonitorStatus{}, Apps: []traffic.App{}, LANHosts: []traffic.LANHost{}, Pipes: []traffic.PipeRow{},
		Interfaces: []traffic.Interface{}, Series: []traffic.Series{}, Rules: []traffic.Rule{}, Alerts: []traffic.Alert{},
	}
}

// withFlows is typical with flows.
func withFlows(tick int) *traffic.Snapshot {
	s := typical(tick)
	s.RemoteHosts = []traffic.RemoteHost{{Host: netip.MustParseAddr("198.51.100.1"), Usage: usage(7), Connections: 1}}
	c := &s.Apps[0].Commands[0]
	c.Flows = []traffic.FlowRow{{
		Proto: "tcp", Local: netip.MustParseAddrPort("192.0.2.1:40000"), Remote: netip.MustParseAddrPort("198.51.100.1:443"),
		Scope: "local", PID: 100, Usage: usage(7),
	}}
	c.Closed = &traffic.Closed{Connections: 1, RxBytes: 2, TxBytes: 3}
	return s
}

// hostile is a host where everything that has a name has a nasty one.
func hostile(tick int) *traffic.Snapshot {
	s := empty(tick)
	s.Host = nasty[0]
	for i, name := range nasty {
		u := usage(uint64(tick * (1000 + i)))
		c := traffic.Command{Command: name, User: name, Container: name, Unit: name, Usage: u,
			Flows: []traffic.FlowRow{{Proto: name, Scope: name, Usage: u}}}
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: u, Commands: []traffic.Command{c}})
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Name: name, Usage: u})
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: name, Usage: u})
		s.Pipes = append(s.Pipes, traffic.PipeRow{Name: name, Usage: u})
		figures := traffic.Metrics{{Name: name, Value: float64(i)}, {Name: "read_bytes", Value: float64(i)}}
		s.Series = append(s.Series,
			traffic.Series{Kind: traffic.SeriesDisk, Name: name, Detail: name, Metrics: figures},
			traffic.Series{Kind: name, Name: name, Detail: name, Metrics: figures})
		s.Monitors = append(s.Monitors, traffic.MonitorStatus{Name: name, Kind: name, State: traffic.StateFailed, Detail: name})
		s.Rules = append(s.Rules, traffic.Rule{Name: name, Kind: name, Match: name, Text: name})
		s.Alerts = append(s.Alerts, traffic.Alert{Rule: name, Kind: name, Subject: name, State: "firing"})
	}
	return s
}

// site is a Server that is reached over real sockets.
type site struct {
	*Server
	t      *testing.T
	url    string
	client *http.Client
	stop   func() // ends serving, and waits for it
}

// open serves on loopback until the test ends.
func open(t *testing.T, o Options, a Access) *site {
	t.Helper()
	return openAt(t, o, a, "127.0.0.1:0", nil)
}

func openAt(t *testing.T, o Options, a Access, address string, config *tls.Config) *site {
	t.Helper()
	l := listenAt(t, address)
	s := &site{Server: New(o), t: t, url: "http://" + l.Addr().String()}
	if config != nil {
		s.url = "https://" + l.Addr().String()
	}
	s.serve(l, a, config)
	return s
}

func listen(t *testing.T) net.Listener { return listenAt(t, "127.0.0.1:0") }

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve serves on l until the test ends, and gives s a client.
func (s *site) serve(l net.Listener, a Access, config *tls.Config) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, a, config) }()
	if s.url == "" {
		s.url = "http://" + l.Addr().String()
	}
	transport := &http.Transport{DisableCompression: true}
	if l.Addr().Network() == "unix" {
		s.url = "http://bwmon"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", l.Addr().String())
		}
	}
	s.client = &http.Client{Transport: transport, Timeout: patience}
	s.stop = func() {
		stop()
		transport.CloseIdleConnections()
		if err := <-ended; err != nil {
			s.t.Errorf("serve: %v", err)
		}
		ended <- nil
	}
	s.t.Cleanup(func() {
		s.stop()
		s.Close()
	})
}

// answer is one, read to its end.
type answer struct {
	*http.Response
	body string
}

// ask sends a request with headers "Name: value".
func (s *site) ask(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp, string(text)}
}

func (s *site) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.ask(http.MethodGet, path, "", headers...)
}

// want fails where the answer has another status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	return a
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

func bearer(token string) string { return fmt.Sprintf("Authorization: Bearer %s", token) }
