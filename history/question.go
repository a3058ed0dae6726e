package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// ErrQuestion is wrapped by errors that are the asker's: the text says what to ask
// instead.
var ErrQuestion = errors.New("the question is not right")

func question(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrQuestion, fmt.Sprintf(format, args...))
}

// The bounds of a report.
const (
	maxSteps = 100_000
	// maxPoints is how many steps all rows of a report have together.
	maxPoints = 1_000_000
	// maxTrendPoints is the same of a trend, whose document has three figures for each.
	maxTrendPoints = 250_000
)

var everyStep = []string{traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth}

// checkTime is what reports and trends are asked alike.
func checkTime(from, to time.Time, step string) error {
	switch {
	case step != "" && !slices.Contains(everyStep, step):
		return question("step: want %s or none; got %q", strings.Join(everyStep, ", "), step)
	case !from.IsZero() && !to.IsZero() && !from.Before(to):
		return question("to: want a time after from")
	}
	return nil
}

func check(q traffic.Query) error {
	if err := checkTime(q.From, q.To, q.Step); err != nil {
		return err
	}
	by := slices.DeleteFunc(slices.Clone(kindNames[:]), func(name string) bool { return name == "" })
	ofs := []string{"", traffic.OfTraffic, traffic.OfDisk}
	switch {
	case !slices.Contains(by, q.By):
		return question("by: want one of %s; got %q", strings.Join(by, ", "), q.By)
	case !slices.Contains(ofs, q.Of):
		return question("of: want %s; got %q", strings.Join(ofs[1:], " or "), q.Of)
	case q.Of == traffic.OfDisk && kindOf(q).of() != traffic.OfDisk:
		return question("of: %s bytes are known by %s: got by %s", traffic.OfDisk, strings.Join(append(by[:5:5], traffic.ByDisk), ", "), q.By)
	case q.Top < 0:
		return question("top: want a number, or 0 for all; got %d", q.Top)
	case q.App != "" && q.By != traffic.ByCommand && q.By != traffic.ByHost:
		return question("app: keeps the commands, or hosts, of one app: want it with by %s or %s; got by %s", traffic.ByCommand, traffic.ByHost, q.By)
	case !(q.Percentile >= 0 && q.Percentile <= 100):
		return question("percentile: want a number up to 100, or 0 for none; got %v", q.Percentile)
	case q.Percentile > 0 && q.By != traffic.ByInterface:
		return question("percentile: is known of interfaces: want it with by %s; got by %s", traffic.ByInterface, q.By)
	}
	return nil
}
