package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is a snapshot with something in every part of it.
func example() *traffic.Snapshot {
	use := func(rx, tx uint64) traffic.Usage {
		return traffic.Usage{RxBytes: rx, TxBytes: tx, RxRate: float64(rx) / 5, TxRate: float64(tx) / 5}
	}
	addr := netip.MustParseAddrPort
	return &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 5.003,
		Monitors: []traffic.MonitorStatus{
			{Name: "conntrack", Kind: "conntrack", State: traffic.StateStopped, Detail: "2 flows"},
			{Name: "machine", Kind: "machine", State: traffic.StateFailed, Lost: 3, Detail: "no such thing"},
		},
		Apps: []traffic.App{
			{Name: "(unattributed)", Usage: use(100, 0), Connections: 1, Commands: []traffic.Command{
				{Command: "(unattributed)", PIDs: []int{}, Usage: use(100, 0), Connections: 1},
			}},
			{Name: "日本語", Usage: use(5<<20, 1<<10), Processes: 2, Connections: 3, Commands: []traffic.Command{
				{
					Command: `=cmd|'/c calc'!A1, "quoted"`, User: "root", Container: "+web", Unit: "@x.service", PIDs: []int{7, 4711},
					Usage: use(5<<20, 1<<10), Processes: 2, Connections: 3,
					Flows: []traffic.FlowRow{
						{Proto: "tcp", Local: addr("192.0.2.1:40000"), Remote: addr("198.51.100.1:443"), Scope: "local", PID: 7, Usage: use(4<<20, 1<<10)},
						{Proto: "udp", Local: addr("[2001:db8::1]:53"), Remote: addr("[2001:db8::2]:5353"), Scope: "local", Ended: true, Usage: use(1000, 0)},
					},
					Closed: &traffic.Closed{Connections: 9, RxBytes: 1<<20 - 1000},
				},
				{Command: "-x " + strings.Repeat("long ", 30), User: "root", Connections: 1, PIDs: []int{}, Usage: use(0, 0)},
			}},
		},
		LANHosts: []traffic.LANHost{
			{Host: netip.MustParseAddr("192.0.2.7"), Usage: use(10, 20), Connections: 1},
			{Host: netip.MustParseAddr("192.0.2.8"), Name: "tv", Usage: use(2<<30, 3<<40), Connections: 12},
			{Name: "(other hosts)"},
		},
		Interfaces: []traffic.Interface{
			{Name: "eth0", Usage: use(5<<20, 2000), Balanced: true},
			{Name: "lo", Usage: use(10, 10)},
		},
		Balance: traffic.Balance{
			InterfaceRx: 5 << 20, InterfaceTx: 2000, LocalRx: 5<<20 - 200, LocalTx: 1 << 10, UnattributedRx: 100,
			ResidualRx: 100, ResidualTx: -24,
		},
		Alerts: []traffic.Alert{},
	}
}

// golden compares text with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// withMachine is s with processes that have no traffic, and with series.
func withMachine(s *traffic.Snapshot) *traffic.Snapshot {
	with := *s
	used := traffic.Resources{DiskReadBytes: 1 << 20, DiskWriteBytes: 3 << 30, DiskWriteRate: 2 << 20, CacheReadBytes: 7, CPUPercent: 12.34, MemoryBytes: 5 << 20}
	with.Apps = append(slices.Clone(s.Apps), traffic.App{Name: "dd", Resources: used, Commands: []traffic.Command{{Command: "=dd if=x", Resources: used}}})
	with.Series = []traffic.Series{
		{Kind: "disk", Name: "sda\x1b[2J", Metrics: traffic.Metrics{{Name: "await_ms", Value: 1.25}, {Name: "read_bytes", Value: 1 << 30}}},
		{Kind: "probe", Name: "shop", Detail: "no answer within 5s"},
	}
	return &with
}

// TestPrintMachine: rows without traffic are there only where they are asked for.
func TestPrintMachine(t *testing.T) {
	s := withMachine(example())
	var without, with bytes.Buffer
	if err := errors.Join(printCSV(&without, s, false), printCSV(&with, s, true)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(without.String(), "dd") || strings.Contains(without.String(), "disk") {
		t.Errorf("without: %s", without.String())
	}
	if want := `dd,'=dd if=x,,,,,0,0,0,0,0.0,0.0,1048576,3221225472,0.0,2097152.0,7,0,12.3,5242880`; !strings.Contains(with.String(), want) {
		t.Errorf("with: %s lacks %s", with.String(), want)
	}
	without.Reset()
	printTable(&without, s, units{}, true, false)
	if strings.Contains(without.String(), "dd if") || strings.Contains(without.String(), "shop") {
		t.Errorf("without: %s", without.String())
	}
}

func TestPrintTable(t *testing.T) {
	s := example()
	s.At = s.At.In(time.Local)
	shownAt := s.At.Format("2006-01-02 15:04:05")
	for name, print := range map[string]func(*bytes.Buffer){
		"table.txt":         func(b *bytes.Buffer) { printTable(b, s, units{}, false, false) },
		"table-flows.txt":   func(b *bytes.Buffer) { printTable(b, s, units{bits: true}, true, false) },
		"table-machine.txt": func(b *bytes.Buffer) { printTable(b, withMachine(s), units{}, false, true) },
	} {
		var b bytes.Buffer
		print(&b)
		golden(t, name, strings.Replace(b.String(), shownAt, "2026-01-02 03:04:05", 1))
	}
	var b bytes.Buffer
	printTable(&b, &traffic.Snapshot{Host: "h"}, units{}, false, false)
	if !strings.Contains(b.String(), "no traffic") {
		t.Errorf("an empty snapshot prints %q", b.String())
	}
}

func TestPrintCSV(t *testing.T) {
	var b bytes.Buffer
	if err := printCSV(&b, example(), false); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines != strings.Count(b.String(), "\r\n") || lines != 4 {
		t.Errorf("lines do not end in CR LF, or are not 4: %q", b.String())
	}
	got, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"app", "command", "user", "container", "unit", "pids", "processes", "connections", "rx_bytes", "tx_bytes", "rx_rate", "tx_rate"},
		{"(unattributed)", "(unattributed)", "", "", "", "", "0", "1", "100", "0", "20.0", "0.0"},
		{"日本語", `'=cmd|'/c calc'!A1, "quoted"`, "root", "'+web", "'@x.service", "7 4711", "2", "3", "5242880", "1024", "1048576.0", "204.8"},
		{"日本語", "'-x " + strings.Repeat("long ", 30), "root", "", "", "", "0", "1", "0", "0", "0.0", "0.0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPrintJSON(t *testing.T) {
	for _, screen := range []bool{false, true} {
		var b bytes.Buffer
		p := newProgram(&b)
		p.screen = screen
		if err := p.printJSON(example()); err != nil {
			t.Fatal(err)
		}
		p.stdout.Flush()
		if oneLine := strings.Count(b.String(), "\n") == 1; oneLine == screen {
			t.Errorf("on a terminal: %v; one line: %v", screen, oneLine)
		}
		var got traffic.Snapshot
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(example(), &got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB",
		1023 << 10: "1023.0 KiB", math.MaxUint64: "16.0 EiB",
	} {
		if got := (units{}).bytes(n); got != want {
			t.Errorf("bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for r, want := range map[float64]string{0: "0 B/s", 0.4: "0 B/s", 1023.6: "1.0 KiB/s", 2048: "2.0 KiB/s"} {
		if got := (units{}).rate(r); got != want {
			t.Errorf("rate(%g) = %q, want %q", r, got, want)
		}
	}
	for r, want := range map[float64]string{0: "0 bit/s", 100: "800 bit/s", 125: "1.0 kbit/s", 125e6: "1.0 Gbit/s"} {
		if got := (units{bits: true}).rate(r); got != want {
			t.Errorf("rate(%g) in bits = %q, want %q", r, got, want)
		}
	}
	for n, want := range map[int64]string{-1: "-1 B", -2048: "-2.0 KiB", 0: "0 B", math.MinInt64: "-8.0 EiB"} {
		if got := (units{}).signed(n); got != want {
			t.Errorf("signed(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"", 3, ""}} {
		if got := cut(tt.s, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}
