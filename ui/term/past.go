package term

import (
	"context"
	"time"

	"bwmon/traffic"
)

// past asks the history what the selected row used today and this month. It
// asks for one row at a time, beside the event loop, and keeps the answers for
// a while.
type past struct {
	answers map[traffic.Query]answer
	wanted  traffic.Query // the row on screen; no By: none
	asking  bool
}

// answer is what the history said.
type answer struct {
	known      bool
	err        error
	day, month octets
	at         time.Time
}

const (
	answerFor  = 30 * time.Second // an answer is good for so long
	maxAnswers = 500
)

// of is what is known of a row by now. That it was asked for is remembered.
func (p *past) of(q traffic.Query) answer {
	p.wanted = q
	return p.answers[q]
}

// due is what is to be asked now; false for nothing.
func (p *past) due(now time.Time) (traffic.Query, bool) {
	q := p.wanted
	if p.asking || q.By == "" {
		return q, false
	}
	a, ok := p.answers[q]
	return q, !ok || now.Sub(a.at) >= answerFor
}

// keep takes an answer. After an error the former figures are not shown.
func (p *past) keep(q traffic.Query, a answer) {
	p.asking = false
	if p.answers == nil || len(p.answers) >= maxAnswers {
		p.answers = make(map[traffic.Query]answer)
	}
	p.answers[q] = a
}

// askPast asks for the row on screen, if that is due.
func (u *UI) askPast(now time.Time) {
	q, due := u.past.due(now)
	if !due || u.opts.History == nil {
		return
	}
	u.past.asking = true
	u.errands.run(func(ctx context.Context) func(*UI) {
		a := usedSince(ctx, u.opts.History, q, now.In(u.opts.Location))
		a.at = now
		return func(u *UI) { u.past.keep(q, a) }
	})
}

// usedSince asks for the days of the month that now is in.
func usedSince(ctx context.Context, history func(context.Context, traffic.Query) (*traffic.Report, error), q traffic.Query, now time.Time) answer {
	q.From = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	q.Step = traffic.StepDay
	r, err := history(ctx, q)
	if err != nil || r == nil {
		return answer{err: err, known: err == nil}
	}
	a := answer{known: true, month: octets{r.Total.RxBytes, r.Total.TxBytes}}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	for i, t := range r.Times { // its days may begin at other times than ours
		if t.After(midnight.Add(-12*time.Hour)) && !t.After(now) && i < len(r.Total.Rx) && i < len(r.Total.Tx) {
			a.day = octets{r.Total.Rx[i], r.Total.Tx[i]}
		}
	}
	return a
}
