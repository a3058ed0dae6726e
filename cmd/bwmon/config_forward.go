package main

import (
	"time"

	"bwmon/pipe"
)

// rawForward is what a [[monitor]] of type forward has besides its type.
type rawForward struct {
	Listen         string
	Target         string
	MaxRelays      int
	IdleTimeout    string
	ConnectTimeout string
	Drain          string
}

func (r rawMonitor) forward() rawForward {
	return rawForward{r.Listen, r.Target, r.MaxRelays, r.IdleTimeout, r.ConnectTimeout, r.Drain}
}

// defaultForward is a forwarder that relays nothing to nowhere yet.
func defaultForward() pipe.ForwardOptions {
	return pipe.ForwardOptions{MaxRelays: 10_000, ConnectTimeout: 10 * time.Second, Drain: 10 * time.Second}
}

// forward validates a relay. taken has who listens where already, by number.
func (c *configReader) forward(r rawForward, at place, taken map[pipe.Address]int, number int) pipe.ForwardOptions {
	o := pipe.ForwardOptions{
		MaxRelays:      r.MaxRelays,
		IdleTimeout:    c.span(r.IdleTimeout, at.key("idle_timeout"), true),
		ConnectTimeout: c.span(r.ConnectTimeout, at.key("connect_timeout"), false),
		Drain:          c.span(r.Drain, at.key("drain"), false),
	}
	var err error
	listen, target := at.key("listen"), at.key("target")
	if r.Listen == "" {
		c.problem(listen, at, `listen is missing: add listen = ":8080"`)
	} else if o.Listen, err = pipe.ParseListen(r.Listen); err != nil {
		c.problem(listen, listen, "%v", err)
	} else if first := taken[o.Listen]; first > 0 {
		c.problem(listen, at, "%s listens there already: choose another address", c.other("monitor", first-1, at))
	} else {
		taken[o.Listen] = number
	}
	if r.Target == "" {
		c.problem(target, at, `target is missing: add target = "backend:80"`)
	} else if o.Target, err = pipe.ParseTarget(r.Target); err != nil {
		c.problem(target, target, "%v", err)
	}
	if r.MaxRelays < 1 {
		c.problem(at.key("max_relays"), at.key("max_relays"), "want a number above 0, got %d", r.MaxRelays)
	}
	return o
}

// span reads a time.
func (c *configReader) span(s string, at place, zero bool) time.Duration {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil || d < 0 || d == 0 && !zero:
		c.problem(at, at, `want a time like "10s" or "5m", got %s`, quoted(s))
	}
	return d
}
