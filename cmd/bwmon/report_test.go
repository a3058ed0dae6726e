package main

import (
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/lab"
	"bwmon/traffic"
)

// carried has a client of that name send and receive on a daemon's host, and returns
// what the daemon booked to it since it started.
func (d *daemonProcess) carried(server netip.AddrPort, name string, send, receive uint64) (rx, tx uint64) {
	d.t.Helper()
	d.host.Start(lab.Client{Args: []string{"/usr/bin/" + name, "run"}, Proto: "tcp", Target: server, Send: send, Receive: receive}).Wait()
	var s *traffic.Snapshot
	poll(d.t, name+" is booked and at rest", func() bool {
		s = d.snapshot()
		rx, tx = appOf(s, name)
		time.Sleep(200 * time.Millisecond)
		again := d.snapshot()
		rx2, tx2 := appOf(again, name)
		return rx2 == rx && tx2 == tx && rx >= receive && tx >= send
	})
	return rx, tx
}

// reportOf asks for a report in JSON.
func (d *daemonProcess) reportOf(args ...string) *traffic.Report {
	d.t.Helper()
	var r traffic.Report
	out := d.run(append([]string{"report", "--format", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		d.t.Fatalf("%v in %q", err, out)
	}
	return &r
}

func rowIn(r *traffic.Report, name string) (rx, tx uint64) {
	for _, row := range r.Rows {
		if row.Name == name {
			return row.RxBytes, row.TxBytes
		}
	}
	return 0, 0
}

// TestReport: what a daemon booked is what its history says, by every kind, to the
// byte; also when the daemon has ended, and over several of them.
func TestReport(t *testing.T) {
	here, there := pair(t)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	rx, tx := d.carried(server.Addr, "restic", 300_000, 700_000)
	last := d.snapshot()
	for _, tt := range []struct{ by, name string }{
		{traffic.ByApp, "restic"}, {traffic.ByCommand, "/usr/bin/restic run"}, {traffic.ByUser, "root"}, {traffic.ByRemoteHost, "198.18.1.2"},
	} {
		if gotRx, gotTx := rowIn(d.reportOf("--by", tt.by), tt.name); gotRx != rx || gotTx != tx {
			t.Errorf("by %s: rx %d, tx %d; booked rx %d, tx %d", tt.by, gotRx, gotTx, rx, tx)
		}
	}
	for _, i := range last.Interfaces {
		if gotRx, gotTx := rowIn(d.reportOf("--by", "interface"), i.Name); gotRx < i.RxBytes || gotTx < i.TxBytes {
			t.Errorf("interface %s: rx %d, tx %d; read rx %d, tx %d", i.Name, gotRx, gotTx, i.RxBytes, i.TxBytes)
		}
	}
	byStep := d.reportOf("--step", "minute", "--name", "restic")
	var sum uint64
	for _, n := range byStep.Rows[0].Rx {
		sum += n
	}
	if sum != rx || len(byStep.Times) != len(byStep.Rows[0].Rx) {
		t.Errorf("by the minute: %d of %d", sum, rx)
	}
	billing := d.reportOf("billing")
	if len(billing.Rows) == 0 || billing.Rows[0].Percentile == nil || billing.Rows[0].Percentile.Of != 95 {
		t.Errorf("billing: %+v", billing.Rows)
	}
	d.stop()
	if gotRx, gotTx := rowIn(d.reportOf("today"), "restic"); gotRx != rx || gotTx != tx {
		t.Errorf("of the file: rx %d, tx %d; booked rx %d, tx %d", gotRx, gotTx, rx, tx)
	}
	d.start()
	rx2, tx2 := d.carried(server.Addr, "restic", 50_000, 60_000)
	if gotRx, gotTx := rowIn(d.reportOf(), "restic"); gotRx != rx+rx2 || gotTx != tx+tx2 {
		t.Errorf("of both daemons: rx %d, tx %d; booked rx %d, tx %d", gotRx, gotTx, rx+rx2, tx+tx2)
	}
	d.stop()
}

// TestReportAfterAKill: a daemon that is killed loses at most what it counted since it
// wrote last, and nothing of what it wrote.
func TestReportAfterAKill(t *testing.T) {
	here, there := pair(t)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	rx, tx := d.carried(server.Addr, "restic", 300_000, 700_000)
	time.Sleep(1500 * time.Millisecond) // it writes every second
	d.cmd.Process.Kill()
	d.cmd.Wait()
	if gotRx, gotTx := rowIn(d.reportOf(), "restic"); gotRx != rx || gotTx != tx {
		t.Errorf("after a kill: rx %d, tx %d; booked rx %d, tx %d", gotRx, gotTx, rx, tx)
	}
	d.start()
	d.until("the history goes on", func(s *traffic.Snapshot) bool {
		for _, m := range s.Monitors {
			if m.Name == "history" {
				return m.State == traffic.StateRunning
			}
		}
		return false
	})
	d.stop()
	c := defaultConfig()
	c.History.Path = filepath.Join(filepath.Dir(d.socket), "history.db")
	if f := checkHistory(t.Context(), c); f[0].State != findingOK || !strings.Contains(f[0].Found, "is whole") {
		t.Errorf("doctor: %+v", f)
	}
	file, err := os.OpenFile(c.History.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(strings.Repeat("x", 50_000)), 16_000); err != nil {
		t.Fatal(err)
	}
	if f := checkHistory(t.Context(), c); f[0].State != findingWarn {
		t.Errorf("doctor of a damaged file: %+v", f)
	}
	d.start() // sets it aside, says so, and counts all the same
	d.until("a new history", func(s *traffic.Snapshot) bool {
		for _, m := range s.Monitors {
			if m.Name == "history" {
				return m.State == traffic.StateRunning && strings.Contains(m.Detail, "a damaged file is now")
			}
		}
		return false
	})
	d.stop()
}

// TestReportText: the table has a bar and a share of each row, CSV has exact bytes, and
// hostile names harm neither.
func TestReportText(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC) }
	r := &traffic.Report{
		Schema: 1, Host: "gw", By: traffic.ByApp, From: at(0), To: at(3), Zone: "UTC",
		Rows: []traffic.ReportRow{
			{Name: "=cmd|' /C calc'!A0", RxBytes: 3 << 20, TxBytes: 1 << 20},
			{Name: "日本語 [red]", RxBytes: 1 << 20},
			{Name: traffic.Others, TxBytes: 1 << 19},
		},
		Total: traffic.ReportRow{RxBytes: 4 << 20, TxBytes: 3 << 19},
	}
	var out strings.Builder
	p := newProgram(&out)
	p.printReport(r, "", time.UTC, units{})
	p.stdout.Flush()
	want := `gw, 2026-01-02 00:00 to 2026-01-02 03:00 (UTC)

APP                                           RX         TX    TOTAL    SHARE
=cmd|' /C calc'!A0  ███████████████▒▒▒▒▒  3.0 MiB    1.0 MiB  4.0 MiB   72.7 %
日本語 [red]        █████                 1.0 MiB        0 B  1.0 MiB   18.2 %
(others)            ▒▒▒                       0 B  512.0 KiB  512.0 KiB   9.1 %
total                                     4.0 MiB    1.5 MiB  5.5 MiB  100.0 %
`
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if diff := cmp.Diff(squeeze(want), squeeze(out.String())); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, out.String())
	}
	r.Step, r.Times = traffic.StepHour, []time.Time{at(0), at(1), at(2)}
	for i := range r.Rows {
		row := &r.Rows[i]
		row.Rx, row.Tx = []uint64{row.RxBytes, 0, 0}, []uint64{0, 0, row.TxBytes}
	}
	r.Total.Rx, r.Total.Tx = []uint64{4 << 20, 0, 0}, []uint64{0, 0, 3 << 19}
	out.Reset()
	p.printReport(r, "", time.UTC, units{})
	p.stdout.Flush()
	if text := squeeze(out.String()); !strings.Contains(text, "2026-01-02 02:00 ▒▒▒▒▒▒▒▒ 0 B 1.5 MiB 1.5 MiB 437 B/s =cmd") {
		t.Errorf("by the hour:\n%s", out.String())
	}
	out.Reset()
	if err := printReportCSV(&out, r); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(records) != 10 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if got := records[1][3]; got != "'=cmd|' /C calc'!A0" {
		t.Errorf("a formula: %q", got)
	}
	var sum uint64
	for _, record := range records[1:] {
		for _, cell := range record[5:] {
			n, _ := strconv.ParseUint(cell, 10, 64)
			sum += n
		}
	}
	if sum != 11<<19 {
		t.Errorf("CSV has %d bytes", sum)
	}
}

func TestReportTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	now := time.Date(2026, 3, 29, 12, 30, 0, 0, berlin) // a Sunday, on which clocks were set forward
	for _, tt := range []struct{ word, since, from, to, wantFrom, wantTo string }{
		{"", "", "", "", "2026-03-28T11:30:00+01:00", ""}, // 24 hours before
		{"today", "", "", "", "2026-03-29T00:00:00+01:00", ""},
		{"yesterday", "", "", "", "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"},
		{"week", "", "", "", "2026-03-23T00:00:00+01:00", ""},
		{"month", "", "", "", "2026-03-01T00:00:00+01:00", ""},
		{"last-month", "", "", "", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"},
		{"year", "", "", "", "2026-01-01T00:00:00+01:00", ""},
		{"", "2d", "", "", "2026-03-27T11:30:00+01:00", ""},
		{"", "", "2026-02-01", "2026-02-03 12:00", "2026-02-01T00:00:00+01:00", "2026-02-03T12:00:00+01:00"},
		{"", "", "2026-02-01T00:00:00Z", "", "2026-02-01T01:00:00+01:00", ""},
	} {
		f := reportFlags{since: tt.since, from: tt.from, to: tt.to}
		q, err := f.query(tt.word, now, berlin)
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		text := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.In(berlin).Format(time.RFC3339)
		}
		if text(q.From) != tt.wantFrom || text(q.To) != tt.wantTo {
			t.Errorf("%s%s%s: %s to %s, want %s to %s", tt.word, tt.since, tt.from, text(q.From), text(q.To), tt.wantFrom, tt.wantTo)
		}
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		rx, tx, most uint64
		want         string
	}{
		{0, 0, 10, ""}, {10, 0, 10, strings.Repeat("█", 20)}, {0, 10, 10, strings.Repeat("▒", 20)},
		{5, 5, 10, strings.Repeat("█", 10) + strings.Repeat("▒", 10)}, {1, 0, 1000, ""}, {1, 0, 160, "▏"},
		{1<<64 - 1, 0, 1<<64 - 1, strings.Repeat("█", 20)},
	} {
		if got := bar(tt.rx, tt.tx, tt.most); got != tt.want {
			t.Errorf("%v: %q", tt, got)
		}
	}
}

// TestDaysOfADaemon: the days of all of the history are asked for, not those of the last
// 24 hours.
func TestDaysOfADaemon(t *testing.T) {
	q, err := (&reportFlags{by: traffic.ByApp}).query("days", time.Now(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if got := queryValues(q).Get("from"); got != "0001-01-01T00:00:00Z" {
		t.Errorf("from %q", got)
	}
}
