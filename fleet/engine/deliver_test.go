package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
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

// TestEngineIsKilled: a Prometheus is killed while a host writes to it, which sends again
// what was not answered; then all is there, to the byte. (VictoriaMetrics answers before
// what it took is on disk.)
func TestEngineIsKilled(t *testing.T) {
	e := begin(t, "prometheus", "90d")
	r := rand.New(rand.NewPCG(7, 8))
	now := time.Now().Truncate(time.Second)
	h := newModelHost(r, "a", now.Add(-100*time.Hour), 120)
	h.known = h.list
	w := e.writer(t, Options{Commands: true, MaxBytes: 4000})
	s := NewSender(w, h.name)
	killed := 0
	for i, to := range h.list {
		var from *moment
		if i > 0 && h.list[i-1].Run == to.Run {
			from = h.list[i-1]
		}
		b := h.batch(from, to)
		if i%40 == 20 {
			dying := make(chan struct{})
			go func() {
				defer close(dying)
				e.kill()
			}()
			if _, err := s.Send(context.Background(), []*fleet.Batch{b}, 1); err != nil {
				killed++
			}
			<-dying
			e.revive(t)
		}
		eventually(t, "the batch is taken", func() bool {
			answer, err := s.Send(context.Background(), []*fleet.Batch{b}, 1)
			return err == nil && answer.Kept == to.Position
		})
	}
	e.settle()
	if s := w.Stats(); s.Refused > 0 {
		t.Errorf("%d samples were refused: %s", s.Refused, s.Detail)
	}
	t.Logf("%d batches were cut off", killed)
	for _, step := range []string{"", traffic.StepHour} {
		checkReport(t, e.reader(t, Options{}), h.name, traffic.Query{By: traffic.ByApp, Step: step}, []*modelHost{h}, func(_ string, k fleet.Key) (rowName, bool) {
			return rowName{name: k.Name}, k.Kind == fleet.KindApp
		})
	}
}
