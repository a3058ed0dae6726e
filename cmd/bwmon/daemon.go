package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (p *program) runCommand() *cobra.Command {
	measure := measureFlags{relays: true}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Count as a daemon: without a terminal, until a signal",
		Long: `run keeps the books without a terminal, until a signal ends it. Relays listed in
the configuration run in it; pipes and relays of other programs report to it over
the control socket. It watches the rules, delivers the alerts, keeps the history, and
serves the web page and the API.

Exit status: 0, or 1 when it failed.`,
		Example: `  sudo bwmon run
  sudo bwmon run -c /etc/bwmon/bwmon.toml
  sudo curl --unix-socket /run/bwmon/bwmon.sock http://bwmon/api/v1/snapshot`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			c, err := p.settings(measure)
			if err != nil {
				return err
			}
			if err := p.mayMeasure(c, cmd.CommandPath()); err != nil {
				return err
			}
			return p.daemon(cmd.Context(), c)
		}),
	}
	measure.register(cmd)
	return cmd
}

// daemon runs a session, and what others reach it by, until ctx is cancelled or
// something fails that it cannot do without.
func (p *program) daemon(ctx context.Context, c config) error {
	if err := checkDeliveries(c); err != nil {
		return err
	}
	c.Remotes = c.History.Path != ""
	log, err := openLog(c.Log, logOptions{stderr: p.stderr, journalStream: os.Getenv("JOURNAL_STREAM")})
	if err != nil {
		return err
	}
	defer log.Close()
	w, err := newWatch(c, engineOptions(c).Host, log.Logger, p.stderr)
	if err != nil {
		return err
	}
	s := newSession(c, c.Control.Socket != "")
	page, err := openSite(c.HTTP, log.warn)
	if err != nil {
		return err
	}
	var door *control
	if c.Control.Socket != "" {
		if door, err = openControl(c.Control, s.relays.desk); err != nil {
			return errors.Join(err, page.close())
		}
	}
	var names []string
	for _, m := range s.monitors {
		names = append(names, m.Name())
	}
	log.Info("running", "monitors", strings.Join(names, ", "))
	snapshots := s.engine.Subscribe()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.run(ctx) })
	// A large history takes its time to be opened, in which is counted already.
	h := openPast(c, engineOptions(c).Host)
	server := newServer(c, s, w, h, log.Logger)
	defer server.Close()
	publish := server.Publish
	if h != nil {
		publish = func(s *traffic.Snapshot) {
			with := *s
			with.Monitors = append(slices.Clip(s.Monitors), h.status())
			server.Publish(&with)
		}
		all := s.engine.Subscribe()
		g.Go(func() error { return h.run(ctx, all) })
	}
	g.Go(func() error {
		if w != nil {
			return w.run(ctx, snapshots, publish)
		}
		for snapshot := range snapshots {
			publish(snapshot)
		}
		return nil
	})
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
