package receive

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// summaries are what figures that hosts posted are read back as: by the minute for an
// hour, by the hour for a day.
var summaries = []struct {
	prefix string // of labels
	step   string
	length time.Duration // of a step
	steps  int           // this one is the last
}{
	{"summary:by-minute:", traffic.StepMinute, time.Minute, 60},
	{"summary:by-hour:", traffic.StepHour, time.Hour, 24},
}

// point is [epoch in seconds, mean, least, most] of a step that begins then.
type point [4]float64

// getFigures answers GET /api/perf/{host} and /api/perf/{host}/{label} with an object of
// lists of points, oldest first, by label: those with that text in them, whether its
// letters are small or not. Steps in which nothing was posted are not there.
func (r *Receiver) getFigures(w http.ResponseWriter, q *http.Request) {
	name, label := q.PathValue("host"), q.PathValue("what")
	if err := fleet.CheckName(name); err != nil {
		say(w, refuse(http.StatusBadRequest, "%w", err))
		return
	}
	now := r.opts.Now()
	found := make(map[string][]point)
	for _, s := range summaries {
		from := now.Truncate(s.length).Add(-time.Duration(s.steps-1) * s.length)
		t, err := r.opts.Perf.Trend(q.Context(), name, traffic.TrendQuery{Series: traffic.SeriesPerf, From: from, To: from.Add(time.Duration(s.steps) * s.length), Step: s.step})
		switch {
		case errors.Is(err, ErrUnknown):
			continue
		case err != nil:
			say(w, later(http.StatusServiceUnavailable, r.opts.FlushEvery, "look up what %s posted: %w", name, err))
			return
		}
		for i := range t.Rows {
			full := s.prefix + t.Rows[i].Metric
			if points := pointsOf(&t, &t.Rows[i]); len(points) > 0 && holds(full, label) {
				found[full] = points
			}
		}
	}
	if len(found) == 0 {
		say(w, refuse(http.StatusNotFound, "%s posted nothing of late%s", name, under(label)))
		return
	}
	answer(w, "application/json", http.StatusOK, found)
}

func under(label string) string {
	if label == "" {
		return ""
	}
	return fmt.Sprintf(" under a label with %q in it", traffic.CleanText(label, traffic.MaxWord))
}

func holds(label, text string) bool {
	return strings.Contains(strings.ToLower(label), strings.ToLower(text))
}

func pointsOf(t *traffic.Trend, row *traffic.TrendRow) []point {
	var list []point
	for i, step := range row.Steps {
		if step != nil && i < len(t.Times) {
			list = append(list, point{float64(t.Times[i].Unix()), step.Mean, step.Min, step.Max})
		}
	}
	return list
}
