package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"bwmon/fleet"
	"bwmon/fleet/publish"
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
	if err := checkReceiver(r.URL); r.URL != "" && err != nil {
		c.problem(at.key("url"), at.key("url"), "%v", err)
	}
	if err := checkEngine(r.Engine); r.Engine != "" && err != nil {
		c.problem(at.key("engine"), at.key("engine"), "%v", err)
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

// checkReceiver says what is wrong with the address of a receiver.
func checkReceiver(text string) error {
	if err := publish.CheckURL(text); err != nil {
		return fmt.Errorf("%w, got %s", err, quoted(text))
	}
	return nil
}

// checkEngine says what is wrong with an address of an engine: over a network it is only
// spoken to in TLS.
func checkEngine(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("want a URL such as https://engine.example/api/v1/write, got %s", quoted(text))
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("want neither a user nor a # in it, a token has a key of its own: got %s", quoted(text))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("over a network it is read by anybody: want https, got %s", quoted(text))
	}
	return nil
}
