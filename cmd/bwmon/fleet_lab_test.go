package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bwmon/lab"
	"bwmon/traffic"
)

// receiverProcess is a "bwmon receive" on a host.
type receiverProcess struct {
	t    *testing.T
	host *lab.Host
	dir  string
	errs *lines
	page *http.Client
}

// startReceiver makes a fleet and runs its receiver, on port 8443 of a host.
func startReceiver(t *testing.T, host *lab.Host, name string) *receiverProcess {
	t.Helper()
	r := &receiverProcess{t: t, host: host, dir: t.TempDir(), errs: &lines{}}
	config := fmt.Sprintf("state_dir = %q\n[control]\nsocket = %q\n[receive]\ndir = %q\nhistory = %q\nflush = \"1s\"\ninterval = \"1s\"\n",
		r.dir+"/state", r.dir+"/s", r.dir+"/fleet", r.dir+"/fleet.db")
	if err := os.WriteFile(r.dir+"/r.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r.does(host, "fleet", "init", "--name", name)
	r.page = &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
			err = host.Do(func() error {
				conn, err = net.Dial(network, address)
				return err
			})
			return conn, err
		}}}
	cmd := command(t, context.Background(), "receive", "-c", r.dir+"/r.toml") // it is ended below
	cmd.Stderr = r.errs
	if err := host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the receiver ended: %v; %s", err, r.errs)
		}
	})
	poll(t, "the receiver answers", func() bool { return r.snapshot() != nil })
	return r
}

// does runs a command with the receiver's configuration on a host, and returns what it
// prints.
func (r *receiverProcess) does(on *lab.Host, args ...string) string {
	r.t.Helper()
	var out, errs bytes.Buffer
	cmd := command(r.t, r.t.Context(), append(args, "-c", r.dir+"/r.toml")...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := on.Do(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		r.t.Fatalf("%v: %v: %s", args, err, errs.String())
	}
	return out.String()
}

// join has a host join by what an invitation prints.
func (r *receiverProcess) join(host *lab.Host, name, dir string) {
	r.t.Helper()
	words := strings.Fields(r.does(r.host, "fleet", "invite", name))
	r.does(host, append(words[1:], "--dir", dir)...)
}

// snapshot is the fleet as it is now; nil where nobody answers.
func (r *receiverProcess) snapshot() *traffic.Snapshot {
	answer, err := r.page.Get("http://127.0.0.1:8000/api/v1/snapshot")
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

// member is a host of the fleet; nil where there is none of that name.
func (r *receiverProcess) member(name string) *traffic.Member {
	s := r.snapshot()
	for i := range s.Hosts {
		if s.Hosts[i].Host == name {
			return &s.Hosts[i]
		}
	}
	return nil
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

// TestFleetOfTwoMachines: a host joins, publishes over TLS, is revoked and comes back,
// while the receiver runs.
func TestFleetOfTwoMachines(t *testing.T) {
	l := lab.New(t)
	here, there := l.Host("receiver"), l.Host("web")
	l.Link(lab.End{Host: here, Name: "eth0", Addrs: []string{"198.18.0.1/24"}}, lab.End{Host: there, Name: "eth0", Addrs: []string{"198.18.0.2/24"}})
	r := startReceiver(t, here, "198.18.0.1")
	dir := t.TempDir()
	publish := fmt.Sprintf("[publish]\nurl = \"https://198.18.0.1:8443\"\nthis_host = \"web-1\"\ninterval = \"1s\"\nidentity = %q\nqueue = %q\n",
		dir+"/identity", filepath.Join(dir, "queue"))

	// Who did not join does not know the receiver, and learns nothing by asking.
	d := startDaemon(t, there, publish, "--monitor", "machine")
	d.until("the daemon says that it trusts nobody there", func(s *traffic.Snapshot) bool {
		m := publishStatus(s)
		return m.State == traffic.StateFailed && strings.Contains(m.Detail, "unknown authority")
	})
	d.stop()
	r.join(there, "web-1", dir+"/identity")
	d.start()
	poll(t, "the host is in the fleet", func() bool { return r.member("web-1") != nil })

	r.does(here, "fleet", "revoke", "web-1")
	d.until("the daemon says that it was revoked", func(s *traffic.Snapshot) bool {
		m := publishStatus(s)
		return m.State == traffic.StateFailed && strings.Contains(m.Detail, `host "web-1" was revoked`)
	})
	d.stop()
	seen := r.member("web-1").Seen
	r.join(there, "web-1", dir+"/identity")
	d.start()
	poll(t, "the host has come back", func() bool { return r.member("web-1").Seen.After(seen) })
	if list := r.does(here, "fleet", "list"); !strings.Contains(list, "web-1  joined") {
		t.Errorf("the list says\n%s", list)
	}
	d.stop()
}
