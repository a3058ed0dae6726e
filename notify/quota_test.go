package notify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func quotaRule(name string, bytes uint64, p Period, levels ...float64) Rule {
	return Rule{
		Name: name, Subject: Subject{Kind: KindApp, Match: regexp.MustCompile("")}, Direction: Rx, Condition: Quota,
		Quota: Allowance{Bytes: bytes, Period: p, Levels: levels}, Repeat: time.Minute,
	}
}

// used is what the book has for an app in the current period.
func (h *household) used(rule int32, app string) uint64 {
	u := h.book.usages[usageKey{rule, identity{kind: KindApp, name: app, app: app}}]
	if u == nil {
		return 0
	}
	return u.bytes
}

func TestQuotaLevels(t *testing.T) {
	inBubble(t, Options{Rules: []Rule{quotaRule("chat", 10_000, Hour)}}, func(h *household) {
		h.rates["idle"] = 0
		h.seconds(1)
		h.rates["a"] = 100 // from the first byte
		h.seconds(79)
		h.wantSaid()
		h.seconds(3)
		h.wantSaid("81 chat a firing 1")
		h.seconds(30)
		h.wantSaid("101 chat a firing 2") // the second level, no repetition
		h.wantAlerts("chat a firing")
		if a := h.events[1].Alert; a.Level != 1 || a.Value != 10_000 || a.Threshold != 10_000 || a.Period != "hour" ||
			a.Condition != "quota" || a.Window != 0 || a.ID != h.events[0].Alert.ID {
			t.Errorf("the second level: %+v", a)
		}
		h.seconds(3600 - 114)
		h.wantSaid()
		h.seconds(1) // 13:00:00 begins a new one
		h.wantSaid("3600 chat a resolved 2")
		h.seconds(78)
		h.wantSaid()
		h.seconds(1)
		h.wantSaid("3679 chat a firing 1")
	})
}

func TestQuotaOverMonthEndAndClockChanges(t *testing.T) {
	month := quotaRule("month", 1<<40, Month)
	month.Quota.MonthStartsOn = 15
	rules := []Rule{quotaRule("day", 1<<40, Day), quotaRule("week", 1<<40, Week), month}
	for _, c := range []struct {
		from             string
		hours            int
		day, week, month uint64 // hours used since the period began
	}{
		{"2026-03-28T23:00:00Z", 22, 22, 22 + 6*24, 22 + 14*24}, // Sunday of 23 hours, 00:00 in Berlin
		{"2026-03-28T23:00:00Z", 23, 0, 0, 23 + 14*24},
		{"2026-10-24T22:00:00Z", 24, 24, 24 + 6*24, 24 + 10*24}, // of 25
		{"2026-10-24T22:00:00Z", 25, 0, 0, 25 + 10*24},
		{"2026-02-14T22:00:00Z", 1, 0, 6 * 24, 0}, // into the 15th, a Sunday
		{"2026-01-31T22:00:00Z", 2, 1, 1 + 6*24, 1 + 17*24},
	} {
		inBubble(t, Options{Rules: rules}, func(h *household) {
			from, _ := time.Parse(time.RFC3339, c.from)
			h.at = from.Add(-40 * 24 * time.Hour)
			h.rates["a"] = 1
			h.tick(time.Second)
			h.at = h.at.Add(-time.Second)
			for range 40*24 + c.hours {
				h.tick(time.Hour)
			}
			// What is carried in the hour that ends with a period is booked after it.
			got := []uint64{h.used(0, "a"), h.used(1, "a"), h.used(2, "a")}
			for i := range got {
				got[i] = got[i]/3600 - 1
			}
			if diff := cmp.Diff([]uint64{c.day, c.week, c.month}, got); diff != "" {
				t.Errorf("%s and %d h: day, week, month (-want +got):\n%s", c.from, c.hours, diff)
			}
		})
	}
}

func TestQuotaAndClockSetBack(t *testing.T) {
	inBubble(t, Options{Rules: []Rule{quotaRule("day", 1000, Day)}}, func(h *household) {
		h.at = time.Date(2026, 1, 5, 22, 50, 0, 0, time.UTC) // 23:50 in Berlin
		h.rates["a"] = 1
		h.seconds(1)
		h.seconds(599)
		h.seconds(850)
		h.wantSaid("1399 day a firing 1")
		if got := h.used(0, "a"); got != 851 {
			t.Errorf("%d bytes on the second day, want 851", got)
		}
		h.at = h.at.Add(-20 * time.Minute) // into the first, which had 598
		h.seconds(2)
		h.wantSaid("1451 day a resolved 1")
		if got := h.used(0, "a"); got != 600 {
			t.Errorf("%d bytes on the first day, want 600", got)
		}
		h.at = h.at.Add(20 * time.Minute)
		h.seconds(100)
		if got := h.used(0, "a"); got != 951 {
			t.Errorf("%d bytes on the second day, want 951", got)
		}
		h.wantSaid() // its level was told of
		h.at = h.at.Add(20 * 365 * 24 * time.Hour)
		h.seconds(1)
		h.at = h.at.Add(-20 * 365 * 24 * time.Hour)
		h.seconds(49)
		h.wantSaid("1602 day a firing 1") // the second level
		h.at = h.at.Add(-time.Hour)
		h.at = h.at.Add(time.Hour)
		h.seconds(10)
		if got := h.used(0, "a"); got != 1010 {
			t.Errorf("%d bytes on the second day, want 1010", got)
		}
		h.wantSaid()
	})
}

func TestQuotaOutsideHours(t *testing.T) {
	r := quotaRule("day", 1000, Day, 1)
	r.Hours, _ = ParseSchedule("13:30-14:00", berlin(t))
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.rates["a"] = 1
		h.seconds(1200) // from 13:00
		h.wantSaid()
		h.wantAlerts("day a firing")
		h.seconds(600)
		h.wantSaid("1800 day a firing 1")
		h.seconds(3600) // it stays so beyond the hours
		h.wantSaid()
	})
}

// memoryStore is a QuotaStore for tests.
type memoryStore struct {
	kept  []Usage
	saves int
	err   error
}

func (m *memoryStore) Load() ([]Usage, error) { return m.kept, m.err }
func (m *memoryStore) Save(list []Usage) error {
	m.saves++
	if m.err == nil {
		m.kept = slices.Clone(list)
	}
	return m.err
}

func TestQuotaOverRestarts(t *testing.T) {
	store := &memoryStore{}
	o := Options{Host: "gw", Rules: []Rule{quotaRule("day", 1000, Day)}, Quotas: store}
	inBubble(t, o, func(h *household) {
		restart := func() {
			o.Location = berlin(t)
			h.book = NewBook(o)
			clear(h.totals)
		}
		h.rates["a"] = 1
		h.seconds(1)
		h.seconds(815) // saved every 10 s, the last time after 811
		h.wantSaid("801 day a firing 1")
		if store.saves != 81 {
			t.Errorf("saved %d times in 816 s", store.saves)
		}
		restart() // without saving
		h.seconds(1)
		h.wantAlerts("day a firing")
		if got := h.used(0, "a"); got < 805 || got > 815 {
			t.Errorf("%d bytes after a crash at 815, want those of the last save", got)
		}
		h.seconds(100)
		h.wantSaid() // it was told before
		if err := h.book.Save(); err != nil {
			t.Fatal(err)
		}
		before := h.used(0, "a")
		restart()
		h.seconds(1)
		if got := h.used(0, "a"); got != before {
			t.Errorf("%d bytes after an orderly end, want %d", got, before)
		}
		id := h.book.Alerts()[0].ID
		if id != h.events[0].Alert.ID {
			t.Errorf("the alert is %s, was %s", id, h.events[0].Alert.ID)
		}
		h.book.Save()
		restart()
		h.at = h.at.Add(24 * time.Hour) // the period ends while nothing runs
		delete(h.rates, "a")            // and nobody carries anything
		h.seconds(3)
		h.wantSaid("919 day a resolved 1")
		if got := h.events[1].Alert; got.ID != id || got.Level != 0.8 {
			t.Errorf("resolved: %+v", got)
		}
		h.book.Save()
		restart()
		h.seconds(2)
		h.wantSaid()
	})
}

func TestQuotaStoreTroubles(t *testing.T) {
	store := &memoryStore{err: errors.New("no\nspace")}
	inBubble(t, Options{Rules: []Rule{quotaRule("day", 1000, Day)}, Quotas: store}, func(h *household) {
		h.rates["a"] = 1
		h.seconds(30)
		want := []string{`load quota usage, which begins anew: no\nspace`, `save quota usage: no\nspace`}
		if diff := cmp.Diff(want, h.book.Troubles()); diff != "" {
			t.Errorf("troubles (-want +got):\n%s", diff)
		}
		if store.saves < 2 || store.saves > 3 {
			t.Errorf("tried to save %d times in 30 s", store.saves)
		}
		store.err = nil
		h.seconds(10)
		if len(store.kept) != 1 || store.kept[0].Bytes < 28 {
			t.Errorf("kept %v", store.kept)
		}
	})
}

// TestUsageIsBounded: of apps that are gone, those that used most are kept, until
// an hour after the period.
func TestUsageIsBounded(t *testing.T) {
	inBubble(t, Options{Rules: []Rule{quotaRule("day", 1<<40, Day)}, MaxSubjects: 20}, func(h *household) {
		h.seconds(1)
		for i := range 100 {
			clear(h.rates)
			h.rates[fmt.Sprintf("a%03d", i)] = float64(i + 1)
			h.seconds(130)
		}
		clear(h.rates)
		h.seconds(130)
		if n := len(h.book.usages); n > 20+20 { // of those that are gone, and watched
			t.Errorf("%d usages are kept", n)
		}
		if got := h.used(0, "a099"); got != 100*130 {
			t.Errorf("the most used has %d", got)
		}
		h.at = h.at.Add(24 * time.Hour)
		h.seconds(90 * 60)
		if n := len(h.book.usages); n != 0 {
			t.Errorf("%d usages are kept after the period", n)
		}
	})
}

// TestQuotaRaised: what was told of a smaller quota is not taken for the larger one's.
func TestQuotaRaised(t *testing.T) {
	store := &memoryStore{}
	inBubble(t, Options{Host: "gw", Rules: []Rule{quotaRule("day", 1000, Day)}, Quotas: store}, func(h *household) {
		h.rates["a"] = 1
		h.seconds(1010) // the baseline is in no quota
		h.wantSaid("801 day a firing 1", "1001 day a firing 2")
		if err := h.book.Save(); err != nil {
			t.Fatal(err)
		}
		h.book = NewBook(Options{Host: "gw", Rules: []Rule{quotaRule("day", 2000, Day)}, Quotas: store, Location: berlin(t)})
		clear(h.totals)
		h.said = nil
		before := h.ticks
		h.seconds(1000)
		h.wantSaid(fmt.Sprintf("%d day a firing 1", before+592), fmt.Sprintf("%d day a firing 2", before+992))
	})
}

// TestNoTicksForAWhile: where nobody ticked, the average is over all of that time.
func TestNoTicksForAWhile(t *testing.T) {
	rules := []Rule{appRule("above", "a", Above, 1500, time.Second), appRule("below", "a", Below, 500, time.Second)}
	inBubble(t, Options{Rules: rules}, func(h *household) {
		h.rates["a"] = 1000
		h.seconds(130)
		h.tick(300 * time.Second)
		h.seconds(130)
		h.wantSaid()
	})
}
