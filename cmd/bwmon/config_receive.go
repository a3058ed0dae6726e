package main

import (
	"net"
	"strconv"
	"time"

	"bwmon/fleet"
	"bwmon/notify"
)

// rawReceive is [receive].
type rawReceive struct {
	Listen      string `toml:"listen"`
	Control     string `toml:"control"`
	Dir         string `toml:"dir"`
	Loopback    string `toml:"loopback"`
	History     string `toml:"history"`
	MaxSize     string `toml:"max_size"`
	Engine      string `toml:"engine"`
	EngineWrite string `toml:"engine_write"`
	EngineToken string `toml:"engine_token"`
	Interval    string `toml:"interval"`
	Flush       string `toml:"flush"`
	SilentAfter string `toml:"silent_after"`
	MaxHosts    int    `toml:"max_hosts"`
	MaxRows     int    `toml:"max_rows"`
}

// receiveConfig is how a receiver collects what hosts publish.
type receiveConfig struct {
	Listen      string        // host:port for hosts elsewhere, over TLS; "": none
	Control     string        // path of the control socket; "": none
	Dir         string        // of those who are trusted
	AskLocal    bool          // those on loopback are asked for credentials, too
	History     string        // path of the database
	MaxSize     uint64        // of it, in bytes
	Engine      string        // an engine's query API, in place of it; "": none
	EngineWrite string        // and its address for remote write
	EngineToken notify.Secret // that both ask for
	Interval    time.Duration // between snapshots of the fleet
	Flush       time.Duration
	SilentAfter time.Duration
	MaxHosts    int
	MaxRows     int // of each kind, of one host
}

func defaultReceive() receiveConfig {
	return receiveConfig{
		Listen: ":8443", Control: "/run/bwmon/receive.sock", Dir: "/var/lib/bwmon/fleet", History: "/var/lib/bwmon/fleet.db", MaxSize: 2 << 30,
		Interval: 2 * time.Second, Flush: 15 * time.Second, SilentAfter: 2 * time.Minute, MaxHosts: 10_000, MaxRows: fleet.DefaultRows,
	}
}

// Who comes over loopback.
const (
	loopbackTrust = "trust"
	loopbackAsk   = "ask"
)

func defaultRawReceive() rawReceive {
	d := defaultReceive()
	return rawReceive{
		Listen: d.Listen, Control: d.Control, Dir: d.Dir, Loopback: loopbackTrust, History: d.History, MaxSize: "2 GiB", Interval: d.Interval.String(), Flush: d.Flush.String(),
		SilentAfter: d.SilentAfter.String(), MaxHosts: d.MaxHosts, MaxRows: d.MaxRows,
	}
}

func (c *configReader) receive(r rawReceive) receiveConfig {
	at := place("receive")
	out := receiveConfig{
		Listen: r.Listen, Control: r.Control, Dir: r.Dir, AskLocal: r.Loopback == loopbackAsk, History: r.History,
		Engine: r.Engine, EngineWrite: r.EngineWrite, EngineToken: c.secret(r.EngineToken, at.key("engine_token")),
		Interval: c.span(r.Interval, at.key("interval"), false), Flush: c.span(r.Flush, at.key("flush"), false),
		SilentAfter: c.span(r.SilentAfter, at.key("silent_after"), false), MaxHosts: r.MaxHosts, MaxRows: r.MaxRows,
	}
	_, port, err := net.SplitHostPort(r.Listen)
	if n, wrong := strconv.ParseUint(port, 10, 16); r.Listen != "" && (err != nil || wrong != nil || n == 0) {
		c.problem(at.key("listen"), at.key("listen"), `want an address and a port such as ":8443", or "" for none, got %s`, quoted(r.Listen))
	}
	if r.Loopback != loopbackTrust && r.Loopback != loopbackAsk {
		c.problem(at.key("loopback"), at.key("loopback"), "want %s or %s, got %s", loopbackTrust, loopbackAsk, quoted(r.Loopback))
	}
	c.absolute(at.key("dir"), r.Dir)
	c.absolute(at.key("history"), r.History)
	if (r.Engine == "") != (r.EngineWrite == "") {
		c.problem(at.key("engine"), at, "engine and engine_write go together: where the engine is asked, and where it is written to")
	}
	for key, text := range map[string]string{"engine": r.Engine, "engine_write": r.EngineWrite} {
		if err := checkEngine(text); text != "" && err != nil {
			c.problem(at.key(key), at.key(key), "%v", err)
		}
	}
	for key, of := range map[string]struct {
		text        string
		got         time.Duration
		least, most time.Duration
	}{
		"interval": {r.Interval, out.Interval, time.Second, time.Minute}, "flush": {r.Flush, out.Flush, time.Second, 10 * time.Minute},
		"silent_after": {r.SilentAfter, out.SilentAfter, 5 * time.Second, 7 * day},
	} {
		if of.got != 0 && (of.got < of.least || of.got > of.most) {
			c.problem(at.key(key), at.key(key), "want a time from %v to %v, got %s", of.least, of.most, quoted(of.text))
		}
	}
	const least = 10 << 20
	if out.MaxSize, err = parseAmount(r.MaxSize); err != nil || out.MaxSize < least {
		c.problem(at.key("max_size"), at.key("max_size"), `want a number of bytes from "10 MiB" up, got %s`, quoted(r.MaxSize))
	}
	for key, n := range map[string]int{"max_hosts": r.MaxHosts, "max_rows": r.MaxRows} {
		if n < 1 || n > 1_000_000 {
			c.problem(at.key(key), at.key(key), "want a number from 1 to 1000000, got %d", n)
		}
	}
	return out
}
