package notify

import "time"

// Period is what a quota begins anew with, by the calendar.
type Period string

// The periods. Weeks start on Monday.
const (
	Hour  Period = "hour"
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// ParsePeriod reads the name of a period.
func ParsePeriod(s string) (Period, error) {
	switch p := Period(s); p {
	case Hour, Day, Week, Month:
		return p, nil
	}
	return "", wantGot("hour, day, week or month", s)
}

// around returns the period that holds t: its first moment, and the first after
// it. A day has 23 or 25 hours where the zone's clocks change; an hour that the
// clocks show twice is two.
func (p Period) around(t time.Time, loc *time.Location, monthStartsOn int) (start, end time.Time) {
	t = t.In(loc)
	y, m, d := t.Date()
	switch p {
	case Hour:
		into := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
		start = t.Truncate(time.Second).Add(-into)
		return start, start.Add(time.Hour)
	case Week:
		d -= (int(t.Weekday()) + 6) % 7
		return startOfDay(y, m, d, loc), startOfDay(y, m, d+7, loc)
	case Month:
		if d < monthStartsOn {
			m--
		}
		return startOfDay(y, m, monthStartsOn, loc), startOfDay(y, m+1, monthStartsOn, loc)
	default:
		return startOfDay(y, m, d, loc), startOfDay(y, m, d+1, loc)
	}
}

// startOfDay is the first moment of a day, which is not midnight where the
// clocks go forward then, and the first of two midnights where they go back.
func startOfDay(y int, m time.Month, d int, loc *time.Location) time.Time {
	noon := time.Date(y, m, d, 12, 0, 0, 0, loc)
	y, m, d = noon.Date() // d may have been beyond the month
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	if t.Day() != d { // there is no such midnight: this is before it
		if _, change := t.ZoneBounds(); sameDay(change, noon) {
			return change
		}
		return t
	}
	since, _ := t.ZoneBounds()
	if since.IsZero() || !sameDay(since, noon) || since.After(t) {
		return t
	}
	if t.Hour() != 0 || t.Minute() != 0 { // nor is there, and this is after it
		t = since
	}
	_, before := since.Add(-1).Zone()
	_, after := t.Zone()
	if first := t.Add(time.Duration(after-before) * time.Second); first.Before(t) && sameDay(first, noon) {
		return first
	}
	return t
}

func sameDay(t, u time.Time) bool {
	y, m, d := t.Date()
	yy, mm, dd := u.Date()
	return y == yy && m == mm && d == dd
}
