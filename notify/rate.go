package notify

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLevel is the largest share of a quota that may be a level.
const maxLevel = 10

// ParseRate reads bytes or bits per second, "5 MiB/s" or "40 Mbit/s", and
// returns bytes per second. Steps are 1024 for KiB, MiB, … and 1000 for kB, MB, …
// and bits.
func ParseRate(s string) (float64, error) {
	const want = `a rate like "5 MiB/s" or "40 Mbit/s"`
	amount, ok := strings.CutSuffix(strings.TrimSpace(s), "/s")
	if !ok {
		return 0, wantGot(want, s)
	}
	if v, ok := parseUnits(amount, true); ok {
		return v, nil
	}
	return 0, wantGot(want, s)
}

// ParseSize reads a number of bytes: "20 GB", "512 KiB".
func ParseSize(s string) (uint64, error) {
	v, ok := parseUnits(s, false)
	if !ok {
		return 0, wantGot(`a size like "20 GB" or "512 MiB"`, s)
	}
	return uint64(math.Round(v)), nil
}

// ParseLevel reads a share: "80 %" is 0.8.
func ParseLevel(s string) (float64, error) {
	const want = `a share like "80 %%", up to %d %%`
	number, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	if v, isNumber := parseNumber(number); ok && isNumber && v > 0 && v <= maxLevel*100 {
		return v / 100, nil
	}
	return 0, wantGot(fmt.Sprintf(want, maxLevel*100), s)
}

// wantGot is the error of every parser here. What it quotes may be anything.
func wantGot(want, got string) error {
	const most = 80
	if len(got) > most {
		got = strings.ToValidUTF8(got[:most], "") + "…"
	}
	return fmt.Errorf("want %s, got %q", want, got)
}

// parseUnits reads a number with a unit of bytes or, where they are allowed, of
// bits, and returns bytes.
func parseUnits(s string, bits bool) (float64, bool) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return 0, false
	}
	v, ok := parseNumber(s[:end])
	if !ok {
		return 0, false
	}
	unit, step := strings.TrimSpace(s[end:]), 1000.0
	if prefix, isBits := strings.CutSuffix(unit, "bit"); isBits && bits {
		unit, v = prefix, v/8
	} else if unit, ok = strings.CutSuffix(unit, "B"); !ok {
		return 0, false
	}
	if prefix, binary := strings.CutSuffix(unit, "i"); binary && prefix != "" {
		unit, step = prefix, 1024
	}
	power := 0
	if unit != "" {
		power = 1 + strings.Index("kMGTPE", strings.Replace(unit, "K", "k", 1))
		if power == 0 || utf8.RuneCountInString(unit) != 1 {
			return 0, false
		}
	}
	v *= math.Pow(step, float64(power))
	return v, v < 1<<63
}

// parseNumber reads digits with at most one decimal point. It is stricter than
// strconv: no sign, exponent, infinity, or digits of other bases.
func parseNumber(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
