package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// daemon is a "bwmon run" on a host.
type daemonProcess struct {
	t      *testing.T
	host   *lab.Host
	bin    string // which everybody may run
	group  string // cgroup of the daemon itself; "": the test's
	config string
	socket string
	args   []string
	cmd    *exec.Cmd
	errs   *lines
	client *http.Client
}

// startDaemon runs one on a host, with more configuration.
func startDaemon(t *testing.T, host *lab.Host, more string, args ...string) *daemonProcess {
	t.Helper()
	return startDaemonIn(t, host, "", more, args...)
}

func startDaemonIn(t *testing.T, host *lab.Host, group, more string, args ...string) *daemonProcess {
	t.Helper()
	// Where everybody may look for it, unlike t.TempDir.
	dir, err := os.MkdirTemp("", "bwmon-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bwmon")
	if err := copyFile(command(t, t.Context()).Path, bin); err != nil {
		t.Fatal(err)
	}
	d := &daemonProcess{t: t, host: host, bin: bin, group: group, socket: filepath.Join(dir, "bwmon.sock"), args: args}
	d.config = filepath.Join(dir, "bwmon.toml")
	src := fmt.Sprintf("interval = \"100ms\"\nstate_dir = %q\n[control]\nsocket = %q\ngroup = \"nogroup\"\n[history]\npath = %q\nflush = \"1s\"\n%s",
		filepath.Join(dir, "state"), d.socket, filepath.Join(dir, "history.db"), more)
	if err := os.WriteFile(d.config, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	d.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
		}}}
	d.start()
	return d
}

func (d *daemonProcess) start() {
	d.t.Helper()
	d.errs = &lines{}
	d.cmd = command(d.t, d.t.Context(), append([]string{"run", "-c", d.config}, d.args...)...)
	d.cmd.Stderr = d.errs
	if d.group != "" {
		inGroup(d.t, d.cmd, d.group)
	}
	if err := d.host.Do(d.cmd.Start); err != nil {
		d.t.Fatal(err)
	}
	cmd := d.cmd
	d.t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait() // unless it has been waited for
	})
	d.until("it answers", func(s *traffic.Snapshot) bool { return allStarted(s) })
}

// snapshot is what the daemon shows now; nil where it does not answer.
func (d *daemonProcess) snapshot() *traffic.Snapshot {
	answer, err := d.client.Get("http://bwmon/api/v1/snapshot")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var s traffic.Snapshot
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&s) != nil {
		return nil
	}
	return &s
}

// until waits for a snapshot that fulfils cond, and returns it.
func (d *daemonProcess) until(what string, cond func(*traffic.Snapshot) bool) (found *traffic.Snapshot) {
	d.t.Helper()
	poll(d.t, what, func() bool {
		found = d.snapshot()
		return found != nil && cond(found)
	})
	return found
}

// stop ends the daemon as a service manager would.
func (d *daemonProcess) stop() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the daemon ended: %v; %s", err, d.errs)
	}
	if _, err := os.Lstat(d.socket); err == nil {
		d.t.Error("the daemon left its socket behind")
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// pipeline is "bwmon pipe" with both ends in our hands.
type pipeline struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	errs *lines
}

func (d *daemonProcess) pipe(name string, as *syscall.Credential) *pipeline {
	d.t.Helper()
	p := &pipeline{cmd: command(d.t, d.t.Context(), "pipe", "-c", d.config, "--name", name), errs: &lines{}}
	p.cmd.Path, p.cmd.Dir, p.cmd.Stderr = d.bin, filepath.Dir(d.bin), p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

func (p *pipeline) write(t *testing.T, n int) {
	t.Helper()
	if _, err := p.in.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// appOf sums what an app is booked.
func appOf(s *traffic.Snapshot, name string) (rx, tx uint64) {
	for _, a := range s.Apps {
		if a.Name == name {
			rx, tx = rx+a.RxBytes, tx+a.TxBytes
		}
	}
	return rx, tx
}

// TestPipeReports: what a pipe carries stands in the daemon's table, through the
// daemon's end and return, to the byte.
func TestPipeReports(t *testing.T) {
	here, _ := pair(t)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	p := d.pipe("backup", nil)
	p.write(t, 100_000)
	first := d.until("the first bytes", func(s *traffic.Snapshot) bool {
		_, tx := appOf(s, "backup")
		return tx == 100_000
	})
	if b := first.Balance; b.LocalTx != 0 || b.ForwardedTx != 0 || b.UnattributedTx != 0 {
		t.Errorf("a pipe is in the balance: %+v", b)
	}
	// The writer is this process; nobody reads /dev/null.
	var commands []string
	for _, a := range first.Apps {
		for _, c := range a.Commands {
			if a.Name == "backup" && c.TxBytes > 0 {
				commands = append(commands, c.Command)
			}
		}
	}
	if len(commands) != 1 || !strings.Contains(commands[0], "bwmon.test") {
		t.Errorf("the commands that wrote: %q", commands)
	}

	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	p.write(t, 5_000)
	time.Sleep(1200 * time.Millisecond) // it tries, and nobody is there
	d.start()
	p.write(t, 300)
	d.until("what came since", func(s *traffic.Snapshot) bool {
		_, tx := appOf(s, "backup")
		return tx == 5_300
	})
	p.write(t, 21)
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("pipe: %v, %s", err, p.errs)
	}
	if text := p.errs.String(); text != "" { // the daemon has it all
		t.Errorf("pipe says %q", text)
	}
	d.until("the end", func(s *traffic.Snapshot) bool {
		_, tx := appOf(s, "backup")
		return tx == 5_321
	})
	d.stop()
}

// TestPipeOfAUser: who may report is decided by the socket; who may not is told so,
// and keeps the summary.
func TestPipeOfAUser(t *testing.T) {
	here, _ := pair(t)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	const nobody, nogroup = 65534, 65534
	for _, tt := range []struct {
		name string
		gid  uint32
		says string
		tx   uint64
	}{
		{"member", nogroup, "", 1000},
		{"stranger", 54321, "you may not use its control socket", 0},
	} {
		p := d.pipe(tt.name, &syscall.Credential{Uid: nobody, Gid: tt.gid})
		p.write(t, 1000)
		p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if text := p.errs.String(); !strings.Contains(text, tt.says) || tt.says == "" && text != "" ||
			tt.says != "" && !strings.Contains(text, "1000 B") && !strings.Contains(text, "(1000 bytes)") {
			t.Errorf("%s: pipe says %q", tt.name, text)
		}
		time.Sleep(300 * time.Millisecond)
		s := d.snapshot()
		if _, tx := appOf(s, tt.name); tx != tt.tx {
			t.Errorf("%s: the daemon has %d bytes", tt.name, tx)
		}
	}
	d.stop()
}

// TestRelayCountsOnce: a relay of a daemon, and one that reports to it, stand in
// their clients' rows; their own sockets are in the balance alone.
func TestRelayCountsOnce(t *testing.T) {
	here, there := cable(t, true)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	d := startDaemonIn(t, here, group, fmt.Sprintf("[[monitor]]\ntype = \"forward\"\nlisten = \":8001\"\ntarget = %q\n", server.Addr), "--cgroup", group)
	relay := command(t, t.Context(), "forward", "-c", d.config, "0.0.0.0:8002", server.Addr.String())
	inGroup(t, relay, group)
	var errs lines
	relay.Stderr = &errs
	if err := here.Do(relay.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Process.Kill() })
	poll(t, "the relay listens", func() bool { return strings.Contains(errs.String(), "forwarding") })
	time.Sleep(1200 * time.Millisecond) // and has reported
	before := here.Counters("eth0")
	const sent, received = 200_000, 300_000
	for _, port := range []string{"127.0.0.1:8001", "127.0.0.1:8002"} {
		here.Start(lab.Client{
			Args: []string{"client", port}, Proto: "tcp", Target: netip.MustParseAddrPort(port), Send: sent, Receive: received,
			Life: time.Second,
		}).Wait()
	}
	s := d.until("both clients", func(s *traffic.Snapshot) bool {
		rx1, _ := appOf(s, "pipe-8001:198.18.1.2:7000")
		rx2, _ := appOf(s, "pipe-8002:198.18.1.2:7000")
		return rx1 == received && rx2 == received
	})
	for _, port := range []string{"8001", "8002"} {
		for _, a := range s.Apps {
			if a.Name != "pipe-"+port+":198.18.1.2:7000" {
				continue
			}
			if len(a.Commands) == 0 || a.TxBytes != sent {
				t.Errorf("%+v", a)
			}
			for _, c := range a.Commands {
				if c.TxBytes > 0 && c.Command != "client 127.0.0.1:"+port {
					t.Errorf("%s is booked %d", c.Command, c.TxBytes)
				}
			}
		}
		// Its own socket, over loopback.
		if rx, tx := rowOf(*s, "client 127.0.0.1:"+port); rx > 2*received+100_000 || tx > 2*sent+100_000 {
			t.Errorf("the client of %s has rx %d, tx %d", port, rx, tx)
		}
	}
	if rx, tx := appOf(s, "bwmon"); rx+tx > 1000 { // DNS and the like it may have
		t.Errorf("the relays' own sockets have rx %d, tx %d", rx, tx)
	}
	carried := here.Counters("eth0").Sub(before).Layer3(14)
	if b := s.Balance; b.LocalTx < 2*sent || b.LocalRx < 2*received || b.LocalTx > carried.TxBytes || b.ResidualRx > 1000 || b.ResidualTx > 1000 {
		t.Errorf("the books do not balance: %+v; the interface carried %+v", b, carried)
	}
	relay.Process.Signal(syscall.SIGTERM)
	if err := relay.Wait(); err != nil {
		t.Errorf("relay: %v, %s", err, errs.String())
	}
	d.stop()
}

// TestTwoDaemons: the second one says who is in its way, and leaves it alone.
func TestTwoDaemons(t *testing.T) {
	here, _ := pair(t)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	second := command(t, t.Context(), "run", "-c", d.config)
	var errs bytes.Buffer
	second.Stderr = &errs
	err := here.Do(second.Run)
	if err == nil || !strings.Contains(errs.String(), "another bwmon has the control socket") {
		t.Errorf("%v, %s", err, errs.String())
	}
	if d.snapshot() == nil {
		t.Error("the first one does not answer any more")
	}
	d.stop()
}

// inGroup has a command start in a cgroup.
func inGroup(t *testing.T, cmd *exec.Cmd, group string) {
	t.Helper()
	dir, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
}
