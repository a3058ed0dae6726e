package history

import (
	"sort"
	"time"
)

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
	if set, ok := clockSet(full, t); ok {
		return set
	}
	return full
}

// nextHour returns where the hour after that of t begins.
func (c calendar) nextHour(t time.Time) time.Time {
	t = t.In(c.place)
	next := fullHour(t).Add(time.Hour)
	if set, ok := clockSet(t, next); ok {
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
		first := t.Add(shown.Sub(shownBy(t)))
		if first.Before(t) { // it was set from before midnight to after it
			return t
		}
		set, ok := clockSet(t, first)
		if !ok {
			return first
		}
		t = set
	}
}

// shownBy is what the clock shows at t, as if it were UTC.
func shownBy(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// clockSet returns when, after from and not after to, the clock was set first. It is
// set once in six hours at most. (Time.ZoneBounds knows it at once, but is wrong
// about the ends of years for which there are only rules: as of Go 1.26 zones end on
// 31 December of leap years there.)
func clockSet(from, to time.Time) (set time.Time, ok bool) {
	const atMostOnce = 6 * time.Hour
	_, offset := from.Zone()
	for from.Before(to) {
		next := from.Add(atMostOnce)
		if next.After(to) {
			next = to
		}
		if _, o := next.Zone(); o != offset {
			return firstOther(from, next, offset), true
		}
		from = next
	}
	return set, false
}

// firstOther returns the first full second after from, and not after to, at which the
// offset is another one. It is another one at to.
func firstOther(from, to time.Time, offset int) time.Time {
	from = from.Truncate(time.Second)
	seconds := sort.Search(int(to.Sub(from)/time.Second), func(n int) bool {
		_, o := from.Add(time.Duration(n) * time.Second).Zone()
		return o != offset
	})
	return from.Add(time.Duration(seconds) * time.Second)
}
