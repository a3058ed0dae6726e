package notify

import (
	"testing"
	"time"
)

func TestPeriodAround(t *testing.T) {
	const layout = "2006-01-02 15:04 -0700"
	for _, c := range []struct {
		period     Period
		startsOn   int
		at         string
		start, end string
		hours      float64
	}{
		{Hour, 1, "2026-07-01 10:59 +0200", "2026-07-01 10:00 +0200", "2026-07-01 11:00 +0200", 1},
		{Day, 1, "2026-07-01 00:00 +0200", "2026-07-01 00:00 +0200", "2026-07-02 00:00 +0200", 24},
		{Day, 1, "2026-03-29 12:00 +0200", "2026-03-29 00:00 +0100", "2026-03-30 00:00 +0200", 23},
		{Day, 1, "2026-10-25 12:00 +0100", "2026-10-25 00:00 +0200", "2026-10-26 00:00 +0100", 25},
		// The hour that comes twice is two.
		{Hour, 1, "2026-10-25 02:30 +0200", "2026-10-25 02:00 +0200", "2026-10-25 02:00 +0100", 1},
		{Hour, 1, "2026-10-25 02:30 +0100", "2026-10-25 02:00 +0100", "2026-10-25 03:00 +0100", 1},
		{Hour, 1, "2026-03-29 01:30 +0100", "2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200", 1},
		{Week, 1, "2026-10-25 23:59 +0100", "2026-10-19 00:00 +0200", "2026-10-26 00:00 +0100", 169},
		{Week, 1, "2026-03-29 23:59 +0200", "2026-03-23 00:00 +0100", "2026-03-30 00:00 +0200", 167},
		{Week, 1, "2027-01-01 00:00 +0100", "2026-12-28 00:00 +0100", "2027-01-04 00:00 +0100", 168},
		{Month, 1, "2026-02-28 23:59 +0100", "2026-02-01 00:00 +0100", "2026-03-01 00:00 +0100", 28 * 24},
		{Month, 1, "2028-02-29 12:00 +0100", "2028-02-01 00:00 +0100", "2028-03-01 00:00 +0100", 29 * 24},
		{Month, 15, "2026-01-14 23:59 +0100", "2025-12-15 00:00 +0100", "2026-01-15 00:00 +0100", 31 * 24},
		{Month, 15, "2026-01-15 00:00 +0100", "2026-01-15 00:00 +0100", "2026-02-15 00:00 +0100", 31 * 24},
		{Month, 28, "2026-03-28 00:00 +0100", "2026-03-28 00:00 +0100", "2026-04-28 00:00 +0200", 31*24 - 1},
		{Month, 28, "2026-12-31 00:00 +0100", "2026-12-28 00:00 +0100", "2027-01-28 00:00 +0100", 31 * 24},
	} {
		at, err := time.Parse(layout, c.at)
		if err != nil {
			t.Fatal(err)
		}
		start, end := c.period.around(at.UTC(), berlin(t), c.startsOn)
		if start.Format(layout) != c.start || end.Format(layout) != c.end || end.Sub(start).Hours() != c.hours {
			t.Errorf("%s %d around %s: %s to %s, %v h; want %s to %s, %v h", c.period, c.startsOn, c.at,
				start.Format(layout), end.Format(layout), end.Sub(start).Hours(), c.start, c.end, c.hours)
		}
	}
}

// TestPeriodsTile: in zones where midnight is skipped or comes twice, too, every
// moment is in one period, and the next begins where it ends.
func TestPeriodsTile(t *testing.T) {
	for _, zone := range []string{
		"Europe/Berlin", "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "America/St_Johns",
		"Pacific/Apia", "Asia/Kathmandu", "America/Asuncion", "Atlantic/Azores", "UTC",
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Period{Day, Week, Month} {
			from := time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
			_, last := p.around(from, loc, 15)
			for last.Year() < 2030 {
				start, end := p.around(last, loc, 15)
				if !start.Equal(last) || !end.After(start) {
					t.Fatalf("%s, %s: a period ends at %v and the next is %v to %v", zone, p, last, start, end)
				}
				if s, e := p.around(end.Add(-time.Nanosecond), loc, 15); !s.Equal(start) || !e.Equal(end) {
					t.Fatalf("%s, %s: the end of %v to %v is in %v to %v", zone, p, start, end, s, e)
				}
				last = end
			}
		}
	}
}
