package notify

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestScheduleActive(t *testing.T) {
	// 2026-01-05 is a Monday.
	for _, c := range []struct {
		hours, at string
		want      bool
	}{
		{"", "2026-01-05 03:00:00", true},
		{"Mon-Fri 08:00-18:00", "2026-01-05 07:59:59", false},
		{"Mon-Fri 08:00-18:00", "2026-01-05 08:00:00", true},
		{"Mon-Fri 08:00-18:00", "2026-01-09 17:59:59", true},
		{"Mon-Fri 08:00-18:00", "2026-01-09 18:00:00", false},
		{"Mon-Fri 08:00-18:00", "2026-01-10 12:00:00", false},
		{"Mon-Fri 08:00-18:00, Sat 10:00-14:00", "2026-01-10 12:00:00", true},
		{"monday-FRIDAY 8:00-18:00", "2026-01-05 08:00:00", true},
		{"Fri 22:00-06:00", "2026-01-09 23:00:00", true},
		{"Fri 22:00-06:00", "2026-01-10 05:59:59", true},
		{"Fri 22:00-06:00", "2026-01-10 06:00:00", false},
		{"Fri 22:00-06:00", "2026-01-09 05:00:00", false},
		{"Sun 22:00-06:00", "2026-01-05 05:00:00", true}, // into Monday
		{"Sat 22:00-00:00", "2026-01-10 23:59:59", true},
		{"Sat 22:00-00:00", "2026-01-11 00:00:00", false},
		{"22:00-06:00", "2026-01-07 01:00:00", true},
		{"Sat-Mon 00:00-24:00", "2026-01-05 23:59:00", true}, // round the week
		{"Sat-Mon 00:00-24:00", "2026-01-06 00:00:00", false},
		// The night of 2026-03-29 has no 02:30, that of 2026-10-25 has it twice.
		{"Sun 02:00-03:00", "2026-03-29 03:00:00", false},
		{"Sun 01:00-04:00", "2026-03-29 03:30:00", true},
	} {
		s, err := ParseSchedule(c.hours, berlin(t))
		if err != nil {
			t.Errorf("%q: %v", c.hours, err)
			continue
		}
		at, _ := time.ParseInLocation(time.DateTime, c.at, berlin(t))
		if got := s.Active(at.UTC()); got != c.want {
			t.Errorf("%q at %s: %v, want %v", c.hours, c.at, got, c.want)
		}
	}
	twice, _ := ParseSchedule("Sun 02:00-03:00", berlin(t))
	for _, at := range []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"} {
		if at, _ := time.Parse(time.RFC3339, at); !twice.Active(at) {
			t.Errorf("%v: not active in an hour that comes twice", at)
		}
	}
}

func TestParseScheduleErrors(t *testing.T) {
	for _, s := range []string{
		",", "Mon", "08:00", "Mon-Fri", "Mon-Foo 08:00-18:00", "Mon-Fri 08:00", "Mon-Fri 8-18",
		"Mon-Fri 08:00-24:01", "Mon-Fri 24:00-08:00", "Mon-Fri 08:60-09:00", "08:00-08:00",
		"Mon Fri 08:00-18:00", "Mon-Fri 08:00-18:00,", "Mon-Tue-Wed 08:00-09:00", "+8:00-09:00", "08:00-09:000",
	} {
		if got, err := ParseSchedule(s, nil); err == nil || !strings.Contains(err.Error(), `want hours like "Mon-Fri 08:00-18:00", got "`) {
			t.Errorf("ParseSchedule(%q) = %v, %v; want an error that says what is wanted", s, got, err)
		}
	}
	if _, err := ParseSchedule(strings.Repeat("08:00-09:00,", 200)+"08:00-09:00", nil); err == nil {
		t.Error("want an error for 201 hours")
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"Mon-Fri 08:00-18:00", "Fri 22:00-06:00, Sat 0:00-24:00", "", ",", "8:00-9:00"} {
		f.Add(s)
	}
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := ParseSchedule(s, time.UTC)
		if err != nil {
			return
		}
		again, err := ParseSchedule(parsed.String(), time.UTC)
		if err != nil || again.String() != parsed.String() {
			t.Fatalf("%q is written %q, which is %v, %v", s, parsed, again, err)
		}
		active := 0
		for minute := range 7 * dayMinutes {
			at := monday.Add(time.Duration(minute) * time.Minute)
			if parsed.Active(at) != again.Active(at) {
				t.Fatalf("%q and %q differ at %v", s, parsed, at)
			}
			if parsed.Active(at) {
				active++
			}
		}
		if active == 0 {
			t.Errorf("%q is never active", s)
		}
	})
}
