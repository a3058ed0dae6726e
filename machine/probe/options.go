package probe

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"bwmon/traffic"
)

// What is used where Options names nothing else.
const (
	defaultInterval = 10 * time.Second
	defaultTimeout  = 5 * time.Second
)

// minInterval keeps a probe from being an attack.
const minInterval = 100 * time.Millisecond

// Options says what a Probe looks at. Exactly one of Listen, Target and URL is given.
type Options struct {
	Name string // tells the probe from others; clean, see traffic.CleanText

	// Listen is where a socket should listen on this host, in the network namespace
	// of the thread that calls Run: "tcp:443" and "udp:53" on any local address,
	// "tcp:127.0.0.1:443", "tcp:[::1]:443", "unix:/run/x.sock", "unix:@abstract". Nobody is
	// connected to; the kernel is asked.
	Listen string
	// Target is what should take TCP connections: "host:port". It is connected to,
	// and left at once.
	Target string
	// URL is what should answer a GET, over HTTP/1.1 with or without TLS.
	URL string

	Interval time.Duration // from one probe's begin to the next; 0: 10 s
	// Timeout is what one probe may take in all. It is less than Interval; 0: 5 s, or
	// half of Interval where that is less.
	Timeout time.Duration

	// Fields are the figures to take from the JSON that URL answers with: the
	// metric's name and the path to it, such as `jobs.queued`, `nodes[0].load` or
	// `["a.b"].c`; "." is the whole document. A figure is a number, true (1) or false
	// (0), or a text that is nothing but a JSON number.
	Fields map[string]string
	// Headers are sent with each request to URL: "Name: value". What they say is never
	// shown, nor sent to another host where URL redirects to one.
	Headers []string
	// CAFile holds the certificates (PEM) to trust in place of the system's.
	CAFile string
}

// Check says what is wrong with o as far as that can be told without looking at
// anything else; the error begins with the name of the key that is wrong. It is pure:
// CAFile is read by New.
func (o Options) Check() error {
	_, err := o.plan()
	return err
}

// plan is Options that make sense, read.
type plan struct {
	Options
	place   place   // of Listen
	target  target  // of Target
	request request // of URL
}

func (o Options) plan() (plan, error) {
	p := plan{Options: o}
	if o.Name == "" || traffic.CleanText(o.Name, traffic.MaxWord) != o.Name {
		return p, fmt.Errorf("name: want a name of at most %d printable characters, got %q", traffic.MaxWord, o.Name)
	}
	if err := p.planTimes(); err != nil {
		return p, err
	}
	given := 0
	for _, s := range []string{o.Listen, o.Target, o.URL} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return p, fmt.Errorf("url: want exactly one of url, target and listen, got %d of them", given)
	}
	if o.URL == "" {
		switch {
		case len(o.Fields) > 0:
			return p, fmt.Errorf("fields: only what a url answers has fields: give a url, or drop them")
		case len(o.Headers) > 0:
			return p, fmt.Errorf("headers: only a url is sent headers: give a url, or drop them")
		case o.CAFile != "":
			return p, fmt.Errorf("ca_file: only a url has certificates: give a url, or drop it")
		}
	}
	var err error
	switch {
	case o.Listen != "":
		if p.place, err = parsePlace(o.Listen); err != nil {
			err = fmt.Errorf("listen: %w", err)
		}
	case o.Target != "":
		if p.target, err = parseTarget(o.Target); err != nil {
			err = fmt.Errorf("target: %w", err)
		}
	default:
		p.request, err = parseRequest(o)
	}
	return p, err
}

func (p *plan) planTimes() error {
	if p.Interval == 0 {
		p.Interval = defaultInterval
	}
	if p.Interval < minInterval {
		return fmt.Errorf("interval: want at least %v, got %v", minInterval, p.Interval)
	}
	if p.Timeout == 0 {
		p.Timeout = min(defaultTimeout, p.Interval/2)
	}
	if p.Timeout < 0 {
		return fmt.Errorf("timeout: want a time above 0, got %v", p.Timeout)
	}
	if p.Timeout >= p.Interval {
		return fmt.Errorf("timeout: want less than the interval of %v, got %v: probes would pile up", p.Interval, p.Timeout)
	}
	return nil
}

// builtin are the metrics that every probe of a URL has.
var builtin = [...]string{"up", "status", "response_ms", "body_bytes"}

// The most fields a probe may have, and bytes in the name of one: each becomes a
// series in the history.
const (
	maxFields    = 64
	maxFieldName = 64
)

// field is one figure to take from a JSON document.
type field struct {
	name string
	path path
}

// parseFields reads Options.Fields, ordered by name.
func parseFields(fields map[string]string) ([]field, error) {
	if len(fields) > maxFields {
		return nil, fmt.Errorf("fields: want at most %d, got %d", maxFields, len(fields))
	}
	var list []field
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !validName(name) {
			return nil, fmt.Errorf("fields: %q is no name of a metric: want at most %d of a-z, 0-9 and _", traffic.CleanText(name, maxFieldName), maxFieldName)
		}
		if slices.Contains(builtin[:], name) {
			return nil, fmt.Errorf("fields: %s is what every probe of a url has: take another name", name)
		}
		p, err := parsePath(fields[name])
		if err != nil {
			return nil, fmt.Errorf("fields: %s: %w", name, err)
		}
		list = append(list, field{name, p})
	}
	return list, nil
}

func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_') {
			return false
		}
	}
	return name != "" && len(name) <= maxFieldName
}
