package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestCalendar: steps begin where clocks show them, also where clocks are set.
func TestCalendar(t *testing.T) {
	for _, c := range []struct {
		place, step, from, to string
		want                  []string
	}{
		{"Europe/Berlin", traffic.StepHour, "2026-03-29T00:30:00Z", "2026-03-29T02:10:00Z", []string{"00:00", "01:00", "02:00", "03:00"}},
		{"Europe/Berlin", traffic.StepDay, "2026-03-28T12:00:00Z", "2026-03-29T23:00:00Z", []string{"27T23:00", "28T23:00", "29T22:00", "30T22:00"}},
		{"Europe/Berlin", traffic.StepDay, "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", []string{"24T22:00", "25T23:00"}},
		{"Europe/Berlin", traffic.StepMonth, "2026-10-24T22:00:00Z", "2026-11-01T00:00:00Z", []string{"09-30T22:00", "10-31T23:00", "11-30T23:00"}},
		{"Asia/Kolkata", traffic.StepHour, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", []string{"31T23:30", "00:30", "01:30"}},
		{"Australia/Lord_Howe", traffic.StepHour, "2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z", []string{"14:00", "15:00", "15:30", "16:30"}},
		{"Pacific/Apia", traffic.StepDay, "2011-12-29T12:00:00Z", "2011-12-31T00:00:00Z", []string{"29T10:00", "30T10:00", "31T10:00"}},
		{"America/Sao_Paulo", traffic.StepDay, "2018-11-03T12:00:00Z", "2018-11-05T01:00:00Z", []string{"03T03:00", "04T03:00", "05T02:00"}},
		{"UTC", traffic.StepMinute, "2026-01-01T00:00:59Z", "2026-01-01T00:01:01Z", []string{"00:00", "00:01", "00:02"}},
		{"UTC", "", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z", []string{"00:00", "00:01"}},
	} {
		place, err := time.LoadLocation(c.place)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := time.Parse(time.RFC3339, c.from)
		to, _ := time.Parse(time.RFC3339, c.to)
		times, err := calendar{place}.divide(from, to, c.step)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, at := range times {
			text := at.Format("2006-01-02T15:04")
			if i < len(c.want) {
				text = text[max(0, len(text)-len(c.want[i])):]
			}
			got = append(got, text)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s by %s of %s (-want +got):\n%s", c.place, c.step, c.from, d)
		}
	}
	if _, err := (calendar{time.UTC}).divide(time.Unix(0, 0), time.Unix(1e9, 0), traffic.StepMinute); err == nil {
		t.Error("30 years of minutes are divided")
	}
}
