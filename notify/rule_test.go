package notify

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]float64{
		"5 MiB/s":      5 << 20,
		"100 KiB/s":    100 << 10,
		"40 Mbit/s":    5e6,
		"1kB/s":        1000,
		"1 KB/s":       1000,
		"0.5 GB/s":     5e8,
		" 10 B/s ":     10,
		"8 bit/s":      1,
		"1 Gibit/s":    1 << 27,
		"1.5 kbit/s":   187.5,
		"0 B/s":        0,
		"1 TiB/s":      1 << 40,
		"1   MB/s":     1e6,
		"5":            -1,
		"5 MiB":        -1,
		"MiB/s":        -1,
		"":             -1,
		"/s":           -1,
		"-5 MiB/s":     -1,
		"5 M/s":        -1,
		"5 iB/s":       -1,
		"5 mB/s":       -1,
		"5 MMB/s":      -1,
		"5 MiB/h":      -1,
		"1e3 B/s":      -1,
		"0x10 B/s":     -1,
		"1_000 B/s":    -1,
		"Inf B/s":      -1,
		"NaN B/s":      -1,
		"1.2.3 B/s":    -1,
		". B/s":        -1,
		"5 \x1b[1mB/s": -1,
		"9 EiB/s":      -1,
		"５ MiB/s":      -1,
	} {
		got, err := ParseRate(in)
		if want < 0 {
			if err == nil || !strings.HasPrefix(err.Error(), `want a rate like "5 MiB/s" or "40 Mbit/s", got "`) {
				t.Errorf("ParseRate(%q) = %v, %v; want an error that says what is wanted", in, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
}

func TestParseSizeAndLevel(t *testing.T) {
	for in, want := range map[string]uint64{"20 GB": 20e9, "512 MiB": 512 << 20, "7 B": 7, "1.5kB": 1500} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "20", "20 Gbit", "20 GB/s", "-1 GB", strings.Repeat("9", 400) + " B"} {
		if got, err := ParseSize(in); err == nil || !strings.HasPrefix(err.Error(), "want a size like") || len(err.Error()) > 200 {
			t.Errorf("ParseSize(%q) = %v, %v; want a short error", in, got, err)
		}
	}
	for in, want := range map[string]float64{"80 %": 0.8, "100%": 1, "0.5 %": 0.005, "1000 %": 10} {
		if got, err := ParseLevel(in); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "80", "0 %", "1001 %", "-1 %", "%", "8 0 %"} {
		if got, err := ParseLevel(in); err == nil {
			t.Errorf("ParseLevel(%q) = %v, want an error", in, got)
		}
	}
}

func TestRuleCheck(t *testing.T) {
	every := regexp.MustCompile("")
	good := Rule{Name: "r", Subject: Subject{Kind: KindApp, Match: every}, Direction: Tx, Condition: Above, Threshold: 100}
	quota := Rule{
		Name: "q", Subject: Subject{Kind: KindUser, Match: every}, Direction: Total, Condition: Quota,
		Quota: Allowance{Bytes: 1, Period: Month, MonthStartsOn: 28},
	}
	for _, r := range []Rule{good, quota} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for want, change := range map[string]func(r *Rule){
		"name":            func(r *Rule) { r.Name = "" },
		"subject":         func(r *Rule) { r.Subject.Kind = "planet" },
		"app":             func(r *Rule) { r.Subject.Match = nil },
		"direction":       func(r *Rule) { r.Direction = "up" },
		"condition":       func(r *Rule) { r.Condition = "" },
		"repeat":          func(r *Rule) { r.Repeat = -1 },
		"tx_above":        func(r *Rule) { r.Threshold = math.NaN() },
		"tx_below":        func(r *Rule) { r.Condition, r.Threshold = Below, 0 },
		"window":          func(r *Rule) { r.Window = -time.Second },
		"consecutive":     func(r *Rule) { r.Consecutive = -1 },
		"clear":           func(r *Rule) { r.Clear = 101 },
		"quota":           func(r *Rule) { *r = quota; r.Quota.Bytes = 0 },
		"want hour":       func(r *Rule) { *r = quota; r.Quota.Period = "year" },
		"levels":          func(r *Rule) { *r = quota; r.Quota.Levels = []float64{0} },
		"month_starts_on": func(r *Rule) { *r = quota; r.Quota.MonthStartsOn = 29 },
	} {
		r := good
		change(&r)
		if err := r.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want an error that begins with %q", err, want)
		}
	}
	if len(Kinds()) != 10 {
		t.Errorf("kinds: %v", Kinds())
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"5 MiB/s", "40 Mbit/s", "", "5", "9 EiB/s", "1.5.B/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseRate(s); err == nil && !(v >= 0 && v < 1<<63) || err != nil && v != 0 {
			t.Errorf("ParseRate(%q) = %v, %v", s, v, err)
		}
		if v, err := ParseSize(s); err == nil && v > 1<<63 || err != nil && v != 0 {
			t.Errorf("ParseSize(%q) = %v, %v", s, v, err)
		}
	})
}

func FuzzParseLevel(f *testing.F) {
	for _, s := range []string{"80 %", "100%", "0 %", "%", "1e3%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseLevel(s); err == nil && !(v > 0 && v <= maxLevel) {
			t.Errorf("ParseLevel(%q) = %v", s, v)
		}
	})
}

func FuzzParsePeriod(f *testing.F) {
	f.Add("month")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePeriod(s); (err == nil) != (p != "") || err == nil && string(p) != s {
			t.Errorf("ParsePeriod(%q) = %q, %v", s, p, err)
		}
	})
}
