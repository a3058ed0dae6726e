package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"bwmon/aggregate"
	"bwmon/traffic"
	"bwmon/ui/term"

	"github.com/spf13/cobra"
)

// screenFlags are those of the full-screen view alone.
type screenFlags struct {
	remoteFlags
	standalone bool
}

// fullScreen opens the full-screen view, until its user quits or a signal arrives: of
// a daemon where one runs, else of monitors of its own.
func (p *program) fullScreen(cmd *cobra.Command, measure measureFlags, flags screenFlags) error {
	c, err := p.settings(measure)
	if err != nil {
		return err
	}
	if !p.screen || !isTerminalReader(p.stdin) {
		return usageError{errors.New(`the full-screen view needs a terminal: for scripts and files there is "bwmon snapshot"`)}
	}
	if name := flags.useless(); name != "" {
		return usageError{fmt.Errorf("--%s is for --connect: give both", name)}
	}
	look := c.UI.options(measure.bits)
	if flags.connect != "" {
		if name := measure.given(cmd.Flags()); name != "" {
			return usageError{fmt.Errorf("--%s is for monitors of its own: leave it out with --connect", name)}
		}
		d, err := daemonAt(flags.remoteFlags)
		if err != nil {
			return err
		}
		return p.attached(cmd.Context(), c, d, look)
	}
	if !flags.standalone && measure.given(cmd.Flags()) == "" {
		d, err := p.daemonToAttach(cmd.Context(), c)
		switch {
		case err != nil:
			return err
		case d != nil:
			return p.attached(cmd.Context(), c, *d, look)
		}
	}
	if err := p.mayMeasure(c, cmd.CommandPath()); err != nil {
		return err
	}
	return p.standalone(cmd.Context(), c, look)
}

// daemonToAttach is the daemon of this host; nil where none runs. That one runs which
// this user may not ask is an error, but for root.
func (p *program) daemonToAttach(ctx context.Context, c config) (*daemon, error) {
	if c.Control.Socket == "" {
		return nil, nil
	}
	c.Control.Receiver = "" // who wants to see this host does not want to see a fleet
	d := daemonHere(c.Control)
	err := d.ask(ctx, http.MethodGet, "/healthz", nil, nil)
	switch {
	case err == nil:
		return &d, nil
	case isAbsent(err):
		d.close()
		return nil, nil
	}
	d.close()
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("a daemon runs, but its control socket is not for this user: join the group %s, or run it as root (--standalone counts without the daemon)", quoted(c.Control.Group))
	}
	return nil, fmt.Errorf("attach to the daemon: %w (--standalone counts without it)", err)
}

// attached shows what a daemon counts.
func (p *program) attached(ctx context.Context, c config, d daemon, look term.Options) error {
	defer d.close()
	a := newAttachment(d)
	look.Snapshots, look.Link, look.WantFlows = a.snapshots, a.links, a.wantFlows
	look.History = d.history
	look.Attached = d.name
	look.Things, look.Switch = d.things, d.change
	if d.local {
		look.Signal = newSignaller(c.Mask).signal
	} else {
		look.Refused = map[string]string{"signal": "the processes are another machine's"}
	}
	ui, err := term.New(look)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.run(ctx)
	}()
	err = ui.Run(ctx)
	stop()
	<-ended
	return err
}

// standalone shows what monitors of its own count. The terminal is its own again
// before the monitors undo their set-up, so that a user who does not want to wait can
// end that.
func (p *program) standalone(ctx context.Context, c config, look term.Options) error {
	s, err := newSession(c, false, nil)
	if err != nil {
		return err
	}
	look.Snapshots, look.Interval, look.WantFlows = s.engine.Subscribe(), c.Interval, flowSwitch(s.engine)
	look.Signal = newSignaller(c.Mask).signal
	look.Things = func(ctx context.Context) ([]traffic.Thing, error) { return s.things.list(ctx), nil }
	look.Switch = func(ctx context.Context, id, action string) error { return s.things.change(ctx, id, action, false) }
	ui, err := term.New(look)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	err = ui.Run(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// flowSwitch wants flows of an engine while it is on. One goroutine calls it.
func flowSwitch(e *aggregate.Engine) func(on bool) {
	release := func() {}
	return func(on bool) {
		former := release
		release = func() {}
		if on {
			release = e.WantFlows()
		}
		former()
	}
}
