package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestParseQuery(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		query string
		want  traffic.Query
		wrong string // is in the error
	}{
		{"", traffic.Query{By: "app", From: began.Add(-24 * time.Hour)}, ""},
		{"by=user", traffic.Query{By: "user", From: began.Add(-24 * time.Hour)}, ""},
		{"since=24h", traffic.Query{By: "app", From: began.Add(-24 * time.Hour)}, ""},
		{"since=90m&by=interface&name=eth0", traffic.Query{By: "interface", Name: "eth0", From: began.Add(-90 * time.Minute)}, ""},
		{"since=30d&step=day&top=10", traffic.Query{By: "app", From: began.Add(-720 * time.Hour), Step: "day", Top: 10}, ""},
		{"since=52w&step=month", traffic.Query{By: "app", From: began.Add(-52 * 7 * 24 * time.Hour), Step: "month"}, ""},
		{"from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B01:00&by=command&app=a%26b",
			traffic.Query{By: "command", App: "a&b", From: at("2026-01-01T00:00:00Z"), To: at("2026-01-02T00:00:00+01:00")}, ""},
		{"to=2026-01-01T00:00:00Z", traffic.Query{By: "app", From: at("2025-12-31T00:00:00Z"), To: at("2026-01-01T00:00:00Z")}, ""},
		{"from=2026-01-01T00:00:00Z", traffic.Query{By: "app", From: at("2026-01-01T00:00:00Z")}, ""},
		{"from=0001-01-01T00:00:00Z&step=day", traffic.Query{By: "app", Step: "day"}, ""},
		{"from=0001-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", traffic.Query{By: "app", To: at("2026-01-01T00:00:00Z")}, ""},
		{"since=1.5d", traffic.Query{By: "app", From: began.Add(-36 * time.Hour)}, ""},
		{"since=32d", traffic.Query{By: "app", From: began.Add(-768 * time.Hour)}, ""},
		{"since=1y", traffic.Query{By: "app", From: began.Add(-366 * 24 * time.Hour)}, ""},
		{"since=40d&step=minute", traffic.Query{By: "app", From: began.Add(-960 * time.Hour), Step: "minute"}, ""},

		{"of=disk&by=user", traffic.Query{By: "user", Of: "disk", From: began.Add(-24 * time.Hour)}, ""},
		{"by=disk&name=sda", traffic.Query{By: "disk", Name: "sda", From: began.Add(-24 * time.Hour)}, ""},
		{"of=traffic", traffic.Query{By: "app", Of: "traffic", From: began.Add(-24 * time.Hour)}, ""},
		{"of=disk&by=pipe", traffic.Query{}, "of: disk bytes are of app,"},
		{"of=memory", traffic.Query{}, "of: want traffic or disk"},

		{"since=41d&step=minute", traffic.Query{}, "too many"},
		{"from=0001-01-02T00:00:00Z&step=hour", traffic.Query{}, "too many"},
		{"since=24h&to=2026-01-01T00:00:00Z", traffic.Query{}, "since: ends now"},
		{"since=0s", traffic.Query{}, "since: want a time"},
		{"since=-1h", traffic.Query{}, "since: want a time"},
		{"since=yesterday", traffic.Query{}, "since: want a time"},
		{"since=0d", traffic.Query{}, "since: want a time"},
		{"since=d", traffic.Query{}, "since: want a time"},
		{"since=99999999w", traffic.Query{}, "since: want a time"},
		{"since=2562048h", traffic.Query{}, "since: want a time"},
		{"from=yesterday", traffic.Query{}, "from: want a time like"},
		{"from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", traffic.Query{}, "to: want a time after"},
		{"by=apps", traffic.Query{}, "by: want one of app,"},
		{"step=week", traffic.Query{}, "step: want one of"},
		{"top=-1", traffic.Query{}, "top: want a number"},
		{"top=1e3", traffic.Query{}, "top: want a number"},
		{"top=100001", traffic.Query{}, "top: want a number"},
		{"app=x", traffic.Query{}, "by=command"},
		{"limit=5", traffic.Query{}, `no parameter "limit"`},
		{"by=app&by=user", traffic.Query{}, "given 2 times"},
		{"by=app;step=day", traffic.Query{}, "cannot be read"},
		{"name=%zz", traffic.Query{}, "cannot be read"},
		{"from=9999-12-31T23:59:59-01:00", traffic.Query{}, "from: want a time like"},
		{"to=0000-01-01T00:00:00Z", traffic.Query{}, "to: want a time like"},
	} {
		got, err := parseQuery(asked(c.query), began)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.query, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.query, err)
		}
		if diff := cmp.Diff(c.want, got, same); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.query, diff)
		}
	}
}

// asked is a question with those parameters.
func asked(query string) *http.Request { return &http.Request{URL: &url.URL{RawQuery: query}} }

func FuzzQuery(f *testing.F) {
	f.Add("since=24h&by=app&step=hour&top=5")
	f.Add("since=1.5d;by=app")
	f.Add("to=0001-01-01T00:00:00Z&since=")
	f.Add("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&by=command&app=x")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuery(asked(text), began)
		if err != nil {
			return
		}
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatalf("%q is taken, and cannot be read: %v", text, err)
		}
		for _, at := range []time.Time{q.From, q.To} {
			if _, err := at.MarshalJSON(); err != nil {
				t.Errorf("%q asks for a time that cannot be written: %v", text, err)
			}
		}
		to := q.To
		if to.IsZero() {
			to = began
		}
		if v.Get("since") != "" && !q.From.Before(began) {
			t.Errorf("%q is of %v", text, q.From)
		}
		if q.Step == traffic.StepMinute && !q.From.IsZero() && to.Sub(q.From) > (maxSteps+1)*time.Minute || q.Top < 0 || q.Top > maxTop {
			t.Errorf("%q asks for %+v", text, q)
		}
	})
}

// report is a made-up answer.
func report(q traffic.Query) *traffic.Report {
	r := &traffic.Report{
		Schema: 1, Host: "gw", By: q.By, Step: q.Step, From: began, To: began.Add(2 * time.Hour), Zone: "UTC",
		Times: []time.Time{began, began.Add(time.Hour)},
		Rows:  []traffic.ReportRow{{Name: "curl", RxBytes: 3, TxBytes: 4, Rx: []uint64{1, 2}, Tx: []uint64{4, 0}}},
		Total: traffic.ReportRow{Name: "total", RxBytes: 3, TxBytes: 4, Rx: []uint64{1, 2}, Tx: []uint64{4, 0}},
	}
	if q.Percentile > 0 {
		r.Rows[0].Percentile = &traffic.Percentile{Of: q.Percentile, RxBits: 1.5, TxBits: 2, Samples: 24}
	}
	return r
}

func TestHistory(t *testing.T) {
	var asked traffic.Query
	var fails error
	s := open(t, Options{
		Now: func() time.Time { return began },
		History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
			asked = q
			return report(q), fails
		},
	}, Access{})
	a := s.get("/api/v1/history?since=2h&step=hour").want(t, 200)
	if diff := cmp.Diff(traffic.Query{By: "app", Step: "hour", From: began.Add(-2 * time.Hour)}, asked, same); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	want, err := encode(report(asked))
	if err != nil || a.body != string(want) {
		t.Errorf("said %s, want %s", a.body, want)
	}
	s.get("/api/v1/history?since=2h&step=hour", "If-None-Match: "+a.Header.Get("ETag")).want(t, 304)
	s.get("/api/v1/history?since=x").want(t, 400)
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("%w: no such step", ErrQuestion), 400},
		{fmt.Errorf("%w: the disk is full", ErrUnavailable), 503},
		{errors.New("damaged"), 500},
		{fmt.Errorf("read rows: %w", context.DeadlineExceeded), 503},
	} {
		fails = c.err
		problemIn(t, s.get("/api/v1/history").want(t, c.want))
	}
}

// TestHistoryIsAskedByFewAtATime: others wait, and who has gone is not waited for.
func TestHistoryIsAskedByFewAtATime(t *testing.T) {
	var at, most atomic.Int64
	gate := make(chan struct{})
	s := open(t, Options{History: func(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer at.Add(-1)
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return report(q), nil
	}}, Access{})
	var wg sync.WaitGroup
	for range 3 * maxAsking {
		wg.Go(func() {
			if a := s.get("/api/v1/history"); a.StatusCode != 200 {
				t.Errorf("status %d", a.StatusCode)
			}
		})
	}
	eventually(t, "some ask", func() bool { return at.Load() == maxAsking })
	s.get("/healthz").want(t, 200)
	close(gate)
	wg.Wait()
	if most.Load() != maxAsking {
		t.Errorf("%d asked at a time, want %d", most.Load(), maxAsking)
	}
}
