package main

import (
	"slices"
	"strings"

	"bwmon/traffic"
)

// withOwn is the fleet as an engine knows it, with what this receiver knows of the hosts
// that publish to it: an engine is not told of what was refused, of clocks, and of what
// hosts have yet to send. s is not changed.
func withOwn(s *traffic.Snapshot, own []traffic.Member) *traffic.Snapshot {
	with := *s
	with.Hosts, with.Series = slices.Clone(s.Hosts), slices.Clone(s.Series)
	for i := range own {
		m := &own[i]
		at, there := slices.BinarySearchFunc(with.Hosts, m.Host, func(h traffic.Member, name string) int { return strings.Compare(h.Host, name) })
		if !there { // nothing of it was written yet
			with.Hosts = slices.Insert(with.Hosts, at, traffic.Member{Host: m.Host, Seen: m.Seen, Silent: m.Silent, State: m.State, Detail: m.Detail})
			with.Series = append(with.Series, traffic.Series{Kind: traffic.SeriesHost, Name: m.Host})
		}
		h := &with.Hosts[at]
		// Where the engine has heard of it later it publishes to another receiver now.
		if m.State == traffic.MemberSilent && m.Silent > h.Silent {
			continue
		}
		h.Clock, h.Waiting = m.Clock, m.Waiting
		h.Seen, h.Silent, h.State, h.Detail = m.Seen, m.Silent, m.State, m.Detail
	}
	known := make(map[string]*traffic.Member, len(own))
	for i := range own {
		at, _ := slices.BinarySearchFunc(with.Hosts, own[i].Host, func(h traffic.Member, name string) int { return strings.Compare(h.Host, name) })
		known[own[i].Host] = &with.Hosts[at]
	}
	for i := range with.Series {
		of := &with.Series[i]
		if h := known[of.Name]; h != nil && of.Kind == traffic.SeriesHost {
			of.Detail, of.Metrics = h.Detail, ownFigures(of.Metrics, h)
		}
	}
	slices.SortFunc(with.Series, func(a, b traffic.Series) int { return strings.Compare(a.ID(), b.ID()) })
	return &with
}

// ownFigures are the figures m of a host, with those that its receiver knows better.
func ownFigures(m traffic.Metrics, h *traffic.Member) traffic.Metrics {
	refused := 0.0
	if h.State == traffic.MemberRefused {
		refused = 1
	}
	better := []string{"silent_s", "clock_s", "waiting", "refused"}
	rest := slices.DeleteFunc(slices.Clone(m), func(f traffic.Metric) bool { return slices.Contains(better, f.Name) })
	return rest.With(better[0], h.Silent).With(better[1], h.Clock).With(better[2], float64(h.Waiting)).With(better[3], refused)
}
