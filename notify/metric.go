package notify

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// MetricSilent is for how long a member of a fleet has not published.
const MetricSilent = "silent_s"

// ParseMetric reads a figure of a metric, in the unit that the metric's name says
// (traffic.UnitOf), and returns it in that: of await_ms "20 ms" is 20 and "1.5 s" is
// 1500, of used_bytes "10 GiB" is 10737418240. Per cent, degrees, events per second
// and plain numbers may stand without a unit; what is no number of bytes may be
// negative. The error says what is wanted.
func ParseMetric(metric, text string) (float64, error) {
	switch unit := traffic.UnitOf(metric); unit {
	case traffic.UnitBytesPerSecond:
		return ParseRate(text)
	case traffic.UnitBytes:
		if v, ok := parseUnits(text, false); ok {
			return v, nil
		}
		return 0, wantGot(`a size like "10 GiB" or "512 MB"`, text)
	case traffic.UnitMilliseconds:
		if v, ok := parseTime(text); ok {
			return v * 1e3, nil
		}
		return 0, wantGot(`a time like "20 ms" or "1.5 s"`, text)
	case traffic.UnitSeconds:
		if v, ok := parseTime(text); ok {
			return v, nil
		}
		return 0, wantGot(`a time like "90 s" or "5 min"`, text)
	default:
		return parseWithUnit(unit, text)
	}
}

// parseWithUnit reads a number after which its unit may stand.
func parseWithUnit(unit traffic.Unit, text string) (float64, error) {
	number := strings.TrimSpace(text)
	want := `a number like "200" or "-1.5"`
	switch unit {
	case traffic.UnitPercent:
		want, number = `a share like "90 %"`, strings.TrimSuffix(number, "%")
	case traffic.UnitCelsius:
		want = `a temperature like "80 °C"`
		number = strings.TrimSuffix(strings.TrimSuffix(number, "°C"), "C")
	case traffic.UnitPerSecond:
		want, number = `a number a second like "100 /s"`, strings.TrimSuffix(number, "/s")
	}
	if v, ok := parseSigned(number); ok {
		return v, nil
	}
	return 0, wantGot(want, text)
}

// parseSigned is parseNumber with a minus before it.
func parseSigned(s string) (float64, bool) {
	number, negative := strings.CutPrefix(strings.TrimSpace(s), "-")
	v, ok := parseNumber(number)
	if negative {
		v = 0 - v // so that -0 is 0
	}
	return v, ok
}

// parseTime reads a time with its unit and returns seconds.
func parseTime(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	number := strings.TrimRight(s, "µusminh ")
	v, ok := parseSigned(number)
	switch strings.TrimSpace(s[len(number):]) {
	case "us", "µs":
		return v / 1e6, ok
	case "ms":
		return v / 1e3, ok
	case "s":
		return v, ok
	case "min":
		return v * 60, ok
	case "h":
		return v * 3600, ok
	}
	return 0, false
}

// MetricText writes a figure of a metric with its unit, for people: "1.5 s",
// "20 MiB/s", "92.3 %". Without a metric it is a rate.
func MetricText(metric string, v float64) string {
	if metric == "" {
		return rateText(v)
	}
	switch traffic.UnitOf(metric) {
	case traffic.UnitBytesPerSecond:
		return rateText(v)
	case traffic.UnitBytes:
		return bytesText(v)
	case traffic.UnitMilliseconds:
		if math.Abs(v) >= 1000 {
			return numberText(v/1000) + " s"
		}
		return numberText(v) + " ms"
	case traffic.UnitSeconds:
		return numberText(v) + " s"
	case traffic.UnitPerSecond:
		return numberText(v) + " /s"
	case traffic.UnitPercent:
		return numberText(v) + " %"
	case traffic.UnitCelsius:
		return numberText(v) + " °C"
	}
	return numberText(v)
}

// numberText writes three digits after the point, and of small numbers three that
// say something.
func numberText(v float64) string {
	if size := math.Abs(v); size != 0 && size < 0.1 || size >= 1e15 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}

// rowMetrics are the metrics of rows of traffic, which feeders have no series for.
func rowMetrics() []string {
	var names []string
	for _, m := range new(traffic.Resources).Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// rowFigure is the figure at that place of r.Metrics(), without making these.
func rowFigure(r *traffic.Resources, place int32) float64 {
	switch place {
	case 0:
		return r.DiskReadRate
	case 1:
		return r.DiskWriteRate
	case 2:
		return float64(r.DiskReadBytes)
	case 3:
		return float64(r.DiskWriteBytes)
	case 4:
		return r.CPUPercent
	}
	return float64(r.MemoryBytes)
}

// An alert's metrics are bounded, so that one alert is always short enough for the
// files that it is kept in.
const (
	maxAlertMetrics = 200
	maxAlertNames   = 4 << 10 // bytes of all their names
)

// alertMetrics is m as an alert has it: clean, bounded and its own.
func alertMetrics(m traffic.Metrics) traffic.Metrics {
	out := make(traffic.Metrics, 0, min(len(m), maxAlertMetrics))
	names := 0
	for i := range m {
		name := traffic.CleanText(m[i].Name, traffic.MaxWord)
		if names += len(name); len(out) == maxAlertMetrics || names > maxAlertNames {
			break
		}
		out = out.With(name, m[i].Value)
	}
	return out
}

// checkMetric says what makes no sense in a rule about a metric.
func (r Rule) checkMetric() error {
	kind := r.Subject.Kind
	switch {
	case kind == KindInterface:
		return fmt.Errorf(`metric: want subject = "interface:eth0" in place of interface for it`)
	case kind == KindLANHost || kind == KindPipe:
		return fmt.Errorf(`metric: want subject = "interface:eth0" or the like for it: a %s has bytes only`, kind)
	case traffic.CleanText(r.Metric, traffic.MaxWord) != r.Metric:
		return wantMetric(fmt.Sprintf("at most %d bytes of printable text", traffic.MaxWord), r.Metric)
	case r.Direction != "":
		return fmt.Errorf("direction: does nothing for a metric: leave it out")
	case r.Condition == Quota:
		return fmt.Errorf("quota: counts bytes of traffic, not a metric: leave metric out, or write above in its place")
	}
	if kind.measured() {
		return nil
	}
	names := rowMetrics()
	if slices.Contains(names, r.Metric) {
		return nil
	}
	want := "one of " + strings.Join(names, ", ")
	if kind == KindContainer || kind == KindUnit {
		want += fmt.Sprintf(`, or subject = "%s:…" for its own series`, kind)
	}
	return wantMetric(want, r.Metric)
}

func wantMetric(want, got string) error { return fmt.Errorf("metric: %w", wantGot(want, got)) }
