package history

import (
	"slices"
	"time"

	"bwmon/traffic"
)

// level is how finely time is divided.
type level uint8

const (
	minute level = iota
	five         // minutes, of interfaces only
	hour
	day
	month
	levels
)

// everyLevel has them, the finest first.
var everyLevel = [levels]level{minute, five, hour, day, month}

// String is the level's table, and its name on surfaces.
func (l level) String() string {
	return [levels]string{"minute", "five", "hour", "day", "month"}[l]
}

// holds reports whether a level has pieces of a kind.
func (l level) holds(k kind) bool { return l != five || k == kindTime || k == kindInterface }

// hasTrends reports whether a level has pieces of trends.
func (l level) hasTrends() bool { return l != five }

// trends is the table of the level's pieces of trends.
func (l level) trends() string { return "trend_" + l.String() }

// table is one that has pieces.
type table struct {
	name   string
	level  level
	trends bool
}

// everyTable has all. Those of open pieces come before the others.
var everyTable = func() (all []table) {
	for _, open := range []func(string) string{openOf, func(table string) string { return table }} {
		for _, l := range everyLevel {
			all = append(all, table{open(l.String()), l, false})
			if l.hasTrends() {
				all = append(all, table{open(l.trends()), l, true})
			}
		}
	}
	return all
}()

// begin returns where the piece of t begins.
func (l level) begin(c calendar, t time.Time) time.Time {
	switch l {
	case minute:
		return t.Truncate(time.Minute) // since year 1, which is full minutes before 1970
	case five:
		return t.Truncate(5 * time.Minute)
	case hour:
		return c.hour(t)
	case day:
		return c.day(t)
	}
	return c.month(t)
}

// next returns where the piece after that of t begins.
func (l level) next(c calendar, t time.Time) time.Time {
	switch l {
	case minute:
		return t.Truncate(time.Minute).Add(time.Minute)
	case five:
		return t.Truncate(5 * time.Minute).Add(5 * time.Minute)
	case hour:
		return c.nextHour(t)
	case day:
		return c.nextDay(t)
	}
	return c.nextMonth(t)
}

// ceil returns where the first piece begins that does not before t.
func (l level) ceil(c calendar, t time.Time) time.Time {
	if b := l.begin(c, t); !b.Before(t) {
		return b
	}
	return l.next(c, t)
}

// middle is how far from its beginning a piece is taken to lie. It decides for
// pieces of another zone's hours and days; half an hour may be all of an hour.
func (l level) middle() time.Duration {
	return [levels]time.Duration{15 * time.Second, time.Minute, 15 * time.Minute, 11 * time.Hour, 14 * 24 * time.Hour}[l]
}

// levelOf returns the level that a report's step is of.
func levelOf(step string) level {
	switch step {
	case traffic.StepMinute:
		return minute
	case traffic.StepHour:
		return hour
	case traffic.StepDay:
		return day
	}
	return month
}

// span is where the pieces begin that a moment falls into, in Unix seconds.
type span [levels]int64

// compare orders spans by time.
func (s span) compare(o span) int { return slices.Compare(s[:], o[:]) }

func spanOf(c calendar, t time.Time) span {
	var s span
	for _, l := range everyLevel {
		s[l] = l.begin(c, t).Unix()
	}
	return s
}
