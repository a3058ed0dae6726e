package receive

import (
	"net/http"
	"time"
)

// posted is the answer to figures that were taken.
type posted struct {
	Host    string    `json:"host"`
	At      time.Time `json:"at"`
	Figures int       `json:"figures"`
}

// postFigures takes POST /api/perf/{host}/{epoch}: a JSON object of numbers, measured at
// that time.
func (r *Receiver) postFigures(w http.ResponseWriter, q *http.Request) {
	r.counters.requests.Add(1)
	r.hurry(w)
	now := r.opts.Now()
	h, done, err := r.receiveFigures(q, now)
	if err != nil {
		r.fail(w, h, now, err)
		return
	}
	answer(w, "application/json", http.StatusOK, done)
}

func (r *Receiver) receiveFigures(q *http.Request, now time.Time) (*host, posted, error) {
	who, err := r.identify(q)
	if err != nil {
		return nil, posted{}, err
	}
	name := q.PathValue("host")
	if err := who.as(name); err != nil {
		return r.find(who.host), posted{}, err
	}
	h := r.find(name)
	if h != nil {
		if err := r.limit(h, now, 0); err != nil {
			return h, posted{}, err
		}
	}
	var held int64
	defer func() { r.bodies.leave(&held, held) }()
	body, err := r.readBody(q, "", maxFigures, &held)
	if err != nil {
		return h, posted{}, err
	}
	at, err := parseEpoch(q.PathValue("what"), now, r.opts.Limits.Ahead)
	if err != nil {
		return h, posted{}, refuse(http.StatusBadRequest, "%w", err)
	}
	list, err := parseFigures(body)
	if err != nil {
		return h, posted{}, refuse(http.StatusBadRequest, "%w", err)
	}
	if h == nil {
		if h, err = r.admit(name, now); err != nil {
			return nil, posted{}, err
		}
		if err := r.limit(h, now, 0); err != nil {
			return h, posted{}, err
		}
	}
	h.spend(float64(len(body)))
	leave, err := h.enter(q.Context())
	if err != nil {
		return h, posted{}, err
	}
	defer leave()
	for _, f := range list {
		if err := r.noteFigure(h, at, now, f); err != nil {
			return h, posted{}, err
		}
	}
	r.counters.figures.Add(uint64(len(list)))
	return h, posted{name, at, len(list)}, nil
}

// noteFigure keeps one figure. It is h's turn.
func (r *Receiver) noteFigure(h *host, at, now time.Time, f figure) error {
	if wait := h.names.waitFigure(f.name, now); wait > 0 {
		r.counters.limited.Add(1)
		return later(http.StatusTooManyRequests, wait, "%s brings more than %d new names an hour", h.name, r.opts.Limits.Names)
	}
	if err := r.opts.Perf.Note(h.name, at, f.name, f.value); err != nil {
		return later(http.StatusServiceUnavailable, r.opts.FlushEvery, "keep what %s posted: %w", h.name, err)
	}
	h.names.bringFigure(f.name)
	return nil
}
