package main

import (
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestWithOwn: what a receiver knows of its own hosts is shown in place of what the engine
// does, and rules have figures of it; what another receiver heard later stays.
func TestWithOwn(t *testing.T) {
	at := time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC)
	const mine, moved, others, fresh, ahead = "a", "b", "c", "aa", "d"
	s := &traffic.Snapshot{Hosts: []traffic.Member{
		{Host: mine, State: traffic.MemberSilent, Seen: at, Silent: 200, Alerts: 3, Unbooked: 5, Detail: "nothing came"},
		{Host: moved, State: traffic.MemberReporting, Seen: at.Add(time.Hour), Silent: 5, Waiting: 7},
		{Host: others, State: traffic.MemberReporting, Seen: at, Silent: 1},
		{Host: ahead, State: traffic.MemberReporting, Seen: at.Add(2 * time.Minute)}, // by its own clock
	}}
	for _, h := range s.Hosts {
		s.Series = append(s.Series, traffic.Series{Kind: traffic.SeriesHost, Name: h.Host, Metrics: traffic.Metrics{{Name: "silent_s", Value: h.Silent}}})
	}
	before := len(s.Series[0].Metrics)
	got := withOwn(s, []traffic.Member{
		{Host: mine, State: traffic.MemberRefused, Seen: at.Add(time.Minute), Silent: 140, Clock: -90, Waiting: 12, Detail: "too much"},
		{Host: fresh, State: traffic.MemberReporting, Seen: at.Add(time.Minute), Silent: 2, Clock: 1},
		{Host: ahead, State: traffic.MemberReporting, Seen: at.Add(time.Minute), Silent: 2, Clock: 100},
		{Host: moved, State: traffic.MemberSilent, Seen: at, Silent: 3605, Detail: "nothing came"},
	})
	want := []traffic.Member{
		{Host: mine, State: traffic.MemberRefused, Seen: at.Add(time.Minute), Silent: 140, Clock: -90, Waiting: 12, Alerts: 3, Unbooked: 5, Detail: "too much"},
		{Host: fresh, State: traffic.MemberReporting, Seen: at.Add(time.Minute), Silent: 2, Clock: 1},
		s.Hosts[1], s.Hosts[2],
		{Host: ahead, State: traffic.MemberReporting, Seen: at.Add(time.Minute), Silent: 2, Clock: 100},
	}
	if d := cmp.Diff(want, got.Hosts); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	figures := make(map[string]map[string]float64)
	for _, of := range got.Series {
		figures[of.Name] = make(map[string]float64)
		for _, m := range of.Metrics {
			if _, twice := figures[of.Name][m.Name]; twice {
				t.Errorf("%s has %s twice", of.Name, m.Name)
			}
			figures[of.Name][m.Name] = m.Value
		}
	}
	if d := cmp.Diff(map[string]map[string]float64{
		mine:   {"silent_s": 140, "clock_s": -90, "waiting": 12, "refused": 1},
		fresh:  {"silent_s": 2, "clock_s": 1, "waiting": 0, "refused": 0},
		moved:  {"silent_s": 5, "clock_s": 0, "waiting": 7, "refused": 0},
		others: {"silent_s": 1},
		ahead:  {"silent_s": 2, "clock_s": 100, "waiting": 0, "refused": 0},
	}, figures); d != "" {
		t.Errorf("figures (-want +got):\n%s", d)
	}
	if len(s.Hosts) != 4 || s.Hosts[0].Silent != 200 || len(s.Series[0].Metrics) != before || s.Series[0].Metrics[0].Value != 200 {
		t.Errorf("what the engine said was changed: %+v", s)
	}
}
