package term

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// asked is a history that says what it was asked.
type asked struct {
	queries []traffic.Query
	err     error
}

func (a *asked) history(_ context.Context, q traffic.Query) (*traffic.Report, error) {
	a.queries = append(a.queries, q)
	if a.err != nil {
		return nil, a.err
	}
	today := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	return &traffic.Report{Times: []time.Time{today.AddDate(0, 0, -1), today}, Total: traffic.ReportRow{
		RxBytes: 7 << 30, TxBytes: 5 << 20, Rx: []uint64{4 << 30, 3 << 30}, Tx: []uint64{4 << 20, 1 << 20}}}, nil
}

// tellPast runs what a frame would ask the history.
func (s *stage) tellPast(at time.Time) {
	s.ui.askPast(at)
	s.settle()
}

func TestHistoryOfTheRow(t *testing.T) {
	s := newStage(t, 80, 34)
	h := &asked{}
	s.ui.opts.History = h.history
	s.watch(5, 300)
	now := start.Add(5 * time.Minute)
	s.has("at first", "today        asking…")
	s.tellPast(now)
	s.has("told", "today        3.00 GiB  1.00 MiB", "this month   7.00 GiB  5.00 MiB")
	want := traffic.Query{By: traffic.ByApp, Name: "curl", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Step: traffic.StepDay}
	if len(h.queries) != 1 || h.queries[0] != want {
		t.Errorf("asked %+v, want %+v", h.queries, want)
	}
	s.take(typical(301)).frame()
	s.tellPast(now.Add(29 * time.Second))
	if len(h.queries) != 1 {
		t.Errorf("asked %d times within 30 s", len(h.queries))
	}
	s.tellPast(now.Add(30 * time.Second))
	if len(h.queries) != 2 {
		t.Errorf("asked %d times after 30 s, want 2", len(h.queries))
	}
	h.err = errors.New("the disk is on fire")
	s.press("<Enter>").frame()
	s.tellPast(now)
	if q := h.queries[2]; q.By != traffic.ByCommand || q.App != "curl" || !strings.HasPrefix(q.Name, "curl -s") {
		t.Errorf("of a command it asks %+v", q)
	}
	s.has("an error", "the disk is on fire")
	s.press("9").frame()
	s.tellPast(now)
	if len(h.queries) != 3 {
		t.Error("a monitor has no history")
	}
}

// TestHistoryIsAskedOneByOne: a held key does not pile up questions, and the
// row it ends on is asked for.
func TestHistoryIsAskedOneByOne(t *testing.T) {
	s := newStage(t, 80, 34)
	gate := make(chan struct{})
	running, most := 0, 0
	var names []string
	s.ui.opts.History = func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
		running++
		most = max(most, running)
		names = append(names, q.Name)
		<-gate
		running--
		return &traffic.Report{}, nil
	}
	s.watch(2, 300)
	now := start
	for range 6 {
		s.frame()
		s.ui.askPast(now)
		s.press("<Down>")
	}
	close(gate)
	for range 3 {
		s.settle()
		s.frame()
		s.ui.askPast(now)
	}
	if most != 1 || len(names) != 2 || names[1] != s.ui.page().base().selected.app {
		t.Errorf("asked for %q, %d at once; selected is %q", names, most, s.ui.page().base().selected.app)
	}
}

func TestRulesOfTheRow(t *testing.T) {
	s := newStage(t, 100, 36)
	snap := alarming(300)
	snap.Rules = append(snap.Rules, traffic.Rule{Name: "broken", Kind: "app", Match: "(", Text: "is left out"},
		traffic.Rule{Name: "quiet", Kind: "app", Match: "^Back", Text: "rx below 1 GiB/s over 1s"})
	s.take(snap)
	s.press("/", "Backup", "<Enter>")
	s.has("of an app", "rules", "firing 3m 12s", "backup cap: tx above 5 MiB/s over 1m0s", "ok ", "quiet: ")
	s.lacks("of an app", "broken", "video:")
	s.press("<Esc>", "5", "/", "tv", "<Enter>")
	s.has("of a LAN host", "pending 4s", "video: rx below")
	s.press("<Esc>", "2/", "app:Backup", "<Enter>")
	s.has("of a command of the app", "firing 3m 12s", "backup cap")
	s.press("<Esc>", "6")
	s.has("of an interface", "monthly volume", "firing 2d 2h")
}

func TestTopsOfTheRow(t *testing.T) {
	s := newStage(t, 120, 40)
	s.ui.names = newNames()
	s.ui.names.keep(netip.MustParseAddr("198.19.7.1"), "mirror.example.net", true)
	s.watch(5, 300)
	s.has("remotes of an app", "top remotes", "mirror.example.net")
	s.press("n")
	s.has("without names", "198.19.7.1")
	s.lacks("without names", "mirror.example.net")
	s.press("n4")
	s.has("apps of a remote host", "top apps", "mirror.example.net", " curl ")
	s.press("/", "host:mirror", "<Enter>")
	s.want("found by its name", "›198.19.7.1")
}

// TestDetailsAskForConnections: the details are made of connections as long as
// there are not too many to list them with every tick.
func TestDetailsAskForConnections(t *testing.T) {
	s := newStage(t, 80, 34)
	s.take(typical(300).WithoutFlows()).frame()
	if len(s.flows) != 1 || !s.flows[0] {
		t.Errorf("with details on screen, WantFlows was told %v", s.flows)
	}
	s.has("not yet", "with the next measurement…")
	s.press("d")
	s.frame()
	if len(s.flows) != 2 || s.flows[1] {
		t.Errorf("without details, WantFlows was told %v", s.flows)
	}
	many := typical(301).WithoutFlows()
	many.Apps[0].Connections = 1_000_000
	s.press("d").take(many)
	s.has("too many", "too many connections to list")
	if len(s.flows) != 2 {
		t.Errorf("with a million connections, WantFlows was told %v", s.flows)
	}
}

// TestDetailsOfEveryRow: each view's rows have details, a title at least.
func TestDetailsOfEveryRow(t *testing.T) {
	s := newStage(t, 200, 50)
	s.watch(5, 300)
	s.take(alarming(301))
	for i, v := range s.ui.views {
		s.ui.switchTo(i)
		p := s.ui.page()
		if len(p.base().order) == 0 {
			t.Errorf("%s is empty", v.name)
		}
		for at := range p.base().order {
			if about := p.about(at); about == nil || about.title == "" {
				t.Errorf("%s: row %d has no details", v.name, at)
			}
		}
	}
}

func TestDetailsToggle(t *testing.T) {
	s := newStage(t, 80, 24)
	s.watch(5, 300)
	s.lacks("small terminal", "since start")
	s.press("d")
	s.has("d", "since start", "rx max")
	s.press(" ")
	s.lacks("Space", "since start")
	s.press(":details on", "<Enter>")
	s.has("command", "since start")
	s.press(":details auto", "<Enter>")
	s.lacks("auto", "since start")
	s.resize(160, 24)
	s.has("wide", "since start", "│")
	s.resize(80, 30)
	s.has("high", "since start")
}

// TestChartCoversMinutes: the chart in the details reaches back for minutes, and
// its newest value is that of the row.
func TestChartCoversMinutes(t *testing.T) {
	s := newStage(t, 80, 34)
	for i := range 301 {
		rate := 1000.0
		if i > 290 {
			rate = 4000
		}
		s.take(later(i, map[string]float64{"a": rate}))
	}
	s.has("chart", "max 3.91 KiB/s", "-2m")
	rates, known := s.ui.page().series(0, 100, 3)
	if known != 100 || !near(rates[99].Rx, 4000) || !near(rates[50].Rx, 1000) {
		t.Errorf("%d known, now %v, before %v", known, rates[99], rates[50])
	}
}
