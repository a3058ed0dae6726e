package notify

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"bwmon/traffic"
)

// headline says what happened in one line: for subjects of mails, titles of
// notifications and templates.
func headline(a Alert) string {
	if a.State == StateResolved {
		return fmt.Sprintf("resolved: %s: %s", a.Rule, a.Subject)
	}
	return fmt.Sprintf("%s: %s: %s %s", a.State, a.Rule, a.Subject, comparison(a))
}

// comparison sets the value against what was agreed.
func comparison(a Alert) string {
	over := ""
	switch {
	case a.Condition == "quota":
		over = " a " + a.Period
	case a.Window > 0:
		over = fmt.Sprintf(" over %v", time.Duration(a.Window*float64(time.Second)))
	}
	word := map[string]string{"above": "above", "below": "below", "equals": "equal to", "quota": "of"}[a.Condition]
	return fmt.Sprintf("%s %s, %s %s%s", cmp.Or(a.Metric, a.Direction), amount(a, a.Value), word, amount(a, a.Threshold), over)
}

// amount is a value or threshold of an alert with its unit.
func amount(a Alert, v float64) string {
	if a.Condition == string(Quota) {
		return bytesText(v)
	}
	return MetricText(a.Metric, v)
}

// text says what was agreed in one line.
func (r Rule) text() string {
	if r.Subject.Host != nil {
		return fmt.Sprintf("%s, on each host /%s/", r.agreed(), traffic.CleanText(r.Subject.Host.String(), traffic.MaxWord))
	}
	return r.agreed()
}

func (r Rule) agreed() string {
	if r.Silent() {
		return fmt.Sprintf("silent for %v", time.Duration(r.Threshold*float64(time.Second)))
	}
	if r.Condition == Quota {
		return fmt.Sprintf("%s: %s a %s", r.Direction, bytesText(float64(r.Quota.Bytes)), r.Quota.Period)
	}
	word := string(r.Condition)
	if r.Condition == Equals {
		word = "equal to"
	}
	text := fmt.Sprintf("%s %s %s over %v", cmp.Or(r.Metric, string(r.Direction)), word, MetricText(r.Metric, r.Threshold), r.Window)
	if r.Consecutive > 1 {
		text += fmt.Sprintf(", %d times", r.Consecutive)
	}
	return text
}

func rateText(f float64) string { return bytesText(f) + "/s" }

// bytesText writes bytes in IEC units.
func bytesText(f float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for math.Abs(f) >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	text := fmt.Sprintf("%.1f", f)
	return strings.TrimSuffix(text, ".0") + " " + units[0]
}

// timeText is a time on a screen.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}
