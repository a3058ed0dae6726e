package main

import (
	"context"
	"errors"

	"bwmon/aggregate"
	"bwmon/ui/term"

	"github.com/spf13/cobra"
)

// fullScreen opens the full-screen view, until its user quits or a signal
// arrives. The terminal is its own again before the monitors undo their
// set-up, so that a user who does not want to wait can end that.
func (p *program) fullScreen(cmd *cobra.Command, measure measureFlags) error {
	c, err := p.settings(measure)
	if err != nil {
		return err
	}
	if !p.screen || !isTerminalReader(p.stdin) {
		return usageError{errors.New(`the full-screen view needs a terminal: for scripts and files there is "bwmon snapshot"`)}
	}
	if err := p.mayMeasure(c, cmd.CommandPath()); err != nil {
		return err
	}
	s := newSession(c, false)
	var look term.Config
	if measure.bits {
		look.Units = "bits"
	}
	ui, err := term.New(term.Options{
		Snapshots: s.engine.Subscribe(),
		Interval:  c.Interval,
		WantFlows: flowSwitch(s.engine),
		Version:   versionText(),
		Config:    look,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(cmd.Context())
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
