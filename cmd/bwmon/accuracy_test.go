package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// crossing is what an accuracy test runs between two hosts.
type crossing struct {
	clients []lab.Client
	// lasting: all connections stay open until the kernel's entries are read,
	// at the end.
	lasting bool
}

// ledgerOf runs bwmon on a host during a crossing. It returns the snapshot,
// the bytes that the kernel's entries held at the end by the tuple's local
// end, and each client's report.
func ledgerOf(t *testing.T, here *lab.Host, c crossing) (traffic.Snapshot, map[string]uint64, []lab.Report) {
	t.Helper()
	held := make(map[string]uint64)
	var reports []lab.Report
	var children []*lab.Child
	for _, client := range c.clients {
		client.Hold = true
		client.KeepOpen = c.lasting
		children = append(children, here.Start(client))
	}
	out := snapshotDuring(t, here, func() {
		time.Sleep(500 * time.Millisecond) // the baseline of a table that is still empty
		for _, child := range children {
			child.Begin()
			time.Sleep(time.Millisecond) // clients do not repeat a datagram that the server had no room for
		}
		for _, child := range children {
			reports = append(reports, child.Wait())
		}
		time.Sleep(500 * time.Millisecond) // the last acknowledgements
		for _, f := range here.Entries() {
			local := netip.AddrPortFrom(f.TupleOrig.IP.SourceAddress, f.TupleOrig.Proto.SourcePort)
			held[name(f.TupleOrig.Proto.Protocol, local)] += f.CountersOrig.Bytes + f.CountersReply.Bytes
		}
	}, "--interval", "1s", "--format", "json", "--flows", "--monitor", "conntrack", "--monitor", "machine")
	for _, child := range children {
		if c.lasting {
			child.Stop()
		}
	}
	var s traffic.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s, held, reports
}

func name(proto uint8, local netip.AddrPort) string {
	return traffic.Proto(proto).String() + " " + local.String()
}

// servers has one server of each protocol and family on a host.
func servers(there *lab.Host) (targets []lab.Client) {
	for _, proto := range []string{"tcp", "udp"} {
		for _, at := range []string{"198.18.1.2:0", "[fd00:1::2]:0"} {
			s := there.Serve(lab.Server{Proto: proto, Listen: netip.MustParseAddrPort(at)})
			targets = append(targets, lab.Client{Proto: proto, Target: s.Addr})
		}
	}
	return targets
}

// TestAttribution: 200 processes with 2,000 connections over TCP and UDP, IPv4
// and IPv6, that live 3 s or more. At least 99.9 % of what the entries hold at
// the end is booked to the right command line, and all rows together hold
// exactly what all entries hold.
func TestAttribution(t *testing.T) {
	here, there := pair(t)
	targets := servers(there)
	var c crossing
	c.lasting = true
	for i := range 200 {
		client := targets[i%len(targets)]
		client.Args = []string{fmt.Sprintf("/opt/app%03d/bin/app%03d", i, i), "--number", strconv.Itoa(i)}
		client.Connections, client.Parallel = 10, 10
		client.Send, client.Receive = uint64(2_000+100*i), uint64(5_000+200*i)
		client.Life, client.Spread = 3*time.Second, true
		c.clients = append(c.clients, client)
	}
	s, held, reports := ledgerOf(t, here, c)

	var want uint64
	for _, bytes := range held {
		want += bytes
	}
	connections, booked, right := audit(s, c, reports)
	t.Logf("entries hold %d bytes, rows %d (difference %d), %.4f %% on the right command line",
		want, booked, int64(booked-want), 100*float64(right)/float64(want))
	if connections != 2000 || booked != want {
		t.Errorf("%d connections; the rows hold %d bytes, the entries %d", connections, booked, want)
	}
	if float64(right) < 0.999*float64(want) {
		t.Errorf("%d of %d bytes are on the right command line, want 99.9 %%", right, want)
	}
}

// TestInboundAttribution: 40 servers of this host, each with connections from
// another one. All the entries hold is booked, and to the server.
func TestInboundAttribution(t *testing.T) {
	here, there := pair(t)
	serves := make(map[string]string) // protocol and address: command line
	var clients []*lab.Child
	for i := range 40 {
		proto, at := []string{"tcp", "udp"}[i%2], []string{"198.18.1.1:0", "[fd00:1::1]:0"}[i/2%2]
		args := []string{fmt.Sprintf("/opt/server%02d", i), "--number", strconv.Itoa(i)}
		server := here.Serve(lab.Server{Args: args, Proto: proto, Listen: netip.MustParseAddrPort(at)})
		serves[proto+" "+server.Addr.String()] = strings.Join(args, " ")
		clients = append(clients, there.Start(lab.Client{
			Proto: proto, Target: server.Addr, Connections: 10, Parallel: 10, Send: uint64(5_000 + 100*i), Receive: 20_000,
			Life: 3 * time.Second, Spread: true, Hold: true, KeepOpen: true,
		}))
	}
	var held uint64
	out := snapshotDuring(t, here, func() {
		time.Sleep(500 * time.Millisecond) // the baseline of a table that is still empty
		for _, c := range clients {
			c.Begin()
		}
		for _, c := range clients {
			c.Wait()
		}
		time.Sleep(500 * time.Millisecond) // the last acknowledgements
		for _, f := range here.Entries() {
			held += f.CountersOrig.Bytes + f.CountersReply.Bytes
		}
	}, "--interval", "1s", "--format", "json", "--flows", "--monitor", "conntrack", "--monitor", "machine")
	for _, c := range clients {
		c.Stop()
	}
	var s traffic.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	flows, booked, right := 0, uint64(0), uint64(0)
	for _, app := range s.Apps {
		booked += app.RxBytes + app.TxBytes
		for _, command := range app.Commands {
			flows += len(command.Flows)
			for _, f := range command.Flows {
				if serves[f.Proto+" "+f.Local.String()] == command.Command {
					right += f.RxBytes + f.TxBytes
				}
			}
		}
	}
	t.Logf("entries hold %d bytes, rows %d, %.4f %% on the right command line", held, booked, 100*float64(right)/float64(held))
	if flows != 400 || booked != held || float64(right) < 0.999*float64(held) {
		t.Errorf("%d flows; the rows hold %d bytes, the right ones %d, the entries %d", flows, booked, right, held)
	}
}

// audit sets a snapshot with flows against what the clients did: how many
// connections they made, what all rows hold, and what of it stands with the
// command line of the client that made the connection. A local port may have
// served two clients in turn; then the number of flows of each tells whether
// they were mixed up.
func audit(s traffic.Snapshot, c crossing, reports []lab.Report) (connections int, booked, right uint64) {
	type claim struct{ flow, command string }
	made := make(map[claim]int)
	for i, r := range reports {
		for _, conn := range r.Conns {
			connections++
			flow := name(protoOf(c.clients[i].Proto), conn.Local) + " " + conn.Remote.String()
			made[claim{flow, strings.Join(c.clients[i].Args, " ")}]++
		}
	}
	for _, app := range s.Apps {
		booked += app.RxBytes + app.TxBytes
		for _, command := range app.Commands {
			for _, f := range command.Flows {
				k := claim{f.Proto + " " + f.Local.String() + " " + f.Remote.String(), command.Command}
				if made[k] > 0 {
					made[k]--
					right += f.RxBytes + f.TxBytes
				}
			}
		}
	}
	return connections, booked, right
}

func protoOf(name string) uint8 {
	if name == "udp" {
		return uint8(traffic.UDP)
	}
	return uint8(traffic.TCP)
}

// TestShortConnections: processes that live long open connections that live 2
// to 500 ms. Nothing is missing from the totals, and nothing is booked to a wrong
// process: what is not the right one's is nobody's. How much that is depends on when the
// machine lets bwmon run. On one that has nothing else to do at least 99 % is the right
// one's, in one of three attempts: BWMON_FIGURES=1 asks for that. Here a tenth has to
// be, which shows that sockets are looked up when they begin.
func TestShortConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute long: left out of short runs")
	}
	var best float64
	for range 3 {
		if best = max(best, shortConnections(t)); best >= 0.99 {
			return
		}
	}
	t.Logf("at best %.3f %% of the bytes are on the right process; 99 %% on a machine without other work", 100*best)
	if best < 0.1 || os.Getenv("BWMON_FIGURES") != "" {
		t.Errorf("at best %.3f %% of the bytes are on the right process", 100*best)
	}
}

// shortConnections returns the share of bytes that is on the right process.
func shortConnections(t *testing.T) float64 {
	here, there := pair(t)
	targets := servers(there)
	lives := []time.Duration{2, 5, 10, 20, 50, 100, 200, 500}
	var c crossing
	for i := range 32 {
		client := targets[i%len(targets)]
		client.Args = []string{fmt.Sprintf("/opt/app%02d", i), strconv.Itoa(i)}
		client.Life = lives[i/4%len(lives)] * time.Millisecond
		client.Connections = int(8 * time.Second / (client.Life + 20*time.Millisecond))
		client.Pause = 20 * time.Millisecond
		client.Send, client.Receive = 2_000, 8_000
		c.clients = append(c.clients, client)
	}
	before := here.Counters("eth0")
	s, _, reports := ledgerOf(t, here, c)
	carried := here.Counters("eth0").Sub(before).Layer3(14)

	connections, booked, right := audit(s, c, reports)
	all := carried.RxBytes + carried.TxBytes
	share := float64(right) / float64(booked)
	t.Logf("%d connections: interface carried %d, rows hold %d, (unattributed) %d, on the right process %.3f %%",
		connections, all, booked, s.Balance.UnattributedRx+s.Balance.UnattributedTx, 100*share)
	if nobodys := s.Balance.UnattributedRx + s.Balance.UnattributedTx; right+nobodys+1000 < booked {
		t.Errorf("of %d bytes %d are on the right process and %d nobody's: the others are on wrong ones", booked, right, nobodys)
	}
	// Multicast listener reports and ARP are not tracked: 76 and 28 bytes each.
	if booked > all || all-booked > 1000 {
		t.Errorf("the interface carried %d bytes, the rows hold %d", all, booked)
	}
	return share
}
