package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"bwmon/aggregate"
	"bwmon/pipe"
	"bwmon/traffic"
)

// The bounds of the interval: below the first the program would mostly watch
// itself, above the second no rate means anything.
const (
	minInterval  = 100 * time.Millisecond
	maxInterval  = time.Hour
	wantInterval = `a time like "1s", "500ms" or "1m"`
)

func defaultRawMonitor() rawMonitor {
	d, f := defaultMonitor(""), defaultForward()
	return rawMonitor{
		MaxShare: d.MaxShare, Setup: d.Setup, MaxFlows: d.MaxFlows, Processes: d.Processes,
		MaxRelays: f.MaxRelays, IdleTimeout: f.IdleTimeout.String(), ConnectTimeout: f.ConnectTimeout.String(), Drain: f.Drain.String(),
	}
}

// config validates what was written.
func (c *configReader) config(raw rawConfig) config {
	out := defaultConfig()
	out.AutoGroup = raw.AutoGroup
	interval, err := parseInterval(raw.Interval)
	if err != nil {
		c.problem("interval", "interval", "%v", err)
	}
	out.Interval = interval
	listed := c.monitors(raw.Monitor)
	if slices.ContainsFunc(listed, func(m monitorConfig) bool { return m.Kind != kindForward }) {
		out.Monitors, out.Auto = nil, false
	}
	out.Monitors = append(out.Monitors, listed...) // relays are none of the others' business
	out.Control = c.control(raw.Control, raw.Receive.Control)
	out.Mask = traffic.NewMask(raw.Mask.Secrets, c.regexes(raw.Mask.Patterns, place("mask").key("patterns"))...)
	if raw.TimeZone != "" {
		if out.Zone, err = time.LoadLocation(raw.TimeZone); err != nil {
			c.problem("time_zone", "time_zone", `want the name of a time zone such as "Europe/Berlin", or "" for that of this host, got %s`, quoted(raw.TimeZone))
			out.Zone = time.Local
		}
	}
	if out.StateDir = raw.StateDir; !filepath.IsAbs(raw.StateDir) {
		c.problem("state_dir", "state_dir", "want a path that begins with /, got %s", quoted(raw.StateDir))
	}
	out.History = c.history(raw.History)
	out.HTTP = c.http(raw.HTTP)
	out.UI = c.ui(raw.UI)
	out.Log = c.log(raw.Log)
	out.Publish = c.publish(raw.Publish)
	out.Receive = c.receive(raw.Receive)
	if !c.written("receive", "loopback") && (out.HTTP.Insecure || !out.HTTP.Token.IsZero()) {
		out.Receive.AskLocal = true // a proxy in front brings everybody over loopback
	}
	out.Deliveries = c.deliveries(raw.Notify)
	var names []string
	for _, n := range raw.Notify {
		names = append(names, n.Name)
	}
	out.Rules = c.rules(raw.Rule, names, out.Zone)
	out.Apps = c.apps(raw.App)
	out.Probes = c.probes(raw.Probe)
	return out
}

// parseInterval reads a time between ticks.
func parseInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("want %s, got %s", wantInterval, quoted(s))
	case d < minInterval || d > maxInterval:
		return 0, fmt.Errorf("want a time from %v to %v, got %s", minInterval, "1h", quoted(s))
	}
	return d, nil
}

// checkKind says what is wrong with the name of a kind of monitor.
func checkKind(kind string) error {
	kinds := strings.Join(monitorKinds(), ", ")
	switch {
	case slices.Contains(monitorKinds(), kind):
		return nil
	}
	if n := nearest(kind, monitorKinds()); n != "" {
		return fmt.Errorf("unknown monitor %s (did you mean %q?)", quoted(kind), n)
	}
	return fmt.Errorf("unknown monitor %s (known: %s)", quoted(kind), kinds)
}

func (c *configReader) monitors(raw []rawMonitor) []monitorConfig {
	var out []monitorConfig
	first, taken := make(map[string]int), make(map[pipe.Address]int)
	for i, r := range raw {
		at := place("monitor").index(i)
		switch {
		case r.Type == "":
			c.problem(at.key("type"), at, `type is missing: add type = "conntrack"`)
			continue
		case checkKind(r.Type) != nil:
			c.problem(at.key("type"), at.key("type"), "%v", checkKind(r.Type))
			continue
		case first[r.Type] > 0 && r.Type != kindForward:
			c.problem(at.key("type"), at, "is listed already, as %s: leave one of them out", c.other("monitor", first[r.Type]-1, at))
			continue
		}
		first[r.Type] = i + 1
		m := monitorConfig{
			Kind: r.Type, IgnoreLocal: r.IgnoreLocal, Lookback: r.Lookback, MaxShare: r.MaxShare, Setup: r.Setup,
			Cgroup: r.Cgroup, MaxFlows: r.MaxFlows,
			Include: c.regexes(r.Include, at.key("include")),
			Exclude: c.regexes(r.Exclude, at.key("exclude")),
			Series: seriesChoice{
				Include: c.wholes(r.IncludeSeries, at.key("include_series")), Exclude: c.wholes(r.ExcludeSeries, at.key("exclude_series")),
			},
			Processes: r.Processes,
		}
		if r.MaxShare <= 0 || r.MaxShare > 1 || r.MaxShare != r.MaxShare {
			c.problem(at.key("max_share"), at.key("max_share"),
				"want a share of one core above 0 and up to 1, such as 0.10, got %g", r.MaxShare)
		}
		if r.MaxFlows < 1 || r.MaxFlows > maxMaxFlows {
			c.problem(at.key("max_flows"), at.key("max_flows"), "want a number from 1 to %d, got %d", maxMaxFlows, r.MaxFlows)
		}
		if r.Type == kindForward {
			m.Forward = c.forward(r.forward(), at, taken, i+1)
		}
		c.useless(at, r.Type)
		out = append(out, m)
	}
	return out
}

// maxMaxFlows is what the kernel's hash tables take without getting large
// before there is anything in them.
const maxMaxFlows = 16_000_000

// useless complains of keys that a monitor of that kind has no use for.
func (c *configReader) useless(at place, kind string) {
	flows, relays, host := []string{kindSocket, kindConntrack}, []string{kindForward}, []string{kindMachine}
	for _, k := range []struct {
		key   string
		kinds []string
	}{
		{"include", append(flows, kindForward)}, {"exclude", append(flows, kindForward)}, {"ignore_local", flows}, {"max_share", flows},
		{"lookback", []string{kindConntrack}}, {"setup", []string{kindConntrack}},
		{"cgroup", []string{kindSocket}}, {"max_flows", []string{kindSocket}},
		{"include_series", host}, {"exclude_series", host}, {"processes", host},
		{"listen", relays}, {"target", relays}, {"max_relays", relays},
		{"idle_timeout", relays}, {"connect_timeout", relays}, {"drain", relays},
	} {
		if c.written(at, k.key) && !slices.Contains(k.kinds, kind) {
			whose := "the " + k.kinds[0] + " monitor"
			if len(k.kinds) > 1 {
				whose = "the monitors " + strings.Join(k.kinds[:len(k.kinds)-1], ", ") + " and " + k.kinds[len(k.kinds)-1]
			}
			c.problem(at.key(k.key), at, "%s does nothing here: it belongs to %s", k.key, whose)
		}
	}
}

func (c *configReader) control(raw rawControl, receiver string) controlConfig {
	out := controlConfig{Socket: raw.Socket, Group: raw.Group, Receiver: receiver}
	for at, path := range map[place]string{"control.socket": raw.Socket, "receive.control": receiver} {
		if path != "" && (!filepath.IsAbs(path) || len(path) > maxSocketPath) {
			c.problem(at, at, `want a path of at most %d bytes that begins with /, or "" for none, got %s`, maxSocketPath, quoted(path))
		}
	}
	return out
}

// maxSocketPath is what fits into a unix(7) address, with room for the name of
// what is not in its place yet.
const maxSocketPath = 100

func (c *configReader) apps(raw []rawApp) []appConfig {
	var out []appConfig
	first := make(map[string]int)
	for i, r := range raw {
		at := place("app").index(i)
		c.appName(r.Name, at, first)
		if _, taken := first[r.Name]; !taken {
			first[r.Name] = i + 1
		}
		a := appConfig{
			Name: r.Name, Match: c.regexes(r.Match, at.key("match")),
			User:      c.optionalRegex(r.User, at.key("user")),
			Container: c.optionalRegex(r.Container, at.key("container")),
			Unit:      c.optionalRegex(r.Unit, at.key("unit")),
		}
		switch {
		case c.written(at, "match") && len(r.Match) == 0:
			c.problem(at.key("match"), at.key("match"), `is empty, so nothing matches: add a regex, such as "^/usr/bin/rsync"`)
		case !c.written(at, "match", "user", "container", "unit"):
			c.problem(at.key("match"), at, `match is missing: add match = ["^/usr/bin/rsync"], or user, container or unit`)
		}
		out = append(out, a)
	}
	return out
}

// written reports whether any of the keys stands in the table.
func (c *configReader) written(table place, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return c.lines[table.key(key)] > 0 })
}

func (c *configReader) appName(name string, at place, first map[string]int) {
	reserved := []string{traffic.AppUnattributed, traffic.AppKernel, traffic.AppOther, aggregate.AppExcluded}
	switch key := at.key("name"); {
	case strings.TrimSpace(name) == "":
		c.problem(key, at, `name is missing: add name = "Backup"`)
	case traffic.CleanText(name, traffic.MaxWord) != name:
		c.problem(key, key, "want at most %d bytes of printable text, got %s", traffic.MaxWord, quoted(name))
	case slices.Contains(reserved, name):
		c.problem(key, key, "%q is what bwmon calls bytes of its own books: choose another name", name)
	case first[name] > 0:
		c.problem(key, at, "name is taken already by %s: put both into one, or choose another name", c.other("app", first[name]-1, at))
	}
}

func (c *configReader) regexes(list []string, at place) []*regexp.Regexp {
	var out []*regexp.Regexp
	for i, s := range list {
		if re := c.regex(s, at.index(i)); re != nil {
			out = append(out, re)
		}
	}
	return out
}

// wholes are regexes that must match the whole of a name.
func (c *configReader) wholes(list []string, at place) []*regexp.Regexp {
	var out []*regexp.Regexp
	for i, s := range list {
		if re := c.whole(s, at.index(i)); re != nil {
			out = append(out, re)
		}
	}
	return out
}

func (c *configReader) whole(s string, at place) *regexp.Regexp {
	if c.regex(s, at) == nil {
		return nil
	}
	return regexp.MustCompile("^(?:" + s + ")$")
}

func (c *configReader) optionalRegex(s string, at place) *regexp.Regexp {
	if _, written := c.lines[at]; !written {
		return nil
	}
	return c.regex(s, at)
}

func (c *configReader) regex(s string, at place) *regexp.Regexp {
	if s == "" {
		c.problem(at, at, `the regex is empty and would match everything: if that is meant, write ".*"`)
		return nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		c.problem(at, at, "regex %s: %s", quoted(s), traffic.CleanText(text, 160))
		return nil
	}
	return re
}
