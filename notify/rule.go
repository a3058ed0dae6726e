package notify

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"
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

// The comparisons. Equals means within 1 % of the threshold.
const (
	Above  Comparison = "above"
	Below  Comparison = "below"
	Equals Comparison = "equals"
	Quota  Comparison = "quota"
)

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
// regex is found in, each by itself.
type Subject struct {
	Kind  Kind
	Match *regexp.Regexp
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
	Direction Direction
	Condition Comparison

	// Above, below and equals: bytes per second, averaged over Window by time,
	// in so many whole windows one after the other; 0 is one.
	Threshold   float64
	Window      time.Duration
	Consecutive int
	// Clear is the rate at which a firing alert is resolved: of a rule above,
	// at or below it; of a rule below, at or above it. 0: the threshold.
	Clear float64

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
	case r.Direction != Rx && r.Direction != Tx && r.Direction != Total:
		return fmt.Errorf("direction: want rx, tx or total, got %q", r.Direction)
	case r.Repeat < 0:
		return fmt.Errorf("repeat: want 0 (never) or more, got %v", r.Repeat)
	}
	switch r.Condition {
	case Above, Below, Equals:
		return r.checkRate()
	case Quota:
		return r.Quota.check()
	}
	return fmt.Errorf("condition: want above, below, equals or quota, got %q", r.Condition)
}

func (r Rule) checkRate() error {
	switch {
	case !(r.Threshold >= 0) || math.IsInf(r.Threshold, 0):
		return fmt.Errorf("%s_%s: want a rate of 0 or more, got %v", r.Direction, r.Condition, r.Threshold)
	case r.Condition == Below && r.Threshold == 0:
		return fmt.Errorf("%s_below: want a rate above 0, got 0", r.Direction)
	case r.Window < 0 || r.Window > MaxWindow:
		return fmt.Errorf("window: want a time up to %v, got %v", MaxWindow, r.Window)
	case r.Consecutive < 0 || r.Consecutive > 1000:
		return fmt.Errorf("consecutive: want a number from 1 to 1000, got %d", r.Consecutive)
	case r.Clear == 0:
		return nil
	case r.Condition == Equals:
		return fmt.Errorf("clear: want a rule above or below for it, got one that equals")
	case r.Condition == Above && !(r.Clear > 0 && r.Clear <= r.Threshold):
		return fmt.Errorf("clear: want a rate up to the threshold, %s, got %s", rateText(r.Threshold), rateText(r.Clear))
	case r.Condition == Below && !(r.Clear >= r.Threshold) || math.IsInf(r.Clear, 0):
		return fmt.Errorf("clear: want a rate of the threshold, %s, or more, got %s", rateText(r.Threshold), rateText(r.Clear))
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
	r.Clear = cmp.Or(r.Clear, r.Threshold)
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
		return band{r.Threshold, math.Inf(1)}, band{r.Clear, math.Inf(1)}
	case Below:
		return band{math.Inf(-1), r.Threshold}, band{math.Inf(-1), r.Clear}
	}
	b := band{
		math.Nextafter(r.Threshold*(1-equalWithin), math.Inf(-1)),
		math.Nextafter(r.Threshold*(1+equalWithin), math.Inf(1)),
	}
	return b, b
}
