package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

func TestParseSpan(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration // -1: it is wrong
	}{
		{"90m", 90 * time.Minute}, {"24h", 24 * time.Hour}, {"1h30m", 90 * time.Minute}, {"0.5h", 30 * time.Minute}, {"0", 0}, {"0s", 0},
		{"1d", 24 * time.Hour}, {"1.5d", 36 * time.Hour}, {"32d", 768 * time.Hour}, {" 2 w ", 336 * time.Hour}, {"1y", 8784 * time.Hour},
		{"0.5y", 4392 * time.Hour}, {"200y", 200 * 366 * 24 * time.Hour}, {"0d", 0}, {"2562047h", 2562047 * time.Hour},
		{"", -1}, {"d", -1}, {"-1d", -1}, {"-1h", -1}, {"nand", -1}, {"infd", -1}, {"-infy", -1}, {"1e300d", -1}, {"201y", -1},
		{"2562048h", -1}, {"5", -1}, {"1d12h", -1}, {"1D", -1}, {"day", -1}, {"1 month", -1}, {"24h\x00", -1},
	} {
		got, err := parseSpan(c.text)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q: %v, %v, want %v", c.text, got, err, c.want)
		}
	}
}

func FuzzSpan(f *testing.F) {
	for _, seed := range []string{"90m", "1.5d", "2w", "1y", "nand", "0x1p60w", "1e-300y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if span, err := parseSpan(text); err == nil && span < 0 {
			t.Errorf("%q is %v", text, span)
		}
	})
}

// TestWhatCannotBeReadIsRefused: a parameter that is dropped would be an answer to
// another question.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	s := open(t, Options{
		History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) { return report(q), nil },
	}, Access{})
	s.Publish(typical(1))
	for _, path := range []string{
		"/api/v1/history?by=app;step=day", "/api/v1/history?since=24h&name=%zz", "/api/v1/history?by=app;", "/api/v1/history?%",
		"/api/v1/snapshot?flows=%zz", "/api/v1/snapshot?flows=1;", "/api/v1/stream?flows=%zz", "/api/v1/stream?;flows=1",
		"/api/v1/alerts?rule=%zz", "/api/v1/alerts?rule=a;b", "/api/v1/monitors?%zz", "/api/v1/openapi.json?a;b", "/metrics?name[]=%zz",
	} {
		a := s.get(path).want(t, 400)
		if p := problemIn(t, a); !strings.Contains(p.Detail, "cannot be read") {
			t.Errorf("%s: said %q", path, p.Detail)
		}
	}
	for _, path := range []string{"/api/v1/history?by=user&name=a%3Bb%25", "/api/v1/snapshot?flows=0", "/metrics?name[]=bwmon_build_info"} {
		s.get(path).want(t, 200)
	}
}
