package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"bwmon/fleet/receive"
	"bwmon/fleet/trust"
	"bwmon/traffic"
	"bwmon/ui/web"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (p *program) receiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "receive",
		Short: "Collect what many hosts publish, show it and watch it",
		Long: `receive takes what hosts publish ("bwmon run --publish URL --this-host NAME"), keeps the
history of each and of all together, watches the rules over them, and serves a page
with all hosts, each of which can be looked at as if one were there.

Hosts on this machine may publish to the address of the page, and are asked for nothing
unless receive.loopback says so. Hosts elsewhere come in at receive.listen, over TLS,
with a certificate or a token: "bwmon fleet init" begins with that, and "bwmon fleet
invite HOST" says what to type there.

Figures of other programs are taken and given back at /api/perf: see the manual.

SIGHUP, or "bwmon ctl reload", has it read its rules and deliveries anew. "bwmon alerts",
"silence", "report" and so on ask it where no daemon runs.

Exit status: 0, 1 when it failed, 2 wrong usage or configuration.`,
		Example: `  bwmon receive
  bwmon fleet init --name receiver.example && bwmon receive
  curl -d '{"mem": 61.5}' http://127.0.0.1:8000/api/perf/web-1/$(date +%s)
  curl http://127.0.0.1:8000/api/perf/web-1/by-minute:mem`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			if err := checkDeliveries(c); err != nil {
				return err
			}
			sv, err := p.openService(c, serviceFlags{}, takeManager())
			if err != nil {
				return err
			}
			sv.hangups = takeHangups()
			defer signal.Stop(sv.hangups)
			return sv.end(p.receive(cmd.Context(), c, p.config, sv))
		}),
	}
}

// receive collects until ctx is cancelled or something fails that it cannot do without.
// read reads the configuration again.
func (p *program) receive(ctx context.Context, c config, read func() (config, error), sv *service) error {
	log := sv.log
	if c.Receive.Engine == "" {
		defer spareMemory()()
	}
	host := engineOptions(c).Host
	var taking atomic.Pointer[receive.Receiver]
	authority, err := openAuthority(c.Receive, log.Logger, func(host, why string) {
		if r := taking.Load(); r != nil {
			r.Refused(host, why)
		}
	})
	if err != nil {
		if errors.Is(err, trust.ErrNoFleet) {
			err = fmt.Errorf("%w; or write receive.loopback = \"trust\" if no proxy brings others over loopback", err)
		}
		return usageError{fmt.Errorf("receive.dir: %w", err)}
	}
	books, err := openKeeper(c, host, log.Logger)
	if err != nil {
		return err
	}
	r, err := newReceiver(c, host, authority, books, log)
	if err != nil {
		return errors.Join(err, books.close())
	}
	taking.Store(r)
	open := func(c config) (*watch, error) { return newWatch(c, host, log.Logger, p.stderr) }
	w, err := open(c)
	if err != nil {
		return errors.Join(err, books.close())
	}
	doors, err := openDoors(c, authority, r, sv)
	if err != nil {
		return errors.Join(err, books.close())
	}
	g, ctx := errgroup.WithContext(ctx)
	view := books.view(r)
	l := &lookout{engine: view, open: open, log: log.Logger}
	reload := &reloader{
		read: read, prepare: nothingElse, waiting: receiverWaits, lookout: l, log: log, beacon: sv.beacon, running: ctx, begun: c, current: c,
	}
	server := newFleetServer(c, host, view, books, l, reload.reload, log.Logger)
	defer server.Close()
	l.publish = sv.publishing(func(s *traffic.Snapshot) {
		with := *s
		with.Monitors = append(slices.Clip(s.Monitors), books.status()...)
		server.Publish(&with)
	})
	l.begin(ctx, w, nil)
	g.Go(func() error { return errors.Join(r.Run(ctx), books.close()) })
	g.Go(func() error { return view.run(ctx) })
	g.Go(func() error { return sv.beacon.run(ctx) })
	g.Go(l.run)
	g.Go(func() error { return reload.run(ctx, sv.hangups) })
	doors.run(ctx, g, server, log)
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// receiverGarbage is how much of a receiver's memory may be garbage, in per cent of what is
// not: nearly all that it holds of its hosts it holds for long. At 1,000 hosts it takes a
// third of the memory away, and adds a tenth of the processor time (docs/scaling.md).
const receiverGarbage = 40

// spareMemory has less garbage left than usual, until undo, where the environment (GOGC)
// does not say how much.
func spareMemory() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	former := debug.SetGCPercent(receiverGarbage)
	return func() { debug.SetGCPercent(former) }
}

// nothingElse is what a receiver takes of another configuration beside its rules.
func nothingElse(config) (func(context.Context) ([]string, error), error) {
	return func(context.Context) ([]string, error) { return nil, nil }, nil
}

// receiverWaits is as waiting, for a receiver.
func receiverWaits(begun, now config) []string {
	a, b := begun.Raw, now.Raw
	return differing([]setting{
		{"time_zone", a.TimeZone, b.TimeZone}, {"state_dir", a.StateDir, b.StateDir}, {"[receive]", a.Receive, b.Receive},
		{"[history]", a.History, b.History}, {"[http]", a.HTTP, b.HTTP},
		{"log.to and log.file", [2]string{a.Log.To, a.Log.File}, [2]string{b.Log.To, b.Log.File}},
	})
}

// fleetKeeper is where a receiver puts what it is told: a file of its own, or an engine.
type fleetKeeper interface {
	// keep has a receiver use it.
	keep(*receive.Options)
	// view is the fleet as it is shown.
	view(*receive.Receiver) fleetView
	// of is what the API answers about one host; "" is all of them.
	of(host string) web.Options
	status() []traffic.MonitorStatus
	// close is called when the receiver has ended.
	close() error
}

// fleetView is the fleet, and each host of it, as they are shown.
type fleetView interface {
	teller
	HostSnapshot(host string) (newest *traffic.Snapshot, known bool)
	run(context.Context) error
}

func openKeeper(c config, host string, log *slog.Logger) (fleetKeeper, error) {
	if c.Receive.Engine != "" {
		return openFleetEngine(c, host, log)
	}
	return openFleetBooks(c, host)
}

// openAuthority is who is trusted; nil where nobody has begun with that. refused hears of
// hosts that are refused.
func openAuthority(c receiveConfig, log *slog.Logger, refused func(host, why string)) (*trust.Authority, error) {
	a, err := trust.Open(c.Dir, trust.Options{Log: log, Ask: c.AskLocal, Refused: refused})
	if errors.Is(err, trust.ErrNoFleet) && !c.AskLocal {
		return nil, nil
	}
	return a, err
}
