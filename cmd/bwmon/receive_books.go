package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"bwmon/fleet/receive"
	"bwmon/history"
	"bwmon/traffic"
	"bwmon/ui/web"
)

// fleetBooks is what a receiver keeps of all its hosts, in a file of its own.
type fleetBooks struct{ fleet *history.Fleet }

func openFleetBooks(c config, host string) (*fleetBooks, error) {
	h := c.History
	keep := func(d time.Duration) time.Duration { return cmp.Or(d, -1) } // 0 is for ever, which is -1 there
	f, err := history.OpenFleet(history.Options{
		Path: c.Receive.History, Host: host, Location: c.Zone, MaxSize: int64(c.Receive.MaxSize),
		Keep: history.Retention{
			Minute: keep(h.KeepMinutes), Five: keep(h.KeepFive), Hour: keep(h.KeepHours), Day: keep(h.KeepDays), Month: keep(h.KeepMonths),
		},
		MaxCommands: h.MaxCommands, MaxRemotes: h.MaxRemoteHosts,
	})
	if err != nil {
		return nil, err
	}
	return &fleetBooks{f}, nil
}

// Kept implements receive.Books.
func (b *fleetBooks) Kept() ([]receive.Kept, error) {
	list, err := b.fleet.Kept()
	if err != nil {
		return nil, err
	}
	out := make([]receive.Kept, len(list))
	for i, k := range list {
		out[i] = receive.Kept(k)
	}
	return out, nil
}

func (b *fleetBooks) Book(host string, s *traffic.Snapshot, note []byte) error {
	return b.fleet.Book(host, s, note)
}
func (b *fleetBooks) Flush(ctx context.Context) error { return b.fleet.Flush(ctx) }
func (b *fleetBooks) Forget(host string) error        { return b.fleet.Forget(host) }

// Note implements receive.Perf.
func (b *fleetBooks) Note(host string, at time.Time, name string, value float64) error {
	err := b.fleet.Note(host, at, name, value)
	if errors.Is(err, history.ErrTooManyFigures) {
		err = fmt.Errorf("%w: %w", receive.ErrTooMany, err)
	}
	return err
}

func (b *fleetBooks) Trend(ctx context.Context, host string, q traffic.TrendQuery) (traffic.Trend, error) {
	t, err := b.fleet.Trend(ctx, host, q)
	if errors.Is(err, history.ErrQuestion) { // a receiver's questions have nothing else that could be wrong
		err = fmt.Errorf("%w: %w", receive.ErrUnknown, err)
	}
	return t, err
}

// of is what the API answers about one host; "" is all of them.
func (b *fleetBooks) of(host string) web.Options {
	return web.Options{
		History: func(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
			r, err := b.fleet.Report(ctx, host, q)
			return r, blamePast(ctx, err)
		},
		Trend: func(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
			t, err := b.fleet.Trend(ctx, host, q)
			return t, blamePast(ctx, err)
		},
	}
}

// keep implements fleetKeeper.
func (b *fleetBooks) keep(o *receive.Options) { o.Books, o.Perf = b, b }

// view implements fleetKeeper: the receiver knows them all.
func (b *fleetBooks) view(r *receive.Receiver) fleetView { return bookView{r, b} }

type bookView struct {
	*receive.Receiver
	books *fleetBooks
}

func (v bookView) run(ctx context.Context) error { return v.books.fleet.Run(ctx) }

func (b *fleetBooks) status() []traffic.MonitorStatus {
	return []traffic.MonitorStatus{b.fleet.Status().Monitor()}
}
func (b *fleetBooks) close() error { return b.fleet.Close() }
