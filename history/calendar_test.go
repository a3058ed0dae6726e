package history

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func place(t testing.TB, name string) calendar {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return calendar{loc}
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDays(t *testing.T) {
	for _, tt := range []struct{ place, in, begin, next string }{
		{"UTC", "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00"},
		{"Europe/Berlin", "2026-03-29 12:00", "2026-03-28 23:00", "2026-03-29 22:00"}, // 23 hours
		{"Europe/Berlin", "2026-10-25 12:00", "2026-10-24 22:00", "2026-10-25 23:00"}, // 25 hours
		{"Europe/Berlin", "2026-10-25 22:59", "2026-10-24 22:00", "2026-10-25 23:00"},
		{"Asia/Kolkata", "2026-01-01 18:29", "2025-12-31 18:30", "2026-01-01 18:30"},
		{"Asia/Kolkata", "2026-01-01 18:30", "2026-01-01 18:30", "2026-01-02 18:30"},
		// No 30 December 2011: the clocks went from UTC-10 to UTC+14.
		{"Pacific/Apia", "2011-12-30 09:59", "2011-12-29 10:00", "2011-12-30 10:00"},
		{"Pacific/Apia", "2011-12-30 10:00", "2011-12-30 10:00", "2011-12-31 10:00"},
		// Midnight was left out: 23:59 to 1:00.
		{"America/Sao_Paulo", "2018-11-04 12:00", "2018-11-04 03:00", "2018-11-05 02:00"},
		// Set back at midnight, to 23:00 of the day that ends.
		{"America/Sao_Paulo", "2018-02-18 02:30", "2018-02-17 02:00", "2018-02-18 03:00"},
		// Set back at 0:01: the day has begun, and does not end again.
		{"America/St_Johns", "2010-11-07 02:45", "2010-11-07 02:30", "2010-11-08 03:30"},
	} {
		c := place(t, tt.place)
		at := utc(t, tt.in)
		if diff := cmp.Diff(utc(t, tt.begin), c.day(at).UTC()); diff != "" {
			t.Errorf("%s: the day of %s begins (-want +got):\n%s", tt.place, tt.in, diff)
		}
		if diff := cmp.Diff(utc(t, tt.next), c.nextDay(at).UTC()); diff != "" {
			t.Errorf("%s: the day after %s begins (-want +got):\n%s", tt.place, tt.in, diff)
		}
	}
}

func TestHours(t *testing.T) {
	for _, tt := range []struct{ place, in, begin, next string }{
		{"UTC", "2026-03-29 12:34", "2026-03-29 12:00", "2026-03-29 13:00"},
		{"Asia/Kolkata", "2026-03-29 12:34", "2026-03-29 12:30", "2026-03-29 13:30"},
		{"Asia/Kathmandu", "2026-03-29 12:34", "2026-03-29 12:15", "2026-03-29 13:15"},
		{"Europe/Berlin", "2026-10-25 00:30", "2026-10-25 00:00", "2026-10-25 01:00"},
		{"Europe/Berlin", "2026-10-25 01:30", "2026-10-25 01:00", "2026-10-25 02:00"},
		// Half an hour back, from 2:00 to 1:30.
		{"Australia/Lord_Howe", "2026-04-04 14:59", "2026-04-04 14:00", "2026-04-04 15:00"},
		{"Australia/Lord_Howe", "2026-04-04 15:10", "2026-04-04 15:00", "2026-04-04 15:30"},
		{"Australia/Lord_Howe", "2026-04-04 15:30", "2026-04-04 15:30", "2026-04-04 16:30"},
	} {
		c := place(t, tt.place)
		at := utc(t, tt.in)
		if diff := cmp.Diff(utc(t, tt.begin), c.hour(at).UTC()); diff != "" {
			t.Errorf("%s: the hour of %s begins (-want +got):\n%s", tt.place, tt.in, diff)
		}
		if diff := cmp.Diff(utc(t, tt.next), c.nextHour(at).UTC()); diff != "" {
			t.Errorf("%s: the hour after %s begins (-want +got):\n%s", tt.place, tt.in, diff)
		}
	}
}

func TestMonths(t *testing.T) {
	c := place(t, "Europe/Berlin")
	at := utc(t, "2026-03-31 22:30") // 1 April there
	if got := c.month(at).UTC(); !got.Equal(utc(t, "2026-03-31 22:00")) {
		t.Errorf("the month begins at %v", got)
	}
	if got := c.nextMonth(at).UTC(); !got.Equal(utc(t, "2026-04-30 22:00")) {
		t.Errorf("the next month begins at %v", got)
	}
}

// TestCalendarDividesTime: everywhere and always a piece holds its time, the next one
// begins where it ends, and finer pieces do not reach over its ends.
func TestCalendarDividesTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{
		"UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe",
		"America/Sao_Paulo", "America/St_Johns", "America/Havana", "Asia/Beirut", "Africa/Cairo", "Pacific/Kwajalein",
		"Antarctica/Troll", "Asia/Pyongyang", "America/Caracas",
	} {
		c := place(t, name)
		for range 300 {
			at := time.Unix(r.Int64N(2_200_000_000)+600_000_000, 0)
			for _, l := range everyLevel {
				begin, next := l.begin(c, at), l.next(c, at)
				if begin.After(at) || !next.After(at) {
					t.Fatalf("%s, %s of %v: from %v to %v", name, l, at.UTC(), begin, next)
				}
				if again := l.begin(c, next); !again.Equal(next) {
					t.Fatalf("%s: %v begins no %s; that began at %v", name, next, l, again)
				}
				if before := l.begin(c, next.Add(-1)); !before.Equal(begin) {
					t.Fatalf("%s: just before %v it is the %s of %v, not of %v", name, next, l, before, begin)
				}
				if got := l.ceil(c, begin); !got.Equal(begin) {
					t.Fatalf("%s: ceil of %v is %v", name, begin, got)
				}
				if l != minute && !five.begin(c, begin).Equal(begin) && name != "UTC" {
					t.Fatalf("%s: the %s of %v does not begin with five minutes", name, l, begin)
				}
			}
		}
	}
}
