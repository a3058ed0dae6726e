package notify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

// workshop is a Book with what is measured of a machine. Time is the test's.
type workshop struct {
	listener
	at     time.Time
	series map[string]traffic.Metrics // by kind and name, "disk sda"
	apps   []traffic.App
	ticks  int
	events []Event
}

func inWorkshop(t *testing.T, rules []Rule, f func(w *workshop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, r := range rules {
			if err := r.Check(); err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
		}
		f(&workshop{
			listener: listener{t: t, book: NewBook(Options{Host: "gw", Rules: rules, Location: time.UTC})},
			at:       time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), series: make(map[string]traffic.Metrics),
		})
	})
}

// measure puts figures in place of those of a series: a new measurement, whatever
// the figures are.
func (w *workshop) measure(series string, metrics ...traffic.Metric) { w.series[series] = metrics }

func (w *workshop) tick(after time.Duration) {
	w.t.Helper()
	time.Sleep(after)
	w.at = w.at.Add(after)
	s := &traffic.Snapshot{Host: "gw", At: w.at, Apps: w.apps}
	for id, metrics := range w.series {
		kind, name, _ := strings.Cut(id, " ")
		s.Series = append(s.Series, traffic.Series{Kind: kind, Name: name, Metrics: metrics})
	}
	slices.SortFunc(s.Series, func(a, b traffic.Series) int { return strings.Compare(a.ID(), b.ID()) })
	w.ticks++
	for _, e := range w.book.Tick(time.Now(), s) {
		w.events = append(w.events, e)
		a := e.Alert
		w.said = append(w.said, fmt.Sprintf("%d %s %s %s %.6g", w.ticks, a.Rule, a.Subject, a.State, a.Value))
	}
}

func (w *workshop) seconds(n int) {
	w.t.Helper()
	for range n {
		w.tick(time.Second)
	}
}

// each lets a second pass with each figure of a metric, measured anew.
func (w *workshop) each(series, metric string, figures ...float64) {
	w.t.Helper()
	for _, v := range figures {
		w.measure(series, traffic.Metric{Name: metric, Value: v})
		w.tick(time.Second)
	}
}

// metricRule is about series as the configuration's subject has them.
func metricRule(name, subject, metric string, c Comparison, threshold float64, window time.Duration) Rule {
	return Rule{
		Name: name, Subject: Subject{Kind: KindSubject, Match: regexp.MustCompile("^(?:" + subject + ")$")}, Metric: metric,
		Condition: c, Threshold: threshold, Window: window,
	}
}
