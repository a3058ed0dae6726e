// Package probe looks whether something is there and answers: whether a socket
// listens, how long a TCP connection takes, what an HTTP endpoint says. Whatever is
// on the other side, a probe takes bounded time and memory, and the next one is not
// harmed.
package probe

import (
	"context"
	"time"

	"bwmon/traffic"
)

// maxDetail is how long a detail may be, in bytes.
const maxDetail = 300

// Probe is the monitor of one thing. It opens nothing between two probes.
type Probe struct {
	name              string
	interval, timeout time.Duration
	what              string // that is looked at, in a word
	look              looker
}

var _ traffic.Monitor = (*Probe)(nil)

// looker is one kind of probe.
type looker interface {
	// look takes one look. It returns when ctx ends, if not before: the deadline of
	// ctx is the probe's, and is no error but something to report. The detail says in
	// a line what is wrong, "" where nothing is; it need not be clean.
	look(ctx context.Context) (metrics traffic.Metrics, detail string)
}

// New returns a probe that has not started. Its errors are those of Options.Check,
// and what is wrong with CAFile, which it reads.
func New(o Options) (*Probe, error) {
	plan, err := o.plan()
	if err != nil {
		return nil, err
	}
	p := &Probe{name: o.Name, interval: plan.Interval, timeout: plan.Timeout}
	switch {
	case o.Listen != "":
		p.what, p.look = o.Listen, &listenLooker{place: plan.place, timeout: plan.Timeout}
	case o.Target != "":
		p.what, p.look = o.Target, &connectLooker{target: plan.target, timeout: plan.Timeout}
	default:
		config, err := tlsConfig(o.CAFile)
		if err != nil {
			return nil, err
		}
		p.what, p.look = plan.request.shown(), &fetchLooker{request: plan.request, tls: config, timeout: plan.Timeout}
	}
	p.what = traffic.CleanText(p.what, maxDetail)
	return p, nil
}

// Name is "probe:" and the name of the options.
func (p *Probe) Name() string { return traffic.SeriesID(traffic.SeriesProbe, p.name) }

// Run probes at once and then every interval, and emits a complete batch of one series
// each time: what it found wrong is the series's detail, never an error. When ctx is
// cancelled it returns at once; a probe that was cut short by that is not told of.
//
// The metrics are, of Listen: listening (0 or 1), sockets (how many do); of Target: up
// (0 or 1), connect_ms, and lookup_ms where it has a name, which is looked up before
// and is no part of connect_ms; of URL: up (1: the last answer's status was 2xx or 3xx,
// all of its body came in time, and had all fields), status, response_ms (from the
// beginning, the look-up included, until all of the body was there), body_bytes, and
// the fields. What could not be had is missing.
func (p *Probe) Run(ctx context.Context, emit func(traffic.Batch)) error {
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		series := p.probe(ctx)
		if ctx.Err() != nil {
			return nil
		}
		emit(traffic.Batch{
			Monitor: p.Name(), At: time.Now(),
			Series: []traffic.Series{series}, Complete: true, Detail: p.what,
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// probe takes one look within the time that there is for it.
func (p *Probe) probe(ctx context.Context) traffic.Series {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	metrics, detail := p.look.look(ctx)
	return traffic.Series{
		Kind: traffic.SeriesProbe, Name: p.name,
		Detail: traffic.CleanText(detail, maxDetail), Metrics: metrics,
	}
}

// milliseconds is d as a metric ending in _ms has it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
