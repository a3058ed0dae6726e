package history

import "time"

// calendar tells where hours, days and months begin in a place. Each of them divides
// time without gap or overlap, whatever the place's clocks do:
//   - an hour begins where the clock shows a full hour, and where it is set;
//   - a day begins the first time the clock shows its date. A date that is left out
//     (Pacific/Apia had no 30 December 2011) is a day of no length; an hour before
//     midnight that is lived twice belongs to the day after, the second time.
type calendar struct{ place *time.Location }

// hour returns where the hour of t begins.
func (c calendar) hour(t time.Time) time.Time {
	t = t.In(c.place)
	full := fullHour(t)
	if set, _ := t.ZoneBounds(); set.After(full) {
		return set
	}
	return full
}

// nextHour returns where the hour after that of t begins.
func (c calendar) nextHour(t time.Time) time.Time {
	t = t.In(c.place)
	next := fullHour(t).Add(time.Hour)
	if _, set := t.ZoneBounds(); !set.IsZero() && set.Before(next) {
		return set
	}
	return next
}

// fullHour is when the clock that t is shown by last showed, or would have shown, a
// full hour.
func fullHour(t time.Time) time.Time {
	into := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	return t.Add(-into)
}

// day returns where the day of t begins.
func (c calendar) day(t time.Time) time.Time {
	y, m, d := c.date(t)
	return c.begin(y, m, d)
}

// nextDay returns where the first day begins that does not before or at t.
func (c calendar) nextDay(t time.Time) time.Time {
	y, m, d := c.date(t)
	return c.begin(y, m, d+1)
}

func (c calendar) month(t time.Time) time.Time {
	y, m, _ := c.date(t)
	return c.begin(y, m, 1)
}

func (c calendar) nextMonth(t time.Time) time.Time {
	y, m, _ := c.date(t)
	return c.begin(y, m+1, 1)
}

// date is the latest date that the clock had shown by t.
func (c calendar) date(t time.Time) (y int, m time.Month, d int) {
	y, m, d = t.In(c.place).Date()
	if !t.Before(c.begin(y, m, d+1)) {
		d++ // set back over midnight
	}
	return y, m, d
}

// begin returns when the clock shows a date, or a later one, for the first time. The
// day of the month may be one too large.
func (c calendar) begin(y int, m time.Month, d int) time.Time {
	shown := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	// 26 hours before it is not that late anywhere.
	for t := shown.Add(-26 * time.Hour).In(c.place); ; {
		_, offset := t.Zone()
		since, until := t.ZoneBounds()
		first := shown.Add(-time.Duration(offset) * time.Second)
		if first.Before(since) { // it was set from before to after midnight
			first = since
		}
		if until.IsZero() || first.Before(until) {
			return first.In(c.place)
		}
		t = until
	}
}
