package fleet

import (
	"fmt"

	"bwmon/traffic"
)

// Limits bound what one host may publish. What is 0 is its default.
type Limits struct {
	// Rows is how many rows of each kind there may be, commands those of all apps together.
	Rows int
}

// DefaultRows is that of Limits.
const DefaultRows = 5000

// MaxTotal bounds every total: sums of many hosts stay far from overflow.
const MaxTotal = 1 << 56

// MaxEncoded bounds batches in one request, in bytes, before compression.
const MaxEncoded = 8 << 20

// MaxMetrics bounds the figures of all series of a host together.
const MaxMetrics = 20_000

// MaxText bounds the text of one host's snapshot, in bytes: names, command lines and what
// is said of them. Thousands of rows with command lines of the usual length have a tenth.
const MaxText = 4 << 20

func (l Limits) rows() int {
	if l.Rows <= 0 {
		return DefaultRows
	}
	return l.Rows
}

// check says what of s is more than a host may have.
func (l Limits) check(s *traffic.Snapshot) error {
	commands, metrics := 0, 0
	for i := range s.Apps {
		commands += len(s.Apps[i].Commands)
	}
	for i := range s.Series {
		metrics += len(s.Series[i].Metrics)
	}
	for _, of := range []struct {
		what    string
		n, most int
	}{
		{"apps", len(s.Apps), l.rows()}, {"commands", commands, l.rows()}, {"LAN hosts", len(s.LANHosts), l.rows()},
		{"pipes", len(s.Pipes), l.rows()}, {"interfaces", len(s.Interfaces), l.rows()}, {"series", len(s.Series), l.rows()},
		{"monitors", len(s.Monitors), l.rows()}, {"rules", len(s.Rules), l.rows()}, {"alerts", len(s.Alerts), l.rows()},
		{"metrics", metrics, MaxMetrics},
	} {
		if of.n > of.most {
			return fmt.Errorf("%d %s are more than the %d that a host may publish: group them there, with [[app]] or auto_group", of.n, of.what, of.most)
		}
	}
	if n := textOf(s); n > MaxText {
		return fmt.Errorf("its names and command lines have %d bytes, more than the %d that a host may publish: group them there, with [[app]] or auto_group", n, MaxText)
	}
	return nil
}

// textOf is how many bytes of text s has.
func textOf(s *traffic.Snapshot) (n int) {
	add := func(words ...string) {
		for _, w := range words {
			n += len(w)
		}
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		add(a.Name)
		for j := range a.Commands {
			c := &a.Commands[j]
			add(c.Command, c.User, c.Container, c.Unit)
		}
	}
	for i := range s.LANHosts {
		add(s.LANHosts[i].Name)
	}
	for i := range s.Pipes {
		add(s.Pipes[i].Name)
	}
	for i := range s.Interfaces {
		add(s.Interfaces[i].Name)
	}
	for i := range s.Series {
		add(s.Series[i].Kind, s.Series[i].Name, s.Series[i].Detail)
		for _, m := range s.Series[i].Metrics {
			add(m.Name)
		}
	}
	for i := range s.Monitors {
		m := &s.Monitors[i]
		add(m.Name, m.Kind, m.State, m.Detail)
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		add(r.Name, r.Kind, r.Match, r.Text)
	}
	for i := range s.Alerts {
		a := &s.Alerts[i]
		add(a.Rule, a.Kind, a.Subject, a.State, a.App, a.Command, a.User, a.Container, a.Unit, a.Direction, a.Metric, a.Condition)
	}
	return n
}
