package engine

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/fleet/receive"
	"bwmon/traffic"
)

// TestClockAhead: a receiver hands on what a host sends whose clock is ahead, part of it
// again, and the engine has all of it, once.
func TestClockAhead(t *testing.T) {
	for _, name := range []string{"prometheus", "victoria-metrics"} {
		t.Run(name, func(t *testing.T) {
			e := begin(t, name, "1h")
			w := e.writer(t, Options{})
			now := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
			r, err := receive.New(receive.Options{Forward: func(ctx context.Context, _ string, list []*fleet.Batch) error { return w.Write(ctx, list) }, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(r.Handler())
			defer server.Close()
			const ahead = 100 * time.Second
			recorder := fleet.NewRecorder("gw", fleet.Position{})
			var list []*fleet.Batch
			for i := range 4 {
				s := &traffic.Snapshot{Schema: 1, Host: "gw", Run: "a", At: now.Add(ahead), Elapsed: float64(10 * (i + 1)), Interval: 10}
				s.Apps = []traffic.App{{Name: "web", Usage: traffic.Usage{RxBytes: uint64(1000 * (i + 1))}}}
				list = append(list, recorder.Next(s))
				now = now.Add(10 * time.Second)
			}
			for _, part := range [][]*fleet.Batch{list[:3], list[1:], list[:1]} {
				text, err := fleet.Encode(nil, part...)
				if err != nil {
					t.Fatal(err)
				}
				q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+fleet.PathPublish, bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				q.Header.Set("Content-Type", fleet.ContentType)
				q.Header.Set(fleet.HeaderHost, "gw")
				q.Header.Set(fleet.HeaderClock, now.Add(ahead).Format(time.RFC3339Nano))
				got, err := server.Client().Do(q)
				if err != nil {
					t.Fatal(err)
				}
				if got.Body.Close(); got.StatusCode != http.StatusOK {
					t.Fatal(got.Status)
				}
				now = now.Add(time.Second)
			}
			e.settle()
			report, err := e.reader(t, Options{}).Report(t.Context(), "gw", traffic.Query{By: traffic.ByApp})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Rows) != 1 || report.Rows[0].RxBytes != 4000 {
				t.Errorf("%+v, want 4000 bytes", report.Rows)
			}
		})
	}
}
