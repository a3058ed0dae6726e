package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bwmon/fleet"
	"bwmon/fleet/engine"
	"bwmon/fleet/receive"
	"bwmon/traffic"
	"bwmon/ui/web"

	"golang.org/x/sync/errgroup"
)

// fleetEngine is what an engine keeps of all hosts, in place of a file: what was received
// is written there, and whatever is shown is asked of it, so that several receivers show
// the same.
type fleetEngine struct {
	writer *engine.Writer
	reader *engine.Reader
	perf   *engine.Perf
	host   string // the receiver's own name
	log    *slog.Logger
	every  time.Duration // between two looks at those who are looked at
	told   traffic.Subscribers

	mu sync.Mutex
	// mu protects the fields below.
	known  map[string]bool // hosts
	looked map[string]*look
	failed error // why the engine could not be asked last; nil: it could
}

// look is one host that somebody looks at.
type look struct {
	last   time.Time // it was asked for
	newest *traffic.Snapshot
}

const (
	// A look at the whole fleet costs the engine a lot: it is taken this often at most, and
	// for no more than a tenth of the time.
	engineLook  = 15 * time.Second
	engineShare = 10
	// lookIdle is when nobody is taken to look at a host any more, mostLooked how many are
	// looked at.
	lookIdle   = 30 * time.Second
	mostLooked = 100
)

func openFleetEngine(c config, host string, log *slog.Logger) (*fleetEngine, error) {
	token := func() (string, error) {
		if c.Receive.EngineToken.IsZero() {
			return "", nil
		}
		return c.Receive.EngineToken.Read()
	}
	e := &fleetEngine{host: host, log: log, every: max(c.Receive.Interval, 5*time.Second), looked: make(map[string]*look)}
	var err error
	if e.writer, err = engine.NewWriter(engine.Options{URL: c.Receive.EngineWrite, Token: token}); err != nil {
		return nil, usageError{fmt.Errorf("receive.engine_write: %w", err)}
	}
	if e.reader, err = engine.NewReader(engine.Options{URL: c.Receive.Engine, Token: token, Location: c.Zone, SilentAfter: c.Receive.SilentAfter}); err != nil {
		return nil, usageError{fmt.Errorf("receive.engine: %w", err)}
	}
	e.perf = engine.NewPerf(e.writer, e.reader)
	return e, nil
}

// keep implements fleetKeeper.
func (e *fleetEngine) keep(o *receive.Options) {
	o.Forward = func(ctx context.Context, _ string, batches []*fleet.Batch) error { return e.writer.Write(ctx, batches) }
	o.Forgotten = func(host string) bool { return e.reader.Forget(host) == nil }
	o.Perf = e.perf
}

func (e *fleetEngine) of(host string) web.Options {
	blame := func(ctx context.Context, err error) error {
		switch {
		case errors.Is(err, engine.ErrQuestion):
			return fmt.Errorf("%w: %w", web.ErrQuestion, err)
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
		}
		return err
	}
	return web.Options{
		History: func(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
			r, err := e.reader.Report(ctx, host, q)
			if err == nil {
				r.Host = cmp.Or(r.Host, e.host)
			}
			return r, blame(ctx, err)
		},
		Trend: func(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
			t, err := e.reader.Trend(ctx, host, q)
			return t, blame(ctx, err)
		},
	}
}

// view implements fleetKeeper: the receiver itself knows its own hosts only.
func (e *fleetEngine) view(r *receive.Receiver) fleetView { return engineView{e, r} }

// engineView is the fleet as the engine knows it.
type engineView struct {
	*fleetEngine
	receiver *receive.Receiver
}

func (v engineView) Subscribe() <-chan *traffic.Snapshot    { return v.told.Add() }
func (v engineView) Unsubscribe(c <-chan *traffic.Snapshot) { v.told.Remove(c) }

// HostSnapshot is a host's newest snapshot, nil where it was not asked for before: it is
// from now on. It does not wait for the engine, which takes its time until it lists a new
// host: the receiver itself knows that it has published.
func (v engineView) HostSnapshot(host string) (*traffic.Snapshot, bool) {
	_, mine := v.receiver.HostSnapshot(host)
	return v.lookAt(host, mine)
}

// lookAt is HostSnapshot; known hosts are looked at whatever the engine lists.
func (e *fleetEngine) lookAt(host string, known bool) (*traffic.Snapshot, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.looked[host]
	if l == nil {
		if known = known || e.known[host]; !known || len(e.looked) >= mostLooked {
			return nil, known
		}
		l = &look{}
		e.looked[host] = l
	}
	l.last = time.Now()
	return l.newest, true
}

// run asks the engine until ctx is cancelled, and writes the figures that hosts posted.
func (v engineView) run(ctx context.Context) error {
	defer v.told.Close()
	defer v.writer.Close()
	defer v.reader.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return v.perf.Run(ctx) })
	g.Go(func() error {
		v.watch(ctx)
		return nil
	})
	return g.Wait()
}

// watch takes looks at the fleet, and at the hosts that somebody looks at.
func (v engineView) watch(ctx context.Context) {
	var newest *traffic.Snapshot
	var next time.Time
	ticker := time.NewTicker(v.every)
	defer ticker.Stop()
	for {
		if begun := time.Now(); !begun.Before(next) {
			if s := v.lookAtAll(ctx); s != nil {
				newest = s
			}
			next = begun.Add(max(engineLook, engineShare*time.Since(begun)))
		}
		v.lookAtSome(ctx)
		shown := newest
		if shown == nil { // what is wrong has to be shown, too
			shown = &traffic.Snapshot{Schema: traffic.SchemaVersion, At: now(), Interval: v.every.Seconds()}
		}
		with := withOwn(shown, v.receiver.Hosts())
		with.Host = v.host
		with.Monitors = v.health()
		v.told.Publish(with)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookAtAll is the fleet now; nil where the engine cannot be asked.
func (v engineView) lookAtAll(ctx context.Context) *traffic.Snapshot {
	s, err := v.reader.Snapshot(ctx)
	if ctx.Err() != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed = err; err != nil {
		v.log.Warn("the engine cannot be asked", "error", err)
		return nil
	}
	v.known = make(map[string]bool, len(s.Hosts))
	for i := range s.Hosts {
		v.known[s.Hosts[i].Host] = true
	}
	return s
}

// lookAtSome asks for the hosts that somebody looks at, a few at a time.
func (e *fleetEngine) lookAtSome(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(4)
	for _, host := range e.wanted(time.Now()) {
		g.Go(func() error {
			s, err := e.reader.HostSnapshot(ctx, host)
			e.mu.Lock()
			defer e.mu.Unlock()
			if l := e.looked[host]; l != nil && err == nil {
				l.newest = s
			}
			return nil // that the engine cannot be asked is said of the fleet
		})
	}
	_ = g.Wait()
}

// wanted are the hosts that somebody looks at; the others are forgotten.
func (e *fleetEngine) wanted(now time.Time) (hosts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for host, l := range e.looked {
		if now.Sub(l.last) > lookIdle {
			delete(e.looked, host)
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts
}

// health is that of the receiver and of the engine, as monitors'.
func (v engineView) health() []traffic.MonitorStatus {
	var list []traffic.MonitorStatus
	if s := v.receiver.Snapshot(); s != nil {
		list = slices.Clone(s.Monitors)
	}
	stats := v.writer.Stats()
	v.mu.Lock()
	defer v.mu.Unlock()
	m := traffic.MonitorStatus{Name: "engine", Kind: "engine", State: traffic.StateRunning, Lost: stats.Refused}
	switch {
	case v.failed != nil:
		m.State, m.Detail = traffic.StateFailed, v.failed.Error()
	case stats.Refused > 0:
		m.Detail = fmt.Sprintf("%d samples were refused, the last: %s", stats.Refused, cmp.Or(stats.Detail, "it does not say why"))
	}
	m.Detail = traffic.CleanText(m.Detail, traffic.MaxCommand)
	return append(list, m)
}

func (e *fleetEngine) status() []traffic.MonitorStatus { return nil } // health has it
func (e *fleetEngine) close() error                    { return nil } // run has done it
