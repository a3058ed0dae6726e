package notify

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

func TestParseMetric(t *testing.T) {
	for _, c := range []struct {
		metric, text string
		want         float64
		text2        string // as it is written again; "": as it was
	}{
		{"await_ms", "20 ms", 20, ""},
		{"await_ms", "1.5 s", 1500, ""},
		{"await_ms", "250µs", 0.25, "0.25 ms"},
		{"await_ms", "0 ms", 0, ""},
		{"await_ms", "2 min", 120000, "120 s"},
		{"age_s", "90 s", 90, ""},
		{"age_s", "1.5 h", 5400, "5400 s"},
		{"age_s", "-20 ms", -0.02, "-0.02 s"},
		{"used_percent", "90 %", 90, ""},
		{"used_percent", "90", 90, "90 %"},
		{"used_percent", " 99.5% ", 99.5, "99.5 %"},
		{"read_bytes_per_s", "20 MiB/s", 20 << 20, ""},
		{"bytes_per_s", "160 Mbit/s", 20e6, "19.1 MiB/s"},
		{"free_bytes", "10 GiB", 10 << 30, ""},
		{"body_bytes", "0 B", 0, ""},
		{"temperature_celsius", "80 °C", 80, ""},
		{"temperature_celsius", "-5", -5, "-5 °C"},
		{"temperature_celsius", "-5.5C", -5.5, "-5.5 °C"},
		{"reads_per_s", "100 /s", 100, ""},
		{"reads_per_s", "100", 100, "100 /s"},
		{"rx_errors_total", "7", 7, ""},
		{"status", "200", 200, ""},
		{"listening", "0", 0, ""},
		{"load1", "0.75", 0.75, ""},
		{"level", "-0", 0, "0"},
		{"level", "0.001", 0.001, ""},
		{"level", "-12.3456", -12.3456, "-12.346"},
	} {
		got, err := ParseMetric(c.metric, c.text)
		if err != nil || math.Abs(got-c.want) > 1e-9*math.Abs(c.want) || math.Signbit(got) != (c.want < 0) {
			t.Errorf("%s %q: %v, %v; want %v", c.metric, c.text, got, err, c.want)
		}
		if c.text2 == "" {
			c.text2 = c.text
		}
		if text := MetricText(c.metric, got); text != c.text2 {
			t.Errorf("%s %q: written as %q, want %q", c.metric, c.text, text, c.text2)
		}
	}
	for metric, c := range map[string]struct {
		want string
		bad  []string
	}{
		"await_ms":            {`want a time like "20 ms" or "1.5 s", got "`, []string{"20", "", "ms", "20 MiB", "20 s s", "1e3 ms", "--2 ms", "20 mins", "20 sm", "NaN ms"}},
		"age_s":               {`want a time like "90 s" or "5 min", got "`, []string{"90", "5 d", "in"}},
		"used_percent":        {`want a share like "90 %", got "`, []string{"", "%", "90 %%", "90 MiB", "ninety", "Inf"}},
		"read_bytes_per_s":    {`want a rate like "5 MiB/s" or "40 Mbit/s", got "`, []string{"20", "20 MiB", "-1 B/s"}},
		"free_bytes":          {`want a size like "10 GiB" or "512 MB", got "`, []string{"10", "10 GiB/s", "10 Gbit", "-1 B", "9 EiB"}},
		"temperature_celsius": {`want a temperature like "80 °C", got "`, []string{"80 F", "", "°C", "80 °", "80 ° C", "80 CC°C"}},
		"reads_per_s":         {`want a number a second like "100 /s", got "`, []string{"100 /min", "/s", "100 MiB/s"}},
		"status":              {`want a number like "200" or "-1.5", got "`, []string{"", "-", "2 0", "0x10", "1e3", "200 ms", "+5", "Infinity", "５"}},
	} {
		for _, text := range c.bad {
			if got, err := ParseMetric(metric, text); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s %q: %v, %v; want an error %s", metric, text, got, err, c.want)
			}
		}
	}
}

func FuzzParseMetric(f *testing.F) {
	for _, s := range []string{"20 ms", "1.5 s", "90 %", "-5 °C", "100 /s", "10 GiB", "µs", "-", "9 EiB"} {
		for _, m := range []string{"a_ms", "a_s", "a_percent", "a_celsius", "a_per_s", "a_bytes", "a_bytes_per_s", "a"} {
			f.Add(m, s)
		}
	}
	f.Fuzz(func(t *testing.T, metric, s string) {
		v, err := ParseMetric(metric, s)
		if err != nil && (v != 0 || len(err.Error()) > 1000) || err == nil && math.IsNaN(v) {
			t.Errorf("ParseMetric(%q, %q) = %v, %v", metric, s, v, err)
		}
		if text := MetricText(metric, v); err == nil && text == "" {
			t.Errorf("MetricText(%q, %v) is empty", metric, v)
		}
	})
}

func TestRowFigures(t *testing.T) {
	r := traffic.Resources{
		DiskReadBytes: 1, DiskWriteBytes: 2, DiskReadRate: 3, DiskWriteRate: 4,
		CacheReadBytes: 5, CacheWriteBytes: 6, CPUPercent: 7, MemoryBytes: 8,
	}
	for i, m := range r.Metrics() {
		if got := rowFigure(&r, int32(i)); got != m.Value {
			t.Errorf("%s is %v, want %v", m.Name, got, m.Value)
		}
	}
}

func TestMetricRuleCheck(t *testing.T) {
	every := regexp.MustCompile("")
	good := Rule{Name: "r", Subject: Subject{Kind: KindSubject, Match: every}, Metric: "await_ms", Condition: Above, Threshold: 20}
	for name, change := range map[string]func(r *Rule){
		"as it is":       func(r *Rule) {},
		"an app":         func(r *Rule) { r.Subject.Kind, r.Metric = KindApp, "cpu_percent" },
		"a unit":         func(r *Rule) { r.Subject.Kind, r.Metric = KindUnit, "memory_bytes" },
		"negative":       func(r *Rule) { r.Metric, r.Condition, r.Threshold = "temperature_celsius", Below, -5 },
		"below 0":        func(r *Rule) { r.Condition, r.Threshold = Below, 0 },
		"equals 0":       func(r *Rule) { r.Condition, r.Threshold = Equals, 0 },
		"clear at 0":     func(r *Rule) { r.ClearsAt = true },
		"clear below 0":  func(r *Rule) { r.Clear = -1 },
		"clear of below": func(r *Rule) { r.Condition, r.Threshold, r.ClearsAt = Below, -5, true },
	} {
		r := good
		change(&r)
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		want   string
		change func(r *Rule)
	}{
		{`metric: want the name of a metric like "await_ms", got ""`, func(r *Rule) { r.Metric = "" }},
		{`metric: want at most 256 bytes of printable text, got "a\n"`, func(r *Rule) { r.Metric = "a\n" }},
		{`metric: want one of disk_read_bytes_per_s, disk_write_bytes_per_s, disk_read_bytes, disk_write_bytes, cpu_percent, memory_bytes, got "await_ms"`,
			func(r *Rule) { r.Subject.Kind = KindApp }},
		{`metric: want one of disk_read_bytes_per_s, disk_write_bytes_per_s, disk_read_bytes, disk_write_bytes, cpu_percent, memory_bytes, or subject = "container:…" for its own series, got "await_ms"`,
			func(r *Rule) { r.Subject.Kind = KindContainer }},
		{`metric: want subject = "interface:eth0" in place of interface for it`, func(r *Rule) { r.Subject.Kind = KindInterface }},
		{`metric: want subject = "interface:eth0" or the like for it: a lan_host has bytes only`, func(r *Rule) { r.Subject.Kind = KindLANHost }},
		{`metric: want subject = "interface:eth0" or the like for it: a pipe has bytes only`, func(r *Rule) { r.Subject.Kind = KindPipe }},
		{`direction: does nothing for a metric: leave it out`, func(r *Rule) { r.Direction = Total }},
		{`quota: counts bytes of traffic, not a metric: leave metric out, or write above in its place`, func(r *Rule) { r.Condition = Quota }},
		{`condition: want above, below, equals or quota, got ""`, func(r *Rule) { r.Condition = "" }},
		{`above: want a number, got NaN`, func(r *Rule) { r.Threshold = math.NaN() }},
		{`window: want a time up to 24h0m0s, got -1s`, func(r *Rule) { r.Window = -time.Second }},
		{`clear: want a figure up to the threshold, 20 ms, got 21 ms`, func(r *Rule) { r.Clear = 21 }},
		{`clear: want a figure of the threshold, -5 ms, or more, got -6 ms`, func(r *Rule) { r.Condition, r.Threshold, r.Clear = Below, -5, -6 }},
		{`clear: want a rule above or below for it, got one that equals`, func(r *Rule) { r.Condition, r.ClearsAt = Equals, true }},
	} {
		r := good
		c.change(&r)
		if err := r.Check(); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %v", err, c.want)
		}
	}
}
