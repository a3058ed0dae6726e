package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

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

// TestSecretsAreMasked: what a command line should not have held is shown by nobody,
// whoever counts.
func TestSecretsAreMasked(t *testing.T) {
	for _, monitor := range []string{kindSocket, kindConntrack} {
		t.Run(monitor, func(t *testing.T) {
			here, there := cable(t, monitor == kindSocket)
			server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
			args := []string{"--monitor", monitor, "--monitor", kindMachine}
			if monitor == kindSocket {
				args = append(args, "--cgroup", here.Cgroup())
			}
			s := snapshotOf(t, here, func() {
				here.Start(lab.Client{
					Args: []string{"loader", "--password", "hunter2", "-v"}, Proto: "tcp", Target: server.Addr, Send: 10_000, Receive: 50_000,
					Life: time.Second,
				}).Wait()
			}, args...)
			if rx, _ := rowOf(s, "loader --password *** -v"); rx < 50_000 {
				text, _ := json.Marshal(s.Apps)
				t.Errorf("rx %d of the masked command line in %s", rx, text)
			}
		})
	}
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
	if got := strings.Join(kinds, ", "); got != "socket running, conntrack running, machine running, vitals running, processes running" {
		t.Errorf("monitors: %s", got)
	}
	b := s.Balance
	if off := b.ResidualRx + b.ResidualTx; b.UnattributedRx+b.UnattributedTx > 0 || off < 0 || off > 1000 {
		t.Errorf("the books do not balance: %+v", b)
	}
}

// TestContainerIsCountedOnce: what a container on a bridge behind NAT sends is
// its process's, and no LAN host's; what a host on the same bridge sends is.
func TestContainerIsCountedOnce(t *testing.T) {
	l := lab.New(t)
	gw, wan, container, lan := l.Host("gw"), l.Host("wan"), l.Host("container"), l.Host("lan")
	group := gw.Cgroup()
	container.ShareCgroup(gw)
	l.Link(lab.End{Host: wan, Name: "eth0", Addrs: []string{"198.19.0.2/24"}, Plain: true},
		lab.End{Host: gw, Name: "wan0", Addrs: []string{"198.19.0.1/24"}, Plain: true})
	gw.Bridge("br0", "198.18.1.1/24")
	for i, h := range []*lab.Host{container, lan} {
		l.Link(lab.End{Host: gw, Name: fmt.Sprintf("port%d", i), Master: "br0", Plain: true},
			lab.End{Host: h, Name: "eth0", Addrs: []string{fmt.Sprintf("198.18.1.%d/24", 10+i)}, Plain: true})
		h.DefaultRoute("198.18.1.1")
	}
	gw.Forward()
	gw.DefaultRoute("198.19.0.2")
	gw.Masquerade("wan0")
	server := wan.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.19.0.2:7000")})
	client := lab.Client{Proto: "tcp", Target: server.Addr, Connections: 5, Parallel: 5, Send: 20_000, Receive: 40_000, Life: 700 * time.Millisecond}
	s := snapshotOf(t, gw, func() {
		awaitSetup(t, gw)
		time.Sleep(300 * time.Millisecond) // the baseline of a table that is still empty
		for command, h := range map[string]*lab.Host{"boxed": container, "lan": lan} {
			client.Args = []string{command}
			h.Start(client).Wait()
		}
		// And what the host itself says to its container.
		inside := container.Serve(lab.Server{Args: []string{"inside"}, Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.10:7001")})
		gw.Start(lab.Client{Args: []string{"outside"}, Proto: "tcp", Target: inside.Addr, Send: 50_000}).Wait()
		time.Sleep(300 * time.Millisecond)
	}, "--cgroup", group, "--interval", "1s")
	if rx, tx := rowOf(s, "boxed"); rx < 200_000 || tx < 100_000 || rx > 350_000 || tx > 190_000 {
		t.Errorf("the container's process has rx %d, tx %d", rx, tx)
	}
	if _, tx := rowOf(s, "outside"); tx < 50_000 {
		t.Errorf("the host's own process has tx %d", tx)
	}
	if rx, _ := rowOf(s, "inside"); rx < 50_000 {
		t.Errorf("the container's server has rx %d", rx)
	}
	b := s.Balance
	if off := max(b.ResidualRx, -b.ResidualRx) + max(b.ResidualTx, -b.ResidualTx); off > 5000 || b.ForwardedTx < 600_000 || b.LocalTx < 50_000 || b.LocalTx > 100_000 {
		t.Errorf("the books do not balance: %+v", b)
	}
	if rx, _ := rowOf(s, "lan"); rx > 0 {
		t.Errorf("the LAN host's process has a row with %d bytes", rx)
	}
	if len(s.LANHosts) != 1 || s.LANHosts[0].Host.String() != "198.18.1.11" || s.LANHosts[0].TxBytes < 100_000 || s.LANHosts[0].RxBytes < 200_000 {
		t.Errorf("LAN hosts are %+v", s.LANHosts)
	}
}

// TestNothingStaysAttached: the kernel takes the programs away, however bwmon
// ends.
func TestNothingStaysAttached(t *testing.T) {
	here, _ := pair(t)
	group := here.Cgroup()
	cmd := command(t, t.Context(), "snapshot", "--for", "1h", "--monitor", "socket", "--cgroup", group)
	if err := here.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	poll(t, "the programs are attached", func() bool { return attached(cmd.Process.Pid) })
	if n := programsOf(t, group); n != 1 {
		t.Errorf("%d programs on the cgroup while bwmon runs", n)
	}
	cmd.Process.Kill()
	cmd.Wait()
	poll(t, "nothing is attached", func() bool { return programsOf(t, group) == 0 })
}

// programsOf counts the programs of a cgroup that see what goes out.
func programsOf(t *testing.T, cgroup string) int {
	t.Helper()
	dir, err := os.Open(cgroup)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	result, err := link.QueryPrograms(link.QueryOptions{Target: int(dir.Fd()), Attach: ebpf.AttachCGroupInetEgress})
	if err != nil {
		t.Fatal(err)
	}
	return len(result.Programs)
}
