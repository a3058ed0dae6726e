package web

import (
	"context"
	"net/http"
	"time"

	"bwmon/traffic"
)

// getTrend answers how figures of the machine went.
func (s *Server) getTrend(w http.ResponseWriter, r *http.Request) {
	if s.opts.Trend == nil {
		SayProblem(w, http.StatusNotImplemented, errNoHistory)
		return
	}
	q, err := parseTrendQuery(r, s.opts.Now())
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	s.askHistory(w, r, func(ctx context.Context) (any, error) {
		t, err := s.opts.Trend(ctx, q)
		t.Rows = orEmpty(t.Rows)
		return t, err
	})
}

// parseTrendQuery reads the parameters of trend: times and steps are those of history.
func parseTrendQuery(r *http.Request, now time.Time) (q traffic.TrendQuery, err error) {
	v, err := parametersOf(r, "since", "from", "to", "step", "series", "metric")
	if err != nil {
		return q, err
	}
	q = traffic.TrendQuery{Series: v.Get("series"), Metric: v.Get("metric"), Step: v.Get("step")}
	q.From, q.To, err = parseSteps(v, now)
	return q, err
}
