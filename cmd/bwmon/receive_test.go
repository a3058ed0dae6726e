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
	"net/url"
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

// fleetReceiver is a "bwmon receive" on a host.
type fleetReceiver struct {
	t      *testing.T
	host   *lab.Host
	name   string // its address
	dir    string
	cmd    *exec.Cmd
	errs   *lines
	client *http.Client
	// problem is what was said last in place of an answer.
	problem string
}

// startFleet makes a fleet whose receiver is on that host, and runs it.
func startFleet(t *testing.T, host *lab.Host, name, more string) *fleetReceiver {
	t.Helper()
	r := &fleetReceiver{t: t, host: host, name: name, dir: t.TempDir()}
	r.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, address string) (c net.Conn, err error) {
			err = host.Do(func() error {
				c, err = net.Dial(network, address)
				return err
			})
			return c, err
		}}}
	r.fleet("init", "--name", name)
	src := fmt.Sprintf("state_dir = %q\n[control]\nsocket = \"\"\n[http]\nlisten = \"127.0.0.1:8000\"\n[receive]\ncontrol = %q\nlisten = \"%s:8443\"\ndir = %q\nhistory = %q\nflush = \"3s\"\ninterval = \"1s\"\n%s",
		filepath.Join(r.dir, "state"), filepath.Join(r.dir, "r.sock"), name, filepath.Join(r.dir, "fleet"), filepath.Join(r.dir, "fleet.db"), more)
	if err := os.WriteFile(filepath.Join(r.dir, "bwmon.toml"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	return r
}

// fleet runs "bwmon fleet" there.
func (r *fleetReceiver) fleet(action string, args ...string) string {
	r.t.Helper()
	cmd := command(r.t, r.t.Context(), append([]string{"fleet", action, "--dir", filepath.Join(r.dir, "fleet")}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("fleet %s: %v: %s", action, err, errs.String())
	}
	return string(out)
}

func (r *fleetReceiver) start() {
	r.t.Helper()
	r.errs = &lines{}
	r.cmd = command(r.t, r.t.Context(), "receive", "-c", filepath.Join(r.dir, "bwmon.toml"))
	r.cmd.Stderr = r.errs
	if err := r.host.Do(r.cmd.Start); err != nil {
		r.t.Fatal(err)
	}
	cmd := r.cmd
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait() // unless it has been waited for
	})
	poll(r.t, "the receiver answers", func() bool { return r.get("/healthz", nil) })
}

// kill ends it as a failing power supply would.
func (r *fleetReceiver) kill() {
	r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *fleetReceiver) get(path string, answer any) bool {
	res, err := r.client.Get("http://127.0.0.1:8000" + path)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		r.problem = string(text)
	}
	return res.StatusCode == http.StatusOK && (answer == nil || json.NewDecoder(res.Body).Decode(answer) == nil)
}

// used is what the history of a host, or of all ("" ), has in the rows of that name.
func (r *fleetReceiver) used(host, by, name, app string) (u octets) {
	path := "/api/v1/history?since=1h&by=" + by + "&name=" + url.QueryEscape(name) + "&app=" + url.QueryEscape(app)
	if host != "" {
		path = "/hosts/" + host + path
	}
	var report traffic.Report
	if !r.get(path, &report) {
		return octets{}
	}
	for _, row := range report.Rows {
		u.rx, u.tx = u.rx+row.RxBytes, u.tx+row.TxBytes
	}
	return u
}

// octets are bytes both ways.
type octets struct{ rx, tx uint64 }

func (o octets) add(p octets) octets { return octets{o.rx + p.rx, o.tx + p.tx} }

// payloadOf is what the app of that name carried.
func payloadOf(s *traffic.Snapshot, app string) (o octets) {
	for i := range s.Apps {
		if a := &s.Apps[i]; a.Name == app {
			o = octets{a.RxBytes, a.TxBytes}
		}
	}
	return o
}

// member is what the receiver knows of a host.
func (r *fleetReceiver) member(host string) (m traffic.Member) {
	var s traffic.Snapshot
	if r.get("/api/v1/snapshot", &s) {
		for _, m := range s.Hosts {
			if m.Host == host {
				return m
			}
		}
	}
	return m
}

// join has a host get its certificate, by what an invitation prints.
func (r *fleetReceiver) join(host *lab.Host, name, dir string) {
	r.t.Helper()
	words := strings.Fields(r.fleet("invite", "--url", "https://"+r.name+":8443", name))
	cmd := command(r.t, r.t.Context(), append(words[1:], "--dir", filepath.Join(dir, "identity"))...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := host.Do(cmd.Run); err != nil {
		r.t.Fatalf("join: %v: %s", err, out.String())
	}
}

// published is what goes into the configuration of a host to publish there; what it needs
// is in a directory of its own.
func (r *fleetReceiver) published(name, dir string) string {
	return fmt.Sprintf("[publish]\nurl = \"https://%s:8443\"\nthis_host = %q\ninterval = \"1s\"\nidentity = %q\nqueue = %q\n",
		r.name, name, filepath.Join(dir, "identity"), filepath.Join(dir, "queue"))
}

// publishStatus is what a daemon says of its publishing.
func publishStatus(s *traffic.Snapshot) (m traffic.MonitorStatus) {
	for _, m = range s.Monitors {
		if m.Name == "publish" {
			return m
		}
	}
	return traffic.MonitorStatus{}
}

// settled waits until an app of the host has carried that much, and no more comes, and
// returns its total.
func (d *daemonProcess) settled(app string, atLeast uint64) (o octets) {
	d.t.Helper()
	since := time.Now() // the last packets of a connection are late
	d.until("the daemon has counted the traffic", func(s *traffic.Snapshot) bool {
		now := payloadOf(s, app)
		if now != o {
			o, since = now, time.Now()
		}
		return o.rx >= atLeast && time.Since(since) > time.Second
	})
	return o
}

// TestFleet: a host joins and publishes real traffic over TLS; receiver and host are
// killed, alone and together, and the receiver has the totals of the host, in its live
// books and in all its histories. A host that was revoked is refused, and silent.
func TestFleet(t *testing.T) {
	here, there := cable(t, true)
	const receiver, host, app = "198.18.1.2", "web-1", "payload"
	r := startFleet(t, there, receiver, "silent_after = \"5s\"\n[[rule]]\nname = \"gone\"\nhost = \".*\"\nsilent = \"5s\"\n")
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort(receiver + ":7000")})
	dir := t.TempDir()
	r.join(here, host, dir)
	d := startDaemon(t, here, r.published(host, dir), "--cgroup", here.Cgroup(), "--monitor", kindSocket, "--monitor", kindMachine)

	load := func() {
		here.Start(lab.Client{Args: []string{app}, Proto: "tcp", Target: server.Addr, Connections: 3, Send: 30_000, Receive: 200_000}).Wait()
	}
	published := func(what string, want octets) {
		t.Helper()
		defer func() {
			if t.Failed() {
				t.Logf("%s: want %v; receiver: history %v, member %+v, log %s, problem %s; host: %+v", what, want,
					r.used(host, traffic.ByApp, app, ""), r.member(host), r.errs, r.problem, d.snapshot().Monitors)
			}
		}()
		poll(t, what+": the receiver has the host's total", func() bool {
			return r.used(host, traffic.ByApp, app, "") == want
		})
		for _, of := range []struct{ host, by, name, app string }{
			{host, traffic.ByCommand, app, app}, {"", traffic.ByApp, app, ""}, {"", traffic.ByHost, host, app},
		} {
			if got := r.used(of.host, of.by, of.name, of.app); got != want {
				t.Errorf("%s: the history of %q by %s has %v, the host %v", what, of.host, of.by, got, want)
			}
		}
	}

	load()
	total := d.settled(app, 600_000)
	published("at first", total)
	poll(t, "the fleet's snapshot has the host", func() bool {
		m := r.member(host)
		return m.State == traffic.MemberReporting && m.RxBytes >= 600_000 && m.Apps > 0
	})

	// The receiver is killed while traffic flows, and comes back.
	child := here.Start(lab.Client{Args: []string{app}, Proto: "tcp", Target: server.Addr, Send: 50_000, Receive: 400_000, Life: 3 * time.Second, Spread: true})
	time.Sleep(1500 * time.Millisecond)
	r.kill()
	child.Wait()
	total = d.settled(app, 1_000_000)
	r.start()
	published("after the receiver was killed", total)

	// The host is killed while the receiver is away: what is in its queue counts.
	r.kill()
	load()
	total = d.settled(app, 1_600_000)
	d.until("batches wait", func(s *traffic.Snapshot) bool { return strings.Contains(publishStatus(s).Detail, "batches wait") })
	time.Sleep(2 * time.Second) // more than the interval: it is all in the queue
	d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	before := total
	d.start()
	r.start()
	load()
	total = before.add(d.settled(app, 600_000))
	published("after both were killed", total)

	// One who is revoked is refused at once, and told so.
	r.fleet("revoke", host)
	d.until("the host is told that it was revoked", func(s *traffic.Snapshot) bool {
		m := publishStatus(s)
		return m.State == traffic.StateFailed && strings.Contains(m.Detail, "revoked")
	})
	poll(t, "the host is silent, and the rule says so", func() bool {
		var s traffic.Snapshot
		return r.member(host).State != traffic.MemberReporting && r.get("/api/v1/snapshot", &s) && len(s.Alerts) > 0 && s.Alerts[0].Rule == "gone"
	})
	published("in the end", total)

	// The rules are read anew; who is forgotten is no longer missed.
	config := filepath.Join(r.dir, "bwmon.toml")
	ask := func(args ...string) string {
		t.Helper()
		out, err := command(t, t.Context(), append(args, "-c", config)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	if out := ask("alerts"); !strings.Contains(out, "gone") {
		t.Errorf("bwmon alerts asks the receiver, and says %s", out)
	}
	if out := ask("report", "--by", "host", "--app", app); !strings.Contains(out, host) {
		t.Errorf("bwmon report asks the receiver, and says %s", out)
	}
	text, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, bytes.ReplaceAll(text, []byte(`"gone"`), []byte(`"lost"`)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Process.Signal(syscall.SIGHUP)
	alert := func() string {
		var s traffic.Snapshot
		if !r.get("/api/v1/snapshot", &s) || len(s.Alerts) == 0 {
			return ""
		}
		return s.Alerts[0].Rule
	}
	poll(t, "the rule has its other name", func() bool { return alert() == "lost" })
	ask("fleet", "forget", host)
	poll(t, "the host is forgotten", func() bool { return r.member(host).Host == "" && alert() == "" })
}
