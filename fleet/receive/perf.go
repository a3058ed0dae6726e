package receive

import (
	"cmp"
	"errors"
	"net/http"
	"time"
)

// taken is the answer to figures that were taken.
type taken struct {
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
		if h != nil && h.hasPublished() { // that is what its line is about
			h = nil
		}
		r.fail(w, h, now, err)
		return
	}
	answer(w, "application/json", http.StatusOK, done)
}

func (r *Receiver) receiveFigures(q *http.Request, now time.Time) (*host, taken, error) {
	who, err := r.identify(q)
	if err != nil {
		return nil, taken{}, err
	}
	name := q.PathValue("host")
	if err := who.as(name); err != nil {
		return r.find(who.host), taken{}, err
	}
	h := r.find(name)
	if h != nil {
		if err := r.limit(h, now, 0); err != nil {
			return h, taken{}, err
		}
	}
	var held int64
	defer func() { r.bodies.leave(&held, held) }()
	body, err := r.readBody(q, "", maxFigures, &held)
	if err != nil {
		return h, taken{}, err
	}
	at, err := parseEpoch(q.PathValue("what"), now, r.opts.Limits.Ahead)
	if err != nil {
		return h, taken{}, refuse(http.StatusBadRequest, "%w", err)
	}
	list, err := parseFigures(body)
	if err != nil {
		return h, taken{}, refuse(http.StatusBadRequest, "%w", err)
	}
	if h == nil {
		if h, err = r.admit(name, now); err != nil {
			return nil, taken{}, err
		}
		if err := r.limit(h, now, 0); err != nil {
			return h, taken{}, err
		}
	}
	h.spend(float64(len(body)))
	leave, err := h.enter(q.Context())
	if err != nil {
		return h, taken{}, err
	}
	defer leave()
	if err := r.noteFigures(h, at, now, list); err != nil {
		return h, taken{}, err
	}
	r.counters.figures.Add(uint64(len(list)))
	return h, taken{name, at, len(list)}, nil
}

// hasPublished is whether anything of h was taken that it published.
func (h *host) hasPublished() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.have.IsZero()
}

// noteFigures keeps figures. Those for whose names there is no room are left out, and the
// error says so; the others are kept. It is h's turn.
func (r *Receiver) noteFigures(h *host, at, now time.Time, list []figure) error {
	if wait := h.names.waitFigures(list, now); wait > 0 {
		r.counters.limited.Add(1)
		return later(http.StatusTooManyRequests, wait, "%s brings more than %d new names an hour", h.name, r.opts.Limits.Names)
	}
	h.names.bringFigures(list)
	var full error
	for _, f := range list {
		switch err := r.opts.Perf.Note(h.name, at, f.name, f.value); {
		case errors.Is(err, ErrTooMany):
			full = cmp.Or(full, err)
		case err != nil:
			return later(http.StatusServiceUnavailable, r.opts.FlushEvery, "keep what %s posted: %w", h.name, err)
		}
	}
	if full != nil {
		return refuse(http.StatusUnprocessableEntity, "keep all that %s posted: %w", h.name, full)
	}
	return nil
}
