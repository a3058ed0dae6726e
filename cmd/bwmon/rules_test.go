package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/notify"
	"bwmon/traffic"
)

// agreed is a configuration with a rule about "client", told to a script.
func agreed(t *testing.T, condition, script string) (config, said string) {
	t.Helper()
	dir := t.TempDir()
	said = filepath.Join(dir, "said")
	program := filepath.Join(dir, "page")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+fmt.Sprintf(script, said)), 0o755); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
[[notify]]
name = "ops"
type = "command"
command = "%s --urgent"
[[rule]]
name = "cap"
app = "^client$"
%s
notify = ["ops"]
`, program, condition), said
}

// toldBy is what the script has written, word by word.
func toldBy(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// run runs bwmon with the daemon's configuration and returns what it printed.
func (d *daemonProcess) run(args ...string) string {
	d.t.Helper()
	cmd := command(d.t, d.t.Context(), append(args, "-c", d.config)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%v: %v, %s", args, err, errs.String())
	}
	return string(out)
}

// TestRuleOnRealTraffic: 5 MiB/s over a cap of 4 MiB/s fire once, within the window
// and a little, and resolve once it is over.
func TestRuleOnRealTraffic(t *testing.T) {
	here, there := cable(t, true)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	more, said := agreed(t, `tx_above = "4 MiB/s"
clear = "1 MiB/s"
window = "1s"`, `echo "$BWMON_STATE,$BWMON_RULE,$BWMON_APP,$BWMON_DIRECTION" >> %s`)
	d := startDaemon(t, here, more, "--cgroup", group)
	began := time.Now()
	here.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 21 << 20, Chunk: 64 << 10, Spread: true, Life: 4 * time.Second,
	}).Wait()
	poll(t, "it is resolved", func() bool { return len(toldBy(t, said)) >= 2 })
	time.Sleep(500 * time.Millisecond) // nothing more is said
	if got := strings.Join(toldBy(t, said), " "); got != "firing,cap,client,tx resolved,cap,client,tx" {
		t.Errorf("told: %s", got)
	}
	var list alertList
	if err := json.Unmarshal([]byte(d.run("alerts", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Current) != 0 || len(list.Past) != 2 || list.Past[1].State != notify.StateFiring {
		t.Fatalf("alerts: %+v", list)
	}
	fired := list.Past[1]
	t.Logf("fired %.2f s after the traffic began, at %.0f bytes/s", fired.Since.Sub(began).Seconds(), fired.Value)
	if late := fired.Since.Sub(began); late > 2500*time.Millisecond || fired.Value < 4<<20 || fired.Value > 7<<20 {
		t.Errorf("fired %v after the traffic began, at %.0f bytes/s", late, fired.Value)
	}
	if n := strings.Count(d.errs.String(), "client exceeding 'out' bandwidth limit"); n != 1 {
		t.Errorf("%d lines on stderr: %s", n, d.errs)
	}
	if text := d.run("alerts", "--rule", "^cap$"); !strings.Contains(text, "resolved") || !strings.Contains(text, "tx above 4 MiB/s") {
		t.Errorf("alerts: %s", text)
	}
	if text := d.run("alerts", "--subject", "nobody"); !strings.Contains(text, "no alerts") {
		t.Errorf("alerts: %s", text)
	}
	s := d.snapshot()
	found := false
	for _, m := range s.Monitors {
		found = found || m.Name == "notify:ops" && m.State == traffic.StateRunning && strings.HasPrefix(m.Detail, "2 delivered, 0 waiting")
	}
	if !found {
		t.Errorf("monitors: %+v", s.Monitors)
	}
	d.stop()
}

// TestAlertsOutliveAKill: what could not be delivered is, by the next daemon.
func TestAlertsOutliveAKill(t *testing.T) {
	here, there := cable(t, true)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	more, said := agreed(t, `tx_above = "100 KiB/s"
window = "500ms"
repeat = "0s"`, `test -e %[1]s.open || exit 1; echo "$BWMON_STATE" >> %[1]s`)
	d := startDaemon(t, here, more, "--cgroup", group)
	client := here.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 4 << 20, Chunk: 16 << 10, Spread: true, Life: 2 * time.Second,
	})
	d.until("it fires", func(s *traffic.Snapshot) bool {
		return len(s.Alerts) == 1 && s.Alerts[0].State == "firing" && s.Alerts[0].Subject == "client"
	})
	client.Wait()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	if got := toldBy(t, said); len(got) > 0 {
		t.Fatalf("told already: %v", got)
	}
	if err := os.WriteFile(said+".open", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d.start()
	poll(t, "both are told", func() bool { return len(toldBy(t, said)) >= 2 })
	d.stop()
	d.start() // of what is over, nothing is told again
	time.Sleep(formerPatience + 2*time.Second)
	if got := strings.Join(toldBy(t, said), " "); got != "firing resolved" {
		t.Errorf("told: %s", got)
	}
	d.stop()
}

// TestFormerAlerts: what an earlier run told of goes on, ends, or waits for its
// subject.
func TestFormerAlerts(t *testing.T) {
	dir := t.TempDir()
	c := defaultConfig()
	c.StateDir = dir
	rule := func(name string, comparison notify.Comparison) notify.Rule {
		return notify.Rule{
			Name: name, Subject: notify.Subject{Kind: notify.KindApp, Match: regexp.MustCompile(".")},
			Direction: notify.Tx, Condition: comparison, Threshold: 1000, Window: time.Second,
		}
	}
	c.Rules = []notify.Rule{rule("above", notify.Above), rule("below", notify.Below)}
	j, err := notify.OpenJournal(filepath.Join(dir, "alerts"), 0)
	if err != nil {
		t.Fatal(err)
	}
	alert := func(id, rule, subject string, state notify.State, comparison notify.Comparison) notify.Alert {
		return notify.Alert{
			ID: id, Rule: rule, Kind: "app", Subject: subject, State: state, Condition: string(comparison), Window: 1, At: time.Now(),
		}
	}
	if err := errors.Join(j.Append(
		alert("1", "above", "over", notify.StateFiring, notify.Above),
		alert("1", "above", "over", notify.StateResolved, notify.Above),
		alert("2", "above", "busy", notify.StateFiring, notify.Above),
		alert("3", "below", "gone", notify.StateFiring, notify.Below),
		alert("4", "no such rule", "x", notify.StateFiring, notify.Below),
	), j.Close()); err != nil {
		t.Fatal(err)
	}
	w, err := newWatch(c, "host", slog.New(slog.DiscardHandler), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ids := func() string {
		var list []string
		for _, a := range w.former {
			list = append(list, a.ID)
		}
		return strings.Join(list, " ")
	}
	snapshot := func(elapsed float64, apps ...string) *traffic.Snapshot {
		s := &traffic.Snapshot{At: time.Now(), Elapsed: elapsed}
		for _, name := range apps {
			s.Apps = append(s.Apps, traffic.App{Name: name})
		}
		return s
	}
	for _, tt := range []struct {
		elapsed float64
		apps    []string
		want    string
	}{
		{0.5, []string{"busy"}, "3 2"}, // no rule is left of 4
		{100, []string{"busy"}, "3"},   // it had the time to fire
		{200, nil, "3"},                // there is still nothing
		{300, []string{"gone"}, ""},
	} {
		w.ask(snapshot(tt.elapsed, tt.apps...), false)
		if got := ids(); got != tt.want {
			t.Errorf("after %v s: %q are left, want %q", tt.elapsed, got, tt.want)
		}
	}
	again, err := unresolved(w.journal)
	if err != nil || len(again) > 0 {
		t.Errorf("the next run would settle %+v, %v", again, err)
	}
}

// TestNothingIsJudged while a monitor that counted fails, or has not begun.
func TestNothingIsJudged(t *testing.T) {
	w := &watch{ran: make(map[string]bool)}
	state := func(elapsed float64, states ...string) *traffic.Snapshot {
		s := &traffic.Snapshot{Elapsed: elapsed}
		for i, state := range states {
			s.Monitors = append(s.Monitors, traffic.MonitorStatus{Name: fmt.Sprint("m", i), State: state})
		}
		return s
	}
	for _, tt := range []struct {
		s    *traffic.Snapshot
		want string
	}{
		{state(1, traffic.StateStarting, traffic.StateFailed), "m0"},
		{state(1, traffic.StateRunning, traffic.StateFailed), ""},
		{state(2, traffic.StateFailed, traffic.StateFailed), "m0"},
		{state(3, traffic.StateRunning, traffic.StateFailed), ""},
		{state(30, traffic.StateRunning, traffic.StateStarting), ""},
	} {
		if got := w.unsettled(tt.s); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.s.Monitors, got, tt.want)
		}
	}
}

// TestSilence: a rule that is silenced tells nobody, and only root silences it.
func TestSilence(t *testing.T) {
	here, there := cable(t, true)
	group := here.Cgroup()
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	more, said := agreed(t, `tx_above = "100 KiB/s"
window = "500ms"`, `echo "$BWMON_STATE" >> %s`)
	d := startDaemon(t, here, more, "--cgroup", group)
	d.run("silence", "cap", "--for", "1h")
	if text := d.run("alerts"); !strings.Contains(text, "cap is silent until") || !strings.Contains(text, "no alerts") {
		t.Errorf("alerts: %s", text)
	}
	here.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 4 << 20, Chunk: 16 << 10, Spread: true, Life: 2 * time.Second,
	}).Wait()
	time.Sleep(500 * time.Millisecond)
	if got := toldBy(t, said); len(got) > 0 {
		t.Errorf("told: %v", got)
	}
	if text := d.run("notify", "test", "ops"); !strings.Contains(text, "delivered") || len(toldBy(t, said)) != 1 {
		t.Errorf("notify test: %s, told %v", text, toldBy(t, said))
	}
	cmd := command(t, t.Context(), "silence", "caps", "-c", d.config)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "caps") {
		t.Errorf("a rule that is not there: %v, %s", err, out)
	}
	d.stop()
}
