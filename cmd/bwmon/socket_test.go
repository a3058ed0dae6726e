package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"bwmon/lab"
	"bwmon/traffic"
)

// snapshotOf runs "bwmon snapshot" on a host during something and decodes it.
func snapshotOf(t *testing.T, host *lab.Host, happens func(), args ...string) traffic.Snapshot {
	t.Helper()
	out := snapshotDuring(t, host, happens, append(args, "--format", "json", "--flows")...)
	var s traffic.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// rowOf sums what a command line is booked.
func rowOf(s traffic.Snapshot, command string) (rx, tx uint64) {
	for _, a := range s.Apps {
		for _, c := range a.Commands {
			if c.Command == command {
				rx, tx = rx+c.RxBytes, tx+c.TxBytes
			}
		}
	}
	return rx, tx
}

// TestAutoTakesTheSocketMonitor: without being told, bwmon counts at the
// socket, and changes nothing in the kernel of a host that forwards nothing.
func TestAutoTakesTheSocketMonitor(t *testing.T) {
	here, there := cable(t, true)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	s := snapshotOf(t, here, func() {
		for i := range 20 {
			here.Start(lab.Client{
				Args: []string{"short", fmt.Sprint(i)}, Proto: "tcp", Target: server.Addr, Send: 10_000, Receive: 50_000,
			}).Wait()
		}
		if got := accounting(here); got != "0" {
			t.Errorf("accounting is at %s", got)
		}
	}, "--cgroup", group)
	for i := range 20 {
		if rx, tx := rowOf(s, fmt.Sprint("short ", i)); rx < 50_000 || tx < 10_000 {
			t.Errorf("process %d: rx %d, tx %d", i, rx, tx)
		}
	}
	var kinds []string
	for _, m := range s.Monitors {
		kinds = append(kinds, m.Kind+" "+m.State)
	}
	if got := strings.Join(kinds, ", "); got != "socket running, conntrack running, machine running" {
		t.Errorf("monitors: %s", got)
	}
	b := s.Balance
	if off := b.ResidualRx + b.ResidualTx; b.UnattributedRx+b.UnattributedTx > 0 || off < 0 || off > 1000 {
		t.Errorf("the books do not balance: %+v", b)
	}
}
