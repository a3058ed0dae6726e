package main

import (
	"testing"
	"time"

	"bwmon/notify"
)

// TestConfigOfFleets: rules about hosts, as they are understood and described.
func TestConfigOfFleets(t *testing.T) {
	c, err := parseConfig("x", `
[[rule]]
name = "video"
app = "^video$"
rx_above = "1 MiB/s"
[[rule]]
name = "each"
app = "^Backup$"
host = "^web-"
tx_above = "5 MiB/s"
window = "1m"
[[rule]]
name = "hungry"
app = "^Backup$"
host = "^web-"
metric = "memory_bytes"
above = "1 GiB"
[[rule]]
name = "link"
host = "^web-"
quota = "1 TB"
[[rule]]
name = "behind"
host = ".*"
metric = "waiting"
above = 100
[[rule]]
name = "dead"
host = ".*"
silent = "2m"
notify = []
`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		kind   notify.Kind
		host   string
		of     bool
		text   string
		silent time.Duration
	}{
		{notify.KindApp, "", false, `app "^video$": rx above 1 MiB/s over 1s; nobody is told`, 0},
		{notify.KindApp, "^web-", true, `app "^Backup$" on each host "^web-": tx above 5 MiB/s over 1m0s; nobody is told`, 0},
		{notify.KindApp, "^web-", true, `app "^Backup$" on each host "^web-": memory_bytes above 1 GiB over 1s; nobody is told`, 0},
		{notify.KindHost, "", true, `host "^web-": total quota of 931.3 GiB a month; nobody is told`, 0},
		{notify.KindHost, "", true, `host ".*": waiting above 100 over 1s; nobody is told`, 0},
		{notify.KindHost, "", true, `host ".*": silent for 2m0s; nobody is told`, 2 * time.Minute},
	} {
		r := c.Rules[i]
		host := ""
		if r.Subject.Host != nil {
			host = r.Subject.Host.String()
		}
		if r.Subject.Kind != want.kind || host != want.host || r.OfHosts() != want.of || r.Silent() != (want.silent > 0) {
			t.Errorf("%s: %+v, want %+v", r.Name, r, want)
		}
		if want.silent > 0 && r.Threshold != want.silent.Seconds() {
			t.Errorf("%s: after %v s", r.Name, r.Threshold)
		}
		if got := describeRule(r); got != want.text {
			t.Errorf("described as\n%s, want\n%s", got, want.text)
		}
	}
}

func TestConfigOfFleetsProblems(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"app = \"a\"\nhost = \"(\"\nrx_above = \"1 B/s\"", `x:4: [[rule]] 1 ("r"): host: regex "(": missing closing )`},
		{"host = \"\"\nsilent = \"1m\"", `x:3: [[rule]] 1 ("r"): host: the regex is empty and would match everything: if that is meant, write ".*"`},
		{"user = \"a\"\nhost = \"b\"\nrx_above = \"1 B/s\"", `x:4: [[rule]] 1 ("r"): user and host: host goes with app, or stands by itself`},
		{"subject = \"a\"\nhost = \"b\"\nmetric = \"x\"\nabove = 1", `x:3: [[rule]] 1 ("r"): host and subject: host goes with app, or stands by itself`},
		{"app = \"a\"\nuser = \"c\"\nhost = \"b\"\nrx_above = \"1 B/s\"", `x:4: [[rule]] 1 ("r"): app and user: a rule is about one of them`},
		{"host = \"a\"\nsilent = \"soon\"", `x:4: [[rule]] 1 ("r"): silent: want a time like "10s" or "5m", got "soon"`},
		{"host = \"a\"\nsilent = \"0s\"", `x:4: [[rule]] 1 ("r"): silent: want a time like "10s" or "5m", got "0s"`},
		{"host = \"a\"\nsilent = 120", `x:4: [[rule]] 1 ("r"): silent: want a string, got the number 120`},
		{"app = \"a\"\nsilent = \"2m\"", `x:4: [[rule]] 1 ("r"): silent: is about hosts: add host = ".*", or a regex of some, and no app`},
		{"app = \"a\"\nhost = \"b\"\nsilent = \"2m\"", `x:5: [[rule]] 1 ("r"): silent: is about hosts: add host = ".*", or a regex of some, and no app`},
		{"host = \"a\"\nsilent = \"2m\"\nrx_above = \"1 B/s\"", `x:5: [[rule]] 1 ("r"): silent and rx_above: a rule has one condition`},
		{"host = \"a\"\nsilent = \"2m\"\nmetric = \"waiting\"", `x:5: [[rule]] 1 ("r"): silent and metric: a rule has one condition`},
		{"host = \"a\"\nsilent = \"2m\"\nquota = \"1 GB\"", `x:5: [[rule]] 1 ("r"): silent and quota: a rule has one condition`},
		{"host = \"a\"\nsilent = \"2m\"\nwindow = \"1m\"", `x:5: [[rule]] 1 ("r"): window: does nothing for hosts that are silent`},
		{"host = \"a\"\nabove = 5", `x:4: [[rule]] 1 ("r"): metric is missing: add metric = "await_ms", or whatever above is about`},
		{"app = \"a\"\nhost = \"b\"\nmetric = \"waiting\"\nabove = 5", `x:5: [[rule]] 1 ("r"): metric: want one of `},
		{"hosts = \"a\"\nsilent = \"2m\"", `unknown key "hosts" (did you mean "host"?)`},
	} {
		problemOf(t, "[[rule]]\nname = \"r\"\n"+c.src, c.want)
	}
}
