package main

import (
	"fmt"
	"math"
)

// units says how bytes and rates are written for people.
type units struct {
	bits bool // rates in bits per second, in decimal steps; bytes stay bytes
}

// bytes is a total: whole below 1 KiB, then one decimal.
func (u units) bytes(n uint64) string { return scaled(float64(n), 1024, binaryPrefixes(), "B") }

// signed is a difference of totals.
func (u units) signed(n int64) string {
	if n < 0 {
		return "-" + u.bytes(-uint64(n))
	}
	return u.bytes(uint64(n))
}

// rate is given in bytes per second.
func (u units) rate(r float64) string {
	if u.bits {
		return scaled(8*r, 1000, decimalPrefixes(), "bit/s")
	}
	return scaled(r, 1024, binaryPrefixes(), "B/s")
}

func binaryPrefixes() []string  { return []string{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"} }
func decimalPrefixes() []string { return []string{"", "k", "M", "G", "T", "P", "E"} }

func scaled(v, step float64, prefixes []string, unit string) string {
	i, round := 0, 1.0
	// What would be rounded to a full step belongs to the next prefix.
	for i < len(prefixes)-1 && math.Round(math.Abs(v)*round)/round >= step {
		v /= step
		i, round = i+1, 10
	}
	if i == 0 {
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s%s", v, prefixes[i], unit)
}
