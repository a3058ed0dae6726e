package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// pair is two hosts with a cable between them; bwmon runs on the first.
func pair(t *testing.T) (here, there *lab.Host) { return cable(t, false) }

// cable is the pair; plain: without offloads, which show several segments as
// one packet to interfaces that are not made of metal.
func cable(t *testing.T, plain bool) (here, there *lab.Host) {
	t.Helper()
	l := lab.New(t)
	here, there = l.Host("here"), l.Host("there")
	l.Link(lab.End{Host: here, Name: "eth0", Addrs: []string{"198.18.1.1/24", "fd00:1::1/64"}, Plain: plain},
		lab.End{Host: there, Name: "eth0", Addrs: []string{"198.18.1.2/24", "fd00:1::2/64"}, Plain: plain})
	return here, there
}

// snapshotDuring runs "bwmon snapshot" on a host while something happens
// there, ends it with the signal a user would send, and returns what it
// printed.
func snapshotDuring(t *testing.T, host *lab.Host, happens func(), args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(t, ctx, append([]string{"snapshot", "--for", "1h", "--interval", "100ms"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	awaitStart(t, host, cmd.Process.Pid)
	happens()
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v, stderr: %s", err, errs.String())
	}
	return out.String()
}

// awaitStart waits until bwmon measures: its conntrack monitor has switched
// accounting on and had the time to have connections tracked, or its socket monitor has attached its programs and its machine
// monitor has a socket.
func awaitStart(t *testing.T, host *lab.Host, pid int) {
	t.Helper()
	poll(t, "bwmon measures", func() bool { return accounting(host) == "1" || attached(pid) && hasSocket(pid) })
	if attached(pid) {
		time.Sleep(100 * time.Millisecond) // until all monitors have read for the first time
	} else {
		time.Sleep(400 * time.Millisecond)
	}
}

// attached reports whether the process counts at sockets: it has attached all
// programs.
func attached(pid int) bool {
	links := 0
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if to, _ := os.Readlink(file); to == "anon_inode:bpf_link" {
			links++
		}
	}
	return links >= 14
}

// awaitSetup waits until the conntrack monitor of a fresh host has switched
// accounting on, which it does before it first reads the table.
func awaitSetup(t *testing.T, host *lab.Host) {
	t.Helper()
	poll(t, "accounting is on", func() bool { return accounting(host) == "1" })
}

func accounting(host *lab.Host) (value string) {
	host.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/sys/net/netfilter/nf_conntrack_acct")
		if err != nil { // where procfs has no such view, that of the thread's namespace is
			text, err = os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_acct")
		}
		value = strings.TrimSpace(string(text))
		return err
	})
	return value
}

// hostileArgs is a command line of a megabyte that begins with args and goes
// on with what breaks terminals, tables and JSON.
func hostileArgs(args ...string) []string {
	args = append(args, "[red]", "\x1b[2J\x1b]0;title\x07", "a\nb\tc\r", "\xff\xfe", "\u202e", "\u009b31m")
	for range 10 { // one alone may have 128 KiB
		args = append(args, strings.Repeat("x", 100_000))
	}
	return args
}

func TestSnapshotOfRealTraffic(t *testing.T) {
	here, there := pair(t)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	const sent, received = 3_000_000, 1_000_000
	hostile := hostileArgs("/opt/[red]\x1b[31m", "=cmd|'/c calc'!A1")

	out := snapshotDuring(t, here, func() {
		var clients []*lab.Child
		for _, args := range [][]string{{"/usr/bin/restic", "backup"}, hostile} {
			clients = append(clients, here.Start(lab.Client{
				Args: args, Proto: "tcp", Target: server.Addr, Send: sent, Receive: received, Life: time.Second,
			}))
		}
		for _, c := range clients {
			c.Wait()
		}
		// Looking back, it does not matter whether a connection began before
		// the table was first read.
	}, "--format", "json", "--flows", "--lookback", "-c", write(t, "[[app]]\nname = \"Backup\"\nmatch = [\"restic\"]\n"))

	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		t.Errorf("want one line, got %q", out[:min(len(out), 200)])
	}
	var s traffic.Snapshot
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	apps := make(map[string]traffic.App)
	for _, a := range s.Apps {
		apps[a.Name] = a
		for _, c := range a.Commands {
			if clean := traffic.CleanText(c.Command, traffic.MaxCommand); clean != c.Command {
				t.Errorf("command %q is not clean", c.Command)
			}
		}
	}
	if b := apps["Backup"]; b.TxBytes < sent || b.TxBytes > sent*11/10 || b.RxBytes < received || b.RxBytes > received*12/10 {
		t.Errorf("Backup carried rx %d, tx %d; want little more than %d, %d; have %v", b.RxBytes, b.TxBytes, received, sent, s.Apps)
	}
	if b := s.Balance; b.UnattributedTx > 0 || b.InterfaceTx < b.LocalTx {
		t.Errorf("the books do not balance: %+v", b)
	}
	if got := accounting(here); got != "0" {
		t.Errorf("accounting is left at %s", got)
	}
}

func TestSnapshotForPeople(t *testing.T) {
	here, there := pair(t)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("[fd00:1::2]:7000")})
	client := lab.Client{Args: []string{"=1+1", "--x"}, Proto: "tcp", Target: server.Addr, Send: 1 << 20, Life: time.Second}

	table := snapshotDuring(t, here, func() { here.Start(client).Wait() }, "--lookback", "--flows")
	for _, want := range []string{"APP", "=1+1 --x (root)", "tcp [fd00:1::1]:", "INTERFACE", "eth0", "BALANCE", "MONITOR", "conntrack"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	text := snapshotDuring(t, here, func() { here.Start(client).Wait() }, "--lookback", "--format", "csv")
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range records {
		found = found || r[1] == "'=1+1 --x"
	}
	if !found {
		t.Errorf("no record of the command in\n%s", text)
	}
}

// TestNoSetup: the monitor that may not set up accounting is shown failed
// with the cure, the program goes on, and the kernel is left alone.
func TestNoSetup(t *testing.T) {
	here, _ := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(t, ctx, "snapshot", "--for", "100ms", "--monitor", "conntrack", "--monitor", "machine", "--no-setup", "--format", "json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := here.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errs.String(), "monitor conntrack failed: ") ||
		!strings.Contains(errs.String(), "sysctl") {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
	var s traffic.Snapshot
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Interfaces) == 0 || len(s.Monitors) != 4 || s.Monitors[0].State != traffic.StateFailed {
		t.Errorf("interfaces %v, monitors %v", s.Interfaces, s.Monitors)
	}
	if got := accounting(here); got != "0" {
		t.Errorf("accounting is at %s", got)
	}
}

// write makes a configuration file.
func write(t *testing.T, src string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bwmon.toml")
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
