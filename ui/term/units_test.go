package term

import (
	"math"
	"testing"
	"time"

	"bwmon/traffic"
)

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		bytes uint64
		want  string
	}{
		{0, "–"},
		{1, "   1   B"},
		{999, " 999   B"},
		{1023, "1023   B"},
		{1024, "1.00 KiB"},
		{10_229, "9.99 KiB"},
		{10_235, "10.0 KiB"}, // 9.995 rounds up, not to 9.99 or 10.00
		{1_048_063, "1023 KiB"},
		{1_048_064, "1.00 MiB"}, // 1023.5 KiB
		{104_752_742, "99.9 MiB"},
		{1 << 40, "1.00 TiB"},
		{math.MaxUint64, "16.0 EiB"},
	} {
		if got := unitsIEC.size(tt.bytes); got != tt.want {
			t.Errorf("size(%d) = %q, want %q", tt.bytes, got, tt.want)
		}
	}
}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		rate        float64
		bytes, bits string
	}{
		{0, "–", "–"},
		{-1, "–", "–"},
		{math.NaN(), "–", "–"},
		{0.1, "  <1   B/s", "  <1  bit/s"},
		{0.99, "  <1   B/s", "   8  bit/s"},
		{512, " 512   B/s", "4.10 kbit/s"},
		{124.9, " 125   B/s", " 999  bit/s"},
		{125, " 125   B/s", "1.00 kbit/s"},
		{12.9e6, "12.3 MiB/s", " 103 Mbit/s"},
		{1e30, "867361737988 EiB/s", "8000000000000 Ebit/s"},
	} {
		if got := unitsIEC.rate(tt.rate); got != tt.bytes {
			t.Errorf("rate(%g) = %q, want %q", tt.rate, got, tt.bytes)
		}
		if got := unitsBits.rate(tt.rate); got != tt.bits {
			t.Errorf("rate(%g) in bits = %q, want %q", tt.rate, got, tt.bits)
		}
	}
	for rate, want := range map[float64]string{0: "–", 512: " 512  B/s", 999.7: "1.00 kB/s", 12.9e6: "12.9 MB/s"} {
		if got := unitsSI.rate(rate); got != want {
			t.Errorf("rate(%g) in SI = %q, want %q", rate, got, want)
		}
	}
}

// TestFiguresKeepTheirWidth: no figure that a counter can reach makes a column
// jump.
func TestFiguresKeepTheirWidth(t *testing.T) {
	for v := 1.0; v < 1e18; v *= 1.0137 {
		if got := unitsIEC.size(uint64(v)); width(got) != sizeWidth {
			t.Fatalf("size(%g) = %q is %d cells wide, want %d", v, got, width(got), sizeWidth)
		}
		if got := unitsIEC.rate(v); width(got) != rateWidth-1 {
			t.Fatalf("rate(%g) = %q is %d cells wide, want %d", v, got, width(got), rateWidth-1)
		}
		if got := unitsSI.size(uint64(v)); width(got) != sizeWidth-1 {
			t.Fatalf("size(%g) in SI = %q is %d cells wide, want %d", v, got, width(got), sizeWidth-1)
		}
		if got := unitsSI.rate(v); width(got) != unitsSI.rateWidth() {
			t.Fatalf("rate(%g) in SI = %q is %d cells wide, want %d", v, got, width(got), unitsSI.rateWidth())
		}
		if got := unitsBits.rate(v); width(got) != rateWidth {
			t.Fatalf("rate(%g) in bits = %q is %d cells wide, want %d", v, got, width(got), rateWidth)
		}
		if got := count(uint64(v)); width(got) > 6 {
			t.Fatalf("count(%g) = %q is %d cells wide, want 6 at most", v, got, width(got))
		}
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		part, whole float64
		want        string
	}{
		{0, 0, "–"}, {1, 0, "?"}, {0, 10, "0 %"}, {1, 1e9, "<0.01 %"}, {3, 1000, "0.30 %"},
		{-3, 1000, "-0.30 %"}, {994, 100_000, "0.99 %"}, {12, 100, "12.0 %"}, {100, 100, "100 %"},
		{5, 1, "500 %"}, {1e9, 1, ">9999 %"},
	} {
		if got := percent(tt.part, tt.whole); got != tt.want {
			t.Errorf("percent(%g, %g) = %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"}, {59 * time.Second, "59s"}, {60 * time.Second, "1m 0s"},
		{3*time.Hour + 25*time.Minute + 9*time.Second, "3h 25m"}, {49 * time.Hour, "2d 1h"},
	} {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestSpark(t *testing.T) {
	rates := func(totals ...float64) []traffic.Rate {
		var out []traffic.Rate
		for _, v := range totals {
			out = append(out, traffic.Rate{Rx: v / 2, Tx: v / 2})
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		recent []traffic.Rate
		w      int
		want   string
	}{
		{"nothing yet", nil, 4, "    "},
		{"newest at the right", rates(8000, 4000), 4, "  ▇▄"},
		{"only the newest fit", rates(1e9, 0, 2000, 2000), 2, "▇▇"},
		{"any traffic shows, none does not", rates(0, 0.1, 1e6), 3, " ▁▇"},
		{"a trickle is not a flood", rates(40, 40), 2, "▁▁"},
		{"not a number", rates(math.NaN(), 1024), 2, " ▇"},
		{"no room", rates(1), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := spark(tt.recent, tt.w); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
