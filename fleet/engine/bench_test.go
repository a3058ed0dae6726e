package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// nobody takes everything.
type nobody struct{}

func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
}

// BenchmarkWrite is a host's batch of 50 apps that changed, up to where it is sent.
func BenchmarkWrite(b *testing.B) {
	w, err := NewWriter(Options{URL: "http://127.0.0.1/api/v1/write", Client: &http.Client{Transport: nobody{}}})
	if err != nil {
		b.Fatal(err)
	}
	s := &traffic.Snapshot{}
	for i := range 50 {
		s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint("app", i), Usage: traffic.Usage{RxBytes: uint64(i) << 30, TxBytes: 1 << 40}, Resources: traffic.Resources{DiskReadBytes: uint64(i % 2)}, Commands: []traffic.Command{{Command: strings.Repeat("x", 100)}}})
	}
	batch := &fleet.Batch{Host: "host1", Run: "run1", Seq: 9, Since: 8, From: time.Unix(1e9, 0), At: time.Unix(1e9+10, 0), Changes: s, HasBalance: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(context.Background(), []*fleet.Batch{batch}); err != nil {
			b.Fatal(err)
		}
	}
	st := w.Stats()
	b.ReportMetric(float64(st.Samples)/float64(b.N), "samples/op")
	b.ReportMetric(float64(st.Bytes)/float64(b.N), "bytes/op")
}
