package history

import (
	"strings"
	"time"
)

// time finds the pieces to read. It reports whether there are any.
func (a *asking) time() (found bool, err error) {
	from, to := a.query.From, a.until(a.query)
	first, ok, err := a.beginning()
	if err != nil {
		return false, err
	}
	newest, _, err := a.edge(minute, true)
	if err != nil {
		return false, err
	}
	if last := minute.next(a.calendar, newest); ok && last.After(a.now) { // a clock was ahead
		if !a.query.To.IsZero() {
			a.now = last
		}
	}
	if !to.Before(a.now) {
		to = a.now.Add(1) // the piece that begins now is there too
	}
	switch {
	case !ok || !first.Before(to):
		a.report.Detail = "the history has nothing of that time"
		return false, nil
	case from.IsZero():
		from = first
	case from.Before(first):
		a.say("the history begins at %s", rfc(first))
		from = first
	}
	if !from.Before(to) {
		a.report.Detail = "the time asked about is yet to come"
		return false, nil
	}
	if a.query.Step == "" {
		a.stretches, err = a.cover(from, to)
	} else {
		err = a.divideBySteps(from, to)
	}
	if err != nil || len(a.stretches) == 0 {
		a.report.Detail = strings.Join(a.details, "; ")
		return false, err
	}
	a.report.From, a.report.To = a.stretches[0].from.UTC(), a.stretches[len(a.stretches)-1].to.UTC()
	if a.report.To.After(a.now) {
		a.report.To = a.now.UTC()
	}
	return true, a.sayMissing(first)
}

// divideBySteps takes all from the step's level, as far as that has it.
func (a *asking) divideBySteps(from, to time.Time) error {
	l := levelOf(a.query.Step)
	all := stretch{l, l.begin(a.calendar, from), l.ceil(a.calendar, to)}
	stretches, err := a.cover(all.from, all.to)
	if err != nil {
		return err
	}
	var want, got int64
	for _, s := range stretches {
		n, err := a.measured(s)
		if err != nil {
			return err
		}
		want += n
	}
	var first time.Time
	if err := a.each(kindTime, all, func(start int64, list []figure) {
		if begin := time.Unix(start, 0); first.IsZero() || begin.Before(first) {
			first = begin
		}
		for _, f := range list {
			got += f.rx
		}
	}); err != nil {
		return err
	}
	switch {
	case got == want:
	case first.IsZero():
		a.say("what was used then is no longer known by %s", l)
		return nil
	case !a.home(l, first).from.After(all.from):
		a.say("some of it is no longer known by %s", l)
	default:
		all.from = a.home(l, first).from
		a.say("by %s it is known from %s on", l, rfc(all.from))
	}
	a.stretches = []stretch{all}
	a.report.Times, err = a.steps(all)
	return err
}

// sayMissing says how long nothing was measured, where that is worth it.
func (a *asking) sayMissing(first time.Time) error {
	var measured int64
	for _, s := range a.stretches {
		n, err := a.measured(s)
		if err != nil {
			return err
		}
		measured += n
	}
	from := a.report.From
	if from.Before(first) {
		from = first
	}
	missing := a.report.To.Sub(from) - time.Duration(measured)*time.Millisecond
	if missing > time.Minute && !a.fleet {
		a.say("for %s of it nothing was measured", missing.Round(time.Minute))
	}
	return nil
}

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
