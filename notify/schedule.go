package notify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is hours of the week, by the clocks of a time zone. The zero value is
// always.
type Schedule struct {
	spans []span
	loc   *time.Location
}

// span is hours that some days have. Where to is not after from, it ends on the
// day after.
type span struct {
	first, last time.Weekday // of a week that goes round
	from, to    int          // minutes of the day; to may be 24 h
}

const (
	dayMinutes = 24 * 60
	// maxSpans bounds what one schedule may list.
	maxSpans = 100
)

// ParseSchedule reads active hours: "Mon-Fri 08:00-18:00", "Sat 10:00-14:00",
// "22:00-06:00" (every day), several separated by commas. Hours that end before
// they begin end on the next day: "Fri 22:00-06:00" lasts until Saturday. An
// empty text is always. The hours are those of loc, UTC where nil.
func ParseSchedule(s string, loc *time.Location) (Schedule, error) {
	if loc == nil {
		loc = time.UTC
	}
	if strings.TrimSpace(s) == "" {
		return Schedule{}, nil
	}
	schedule := Schedule{loc: loc}
	for text := range strings.SplitSeq(s, ",") {
		parsed, ok := parseSpan(text)
		if !ok {
			return Schedule{}, wantGot(`hours like "Mon-Fri 08:00-18:00"`, strings.TrimSpace(text))
		}
		if len(schedule.spans) == maxSpans {
			return Schedule{}, fmt.Errorf("want at most %d hours separated by commas, got more", maxSpans)
		}
		schedule.spans = append(schedule.spans, parsed)
	}
	return schedule, nil
}

// Active reports whether t is within the hours.
func (s Schedule) Active(t time.Time) bool {
	if len(s.spans) == 0 {
		return true
	}
	t = t.In(s.loc)
	day, minute := t.Weekday(), t.Hour()*60+t.Minute()
	return slices.ContainsFunc(s.spans, func(p span) bool {
		if p.from < p.to {
			return p.on(day) && p.from <= minute && minute < p.to
		}
		return p.on(day) && p.from <= minute || p.on((day+6)%7) && minute < p.to
	})
}

// String is what ParseSchedule reads.
func (s Schedule) String() string {
	texts := make([]string, len(s.spans))
	for i, p := range s.spans {
		days := dayName(p.first)
		if p.last != p.first {
			days += "-" + dayName(p.last)
		}
		texts[i] = fmt.Sprintf("%s %02d:%02d-%02d:%02d", days, p.from/60, p.from%60, p.to/60, p.to%60)
	}
	return strings.Join(texts, ", ")
}

// on reports whether the span's hours begin on that day.
func (p span) on(day time.Weekday) bool {
	return (day-p.first+7)%7 <= (p.last-p.first+7)%7
}

func parseSpan(s string) (p span, ok bool) {
	fields := strings.Fields(s)
	switch len(fields) {
	case 1:
		p.first, p.last = time.Monday, time.Sunday
	case 2:
		first, last, several := strings.Cut(fields[0], "-")
		if !several {
			last = first
		}
		var firstOK, lastOK bool
		p.first, firstOK = parseDay(first)
		p.last, lastOK = parseDay(last)
		if !firstOK || !lastOK {
			return span{}, false
		}
	default:
		return span{}, false
	}
	from, to, several := strings.Cut(fields[len(fields)-1], "-")
	var fromOK, toOK bool
	p.from, fromOK = parseMinute(from)
	p.to, toOK = parseMinute(to)
	return p, several && fromOK && toOK && p.from != p.to && p.from < dayMinutes
}

// dayName is the first three letters, which is what is written.
func dayName(d time.Weekday) string { return d.String()[:3] }

// parseDay reads Mon or Monday, whatever the case.
func parseDay(s string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(s, dayName(d)) || strings.EqualFold(s, d.String()) {
			return d, true
		}
	}
	return 0, false
}

// parseMinute reads a time of day from 00:00 to 24:00.
func parseMinute(s string) (int, bool) {
	hours, minutes, ok := strings.Cut(s, ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	m, err2 := strconv.ParseUint(minutes, 10, 8)
	if !ok || err != nil || err2 != nil || len(hours) > 2 || len(minutes) != 2 || m > 59 {
		return 0, false
	}
	minute := int(h*60 + m)
	return minute, minute <= dayMinutes
}
