package main

import (
	"context"
	"errors"
	"os/signal"
	"slices"
	"strings"

	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (p *program) runCommand() *cobra.Command {
	measure := measureFlags{relays: true}
	var around serviceFlags
	var publishes publishFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Count as a daemon: without a terminal, until a signal",
		Long: `run keeps the books without a terminal, until a signal ends it. Relays listed in
the configuration run in it; pipes and relays of other programs report to it over
the control socket. It watches the rules, delivers the alerts, keeps the history, and
serves the web page and the API. With --publish, or [publish] in the configuration, it
tells a receiver ("bwmon receive") of all of it.

A service manager may start it: it tells it when it is ready and that it is alive
(sd_notify), and takes over the sockets that it passes. Without one, --detach makes it
a daemon and returns once it counts.

Exit status: 0, or 1 when it failed.`,
		Example: `  sudo bwmon run
  sudo bwmon run -c /etc/bwmon/bwmon.toml
  sudo bwmon run --publish https://receiver.example:8443 --this-host gw
  sudo bwmon run --detach && kill "$(cat /run/bwmon/bwmon.pid)"
  sudo curl --unix-socket /run/bwmon/bwmon.sock http://bwmon/api/v1/snapshot`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			read := func() (config, error) {
				c, err := p.settings(measure)
				if err != nil {
					return c, err
				}
				return publishes.apply(c)
			}
			c, err := read()
			if err != nil {
				return err
			}
			if err := p.mayMeasure(c, cmd.CommandPath()); err != nil {
				return err
			}
			if err := checkDeliveries(c); err != nil {
				return err
			}
			m := takeManager()
			if around.detach && m.readyFD == "" {
				if err := around.check(c); err != nil {
					return err
				}
				return p.detach(cmd.Context())
			}
			sv, err := p.openService(c, around, m)
			if err != nil {
				return err
			}
			sv.hangups = takeHangups()
			defer signal.Stop(sv.hangups)
			return sv.end(p.daemon(cmd.Context(), c, read, sv))
		}),
	}
	measure.register(cmd)
	around.register(cmd)
	publishes.register(cmd)
	return cmd
}

// daemon runs a session, and what others reach it by, until ctx is cancelled or
// something fails that it cannot do without. read reads the configuration again.
func (p *program) daemon(ctx context.Context, c config, read func() (config, error), sv *service) error {
	c.Remotes = c.History.Path != ""
	log := sv.log
	open := func(c config) (*watch, error) { return newWatch(c, engineOptions(c).Host, log.Logger, p.stderr) }
	w, err := open(c)
	if err != nil {
		return err
	}
	kept, err := openChoices(c.StateDir)
	if err != nil {
		return err
	}
	s, err := newSession(c, c.Control.Socket != "", kept)
	if err != nil {
		return err
	}
	told, err := openPublishing(c.Publish, engineOptions(c).Host, log.Logger)
	if err != nil {
		return err
	}
	page, err := openSite(c.HTTP, sv.sockets.http, log.warn)
	if err != nil {
		return errors.Join(err, told.close())
	}
	var door *control
	if c.Control.Socket != "" {
		if door, err = openControl(c.Control, sv.sockets.control, s.relays.desk); err != nil {
			return errors.Join(err, page.close(), told.close())
		}
	}
	var names []string
	for _, m := range s.monitors {
		names = append(names, m.Name())
	}
	log.Info("running", "monitors", strings.Join(names, ", "))
	g, ctx := errgroup.WithContext(ctx)
	l := &lookout{engine: s.engine, open: open, log: log.Logger}
	r := &reloader{read: read, prepare: s.reloads, waiting: waiting, lookout: l, log: log, beacon: sv.beacon, running: ctx, begun: s.config, current: s.config}
	g.Go(func() error { return s.run(ctx) })
	// A large history takes its time to be opened, in which is counted already.
	h := openPast(c, engineOptions(c).Host)
	server := newServer(c, s, l, h, r.reload, log.Logger)
	defer server.Close()
	var health []func() traffic.MonitorStatus
	if h != nil {
		health = append(health, h.status)
		all := s.engine.Subscribe()
		g.Go(func() error { return h.run(ctx, all) })
	}
	if told != nil {
		health = append(health, told.publisher.Status)
		g.Go(func() error { return told.run(ctx) })
	}
	l.publish = sv.publishing(func(s *traffic.Snapshot) {
		with := *s
		for _, status := range health {
			with.Monitors = append(slices.Clip(with.Monitors), status())
		}
		server.Publish(&with)
		told.put(&with)
	})
	l.begin(ctx, w, nil)
	g.Go(func() error { return sv.beacon.run(ctx) })
	g.Go(func() error {
		defer told.end()
		return l.run()
	})
	g.Go(func() error { return r.run(ctx, sv.hangups) })
	if door != nil {
		log.Info("control socket", "path", door.path)
		g.Go(func() error { return door.run(ctx, server) })
	}
	if page != nil {
		log.Info("web page", "url", page.url())
		g.Go(func() error { return server.Serve(ctx, page.listener, page.access, page.tls) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
