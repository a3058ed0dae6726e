package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// fullScreen opens the full-screen view.
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
	return errors.New("the full-screen view is not in this build")
}
