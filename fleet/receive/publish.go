package receive

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"bwmon/fleet"
)

// postBatches takes what a host publishes; see fleet.PathPublish.
func (r *Receiver) postBatches(w http.ResponseWriter, q *http.Request) {
	r.counters.requests.Add(1)
	r.hurry(w)
	d := &delivery{now: r.opts.Now()}
	defer func() { r.documents.leave(&d.held, d.held) }()
	h, err := r.receive(q, d)
	var got fleet.Answer
	if err == nil {
		got, err = r.take(q.Context(), h, d)
	}
	var gap *fleet.GapError
	switch {
	case errors.As(err, &gap):
		answer(w, "application/json", http.StatusConflict, got)
	case err != nil:
		r.fail(w, h, d.now, err)
	default:
		answer(w, "application/json", http.StatusOK, got)
	}
}

// fail answers with an error, and notes it beside the host, if that is known and coming
// again does not help.
func (r *Receiver) fail(w http.ResponseWriter, h *host, now time.Time, err error) {
	r.counters.refused.Add(1)
	var p *problem
	if h != nil && errors.As(err, &p) && p.after == 0 {
		r.refuse(h, err.Error(), now)
	}
	say(w, err)
}

// receive reads a request into d. The host is that of an error, too, where it is known
// for sure.
func (r *Receiver) receive(q *http.Request, d *delivery) (*host, error) {
	who, err := r.identify(q)
	if err != nil {
		return nil, err
	}
	name := who.host
	if stated := q.Header.Get(fleet.HeaderHost); stated != "" || len(q.Header.Values(fleet.HeaderHost)) > 1 {
		if err := who.as(stated); err != nil {
			return r.find(who.host), err
		}
		name = stated
	}
	var h *host
	if !who.any { // a host that was let in is shown, whatever it sends
		if h, err = r.admit(name, d.now); err != nil {
			return nil, err
		}
		h.publishes(d.now)
	} else if name != "" {
		h = r.find(name)
	}
	if h != nil {
		if err := r.limit(h, d.now, 0); err != nil {
			return h, err
		}
	}
	length, err := r.load(h, q, d)
	if err != nil {
		return h, err
	}
	limited := h != nil
	if h, err = r.ofOne(who, h, name, d); err != nil {
		return h, err
	}
	if !limited {
		if err := r.limit(h, d.now, length); err != nil {
			return h, err
		}
	}
	return h, d.readHeaders(q.Header)
}

// load reads the batches of a request of h, if that is known yet, into d. A body that
// waits to be unpacked counts as one that is read: both keep room from others.
func (r *Receiver) load(h *host, q *http.Request, d *delivery) (length int, err error) {
	if h != nil {
		if !h.begin() {
			r.counters.limited.Add(1)
			return 0, later(http.StatusTooManyRequests, time.Second, "%s sends more than %d requests at a time", h.name, maxSending)
		}
		defer h.end()
	}
	var held int64
	defer func() { r.bodies.leave(&held, held) }()
	body, err := r.readBody(q, fleet.ContentType, r.opts.Limits.Request, &held)
	if h != nil {
		h.spend(float64(len(body)))
	}
	if err != nil {
		return len(body), err
	}
	return len(body), r.decode(q, body, d)
}

// limit counts a request of h.
func (r *Receiver) limit(h *host, now time.Time, bytes int) error {
	if wait := h.take(now, float64(bytes)); wait > 0 {
		r.counters.limited.Add(1)
		return later(http.StatusTooManyRequests, wait, "%s sends too much: it may %g requests and %g bytes a second", h.name, r.opts.Limits.Requests, r.opts.Limits.Bytes)
	}
	return nil
}

// ofOne is the host that all of d is of, and its caller may write as.
func (r *Receiver) ofOne(who caller, h *host, name string, d *delivery) (*host, error) {
	for _, b := range d.batches {
		if err := who.as(b.Host); err != nil {
			return h, err
		}
		if name == "" {
			name = b.Host
		}
		if b.Host != name {
			return h, refuse(http.StatusForbidden, "a batch of %q is sent as %q: a request is of one host", b.Host, name)
		}
	}
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "whose this is is not said: send %s", fleet.HeaderHost)
	}
	if h != nil {
		return h, nil
	}
	return r.admit(name, d.now)
}

// readHeaders reads what a host says of itself beside its batches.
func (d *delivery) readHeaders(h http.Header) error {
	if text := h.Get(fleet.HeaderWaiting); text != "" {
		n, err := strconv.ParseUint(text, 10, 53)
		if err != nil {
			return refuse(http.StatusBadRequest, "%s: want a number of batches, got %q", fleet.HeaderWaiting, text)
		}
		d.waiting = n
	}
	if text := h.Get(fleet.HeaderClock); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || at.Year() < 1970 || at.Year() > 9999 {
			return refuse(http.StatusBadRequest, "%s: want a time like 2006-01-02T15:04:05Z, got %q", fleet.HeaderClock, text)
		}
		d.clock = at
	}
	return nil
}
