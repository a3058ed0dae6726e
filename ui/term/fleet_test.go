package term

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// fleet is a receiver with so many members, tick seconds after the start: the second of
// them is silent, the third refused. Each runs some of four apps.
func fleet(tick, n int) *traffic.Snapshot {
	elapsed := float64(tick)
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "receiver.example.net", At: start.Add(time.Duration(tick) * time.Second), Elapsed: elapsed, Interval: 1,
		Monitors: []traffic.MonitorStatus{{Name: "receiver", Kind: "receiver", State: traffic.StateRunning, Detail: "12 batches a minute"}},
	}
	names := []string{"video", "backup", "nginx", "postgres"}
	s.Apps = make([]traffic.App, len(names))
	for i := range n {
		rate := 3e6 / float64(i+1) * (1 + 0.3*math.Sin(elapsed/3+float64(i)))
		m := traffic.Member{
			Host: fmt.Sprintf("web-%04d.example.net", i), State: traffic.MemberReporting, Seen: s.At, Silent: 4,
			Apps: 2, Connections: 7 + i%30, Alerts: i % 40 / 39, Unbooked: uint64(1000 * i), Clock: float64(i%5) * 0.3, Waiting: uint64(i % 2),
		}
		switch i {
		case 1:
			m.State, m.Silent, rate = traffic.MemberSilent, 754, 0
		case 2:
			m.State, m.Detail, m.Clock = traffic.MemberRefused, "its clock is an hour ahead: set it", 3600
		}
		m.Usage = usage(rate, rate/10, uint64(3e6/float64(i+1)*elapsed), uint64(3e5/float64(i+1)*elapsed))
		s.Hosts = append(s.Hosts, m)
		for j, name := range names {
			a := &s.Apps[j]
			a.Name = name
			if (i+j)%2 == 0 {
				continue
			}
			c := traffic.Command{Command: m.Host, Host: m.Host, Processes: 1, Connections: 3,
				Usage: usage(m.RxRate/float64(j+2), m.TxRate/float64(j+2), m.RxBytes/uint64(j+2), m.TxBytes/uint64(j+2))}
			a.Commands = append(a.Commands, c)
			a.Usage = plus(a.Usage, c.Usage)
			a.Processes, a.Connections = a.Processes+1, a.Connections+3
		}
	}
	s.Series = []traffic.Series{{Kind: traffic.SeriesHost, Name: s.Hosts[0].Host, Metrics: traffic.Metrics{{Name: "silent_s", Value: 4}}}}
	return s
}

// lead shows what came from a receiver in a time.
func (s *stage) lead(from, to, n int) *stage {
	for tick := from; tick <= to; tick++ {
		s.take(fleet(tick, n))
	}
	return s
}

func TestFleetFrames(t *testing.T) {
	for _, tt := range []struct {
		name string
		act  func(s *stage)
	}{
		{"fleet", func(s *stage) { s.lead(90, 150, 3) }},
		{"fleet-many", func(s *stage) { s.lead(140, 150, 1000) }},
		{"fleet-member", func(s *stage) { s.lead(90, 150, 3).press("<Enter>") }},
		{"fleet-app", func(s *stage) { s.lead(90, 150, 3).press("<Enter>", "<Enter>") }},
		{"fleet-silent", func(s *stage) {
			s.lead(140, 150, 1000).press("/", "state:silent | state:refused", "<Enter>", "<Down>", "d")
		}},
		{"fleet-help", func(s *stage) { s.lead(150, 150, 3).press("?") }},
	} {
		for _, size := range sizes {
			t.Run(tt.name+"-"+size.name, func(t *testing.T) {
				s := newStage(t, size.w, size.h)
				s.frame()
				tt.act(s)
				golden(t, tt.name+"-"+size.name, s.frame())
			})
		}
	}
}

// at is the view on screen and what is open in it.
func (s *stage) at() []string {
	v := s.ui.views[s.ui.current]
	list := []string{v.name}
	for _, p := range v.stack[1:] {
		list = append(list, p.base().crumb)
	}
	return list
}

// firstCells are the first cells of the rows.
func (s *stage) firstCells() []string {
	var list []string
	p := s.ui.page()
	for i := range p.base().order {
		list = append(list, strings.TrimSpace(p.cell(i, 0, s.ui.units, 60)))
	}
	return list
}

func wantText(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestFleetIsShownFirst: where there is one, and only there.
func TestFleetIsShownFirst(t *testing.T) {
	s := newStage(t, 120, 40).take(fleet(1, 3))
	wantText(t, "the first view", s.at(), []string{"fleet"})
	s.press("1").take(fleet(2, 3))
	wantText(t, "after another was chosen", s.at(), []string{"apps"})
	s.press("<BackTab>")
	wantText(t, "before the first", s.at(), []string{"fleet"})
	s.press("<Tab>")
	wantText(t, "after the last", s.at(), []string{"apps"})
	s.press("H")
	wantText(t, "by its key", s.at(), []string{"fleet"})
	s.take(typical(3)) // who is attached to may become another
	wantText(t, "of one host", s.at(), []string{"apps"})

	s = newStage(t, 120, 40).take(typical(1)).press("H")
	wantText(t, "of one host", s.at(), []string{"apps"})
	if !strings.Contains(s.frame(), "this is one host") {
		t.Errorf("it does not say why:\n%s", s.frame())
	}
	s.press("<BackTab>")
	wantText(t, "before the first of one host", s.at(), []string{"machine"})

	s = newStage(t, 120, 40)
	s.press("9").take(fleet(1, 3))
	wantText(t, "where another was chosen before", s.at(), []string{"monitors"})
}

func TestFleetDrillDown(t *testing.T) {
	s := newStage(t, 120, 40).lead(1, 3, 5)
	hosts := []string{"web-0000.example.net", "web-0002.example.net", "web-0003.example.net", "web-0004.example.net", "web-0001.example.net"}
	wantText(t, "hosts, the busiest first", s.firstCells(), hosts)
	s.press("<Enter>")
	wantText(t, "into a host", s.at(), []string{"fleet", hosts[0]})
	wantText(t, "its apps", s.firstCells(), []string{"backup", "postgres"})
	s.press("<Enter>")
	wantText(t, "into its app", s.at(), []string{"fleet", hosts[0], "backup"})
	wantText(t, "who runs it", s.firstCells(), []string{hosts[0], hosts[1], hosts[3]})
	if !strings.Contains(s.frame(), " HOST ") {
		t.Errorf("no column HOST:\n%s", s.frame())
	}
	s.press("<Down>", "<Enter>")
	wantText(t, "to another host", s.at(), []string{"fleet", hosts[0], "backup", hosts[1]})
	s.press("<Esc>", "<Esc>", "<Esc>")
	wantText(t, "and back", s.at(), []string{"fleet"})
}

func TestFleetFilter(t *testing.T) {
	s := newStage(t, 120, 40).lead(1, 3, 5)
	for filter, want := range map[string]int{
		"host:web-0003": 1, "host=web-0003": 0, "state:silent": 1, "!state:reporting": 2, "rx>1MiB/s": 1, "clock": 1, "conns>8": 3, "web": 5,
	} {
		if err := s.ui.refilter(filter); err != nil {
			t.Errorf("%s: %v", filter, err)
		}
		if got := len(s.firstCells()); got != want {
			t.Errorf("%s: %d rows, want %d", filter, got, want)
		}
	}
	s.ui.refilter("")
	s.press("1", "<Enter>")
	if err := s.ui.refilter("host:web-0002"); err != nil || len(s.firstCells()) != 1 {
		t.Errorf("hosts of an app by their names: %q, %v", s.firstCells(), err)
	}
	wantText(t, "what a filter offers", s.ui.known(queryHost, "web-0004"), []string{"web-0004.example.net"})
}

// TestFleetAlertLeadsToItsHost: of a rule about hosts, and of one about their series.
func TestFleetAlertLeadsToItsHost(t *testing.T) {
	for _, a := range []traffic.Alert{
		{Rule: "silent", Kind: "host", Subject: "web-0001.example.net", State: alertFiring},
		{Rule: "silent", Kind: "subject", Subject: "host:web-0001.example.net", Metric: "silent_s", State: alertFiring},
	} {
		s := newStage(t, 120, 40).take(fleet(1, 5))
		snap := fleet(2, 5)
		snap.Alerts = []traffic.Alert{a}
		s.take(snap).press("8", "<Enter>")
		wantText(t, a.Kind, s.at(), []string{"fleet"})
		if got := s.ui.page().base().selected; got != memberIdentity("web-0001.example.net") {
			t.Errorf("%s: selected is %+v", a.Kind, got)
		}
	}
}

// TestFleetTotalsBeginAnew: what a receiver's rows have in common with those of a host.
func TestFleetTotalsBeginAnew(t *testing.T) {
	s := newStage(t, 200, 50).lead(1, 10, 3).press("z").lead(11, 12, 3)
	frame := s.frame()
	if !strings.Contains(frame, "5.72 MiB") { // two seconds of 3 MB/s
		t.Errorf("totals since the mark:\n%s", frame)
	}
}

// TestHostileFleet: names and details of hosts are text wherever they are drawn.
func TestHostileFleet(t *testing.T) {
	snap := fleet(100, len(nasty))
	for i, name := range nasty {
		m := &snap.Hosts[i]
		m.Host, m.Detail, m.State = name, name, []string{traffic.MemberRefused, name}[i%2]
		m.Silent, m.Clock, m.Alerts = math.NaN(), math.Inf(1-i%3), -1
	}
	for i := range snap.Apps {
		snap.Apps[i].Name = nasty[i]
		for j := range snap.Apps[i].Commands {
			c := &snap.Apps[i].Commands[j]
			c.Host, c.Command = nasty[j], nasty[j]
		}
	}
	for _, size := range sizes {
		s := newStage(t, size.w, size.h).take(snap)
		s.ui.details = detailsOn
		for _, view := range []string{"fleet", "apps", "commands", "alerts", "monitors", "machine"} {
			s.ui.switchTo(s.ui.viewNamed(view))
			for row := range len(s.ui.page().base().order) {
				s.ui.goTo(row)
				for range 3 {
					s.frame()
					checkCells(t, s.screen, view)
					s.press("<Enter>")
				}
				s.press("<Esc>", "<Esc>", "<Esc>")
			}
		}
	}
}

// TestMemberOfAFleetIsAHost: as its receiver has it, with what it does not publish.
func TestMemberOfAFleetIsAHost(t *testing.T) {
	member := func(tick int) *traffic.Snapshot {
		s := typical(tick)
		s.Hosts = fleet(tick, 2).Hosts[1:]
		s.Hosts[0].Host = s.Host
		s.RemoteHosts = nil
		for i := range s.Apps {
			for j := range s.Apps[i].Commands {
				s.Apps[i].Commands[j].Flows, s.Apps[i].Commands[j].Closed = nil, nil
			}
		}
		for i := range s.LANHosts {
			s.LANHosts[i].Flows = nil
		}
		return s
	}
	s := newStage(t, 120, 40).take(member(1)).take(member(2))
	wantText(t, "the first view", s.at(), []string{"apps"})
	if frame := s.frame(); !strings.Contains(frame, "1 host does not report: gw.example.net for 12m 34s") || strings.Contains(frame, "H Hosts") || strings.Contains(frame, "next measurement") {
		t.Errorf("who is silent, and where that is explained:\n%s", frame)
	}
	for _, keys := range [][]string{{"3"}, {"4"}, {"1", "<Enter>", "<Enter>"}} {
		if frame := s.press(keys...).frame(); !strings.Contains(frame, "single connections are not published") {
			t.Errorf("%q:\n%s", keys, frame)
		}
	}
	// A fleet of one, which may be the receiver's own host.
	one := fleet(1, 1)
	one.Host = one.Hosts[0].Host
	if !isFleet(one) {
		t.Error("a fleet of one is none")
	}
}
