package main

import (
	"testing"
	"time"
)

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "4096": 4096, "64K": 64 << 10, "64k": 64 << 10, "10MiB": 10 << 20, "10 MiB": 10 << 20, "1.5G": 3 << 29,
		"10MB": 10_000_000, "3kB": 3000, "7B": 7, "2TiB": 2 << 40,
	} {
		if got, err := parseAmount(text); err != nil || got != want {
			t.Errorf("parseAmount(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "K", "-1", "x", "1XB", "1iB", "1KK", "NaN", "Inf", "1e30", "20EiB", "1 0", "1M/s/s"} {
		if got, err := parseAmount(text); err == nil {
			t.Errorf("parseAmount(%q) = %d", text, got)
		}
	}
}

func TestProgressLine(t *testing.T) {
	began := time.Unix(0, 0)
	p := progress{name: "backup", size: 100 << 20, began: began}
	for _, tc := range []struct {
		after time.Duration
		moved uint64
		want  string
	}{
		{time.Second, 10 << 20, "backup: 10.0 MiB  0:00:01  [10.0 MiB/s]  average 10.0 MiB/s  10 %  ETA 0:00:09"},
		{2 * time.Second, 30 << 20, "backup: 30.0 MiB  0:00:02  [20.0 MiB/s]  average 15.0 MiB/s  30 %  ETA 0:00:04"},
		{10 * time.Second, 100 << 20, "backup: 100.0 MiB  0:00:10  [8.8 MiB/s]  average 10.0 MiB/s  100 %"},
	} {
		if got := p.line(began.Add(tc.after), tc.moved); got != tc.want {
			t.Errorf("after %v:\n%s, want\n%s", tc.after, got, tc.want)
		}
	}
	p = progress{began: began}
	if got, want := p.line(began, 0), "0 B  0:00:00  [0 B/s]  average 0 B/s"; got != want {
		t.Errorf("at the start: %s", got)
	}
	if got := cutTo("日本語", 5); got != "日本" {
		t.Errorf("cut to 5 columns: %q", got)
	}
}
