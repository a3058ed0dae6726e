package notify

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"bwmon/traffic"
)

// Direction says which bytes a rule is about, as the subject sees them.
type Direction string

// The directions.
const (
	Rx    Direction = "rx"
	Tx    Direction = "tx"
	Total Direction = "total"
)

// Comparison is what breaks a rule, or that its quota does.
type Comparison string

// The comparisons. Equals means within 1 % of the threshold; of a metric without a
// unit and a whole threshold below 1000, as a status has it, that every figure of the
// window is the threshold.
const (
	Above  Comparison = "above"
	Below  Comparison = "below"
	Equals Comparison = "equals"
	Quota  Comparison = "quota"
)

// exactBelow is where the whole numbers end that a plain number may be expected to
// equal exactly.
const exactBelow = 1000

// equalWithin is how far a rate may be from a threshold that it equals, as a
// share of that: headers and clocks make no two measurements the same.
const equalWithin = 0.01

// The defaults of a Rule. The configuration puts in DefaultRepeat, since 0 has a
// meaning of its own there; the others take the place of zero values.
const (
	DefaultWindow = time.Second
	DefaultRepeat = time.Hour
	MaxWindow     = 24 * time.Hour
)

// DefaultLevels are the shares of a quota that are told of.
func DefaultLevels() []float64 { return []float64{0.8, 1} }

// Subject says what a rule is about: every series of the kind whose name the
// regex is found in, each by itself. Of KindSubject the name is the ID of what is
// measured (traffic.SeriesID); the configuration's subject = "disk:sd." comes as
// "^(?:disk:sd.)$", so that "disk:sda" is not also "disk:sda1".
//
// With Host the subjects are the apps of each member of a fleet whose name that regex is
// found in: "Backup on web-1". Only the snapshot of a receiver has members.
type Subject struct {
	Kind  Kind
	Match *regexp.Regexp
	Host  *regexp.Regexp // of KindApp; nil: apps of all members together
}

// about reports whether a rule is about a subject, which may have a label beside its
// name.
func (s *Subject) about(who *identity, label string) bool {
	if s.Kind != who.kind || (s.Host != nil) != (who.host != "") {
		return false
	}
	return (s.Match.MatchString(who.name) || label != "" && s.Match.MatchString(label)) &&
		(s.Host == nil || s.Host.MatchString(who.host))
}

// OfHosts reports whether a rule is about the members of a fleet.
func (r Rule) OfHosts() bool { return r.Subject.Kind == KindHost || r.Subject.Host != nil }

// Silent reports whether it is about members that do not publish.
func (r Rule) Silent() bool {
	return r.Subject.Kind == KindHost && r.Metric == MetricSilent && r.Condition == Above
}

// Allowance is a quota: so many bytes in each calendar period.
type Allowance struct {
	Bytes         uint64
	Period        Period
	MonthStartsOn int       // day of the month, 1 to 28; 0 is 1
	Levels        []float64 // shares of Bytes, each told of once a period; nil: DefaultLevels
}

// Rule is one thing that was agreed. Check says whether it makes sense.
type Rule struct {
	Name      string // no two rules of a Book have the same
	Subject   Subject
	Direction Direction // "" with a Metric
	Condition Comparison

	// Metric is what of a KindSubject the rule is about, or of an app, command, user,
	// container or unit what its processes use (traffic.Resources.Metrics; those of
	// the latter three are sums over commands). "": bytes.
	//
	// A metric is a level: its figure stands for the time since the tick before it was
	// seen, until another one is seen, and a window's value is the mean by time of the
	// figures in it. So a window may be shorter than the time from one measurement to
	// the next. A window that reaches back to when nothing was known never begins an
	// alert, and with Consecutive only windows count in which something was measured:
	// a figure that is merely still there proves nothing twice. What rows use is taken
	// to be measured for every snapshot.
	//
	// What is gone is not zero, as an app that carries nothing is. For three times the
	// time from one measurement to the next it may be late: alerts stay as they are.
	// Then they are resolved, and should it come back it is new.
	Metric string

	// Above, below and equals: bytes per second, or a figure of the metric, averaged
	// over Window by time, in so many whole windows one after the other; 0 is one.
	Threshold   float64
	Window      time.Duration
	Consecutive int
	// Clear is the rate or figure at which a firing alert is resolved: of a rule
	// above, at or below it; of a rule below, at or above it. 0 is the threshold,
	// unless ClearsAt says that 0 is meant, as it may be of a metric.
	Clear    float64
	ClearsAt bool

	Quota Allowance

	// Repeat is the time after which an alert that goes on is told of again;
	// 0: never. A quota's is not: each of its levels is told of once.
	Repeat time.Duration
	// Hours are when the rule holds. At their end what fires is resolved and
	// what is pending dropped; windows lie in them as a whole. A quota counts at
	// all hours, and what is reached outside of them is told when they begin.
	Hours  Schedule
	Notify []string // names of deliveries
}

// Check says what of the rule makes no sense, headed by the field that the
// configuration knows it by.
func (r Rule) Check() error {
	switch {
	case r.Name == "":
		return fmt.Errorf(`name: want a name, got ""`)
	case !slices.Contains(Kinds(), r.Subject.Kind):
		return fmt.Errorf("subject: want one of %v, got %q", Kinds(), r.Subject.Kind)
	case r.Subject.Match == nil:
		return fmt.Errorf("%s: want a regex, got none", r.Subject.Kind)
	case r.Subject.Host != nil && r.Subject.Kind != KindApp:
		return fmt.Errorf("host: goes with app, or stands by itself: leave out %s", r.Subject.Kind)
	case r.Subject.Kind == KindSubject && r.Metric == "":
		return wantMetric(`the name of a metric like "await_ms"`, "")
	case r.Metric == "" && r.Direction != Rx && r.Direction != Tx && r.Direction != Total:
		return fmt.Errorf("direction: want rx, tx or total, got %q", r.Direction)
	case r.Repeat < 0:
		return fmt.Errorf("repeat: want 0 (never) or more, got %v", r.Repeat)
	}
	if r.Metric != "" {
		if err := r.checkMetric(); err != nil {
			return err
		}
	}
	switch r.Condition {
	case Above, Below, Equals:
		return r.checkLevel()
	case Quota:
		return r.Quota.check()
	}
	return fmt.Errorf("condition: want above, below, equals or quota, got %q", r.Condition)
}

// checkLevel is of rules above, below and equal.
func (r Rule) checkLevel() error {
	hasClear := r.Clear != 0 || r.ClearsAt
	switch {
	case r.Metric != "" && !finite(r.Threshold):
		return fmt.Errorf("%s: want a number, got %v", r.Condition, r.Threshold)
	case r.Metric == "" && (!(r.Threshold >= 0) || math.IsInf(r.Threshold, 0)):
		return fmt.Errorf("%s_%s: want a rate of 0 or more, got %v", r.Direction, r.Condition, r.Threshold)
	case r.Metric == "" && r.Condition == Below && r.Threshold == 0:
		return fmt.Errorf("%s_below: want a rate above 0, got 0", r.Direction)
	case r.Metric == "" && r.ClearsAt && r.Clear == 0:
		return fmt.Errorf("clear: want a rate above 0, got 0")
	case r.Window < 0 || r.Window > MaxWindow:
		return fmt.Errorf("window: want a time up to %v, got %v", MaxWindow, r.Window)
	case r.Consecutive < 0 || r.Consecutive > 1000:
		return fmt.Errorf("consecutive: want a number from 1 to 1000, got %d", r.Consecutive)
	case !hasClear:
		return nil
	case r.Condition == Equals:
		return fmt.Errorf("clear: want a rule above or below for it, got one that equals")
	}
	what := "a rate"
	if r.Metric != "" {
		what = "a figure"
	}
	threshold, got := MetricText(r.Metric, r.Threshold), MetricText(r.Metric, r.Clear)
	switch {
	case r.Condition == Above && (!(r.Clear <= r.Threshold) || !finite(r.Clear) || r.Metric == "" && r.Clear < 0):
		return fmt.Errorf("clear: want %s up to the threshold, %s, got %s", what, threshold, got)
	case r.Condition == Below && (!(r.Clear >= r.Threshold) || !finite(r.Clear)):
		return fmt.Errorf("clear: want %s of the threshold, %s, or more, got %s", what, threshold, got)
	}
	return nil
}

func (a Allowance) check() error {
	switch {
	case a.Bytes == 0:
		return fmt.Errorf("quota: want a number of bytes above 0, got 0")
	case a.MonthStartsOn < 0 || a.MonthStartsOn > 28:
		return fmt.Errorf("month_starts_on: want a day from 1 to 28, got %d", a.MonthStartsOn)
	}
	for _, level := range a.Levels {
		if !(level > 0 && level <= maxLevel) {
			return fmt.Errorf("levels: want a share above 0 and up to %d %%, got %v", maxLevel*100, level)
		}
	}
	_, err := ParsePeriod(string(a.Period))
	return err
}

// withDefaults fills in what was left out, and sorts what has an order.
func (r Rule) withDefaults() Rule {
	r.Window = cmp.Or(r.Window, DefaultWindow)
	r.Consecutive = max(r.Consecutive, 1)
	if !r.ClearsAt {
		r.Clear = cmp.Or(r.Clear, r.Threshold)
	}
	if r.Condition == Quota {
		r.Window, r.Quota.MonthStartsOn = 0, max(r.Quota.MonthStartsOn, 1)
		if len(r.Quota.Levels) == 0 {
			r.Quota.Levels = DefaultLevels()
		}
		r.Quota.Levels = slices.Sorted(slices.Values(r.Quota.Levels))
	}
	return r
}

// band is the rates between two others, both excluded.
type band struct{ above, below float64 }

func (b band) holds(v float64) bool { return b.above < v && v < b.below }

// bands are the rates at which an alert begins and those at which it goes on.
func (r Rule) bands() (begins, goesOn band) {
	switch r.Condition {
	case Above:
		return band{r.Threshold + r.rounding(), math.Inf(1)}, band{r.Clear + r.rounding(), math.Inf(1)}
	case Below:
		return band{math.Inf(-1), r.Threshold - r.rounding()}, band{math.Inf(-1), r.Clear - r.rounding()}
	}
	off := equalWithin*math.Abs(r.Threshold) + r.rounding()
	if r.exact() {
		off = 0
	}
	b := band{math.Nextafter(r.Threshold-off, math.Inf(-1)), math.Nextafter(r.Threshold+off, math.Inf(1))}
	return b, b
}

// rounding is how far the mean of figures may be from what it is: of 2 and 4, each
// for a second, it is not above 3.
func (r Rule) rounding() float64 {
	if r.Metric == "" {
		return 0
	}
	return 1e-12 * max(1, math.Abs(r.Threshold), math.Abs(r.Clear))
}

// exact reports whether every figure has to be the threshold.
func (r Rule) exact() bool {
	return r.Condition == Equals && r.Metric != "" && traffic.UnitOf(r.Metric) == traffic.UnitNone &&
		r.Threshold == math.Trunc(r.Threshold) && math.Abs(r.Threshold) < exactBelow
}
