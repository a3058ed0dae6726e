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
	return nil
}
