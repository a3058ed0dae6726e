package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bwmon/lab"
	"bwmon/traffic"
)

// unitFile is a unit of systemd as it is installed, but for where the program is.
func unitFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../dist/systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "/usr/local/bin/bwmon", command(t, t.Context()).Path)
}

// TestUnitsVerify: systemd finds nothing wrong with the units.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, name := range []string{"bwmon.service", "bwmon-receive.service", "bwmon.socket"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(unitFile(t, name)), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "bwmon") { // it may complain of other units
		t.Errorf("%v: %s", err, out)
	}
	if !strings.Contains(unitFile(t, "bwmon.socket"), "ListenStream="+defaultConfig().Control.Socket+"\n") {
		t.Error("the socket is not where the configuration has it")
	}
}

// TestUnitCapabilities: with what the unit leaves it, a daemon of all monitors counts,
// and knows whose it is. Only systemd itself can try the unit's other limits.
func TestUnitCapabilities(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip(err)
	}
	here, there := pair(t)
	set := "-all"
	for _, line := range regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindAllStringSubmatch(unitFile(t, "bwmon.service"), -1) {
		for _, name := range strings.Fields(line[1]) {
			set += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
		}
	}
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	s := newServed(t, "")
	cmd := s.command(nil, "--monitor", "socket", "--monitor", "conntrack", "--cgroup", here.Cgroup())
	cmd.Args = append([]string{"setpriv", "--bounding-set=" + set, "--inh-caps=-all", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = setpriv
	here.Do(func() error { s.launch(cmd); return nil })
	var shown traffic.Snapshot
	ask := func() bool { return get(dialer("unix", s.socket), "/api/v1/snapshot", &shown) == nil }
	poll(t, "all monitors run", func() bool { return ask() && allStarted(&shown) })
	for _, m := range shown.Monitors {
		if m.State != traffic.StateRunning {
			t.Errorf("the monitor %s is %s: %s", m.Name, m.State, m.Detail)
		}
	}
	const sent, received = 20_000, 30_000
	here.Start(lab.Client{Args: []string{"client", "x"}, Proto: "tcp", Target: server.Addr, Send: sent, Receive: received}).Wait()
	poll(t, "the client is booked", func() bool {
		if !ask() {
			return false
		}
		rx, tx := rowOf(shown, "client x")
		return rx >= received && tx >= sent
	})
	s.term()
}
