package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/notify"
)

// TestConfigOfTheMachine: rules about figures, probes, and which series are measured.
func TestConfigOfTheMachine(t *testing.T) {
	c, err := parseConfig("x", `
[[monitor]]
type = "machine"
include_series = ["disk:sd.", "memory"]
exclude_series = ["disk:sdb"]
processes = false
[[probe]]
name = "shop"
url = "https://shop.example/health"
interval = "2s"
fields = { queue = "jobs.queued" }
headers = ["Authorization: Bearer x"]
[[rule]]
name = "slow"
subject = "disk:sd."
metric = "await_ms"
above = "1.5 s"
clear = 500
window = "1m"
[[rule]]
name = "cold"
subject = "sensor:.*"
metric = "temperature_celsius"
below = -5
clear = 0
[[rule]]
name = "hungry"
app = "^Browser$"
metric = "memory_bytes"
above = "8 GiB"
`)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := findMonitor(c.Monitors, kindMachine)
	got := make(map[string]bool)
	for _, id := range []string{"disk:sda", "disk:sdb", "disk:sda1", "memory", "xmemory", "cpu"} {
		got[id] = m.Series.has(id)
	}
	want := map[string]bool{"disk:sda": true, "disk:sdb": false, "disk:sda1": false, "memory": true, "xmemory": false, "cpu": false}
	if diff := cmp.Diff(want, got); diff != "" || m.Processes {
		t.Errorf("-want +got:\n%s", diff)
	}
	p := c.Probes[0]
	if p.Interval != 2*time.Second || p.Timeout != 0 || p.Fields["queue"] != "jobs.queued" {
		t.Errorf("%+v", p)
	}
	if made, err := p.open(); err != nil || made.Name() != "probe:shop" {
		t.Errorf("%v, %v", made, err)
	}
	for i, want := range []struct {
		metric           string
		comparison       notify.Comparison
		threshold, clear float64
		clears           bool
		matches, not     string
	}{
		{"await_ms", notify.Above, 1500, 500, true, "disk:sda", "disk:sda1"},
		{"temperature_celsius", notify.Below, -5, 0, true, "sensor:x", "xsensor:y"},
		{"memory_bytes", notify.Above, 8 << 30, 0, false, "Browser", "Browsers"},
	} {
		r := c.Rules[i]
		if r.Metric != want.metric || r.Condition != want.comparison || r.Threshold != want.threshold || r.Clear != want.clear || r.ClearsAt != want.clears || r.Direction != "" {
			t.Errorf("%+v, want %+v", r, want)
		}
		if !r.Subject.Match.MatchString(want.matches) || r.Subject.Match.MatchString(want.not) {
			t.Errorf("%v: wants %s and not %s", r.Subject.Match, want.matches, want.not)
		}
	}
}

func TestConfigOfTheMachineProblems(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`name = "a"`, `[[probe]] 1 ("a")`},
		{"name = \"a\"\nurl = \"ftp://x\"", "x:3: [[probe]] 1 (\"a\"): url"},
		{"name = \"a\"\nlisten = \"tcp:99999\"", "x:3: [[probe]] 1 (\"a\"): listen"},
		{"name = \"a\"\nlisten = \"tcp:1\"\ntarget = \"h:1\"", "x:"},
		{"name = \"a\"\ntarget = \"h:1\"\ntimeout = \"20s\"", "x:4: [[probe]] 1 (\"a\"): timeout"},
		{"name = \"a\"\nurl = \"http://h\"\nfields = { Q = \"a[\" }", "fields"},
		{"name = \"a\"\nurl = \"http://h\"\nheaders = [\"nothing\"]", "headers"},
		{"name = \"a\"\ntarget = \"h:1\"\nextra = 1", `unknown key "extra"`},
		{"name = \"a\"\ntarget = \"h:1\"\n[[probe]]\nname = \"a\"\ntarget = \"h:1\"", "name is taken already"},
	} {
		problemOf(t, "[[probe]]\n"+c.src, c.want)
	}
	for _, c := range []struct{ src, want string }{
		{"subject = \"cpu\"\nabove = 1", `metric is missing: add metric = "await_ms"`},
		{"subject = \"cpu\"\nmetric = \"used_percent\"", "what was agreed is missing: add above = 20"},
		{"subject = \"cpu\"\nmetric = \"used_percent\"\nrx_above = \"1 MiB/s\"", "rx_above is about bytes, and the metric is \"used_percent\": write above, below or equals"},
		{"subject = \"cpu\"\nmetric = \"used_percent\"\nabove = \"5 MiB/s\"", "above"},
		{"subject = \"cpu\"\nmetric = \"used_percent\"\nabove = 1\nbelow = 2", "above and below: a rule has one condition"},
		{"subject = \"(\"\nmetric = \"used_percent\"\nabove = 1", "missing closing )"},
		{"app = \"x\"\nmetric = \"await_ms\"\nabove = 1", "metric"},
		{"subject = \"x\"\nmetric = \"await_ms\"\nabove = nan", "above"},
		{"lan_host = \"x\"\nmetric = \"cpu_percent\"\nabove = 1", "metric"},
		{"subject = \"cpu\"\nmetric = \"used_percent\"\nabove = true", "want a number, or one with its unit as a string, got true"},
		{"app = \"x\"\ntx_above = 5", "want a string, got the number 5"},
		{"subject = \"cpu\"\nmetric = \"used_percent\"\nquota = \"1 GB\"", "quota"},
	} {
		problemOf(t, "[[rule]]\nname = \"r\"\n"+c.src, c.want)
	}
	problemOf(t, "[[monitor]]\ntype = \"socket\"\ninclude_series = [\"a\"]", "include_series does nothing here: it belongs to the machine monitor")
	problemOf(t, "[[monitor]]\ntype = \"machine\"\ninclude_series = [\"(\"]", "missing closing )")
}

func problemOf(t *testing.T, src, want string) {
	t.Helper()
	_, err := parseConfig("x", src)
	var wrong problems
	if !errors.As(err, &wrong) {
		t.Errorf("taken, or another error: %v\n%s", err, src)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %s\nof %s", err, want, src)
	}
}
