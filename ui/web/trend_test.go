package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// trend is a made-up answer: of its two steps nothing was measured in the second.
func trend(q traffic.TrendQuery) traffic.Trend {
	t := traffic.Trend{Schema: 1, Host: "gw", Step: q.Step, From: began, To: began.Add(2 * time.Hour), Zone: "UTC"}
	row := traffic.TrendRow{Series: q.Series, Metric: q.Metric, Mean: 2, Min: -1, Max: 4}
	if q.Step != "" {
		t.Times = []time.Time{began, began.Add(time.Hour)}
		row.Steps = []*traffic.TrendStep{{Mean: 2, Min: -1, Max: 4}, nil}
	}
	t.Rows = []traffic.TrendRow{row}
	return t
}

func TestTrend(t *testing.T) {
	var asked traffic.TrendQuery
	var fails error
	s := open(t, Options{
		Now: func() time.Time { return began },
		Trend: func(_ context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
			asked = q
			return trend(q), fails
		},
	}, Access{})
	const path = "/api/v1/trend?series=mount:%2Fvar&metric=used_percent&since=2h&step=hour"
	a := s.get(path).want(t, 200)
	want := traffic.TrendQuery{Series: "mount:/var", Metric: "used_percent", Step: "hour", From: began.Add(-2 * time.Hour)}
	if diff := cmp.Diff(want, asked, same); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if text, err := encode(trend(asked)); err != nil || a.body != string(text) {
		t.Errorf("said %s, want %s", a.body, text)
	}
	s.get(path, "If-None-Match: "+a.Header.Get("ETag")).want(t, 304)
	for query, wrong := range map[string]string{
		"step=week": "step: want one of", "since=41d&step=minute": "too many", "by=app": "no parameter", "from=x": "from: want a time",
		"series=a&series=b": "given 2 times",
	} {
		if got := problemIn(t, s.get("/api/v1/trend?"+query).want(t, 400)); !strings.Contains(got.Detail, wrong) {
			t.Errorf("%s: %q, want %q", query, got.Detail, wrong)
		}
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("%w: no such series", ErrUnknown), 404}, {ErrQuestion, 400}, {ErrUnavailable, 503}, {errors.New("damaged"), 500},
	} {
		fails = c.err
		problemIn(t, s.get("/api/v1/trend").want(t, c.want))
	}
	problemIn(t, open(t, Options{}, Access{}).get("/api/v1/trend").want(t, 501))
}
