package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

var errNothingYet = errors.New("nothing has been measured yet: ask again in a second")

func (s *Server) getSnapshot(w http.ResponseWriter, r *http.Request) {
	want, err := wantedOf(r)
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	var d *document
	if want.flows {
		drop := s.flows.hold()
		defer drop()
		d, err = s.withFlows(r.Context())
	} else if d = s.now.Load().document; d == nil {
		err = errNothingYet
	}
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(s.opts.Interval.Seconds()))))
		SayProblem(w, http.StatusServiceUnavailable, err)
		return
	}
	b, err := s.encoding(d, want).body()
	if err != nil {
		SayProblem(w, http.StatusInternalServerError, err)
		return
	}
	b.send(w, r)
}

// flowsPatience bounds the wait for the first snapshot with flows.
const flowsPatience = 10 * time.Second

// withFlows waits until the snapshots have the flows that somebody has begun to
// want. Of two ticks the second began after that: if it has none, there are none.
func (s *Server) withFlows(ctx context.Context) (*document, error) {
	ctx, stop := context.WithTimeout(ctx, flowsPatience)
	defer stop()
	now := s.now.Load()
	for ticks := 0; ; ticks++ {
		d := now.document
		if d != nil && (s.opts.WantFlows == nil || d.hasFlows() || ticks >= 2) {
			return d, nil
		}
		select {
		case <-now.over:
		case <-s.ended:
			return nil, errors.New("bwmon is ending")
		case <-ctx.Done():
			return nil, errors.New("flows are taken from the next measurement on: ask again after it")
		}
		now = s.now.Load()
	}
}
