package notify

import (
	"fmt"
	"math"

	"bwmon/traffic"
)

// AncestorLine is the line that the first bwmon wrote to standard error for a
// violation, in local time and KiB/s (which it called kB/s):
//
//	2010-06-07 12:00:00: NAME exceeding 'in' bandwidth limit      50.00:     100.00 kB/s (200.00 %)
//
// It had no "below", "equal to" and quotas; of these only the words differ. Of a
// metric the line names it, and figures are in its unit, bytes in KiB:
//
//	2026-01-02 12:00:00: disk:sda exceeding 'await_ms' limit      20.00:      25.00 ms (125.00 %)
func AncestorLine(a Alert) string {
	direction := map[string]string{"rx": "in", "tx": "out"}[a.Direction]
	if direction == "" {
		direction = a.Direction
	}
	verb, noun, unit := "exceeding", "bandwidth limit", "kB/s"
	switch a.Condition {
	case "below":
		verb = "below"
	case "equals":
		verb = "equal to"
	case "quota":
		verb, noun, unit = "reaching", a.Period+" quota", "kB"
		if a.Level >= 1 {
			verb = "exceeding"
		}
	}
	step := 1024.0
	if a.Metric != "" {
		direction, noun = a.Metric, "limit"
		switch of := traffic.UnitOf(a.Metric); of {
		case traffic.UnitBytesPerSecond:
		case traffic.UnitBytes:
			unit = "kB"
		default:
			step, unit = 1, string(of)
		}
	}
	if unit != "" {
		unit += " "
	}
	percent := "inf"
	if share := 100 * a.Value / a.Threshold; !math.IsInf(share, 0) && !math.IsNaN(share) {
		percent = fmt.Sprintf("%.2f", share)
	}
	return fmt.Sprintf("%s: %s %s '%s' %s %10.2f: %10.2f %s(%s %%)",
		a.At.Local().Format("2006-01-02 15:04:05"), a.Subject, verb, direction, noun,
		a.Threshold/step, a.Value/step, unit, percent)
}
