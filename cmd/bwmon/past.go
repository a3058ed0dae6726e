package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"bwmon/history"
	"bwmon/traffic"
	"bwmon/ui/web"
)

// past is a daemon's history. Counting goes on without it: what keeps it from being
// kept is shown like a monitor that fails.
type past struct {
	store  *history.Store
	failed error // it could not be opened
}

// openPast opens the history; nil where none is wanted.
func openPast(c config, host string) *past {
	if c.History.Path == "" {
		return nil
	}
	h := c.History
	keep := func(d time.Duration) time.Duration { return cmp.Or(d, -1) } // 0 is for ever, which is -1 there
	o := history.Options{
		Path: h.Path, Host: host, Location: c.Zone, MaxSize: int64(h.MaxSize), FlushEvery: h.Flush,
		Keep: history.Retention{
			Minute: keep(h.KeepMinutes), Five: keep(h.KeepFive), Hour: keep(h.KeepHours), Day: keep(h.KeepDays), Month: keep(h.KeepMonths),
		},
		MaxCommands: h.MaxCommands, MaxRemotes: h.MaxRemoteHosts,
	}
	p := &past{}
	p.store, p.failed = history.Open(o)
	return p
}

// run keeps the history until the snapshots end.
func (p *past) run(ctx context.Context, snapshots <-chan *traffic.Snapshot) error {
	if p.failed != nil {
		for range snapshots { // until they end: there is nobody to book them
		}
		return nil
	}
	return errors.Join(p.store.Run(ctx, snapshots), p.store.Close())
}

// status is its health, as a monitor's.
func (p *past) status() traffic.MonitorStatus {
	if p.failed != nil {
		return traffic.MonitorStatus{
			Name: "history", Kind: "history", State: traffic.StateFailed, Detail: traffic.CleanText(p.failed.Error(), traffic.MaxCommand),
		}
	}
	return p.store.Status().Monitor()
}

// report answers the API.
func (p *past) report(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	if p.failed != nil {
		return nil, fmt.Errorf("%w: %w", web.ErrUnavailable, p.failed)
	}
	r, err := p.store.Report(ctx, q)
	return r, blamePast(ctx, err)
}

// trend answers the API.
func (p *past) trend(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
	if p.failed != nil {
		return traffic.Trend{}, fmt.Errorf("%w: %w", web.ErrUnavailable, p.failed)
	}
	t, err := p.store.Trend(ctx, q)
	return t, blamePast(ctx, err)
}

// blame says whose fault an error is.
func blamePast(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, history.ErrQuestion):
		return fmt.Errorf("%w: %w", web.ErrQuestion, err)
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
	}
	return err
}

// pastFile is the history that a daemon left, or is writing.
type pastFile struct{ *history.Reader }

func (f pastFile) history(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	r, err := f.Report(ctx, q)
	if errors.Is(err, history.ErrQuestion) {
		err = usageError{err}
	}
	return r, err
}

func (f pastFile) trend(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
	t, err := f.Trend(ctx, q)
	if errors.Is(err, history.ErrQuestion) {
		err = usageError{err}
	}
	return t, err
}

func (f pastFile) close() { f.Close() }

// openPastFile opens the file of the configuration.
func openPastFile(c config) (historian, error) {
	if c.History.Path == "" {
		return nil, errors.New("no daemon runs, and history.path says that no history is kept")
	}
	r, err := history.OpenReader(c.History.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf(`there is no history yet (%s): "bwmon run" keeps one`, quoted(c.History.Path))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("no daemon runs, and its history may not be read: run it as root: %w", err)
	case err != nil:
		return nil, err
	}
	return pastFile{r}, nil
}
