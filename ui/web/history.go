package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// historyPatience bounds how long a question may take, the wait for others included.
const historyPatience = 20 * time.Second

func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) {
	if s.opts.History == nil {
		SayProblem(w, http.StatusNotImplemented, errNoHistory)
		return
	}
	q, err := parseQuery(r, s.opts.Now())
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	s.askHistory(w, r, func(ctx context.Context) (any, error) { return s.opts.History(ctx, q) })
}

// askHistory answers with what ask finds. Few ask at a time, and none for ever.
func (s *Server) askHistory(w http.ResponseWriter, r *http.Request, ask func(context.Context) (any, error)) {
	ctx, stop := context.WithTimeout(r.Context(), historyPatience)
	defer stop()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		SayProblem(w, http.StatusServiceUnavailable, errors.New("the history is asked too much: ask again later"))
		return
	}
	answer, err := ask(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: it takes too long: ask for less time, or a coarser step", ErrUnavailable)
	}
	if err != nil {
		SayProblem(w, statusOf(err), fmt.Errorf("ask the history: %w", err))
		return
	}
	s.sendDocument(w, r, answer)
}

var errNoHistory = errors.New("no history is kept: set history.path")

// What a report may be by, and of, and its steps.
var (
	kinds = []string{
		traffic.ByApp, traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit,
		traffic.ByLANHost, traffic.ByRemoteHost, traffic.ByInterface, traffic.ByPipe, traffic.ByDisk,
		traffic.ByHost,
	}
	// Who reads from and writes to disks.
	diskKinds = []string{traffic.ByApp, traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit, traffic.ByDisk}

	steps = []string{traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth}
)

const (
	maxTop = 100_000
	// maxSteps bounds a report: 40 days of minutes.
	maxSteps = 40 * 24 * 60
)

// parseQuery reads the parameters of history: those of `bwmon report`.
func parseQuery(r *http.Request, now time.Time) (q traffic.Query, err error) {
	v, err := parametersOf(r, "since", "from", "to", "by", "of", "step", "top", "name", "app", "percentile")
	if err != nil {
		return q, err
	}
	q = traffic.Query{By: traffic.ByApp, Of: v.Get("of"), Step: v.Get("step"), Name: v.Get("name"), App: v.Get("app")}
	if by := v.Get("by"); by != "" {
		q.By = by
	}
	if !slices.Contains(kinds, q.By) {
		return q, fmt.Errorf("by: want one of %s, got %q", strings.Join(kinds, ", "), q.By)
	}
	switch q.Of {
	case "", traffic.OfTraffic:
	case traffic.OfDisk:
		if !slices.Contains(diskKinds, q.By) {
			return q, fmt.Errorf("of: disk bytes are of %s: want one of these with it, got by=%s", strings.Join(diskKinds, ", "), q.By)
		}
	default:
		return q, fmt.Errorf("of: want %s or %s, got %q", traffic.OfTraffic, traffic.OfDisk, q.Of)
	}
	if q.App != "" && q.By != traffic.ByCommand && q.By != traffic.ByHost {
		return q, fmt.Errorf("app: keeps the commands of one app, or what hosts used of it: want by=%s or by=%s with it, got by=%s", traffic.ByCommand, traffic.ByHost, q.By)
	}
	if top := v.Get("top"); top != "" {
		if q.Top, err = strconv.Atoi(top); err != nil || q.Top < 0 || q.Top > maxTop {
			return q, fmt.Errorf("top: want a number from 0 (all) to %d, got %q", maxTop, top)
		}
	}
	if of := v.Get("percentile"); of != "" {
		if q.Percentile, err = strconv.ParseFloat(of, 64); err != nil || !(q.Percentile > 0 && q.Percentile <= 100) {
			return q, fmt.Errorf("percentile: want a number above 0 and up to 100, such as 95, got %q", of)
		}
		if q.By != traffic.ByInterface {
			return q, fmt.Errorf("percentile: is of interfaces: want by=%s with it, got by=%s", traffic.ByInterface, q.By)
		}
	}
	q.From, q.To, err = parseSteps(v, now)
	return q, err
}

// parseSteps reads what time is asked about, and checks what it is divided into.
func parseSteps(v url.Values, now time.Time) (from, to time.Time, err error) {
	step := v.Get("step")
	if step != "" && !slices.Contains(steps, step) {
		return from, to, fmt.Errorf("step: want one of %s, got %q", strings.Join(steps, ", "), step)
	}
	if from, to, err = parseTime(v, now); err != nil {
		return from, to, err
	}
	return from, to, checkSteps(from, to, step, now)
}

// defaultSpan is the time asked about where its beginning is not told.
const defaultSpan = 24 * time.Hour

// parseTime reads since, or from and to. A zero from is the beginning of the history,
// which the zero time asks for.
func parseTime(v url.Values, now time.Time) (from, to time.Time, err error) {
	if since := v.Get("since"); since != "" {
		if v.Get("from") != "" || v.Get("to") != "" {
			return from, to, errors.New("since: ends now: give it, or from and to")
		}
		span, err := parseSpan(since)
		if err == nil && span == 0 {
			err = errNoSpan(since)
		}
		if err != nil {
			return from, to, fmt.Errorf("since: %w", err)
		}
		return now.Add(-span), to, nil
	}
	for _, t := range []struct {
		name string
		into *time.Time
	}{{"from", &from}, {"to", &to}} {
		text := v.Get(t.name)
		if text == "" {
			continue
		}
		*t.into, err = time.Parse(time.RFC3339, text)
		if year := t.into.UTC().Year(); err != nil || year < 1 || year > 9999 { // others cannot be written
			return from, to, fmt.Errorf("%s: want a time like 2026-01-02T15:04:05Z, got %q", t.name, text)
		}
	}
	if v.Get("from") == "" {
		end := to
		if end.IsZero() {
			end = now
		}
		from = end.Add(-defaultSpan)
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, errors.New("to: want a time after from")
	}
	return from, to, nil
}

// checkSteps bounds how many an answer has. How far back a history goes that is asked
// for from its beginning, it knows itself.
func checkSteps(from, to time.Time, step string, now time.Time) error {
	if to.IsZero() {
		to = now
	}
	var length time.Duration
	switch step {
	case traffic.StepMinute:
		length = time.Minute
	case traffic.StepHour:
		length = time.Hour
	}
	if length == 0 || from.IsZero() {
		return nil
	}
	if n := to.Sub(from) / length; n > maxSteps {
		return fmt.Errorf("step: %d steps are too many: want at most %d: ask for less time, or a coarser step", n, maxSteps)
	}
	return nil
}
