package history

import (
	"testing"
	"time"
)

func TestMidnight(t *testing.T) {
	for _, tt := range []struct {
		zone    string
		y, m, d int
		want    string
	}{
		{"UTC", 2026, 1, 2, "2026-01-02T00:00:00Z"},
		{"America/Havana", 2026, 3, 8, "2026-03-08T01:00:00-04:00"}, // set forward at midnight
		{"America/Havana", 2026, 3, 7, "2026-03-07T00:00:00-05:00"},
		{"Africa/Cairo", 2026, 4, 24, "2026-04-24T01:00:00+03:00"},
		{"Africa/Cairo", 2026, 4, 20, "2026-04-20T00:00:00+02:00"},
		{"Europe/Berlin", 2026, 3, 0, "2026-02-28T00:00:00+01:00"},
		{"Europe/Berlin", 2026, 0, 1, "2025-12-01T00:00:00+01:00"},
	} {
		place, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Skip(err)
		}
		if got := Midnight(tt.y, time.Month(tt.m), tt.d, place).Format(time.RFC3339); got != tt.want {
			t.Errorf("%s %d-%d-%d: %s, want %s", tt.zone, tt.y, tt.m, tt.d, got, tt.want)
		}
	}
}
