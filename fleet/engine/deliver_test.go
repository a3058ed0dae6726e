package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"

	"bwmon/fleet"
)

// flaky is a connection that is cut after some requests: what was sent before has arrived.
type flaky struct {
	through http.RoundTripper
	left    int
}

var errCut = errors.New("the connection was cut")

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.left--; f.left < 0 {
		return nil, errCut
	}
	return f.through.RoundTrip(r)
}

// tell has an engine hear of all of a host, with everything that can happen on the way:
// batches that are joined, come twice or too late, and writers that die in the middle.
// Once all of it arrived, it returns.
func tell(t *testing.T, e *stand, r *rand.Rand, hosts ...*modelHost) {
	t.Helper()
	var all []*fleet.Batch
	for _, h := range hosts {
		for i := 0; i < len(h.list); {
			var from *moment
			if i > 0 && h.list[i-1].Run == h.list[i].Run {
				from = h.list[i-1]
			}
			to := i
			if r.IntN(5) == 0 { // joined
				for n := r.IntN(8); n > 0 && to+1 < len(h.list) && h.list[to+1].Run == h.list[i].Run; n-- {
					to++
				}
				if middle := i + r.IntN(to-i+1); r.IntN(2) == 0 { // part of it was sent before they were
					all = append(all, h.batch(from, h.list[middle]))
					h.known = append(h.known, h.list[middle])
				}
			}
			all = append(all, h.batch(from, h.list[to]))
			h.known = append(h.known, h.list[to])
			i = to + 1
		}
	}
	for i := range all {
		switch r.IntN(10) {
		case 0:
			all = append(all, all[r.IntN(len(all))]) // again, and late
		case 1:
			j := max(0, i-r.IntN(20))
			all[i], all[j] = all[j], all[i]
		}
	}
	for len(all) > 0 {
		n := min(len(all), 1+r.IntN(20))
		deliverAll(t, e, r, all[:n])
		all = all[n:]
	}
	e.settle()
}

// deliverAll writes batches; now and then the writer dies, and another one goes on.
func deliverAll(t *testing.T, e *stand, r *rand.Rand, batches []*fleet.Batch) {
	t.Helper()
	for attempt := 0; ; attempt++ {
		client := &http.Client{Transport: &flaky{e.client.Transport, r.IntN(30)}}
		if attempt == 2 {
			client = e.client
		}
		w, err := NewWriter(Options{URL: e.write, Client: client, Commands: true, MaxBytes: 1000 + r.IntN(100_000)})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(context.Background(), batches)
		if s := w.Stats(); s.Refused > 0 {
			t.Fatalf("%d samples were refused: %s", s.Refused, s.Detail)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, errCut) {
			t.Fatal(err)
		}
	}
}
