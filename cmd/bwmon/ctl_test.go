package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// said runs bwmon with the daemon's configuration and returns what it printed on both
// outputs, and its exit status.
func (d *daemonProcess) said(stdin string, args ...string) (out, errs string, status int) {
	d.t.Helper()
	cmd := command(d.t, d.t.Context(), append(args, "-c", d.config)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	_ = cmd.Run() // the status says it
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// withProbe is a configuration with a probe of the daemon's own control socket.
const withProbe = `
[http]
listen = ""
[[probe]]
name = "door"
listen = "unix:@nobody-listens-here"
interval = "500ms"
timeout = "200ms"
`

func series(s *traffic.Snapshot, id string) *traffic.Series {
	for i := range s.Series {
		if s.Series[i].ID() == id {
			return &s.Series[i]
		}
	}
	return nil
}

// TestCtl says every word to a daemon.
func TestCtl(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	d.until("the machine is measured", func(s *traffic.Snapshot) bool {
		return series(s, "memory") != nil && series(s, "probe:door") != nil
	})
	list := d.run("ctl", "list")
	for _, want := range []string{"memory", "mount:/", "probe:door", "socket", "interface:lo"} {
		if !strings.Contains(list, want) {
			t.Errorf("list lacks %s:\n%s", want, list)
		}
	}
	// A second start is refused with a clear word, and so is what is not there.
	if _, errs, status := d.said("", "ctl", "start", "memory"); status != 1 || !strings.Contains(errs, `start "memory": it is measured already`) {
		t.Errorf("a second start: %d, %s", status, errs)
	}
	if _, errs, status := d.said("", "ctl", "stop", "disk:nowhere"); status != 1 || !strings.Contains(errs, "there is no such thing") {
		t.Errorf("what is not there: %d, %s", status, errs)
	}
	if out := d.run("ctl", "stop", "memory", "load"); out != "stopped memory\nstopped load\n" {
		t.Errorf("stop: %q", out)
	}
	d.until("memory is not measured", func(s *traffic.Snapshot) bool { return series(s, "memory") == nil && series(s, "load") == nil })
	if out := d.run("ctl", "active"); strings.Contains(out, "\nmemory ") || !strings.Contains(out, "swap") {
		t.Errorf("active:\n%s", out)
	}
	var things []traffic.Thing
	if err := json.Unmarshal([]byte(d.run("ctl", "list", "--json")), &things); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(things, func(t traffic.Thing) bool { return t.ID == "memory" }); i < 0 || things[i].Active {
		t.Errorf("what is off is not listed so: %+v", things)
	}
	d.run("ctl", "start", "memory")
	d.until("memory is measured", func(s *traffic.Snapshot) bool { return series(s, "memory") != nil })
	if out := d.run("ctl", "metrics", "memory"); !strings.Contains(out, "total_bytes") || !strings.Contains(out, "GiB") || strings.Contains(out, "swap") {
		t.Errorf("metrics:\n%s", out)
	}
	if _, errs, status := d.said("", "ctl", "metrics", "load"); status != 1 || !strings.Contains(errs, `"load" is not measured`) {
		t.Errorf("metrics of what is off: %d, %s", status, errs)
	}
	if out := d.run("ctl", "alerts"); !strings.Contains(out, "no alerts") {
		t.Errorf("alerts: %s", out)
	}
	// A monitor of traffic, by name; it is not among all.
	d.run("ctl", "stop", "all")
	d.until("nothing of the machine is measured", func(s *traffic.Snapshot) bool { return len(s.Series) == 0 })
	if _, errs, status := d.said("", "ctl", "stop", "all"); status != 1 || !strings.Contains(errs, "it is not measured") {
		t.Errorf("all again: %d, %s", status, errs)
	}
	for _, m := range d.snapshot().Monitors {
		if m.Name == "socket" && m.State != traffic.StateRunning {
			t.Errorf("stop all stopped %+v", m)
		}
	}
	d.run("ctl", "stop", "socket")
	d.until("the socket monitor is stopped", func(s *traffic.Snapshot) bool {
		return slices.ContainsFunc(s.Monitors, func(m traffic.MonitorStatus) bool { return m.Name == "socket" && m.State == traffic.StateStopped })
	})
	d.run("ctl", "start", "socket", "all")
	d.until("all is measured", func(s *traffic.Snapshot) bool { return series(s, "memory") != nil && series(s, "probe:door") != nil })
	d.stop()
}

// TestCtlByHTTP: the same, by the calls that others make.
func TestCtlByHTTP(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	d.until("the machine is measured", func(s *traffic.Snapshot) bool { return series(s, "mount:/") != nil })
	post := func(path string) (int, string) {
		r, err := d.client.Post("http://bwmon"+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text)
	}
	for _, c := range []struct {
		path string
		want int
		text string
	}{
		{"/api/v1/things/mount:%2F/stop", http.StatusNoContent, ""},
		{"/api/v1/things/mount:%2F/stop", http.StatusConflict, "it is not measured"},
		{"/api/v1/things/probe:door/stop", http.StatusNoContent, ""},
		{"/api/v1/things/probe:door/stop", http.StatusConflict, "it is not measured"},
		{"/api/v1/things/probe:door/start", http.StatusNoContent, ""},
		{"/api/v1/things/probe:other/start", http.StatusNotFound, "no such thing"},
		{"/api/v1/things/mount:%2F/twist", http.StatusNotFound, ""},
		{"/api/v1/reload", http.StatusOK, "nothing has changed"},
	} {
		if status, text := post(c.path); status != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d, %s; want %d, %s", c.path, status, text, c.want, c.text)
		}
	}
	d.until("the mount is off", func(s *traffic.Snapshot) bool { return series(s, "mount:/") == nil })
}

// TestCtlIsKept: what was switched with --save is so after a restart, the rest not.
func TestCtlIsKept(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	d.until("the machine is measured", func(s *traffic.Snapshot) bool { return series(s, "swap") != nil && series(s, "probe:door") != nil })
	d.run("ctl", "stop", "memory", "probe:door", "conntrack", "--save")
	d.run("ctl", "stop", "load")
	d.stop()
	d.start()
	s := d.until("the rest is measured", func(s *traffic.Snapshot) bool { return series(s, "load") != nil })
	if series(s, "memory") != nil || series(s, "probe:door") != nil {
		t.Errorf("what was stopped for good is measured: %+v", s.Series)
	}
	for _, m := range s.Monitors {
		if (m.Name == "conntrack" || m.Name == "probe:door") != (m.State == traffic.StateStopped) {
			t.Errorf("%+v", m)
		}
	}
	// What is so already can be kept, too.
	d.run("ctl", "start", "swap", "--save")
	text, err := os.ReadFile(filepath.Join(filepath.Dir(d.config), "state", "things.json"))
	if want := `"swap":true`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%v, %s lacks %s", err, text, want)
	}
	// A file that nobody can read is named, with the cure.
	d.stop()
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.config), "state", "things.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, status := d.said("", "run"); status != 1 || !strings.Contains(errs, "things.json") || !strings.Contains(errs, "remove the file") {
		t.Errorf("%d, %s", status, errs)
	}
}

// TestCtlScript: words from a pipe, one a line; what fails is said with its line, and
// the rest is done.
func TestCtlScript(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	d.until("the machine is measured", func(s *traffic.Snapshot) bool { return series(s, "memory") != nil })
	out, errs, status := d.said("# a comment\n\nstop memory\nstrt memory\nstart 'memory'\nlist more\nstart\nhelp\nexit\nstop swap\n", "ctl")
	if status != 1 || !strings.Contains(out, "stopped memory\nstarted memory\n") || !strings.Contains(out, "stop ID…|all [--save]") || strings.Contains(out, "swap") {
		t.Errorf("%d:\n%s", status, out)
	}
	for _, want := range []string{`line 4: there is no "strt" (did you mean "start"?)`, "line 6: list takes nothing more", "line 7: start what? Write start ID…|all"} {
		if !strings.Contains(errs, want) {
			t.Errorf("lacks %s:\n%s", want, errs)
		}
	}
	d.stop()
	if _, errs, status := d.said("list\n", "ctl"); status != 1 || !strings.Contains(errs, "no daemon runs") {
		t.Errorf("%d, %s", status, errs)
	}
}

// TestCtlPrompt types at the prompt, with Tab, in a real terminal.
func TestCtlPrompt(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	d.until("the machine is measured", func(s *traffic.Snapshot) bool { return series(s, "memory") != nil })
	x := newTerminal(t, here)
	x.start("ctl -c " + d.config)
	x.shows("bwmon> ")
	x.press("sto", "Tab", "mem", "Tab", "Enter")
	x.shows("bwmon> stop memory", "stopped memory")
	x.press("stop mem", "Tab", "Enter") // it is off: nothing to complete
	x.shows("no such thing")
	x.press("start memory", "Enter")
	x.shows("started memory")
	x.press("bogus", "Enter")
	x.shows(`there is no "bogus"`)
	x.press("help", "Enter")
	x.shows("COMMAND", "reload")
	x.press("exit", "Enter")
	x.shows("exit=0")
	x.isClean()
}

// rewrite changes the daemon's configuration.
func (d *daemonProcess) rewrite(change func(text string) string) {
	d.t.Helper()
	text, err := os.ReadFile(d.config)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.config, []byte(change(string(text))), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// TestReload: what the configuration says now holds, totals stay, and a wrong one
// changes nothing.
func TestReload(t *testing.T) {
	here, there := cable(t, true)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	d := startDaemon(t, here, withProbe, "--cgroup", here.Cgroup())
	send := func() {
		here.Start(lab.Client{Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 100_000}).Wait()
	}
	send()
	before := d.until("the client is booked", func(s *traffic.Snapshot) bool { _, tx := appOf(s, "client"); return tx > 100_000 })
	_, total := appOf(before, "client")
	original, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}

	// Wrong: refused, by word and by signal; nothing changes.
	d.rewrite(func(text string) string { return text + "[[app]]\nname = \"Clients\"\nmatch = [\"(\"]\n" })
	_, errs, status := d.said("", "ctl", "reload")
	if status == 0 || !strings.Contains(errs, "missing closing )") {
		t.Errorf("a wrong configuration: %d, %s", status, errs)
	}
	r, err := d.client.Post("http://bwmon/api/v1/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(text), "the configuration stays as it was") || !strings.Contains(string(text), "missing closing )") {
		t.Errorf("a wrong configuration: %s, %s", r.Status, text)
	}
	hangup := func() {
		if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hangup()
	poll(t, "it is refused in the log", func() bool { return strings.Count(d.errs.String(), "stays as it was") == 2 })
	if _, tx := appOf(d.snapshot(), "client"); tx < total {
		t.Errorf("%d bytes, there were %d", tx, total)
	}

	// Right: what comes is booked to its app, probes and relays come and go, rules fire.
	if err := os.WriteFile(d.config, original, 0o644); err != nil {
		t.Fatal(err)
	}
	d.rewrite(func(text string) string {
		text = strings.Replace(text, `name = "door"`, `name = "gate"`, 1)
		return text + fmt.Sprintf(`
[[app]]
name = "Clients"
match = ["^client"]
[[monitor]]
type = "forward"
listen = "198.18.1.1:7100"
target = %q
[[rule]]
name = "nobody listens"
subject = "probe:gate"
metric = "listening"
below = 1
`, server.Addr)
	})
	out := d.run("ctl", "reload")
	for _, want := range []string{"stopped probe:door", "started probe:gate", "started forward:", "1 rules", "app rules"} {
		if !strings.Contains(out, want) {
			t.Errorf("reload does not say %q:\n%s", want, out)
		}
	}
	s := d.until("the rule fires", func(s *traffic.Snapshot) bool { return len(s.Alerts) == 1 && s.Alerts[0].State == "firing" })
	if _, tx := appOf(s, "client"); tx < total {
		t.Errorf("of %d bytes there are %d", total, tx)
	}
	if a := s.Alerts[0]; a.Subject != "probe:gate" || a.Metric != "listening" || a.Value != 0 || a.Threshold != 1 {
		t.Errorf("%+v", a)
	}
	if series(s, "probe:door") != nil || series(s, "probe:gate") == nil {
		t.Errorf("probes: %+v", s.Series)
	}
	if s.Run != before.Run || s.Elapsed < before.Elapsed {
		t.Errorf("the engine began anew: %s after %s", s.Run, before.Run)
	}
	send()
	d.until("what is sent now is the other app's", func(s *traffic.Snapshot) bool { _, tx := appOf(s, "Clients"); return tx > 100_000 })
	if err := here.Do(func() error {
		conn, err := net.Dial("tcp", "198.18.1.1:7100")
		if err == nil {
			conn.Close()
		}
		return err
	}); err != nil {
		t.Errorf("the new relay: %v", err)
	}

	// Again, by signal, without rules: what fired is over.
	if err := os.WriteFile(d.config, original, 0o644); err != nil {
		t.Fatal(err)
	}
	hangup()
	d.until("all is as before", func(s *traffic.Snapshot) bool { return len(s.Alerts) == 0 && series(s, "probe:door") != nil })
	send()
	last := d.until("what is sent now is the first app's", func(s *traffic.Snapshot) bool { _, tx := appOf(s, "client"); return tx > total+100_000 })
	_, first := appOf(last, "client")
	_, second := appOf(last, "Clients")
	// The history has each byte once.
	var report traffic.Report
	poll(t, "the history has it", func() bool {
		report = traffic.Report{}
		if err := json.Unmarshal([]byte(d.run("report", "--since", "1h", "--format", "json")), &report); err != nil {
			t.Fatal(err)
		}
		has := make(map[string]uint64)
		for _, r := range report.Rows {
			has[r.Name] = r.TxBytes
		}
		return has["client"] >= first && has["client"] < first+2000 && has["Clients"] >= second && has["Clients"] < second+2000
	})
	var users traffic.Report
	if err := json.Unmarshal([]byte(d.run("report", "--since", "1h", "--by", "user", "--format", "json")), &users); err != nil {
		t.Fatal(err)
	}
	if users.Total.TxBytes > report.Total.TxBytes+2000 {
		t.Errorf("users have %d bytes, apps %d", users.Total.TxBytes, report.Total.TxBytes)
	}
	// What waits for the next start is said.
	d.rewrite(func(text string) string { return strings.Replace(text, `interval = "100ms"`, `interval = "200ms"`, 1) })
	if out := d.run("ctl", "reload"); !strings.Contains(out, "interval takes effect at the next start") {
		t.Errorf("reload: %s", out)
	}
	d.stop()
}

// TestReloadKeepsWhatFires: other rules are as a restart to an alert that goes on.
func TestReloadKeepsWhatFires(t *testing.T) {
	here, _ := cable(t, true)
	rule := `
[[rule]]
name = "nobody listens"
subject = "probe:door"
metric = "listening"
below = 1
`
	d := startDaemon(t, here, withProbe+rule, "--cgroup", here.Cgroup())
	fires := func(s *traffic.Snapshot) bool { return len(s.Alerts) == 1 && s.Alerts[0].State == "firing" }
	d.until("it fires", fires)
	d.rewrite(func(text string) string {
		return text + "[[rule]]\nname = \"other\"\nsubject = \"load\"\nmetric = \"load1\"\nabove = 100000\n"
	})
	d.run("ctl", "reload")
	if s := d.snapshot(); !fires(s) {
		t.Errorf("right after the reload: %+v", s.Alerts)
	}
	time.Sleep(3 * time.Second)
	if s := d.snapshot(); !fires(s) || len(s.Rules) != 2 {
		t.Errorf("later: %+v, %+v", s.Alerts, s.Rules)
	}
}

// TestLastWord: what Tab completes is a word as it will be split.
func TestLastWord(t *testing.T) {
	for line, want := range map[string]struct {
		start int
		begun string
	}{
		"": {0, ""}, "sta": {0, "sta"}, "start ": {6, ""}, `start "sensor:Package i`: {6, "sensor:Package i"},
		`start 'a"b`: {6, `a"b`}, `start a\ b`: {6, "a b"}, `stop "a b" c`: {11, "c"},
	} {
		if start, begun := lastWord(line); start != want.start || begun != want.begun {
			t.Errorf("%q: %d, %q; want %+v", line, start, begun, want)
		}
	}
}

// TestCtlEndsAtSignal, whatever it waits for.
func TestCtlEndsAtSignal(t *testing.T) {
	here, _ := cable(t, true)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	cmd := command(t, t.Context(), "ctl", "-c", d.config)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, "list\n"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("it does not end")
		cmd.Process.Kill()
		<-done
	}
	d.stop()
}
