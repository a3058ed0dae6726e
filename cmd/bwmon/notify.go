package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"bwmon/notify"

	"github.com/spf13/cobra"
)

func (p *program) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try out deliveries",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.notifyTestCommand())
	return cmd
}

func (p *program) notifyTestCommand() *cobra.Command {
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "test [flags] NAME",
		Short: "Send a test alert through a delivery",
		Long: `test sends one alert, marked as a test, through the [[notify]] of that name, at
once and without the daemon, and says whether it was delivered.

Exit status: 0 it was, 1 it was not.`,
		Example: `  sudo bwmon notify test ops`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		c, err := p.config()
		if err != nil {
			return err
		}
		ctx, stop := context.WithTimeout(cmd.Context(), patience)
		defer stop()
		return p.notifyTest(ctx, c, cmd.Flags().Arg(0))
	})
	cmd.Flags().DurationVar(&patience, "timeout", time.Minute, "give up after this `TIME`")
	return cmd
}

func (p *program) notifyTest(ctx context.Context, c config, name string) error {
	var names []string
	for _, n := range c.Deliveries {
		if n.Name != name {
			names = append(names, n.Name)
			continue
		}
		s, err := n.sender(slog.New(slog.NewTextHandler(p.stderr, nil)))
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		err = s.Send(ctx, []notify.Event{{Test: true, Alert: notify.Alert{
			ID: "test", Host: engineOptions(c).Host, Rule: "test", Kind: string(notify.KindApp), Subject: "bwmon", App: "bwmon",
			State: notify.StateFiring, Direction: string(notify.Total), Condition: string(notify.Above),
			Value: 2 << 20, Threshold: 1 << 20, Window: 1, Since: now, At: now, Count: 1,
		}}})
		if err != nil {
			return fmt.Errorf("%s: not delivered: %w", quoted(name), err)
		}
		fmt.Fprintf(p.stdout, "%s: delivered\n", quoted(name))
		return nil
	}
	known := "; there is none"
	if len(names) > 0 {
		known = didYouMean(name, names)
		if known == "" {
			known = " (there are: " + strings.Join(names, ", ") + ")"
		}
	}
	return usageError{fmt.Errorf("there is no [[notify]] named %s%s", quoted(name), known)}
}
