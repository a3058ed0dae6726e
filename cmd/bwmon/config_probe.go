package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bwmon/machine/probe"
	"bwmon/notify"
)

// rawProbe is one [[probe]]. One of listen, target and url is given.
type rawProbe struct {
	Name     string            `toml:"name"`
	Listen   string            `toml:"listen"`
	Target   string            `toml:"target"`
	URL      string            `toml:"url"`
	Interval string            `toml:"interval"`
	Timeout  string            `toml:"timeout"`
	Fields   map[string]string `toml:"fields"`
	Headers  []string          `toml:"headers"`
	CAFile   string            `toml:"ca_file"`
}

// probeConfig is a probe to run. Secrets in its headers are read when it begins.
type probeConfig struct {
	probe.Options
	Secrets map[string]notify.Secret // headers, by name
}

// The defaults of a probe.
const (
	probeInterval = 10 * time.Second
	probeTimeout  = 5 * time.Second
)

func defaultRawProbe() rawProbe {
	return rawProbe{Interval: probeInterval.String(), Timeout: probeTimeout.String()}
}

// probes validates [[probe]].
func (c *configReader) probes(raw []rawProbe) []probeConfig {
	var out []probeConfig
	first := make(map[string]int)
	for i, r := range raw {
		at := place("probe").index(i)
		c.named(r.Name, at, "probe", first)
		if _, taken := first[r.Name]; !taken {
			first[r.Name] = i + 1
		}
		p := probeConfig{
			Options: probe.Options{
				Name: r.Name, Listen: r.Listen, Target: r.Target, URL: r.URL, Fields: r.Fields, CAFile: r.CAFile,
				Interval: c.span(r.Interval, at.key("interval"), false), Timeout: c.span(r.Timeout, at.key("timeout"), false),
			},
			Secrets: c.headers(r.Headers, at.key("headers")),
		}
		if !c.written(at, "timeout") && p.Timeout >= p.Interval {
			p.Timeout = 0 // what fits into the interval
		}
		if !c.blamedBelow(at) {
			if err := p.Check(); err != nil {
				key, text, _ := strings.Cut(err.Error(), ": ")
				c.problem(at.key(key), at.key(key), "%s", text)
			}
		}
		out = append(out, p)
	}
	return out
}

// key is all that makes it another probe.
func (p probeConfig) key() string {
	text := fmt.Sprintf("%+v", p.Options)
	if p.CAFile != "" { // it may have been renewed
		certificates, err := readSmall(p.CAFile)
		text += fmt.Sprintf("|%s %v", certificates, err)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		value, err := p.Secrets[name].Read()
		text += fmt.Sprintf("|%s: %s %v", name, value, err)
	}
	return text
}

// open makes the probe.
func (p probeConfig) open() (*probe.Probe, error) {
	o := p.Options
	for name, secret := range p.Secrets {
		value, err := secret.Read()
		if err != nil {
			return nil, err
		}
		o.Headers = append(o.Headers, name+": "+value)
	}
	return probe.New(o)
}
