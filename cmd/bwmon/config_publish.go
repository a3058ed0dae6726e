package main

import (
	"net/url"
	"path/filepath"
	"time"

	"bwmon/fleet"
	"bwmon/notify"
)

// rawPublish is [publish].
type rawPublish struct {
	URL      string `toml:"url"`
	Engine   string `toml:"engine"`
	ThisHost string `toml:"this_host"`
	Interval string `toml:"interval"`
	Identity string `toml:"identity"`
	Token    string `toml:"token"`
	CAFile   string `toml:"ca_file"`
	Queue    string `toml:"queue"`
	MaxSize  string `toml:"max_size"`
	MaxAge   string `toml:"max_age"`
}

// publishConfig is what a daemon tells others of its books.
type publishConfig struct {
	URL      string // of the receiver; "": none
	Engine   string // an engine's address for remote write, in place of a receiver; "": none
	ThisHost string // the name it publishes under; "": that of the host
	Interval time.Duration
	Identity string        // directory of the certificate that it shows, if there is one
	Token    notify.Secret // or what it says in place of that
	CAFile   string        // of certificates to trust in place of the system's; ""
	Queue    string        // directory
	MaxSize  uint64        // of the queue, in bytes
	MaxAge   time.Duration
}

func defaultPublish() publishConfig {
	return publishConfig{
		Interval: 10 * time.Second, Identity: "/var/lib/bwmon/identity", Queue: "/var/lib/bwmon/publish",
		MaxSize: 64 << 20, MaxAge: 7 * day,
	}
}

func defaultRawPublish() rawPublish {
	d := defaultPublish()
	return rawPublish{Interval: d.Interval.String(), Identity: d.Identity, Queue: d.Queue, MaxSize: "64 MiB", MaxAge: "7d"}
}

// wanted reports whether anything is published.
func (c publishConfig) wanted() bool { return c.URL != "" || c.Engine != "" }

func (c *configReader) publish(r rawPublish) publishConfig {
	at := place("publish")
	out := publishConfig{
		URL: r.URL, Engine: r.Engine, ThisHost: r.ThisHost, Interval: c.span(r.Interval, at.key("interval"), false),
		Identity: r.Identity, Token: c.secret(r.Token, at.key("token")), CAFile: r.CAFile, Queue: r.Queue,
	}
	for key, text := range map[string]string{"url": r.URL, "engine": r.Engine} {
		if err := checkRemote(text); text != "" && err != nil {
			c.problem(at.key(key), at.key(key), "%v", err)
		}
	}
	if r.URL != "" && r.Engine != "" {
		c.problem(at.key("engine"), at.key("url"), "url and engine are two ways to the same: write one of them")
	}
	if r.ThisHost != "" {
		if err := fleet.CheckName(r.ThisHost); err != nil {
			c.problem(at.key("this_host"), at.key("this_host"), "%v", err)
		}
	}
	if out.Interval < time.Second || out.Interval > time.Hour {
		c.problem(at.key("interval"), at.key("interval"), "want a time from 1s to 1h, got %s", quoted(r.Interval))
	}
	c.absolute(at.key("identity"), r.Identity)
	c.absolute(at.key("queue"), r.Queue)
	if r.CAFile != "" {
		c.absolute(at.key("ca_file"), r.CAFile)
	}
	const least = 1 << 20
	size, err := parseAmount(r.MaxSize)
	if err != nil || size < least {
		c.problem(at.key("max_size"), at.key("max_size"), `want a number of bytes from "1 MiB" up, got %s`, quoted(r.MaxSize))
	}
	out.MaxSize = size
	age, err := parseLong(r.MaxAge)
	if err != nil || age < time.Minute {
		c.problem(at.key("max_age"), at.key("max_age"), `want a time from 1m up such as "24h" or "7d", got %s`, quoted(r.MaxAge))
	}
	out.MaxAge = age
	return out
}

// absolute complains of a path that is not.
func (c *configReader) absolute(at place, path string) {
	if !filepath.IsAbs(path) {
		c.problem(at, at, "want a path that begins with /, got %s", quoted(path))
	}
}

// checkRemote says what is wrong with the address of somebody who is told: over a
// network only in TLS.
func checkRemote(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return wrongURL{"want a URL such as https://receiver.example:8443", text}
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return wrongURL{"want neither a user nor ? and # in it: see token", text}
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return wrongURL{"over a network it is read by anybody: want https", text}
	}
	return nil
}

// wrongURL is an address and what is wrong with it.
type wrongURL struct{ want, got string }

func (w wrongURL) Error() string { return w.want + ", got " + quoted(w.got) }
