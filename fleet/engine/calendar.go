package engine

import (
	"time"

	"bwmon/traffic"
)

// calendar tells where the steps of a report begin in a place, as bwmon's history does:
// hours where the clock shows a full hour and where it is set, days the first time that
// the clock shows their date.
type calendar struct{ place *time.Location }

// maxSteps bounds a report.
const maxSteps = 100_000

// checkTime says what is wrong with the time of a question.
func checkTime(from, to time.Time, step string) error {
	switch step {
	case "", traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth:
	default:
		return question("step: want minute, hour, day, month or none; got %q", step)
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return question("to: want a time after from")
	}
	return nil
}

// divide returns the beginnings of all steps from that of from on, and where the last one
// of before to ends. Without a step they are of one, in whole minutes.
func (c calendar) divide(from, to time.Time, step string) ([]time.Time, error) {
	if step == "" {
		end := to.Truncate(time.Minute)
		if end.Before(to) {
			end = end.Add(time.Minute)
		}
		return []time.Time{from.Truncate(time.Minute).UTC(), end.UTC()}, nil
	}
	var list []time.Time
	for t := c.begin(step, from); ; t = c.next(step, t) {
		list = append(list, t.UTC())
		if !t.Before(to) {
			return list, nil
		}
		if len(list) > maxSteps {
			return nil, question("step: there are more than %d steps: ask for less time, or a coarser step", maxSteps)
		}
	}
}

// begin returns where the step of t begins.
func (c calendar) begin(step string, t time.Time) time.Time {
	t = t.In(c.place)
	y, m, d := t.Date()
	switch step {
	case traffic.StepMinute:
		return t.Truncate(time.Minute)
	case traffic.StepHour:
		full := t.Add(-sinceFullHour(t))
		if set, _ := t.ZoneBounds(); set.After(full) && ahead(set) != ahead(set.Add(-time.Second)) {
			return set
		}
		return full
	case traffic.StepDay:
		if next := c.date(y, m, d+1); !t.Before(next) {
			return next // set back over midnight
		}
		return c.date(y, m, d)
	}
	return c.date(y, m, 1)
}

// next returns where the step after that of t begins.
func (c calendar) next(step string, t time.Time) time.Time {
	t = t.In(c.place)
	switch step {
	case traffic.StepMinute:
		return t.Truncate(time.Minute).Add(time.Minute)
	case traffic.StepHour:
		full := t.Add(time.Hour - sinceFullHour(t))
		if _, set := t.ZoneBounds(); !set.IsZero() && set.Before(full) && ahead(set) != ahead(t) {
			return set
		}
		return full
	}
	// A day may be left out: then what is shown at the beginning of the next one is later.
	y, m, d := t.Add(time.Hour).Date()
	if step == traffic.StepMonth {
		return c.date(y, m+1, 1)
	}
	for n := 1; ; n++ {
		if next := c.date(y, m, d+n); next.After(t) {
			return next
		}
	}
}

// ahead is how far the clock is ahead of UTC at t.
func ahead(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

func sinceFullHour(t time.Time) time.Duration {
	return time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}

// date returns when the clock shows a date, or a later one, for the first time.
func (c calendar) date(y int, m time.Month, d int) time.Time {
	shown := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	// 26 hours before it is not that late anywhere.
	for t := shown.Add(-26 * time.Hour).In(c.place); ; {
		first := shown.Add(-ahead(t)).In(c.place)
		if first.Before(t) { // the clock was set from before midnight to after it
			return t
		}
		_, set := t.ZoneBounds()
		if set.IsZero() || first.Before(set) {
			return first
		}
		t = set
	}
}
