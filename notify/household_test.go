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

// household is a Book with the apps it hears of. Time is the test's.
type household struct {
	listener
	at     time.Time // the calendar; the monotonic time is the bubble's
	totals map[string]octets
	rates  map[string]float64 // received; as much as that is sent in tenths
	ticks  int
	events []Event
}

func newHousehold(t *testing.T, o Options) *household {
	if o.Location == nil {
		o.Location = berlin(t)
	}
	for _, r := range o.Rules {
		if err := r.Check(); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
	}
	return &household{
		listener: listener{t: t, book: NewBook(o)}, at: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC),
		totals: make(map[string]octets), rates: make(map[string]float64),
	}
}

// tick lets a time pass in which apps carry at their rates.
func (h *household) tick(after time.Duration) {
	time.Sleep(after)
	h.at = h.at.Add(after)
	h.look(after)
}

// look ticks the book with what was carried in a time.
func (h *household) look(after time.Duration) {
	h.t.Helper()
	s := &traffic.Snapshot{Host: "gw", At: h.at}
	for name, rate := range h.rates {
		n := uint64(rate*after.Seconds() + 0.5)
		total := h.totals[name].add(octets{n, n / 10})
		h.totals[name] = total
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: traffic.Usage{
			RxBytes: total.rx, TxBytes: total.tx, RxRate: rate, TxRate: rate / 10,
		}})
	}
	slices.SortFunc(s.Apps, func(a, b traffic.App) int { return strings.Compare(a.Name, b.Name) })
	h.ticks++
	for _, e := range h.book.Tick(time.Now(), s) {
		if e.Snapshot != s {
			h.t.Error("an event has another snapshot")
		}
		h.events = append(h.events, e)
		h.said = append(h.said, fmt.Sprintf("%d %s %s %s %d", h.ticks, e.Alert.Rule, e.Alert.Subject, e.Alert.State, e.Alert.Count))
	}
}

// seconds ticks every second.
func (h *household) seconds(n int) {
	h.t.Helper()
	for range n {
		h.tick(time.Second)
	}
}

func appRule(name, match string, c Comparison, threshold float64, window time.Duration) Rule {
	return Rule{
		Name: name, Subject: Subject{Kind: KindApp, Match: regexp.MustCompile(match)}, Direction: Rx,
		Condition: c, Threshold: threshold, Window: window,
	}
}

func inBubble(t *testing.T, o Options, f func(h *household)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newHousehold(t, o)) })
}
