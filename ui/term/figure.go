package term

import (
	"math"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// figureWidth is the most cells that figure writes.
const figureWidth = 10

// figure writes a figure of a metric with its unit.
func (u units) figure(unit traffic.Unit, v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case v < 0:
		return "-" + u.figure(unit, -v)
	}
	switch unit {
	case traffic.UnitBytes:
		if v < 1 {
			return "0 B"
		}
		return squeeze(u.size(uint64(min(v, math.MaxInt64))))
	case traffic.UnitBytesPerSecond:
		if v == 0 {
			return "0 B/s"
		}
		return squeeze(u.storage().rate(v))
	case traffic.UnitPerSecond:
		return decimal(v) + "/s"
	case traffic.UnitMilliseconds:
		if v >= 9999.5 {
			return decimal(v/1000) + " s"
		}
		return decimal(v) + " ms"
	case traffic.UnitNone:
		return decimal(v)
	}
	return decimal(v) + " " + string(unit)
}

// squeeze takes the blanks out that keep figures below each other.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// decimal writes a number that is not negative in at most five cells: three
// significant digits, or a whole number of up to five.
func decimal(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.005:
		return "<0.01"
	case v == math.Trunc(v) && v < 99_999.5, v >= 99.95 && v < 99_999.5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 99_999.5:
		const prefixes = "\x00kMGTPE"
		number, unit := scale(v, 1000, len(prefixes))
		return head(number+prefixes[unit:unit+1], 8)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// metricCell is a metric's value for an export.
func metricCell(name string, v float64) exportCell {
	if traffic.UnitOf(name) == traffic.UnitBytes && v >= 0 && v <= 1<<53 {
		return wholeCell(uint64(v))
	}
	return numberCell(v)
}
